-- name: indexes :many
-- Every index of the tables, and of their partitions, that have an index of a promised name, with its schema before it or
-- not; by table, then name. promised is that name, also for the part of such an index on a partition; NULL for any other.
-- keys are its columns or expressions, in order; predicate is the condition of a partial index.
-- $1 promised_names
WITH RECURSIVE promised AS (
    SELECT i.indexrelid AS oid, i.indrelid AS table_oid, w.name
    FROM unnest($1::text[]) AS w (name)
    INNER JOIN pg_catalog.pg_class AS c ON c.relname::text = split_part(w.name, '.', -1)
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    INNER JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
    WHERE w.name IN (c.relname::text, n.nspname::text || '.' || c.relname::text)
), family AS (
    SELECT p.oid, p.name
    FROM promised AS p
    UNION
    SELECT h.inhrelid AS oid, f.name
    FROM family AS f
    INNER JOIN pg_catalog.pg_inherits AS h ON h.inhparent = f.oid
), tables AS (
    SELECT p.table_oid AS oid
    FROM promised AS p
    UNION
    SELECT h.inhrelid AS oid
    FROM tables AS t
    INNER JOIN pg_catalog.pg_inherits AS h ON h.inhparent = t.oid
)
SELECT
    i.indexrelid AS oid,
    c.relname::text AS name,
    r.relname::text AS table_name,
    f.name AS promised,
    m.amname::text AS method,
    ARRAY(
        SELECT pg_get_indexdef(i.indexrelid, k.n, false)
        FROM generate_series(1, i.indnkeyatts) AS k (n)
        ORDER BY k.n
    ) AS keys,
    coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS predicate
FROM tables AS t
INNER JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
INNER JOIN pg_catalog.pg_class AS r ON r.oid = i.indrelid
INNER JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
LEFT JOIN family AS f ON f.oid = i.indexrelid
WHERE i.indisvalid
ORDER BY r.relname, c.relname;
