-- name: names :many
-- What a name may mean: relations, indexes, columns of the relations $2, functions or types, by name, as the search path
-- finds them; relations, indexes and columns without those of the system.
-- $1 kind, $2 relation_names
SELECT DISTINCT n.name
FROM (
    SELECT 'relation' AS kind, c.relname::text AS name
    FROM pg_catalog.pg_class AS c
    WHERE
        c.relkind IN ('r', 'v', 'm', 'f', 'p')
        AND c.relnamespace <> 'pg_catalog'::regnamespace
        AND pg_table_is_visible(c.oid)
    UNION ALL
    SELECT 'index' AS kind, c.relname::text AS name
    FROM pg_catalog.pg_class AS c
    WHERE
        c.relkind IN ('i', 'I')
        AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
        AND pg_table_is_visible(c.oid)
    UNION ALL
    SELECT 'column' AS kind, a.attname::text AS name
    FROM pg_catalog.pg_attribute AS a
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    WHERE
        c.relname::text = ANY($2::text[])
        AND a.attnum > 0
        AND NOT a.attisdropped
        AND pg_table_is_visible(c.oid)
    UNION ALL
    SELECT 'function' AS kind, p.proname::text AS name
    FROM pg_catalog.pg_proc AS p
    WHERE pg_function_is_visible(p.oid)
    UNION ALL
    SELECT 'type' AS kind, t.typname::text AS name
    FROM pg_catalog.pg_type AS t
    WHERE t.typcategory <> 'A' AND pg_type_is_visible(t.oid)
) AS n
WHERE n.kind = $1::text
ORDER BY n.name;
