-- name: columns :many
-- The columns of a table, in its order. expression is that of a default or of a generated column; sequence is what a
-- default counts with; collation is NULL when it is the type's own.
-- $1 table_oid
SELECT
    a.attname::text AS name,
    a.atttypid AS type_oid,
    format_type(a.atttypid, a.atttypmod) AS sql_type,
    a.attnotnull AS not_null,
    a.attidentity::text AS identity,
    a.attgenerated::text AS generated,
    pg_get_expr(d.adbin, d.adrelid) AS expression,
    (
        SELECT s.oid::regclass::text
        FROM pg_catalog.pg_depend AS p
        INNER JOIN pg_catalog.pg_class AS s ON s.oid = p.refobjid
        WHERE
            p.classid = 'pg_catalog.pg_attrdef'::regclass
            AND p.objid = d.oid
            AND p.refclassid = 'pg_catalog.pg_class'::regclass
            AND s.relkind = 'S'
        LIMIT 1
    ) AS sequence,
    (
        SELECT o.collname::text
        FROM pg_catalog.pg_collation AS o
        WHERE o.oid = a.attcollation AND a.attcollation <> t.typcollation
    ) AS collation,
    col_description(a.attrelid, a.attnum) AS comment,
    ARRAY(
        SELECT p.refobjid
        FROM pg_catalog.pg_depend AS p
        WHERE
            p.classid = 'pg_catalog.pg_attrdef'::regclass
            AND p.objid = d.oid
            AND p.refclassid = 'pg_catalog.pg_proc'::regclass
        ORDER BY p.refobjid
    ) AS functions
FROM pg_catalog.pg_attribute AS a
INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;
