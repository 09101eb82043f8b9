-- name: role :one
-- Who we are, and whether the bulk writes may make their staging tables.
SELECT
    r.rolname::text AS name,
    r.rolsuper AS superuser,
    has_database_privilege(current_database(), 'TEMPORARY') AS may_stage
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user;
