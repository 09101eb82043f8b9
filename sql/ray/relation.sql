-- name: relation :one
-- What the table, view or partitioned table $1 is: its number, its name as a statement has it, its kind (pg_class),
-- whether we may read all of it, and whether row-level security hides rows of it from us.
-- $1 name
-- not null: number, name, kind, readable, hides
SELECT
    c.oid::bigint AS number,
    format('%I.%I', n.nspname, c.relname) AS name,
    c.relkind::text AS kind,
    has_table_privilege(c.oid, 'SELECT') AS readable,
    row_security_active(c.oid) AS hides
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass($1::text) AND c.relkind IN ('r', 'p', 'm', 'v', 'f');
