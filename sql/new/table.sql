-- name: table :one
-- What a table is beside its columns. partition_key is NULL unless it is partitioned; parents are the tables that it
-- inherits from; triggers may change what is stored; a policy may hide rows. has_children is about others that inherit
-- from it, but for partitions.
-- $1 table_oid
SELECT
    obj_description(c.oid, 'pg_class') AS comment,
    c.relpersistence = 'u' AS unlogged,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
    ARRAY(
        SELECT i.inhparent::regclass::text
        FROM pg_catalog.pg_inherits AS i
        WHERE i.inhrelid = c.oid
        ORDER BY i.inhseqno
    ) AS parents,
    ARRAY(
        SELECT t.tgname::text
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
        ORDER BY t.tgname
    ) AS triggers,
    ARRAY(
        SELECT r.rulename::text
        FROM pg_catalog.pg_rewrite AS r
        WHERE r.ev_class = c.oid
        ORDER BY r.rulename
    ) AS rules,
    c.relrowsecurity AS row_security,
    c.relhassubclass AND c.relkind = 'r' AS has_children
FROM pg_catalog.pg_class AS c
WHERE c.oid = $1;
