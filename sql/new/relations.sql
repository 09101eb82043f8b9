-- name: relations :many
-- Every table and view that is not the system's, by schema and name, as text that SQL reads; of partitions only those
-- that are called one of $1. kind is pg_class.relkind; parent is the table that it is a partition of.
-- $1 names
-- not null: visible
SELECT
    c.oid,
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    pg_table_is_visible(c.oid) AS visible,
    (
        SELECT format('%I.%I', pn.nspname, p.relname)
        FROM pg_catalog.pg_inherits AS i
        INNER JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
        INNER JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
        WHERE i.inhrelid = c.oid AND c.relispartition
    ) AS parent
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND (NOT c.relispartition OR c.relname = ANY($1::text[]))
ORDER BY n.nspname, c.relname;
