-- name: relation_columns :many
-- The columns of the relations $1: whether they are NOT NULL in the relation itself and, with those that inherit from
-- it, in all of it; and the parse tree of the default, or of what a generated column is made of.
-- A NOT NULL that is not valid or is of a foreign table does not count: nothing has held the rows to it.
-- $1 oids
-- not null: not_null
WITH RECURSIVE tree AS (
    SELECT c.oid AS relation, c.oid AS part
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = ANY($1::oid[])
    UNION
    SELECT tree.relation, i.inhrelid
    FROM tree
    INNER JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.part
)
SELECT
    a.attrelid AS relation,
    a.attnum::integer AS number,
    a.atttypid AS type_oid,
    bool_or(p.not_null) FILTER (WHERE p.part = a.attrelid) AS not_null,
    bool_and(p.not_null) AS not_null_in_all,
    a.attgenerated <> '' AS generated,
    a.attidentity <> '' AS identity,
    (SELECT d.adbin::text FROM pg_catalog.pg_attrdef AS d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) AS made_of
FROM pg_catalog.pg_attribute AS a
INNER JOIN (
    SELECT
        tree.relation,
        tree.part,
        b.attname,
        c.relkind <> 'f'
        AND b.attnotnull
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid = b.attrelid AND k.contype = 'n' AND NOT k.convalidated AND k.conkey = ARRAY[b.attnum]
        ) AS not_null
    FROM tree
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = tree.part
    INNER JOIN pg_catalog.pg_attribute AS b ON b.attrelid = tree.part
    WHERE b.attnum > 0 AND NOT b.attisdropped
) AS p ON p.relation = a.attrelid AND p.attname = a.attname
WHERE a.attnum > 0 AND NOT a.attisdropped
GROUP BY a.attrelid, a.attnum, a.atttypid, a.attgenerated, a.attidentity
ORDER BY a.attrelid, a.attnum;
