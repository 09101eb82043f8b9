-- name: constraints :many
-- The constraints of a table, but for NOT NULL: the primary key first, then by name. columns are in
-- the constraint's order; expression is that of a CHECK.
-- $1 table_oid
-- not null: definition
SELECT
    k.conname::text AS name,
    CASE k.contype
        WHEN 'p' THEN 'primary key'
        WHEN 'u' THEN 'unique'
        WHEN 'c' THEN 'check'
        WHEN 'f' THEN 'foreign key'
        ELSE 'exclude'
    END AS kind,
    pg_get_constraintdef(k.oid) AS definition,
    pg_get_expr(k.conbin, k.conrelid) AS expression,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(k.conkey) WITH ORDINALITY AS u (number, n)
        INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
        ORDER BY u.n
    ) AS columns,
    (SELECT c.relname::text FROM pg_catalog.pg_class AS c WHERE c.oid = k.conindid) AS index,
    k.condeferrable AS deferrable,
    k.convalidated AS validated,
    ARRAY(
        SELECT p.refobjid
        FROM pg_catalog.pg_depend AS p
        WHERE
            p.classid = 'pg_catalog.pg_constraint'::regclass
            AND p.objid = k.oid
            AND p.refclassid = 'pg_catalog.pg_proc'::regclass
        ORDER BY p.refobjid
    ) AS functions
FROM pg_catalog.pg_constraint AS k
WHERE k.conrelid = $1 AND k.contype IN ('p', 'u', 'c', 'f', 'x')
ORDER BY k.contype <> 'p', k.conname;
