-- name: written_columns :many
-- The columns of a table that a value is rounded for when it is written, by number: their type, or what that is made of,
-- is numeric with a scale.
-- $1 table_name, as a statement names it
WITH RECURSIVE parts AS (
    SELECT a.attnum, a.attname::text AS name, a.atttypid AS type_oid, a.atttypmod AS modifier
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT
        p.attnum,
        p.name,
        CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END AS type_oid,
        CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE p.modifier END AS modifier
    FROM parts AS p
    INNER JOIN pg_catalog.pg_type AS t ON t.oid = p.type_oid
    WHERE t.typtype = 'd' OR (t.typcategory = 'A' AND t.typelem <> 0)
)
SELECT p.name
FROM parts AS p
WHERE p.type_oid = 'numeric'::regtype AND p.modifier <> -1
GROUP BY p.name, p.attnum
ORDER BY p.attnum;
