-- name: leaves :many
-- The tables that hold the rows of table $1: itself, its partitions and its heirs, by name, with the pages that each has
-- by now; whether its rows have places that stay (those of a foreign table, or of a storage of its own, have none),
-- whether we may read it by itself, and whether it was truncated or rewritten since the transaction's snapshot was taken.
-- $1 number
-- not null: name, pages, placed, readable, rewritten
WITH RECURSIVE tree AS (
    SELECT $1::bigint::oid AS oid
    UNION
    SELECT i.inhrelid
    FROM pg_catalog.pg_inherits AS i
    JOIN tree AS t ON t.oid = i.inhparent
)

SELECT
    format('%I.%I', n.nspname, c.relname) AS name,
    CASE a.amname
        WHEN 'heap' THEN coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint
        ELSE 0
    END AS pages,
    a.amname IS NOT DISTINCT FROM 'heap' AS placed,
    has_table_privilege(c.oid, 'SELECT') AS readable,
    c.relkind <> 'f' AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid) AS rewritten
FROM tree AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
WHERE c.relkind IN ('r', 'm', 'f')
ORDER BY name;
