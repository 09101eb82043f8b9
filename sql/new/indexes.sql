-- name: indexes :many
-- The indexes of a table, oldest first. columns are those it is ordered by, NULL for an expression; options are
-- pg_index.indoption; extension is one that it needs.
-- $1 table_oid
-- not null: definition
SELECT
    c.relname::text AS name,
    pg_get_indexdef(i.indexrelid) AS definition,
    m.amname::text AS method,
    i.indisunique AS unique,
    i.indisvalid AS valid,
    i.indpred IS NOT NULL AS partial,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (number, n)
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.number AND u.number > 0
        WHERE u.n <= i.indnkeyatts
        ORDER BY u.n
    ) AS columns,
    ARRAY(SELECT u.option::integer FROM unnest(i.indoption::int2[]) AS u (option)) AS options,
    EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid
    ) AS of_constraint,
    (
        SELECT e.extname::text
        FROM unnest(i.indclass::oid[]) AS u (opclass)
        INNER JOIN pg_catalog.pg_depend AS p
            ON p.classid = 'pg_catalog.pg_opclass'::regclass AND p.objid = u.opclass AND p.deptype = 'e'
        INNER JOIN pg_catalog.pg_extension AS e ON e.oid = p.refobjid
        LIMIT 1
    ) AS extension,
    ARRAY(
        SELECT p.refobjid
        FROM pg_catalog.pg_depend AS p
        WHERE
            p.classid = 'pg_catalog.pg_class'::regclass
            AND p.objid = i.indexrelid
            AND p.refclassid = 'pg_catalog.pg_proc'::regclass
        ORDER BY p.refobjid
    ) AS functions
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
INNER JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
WHERE i.indrelid = $1
ORDER BY i.indexrelid;
