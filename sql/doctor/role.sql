-- name: role :one
-- Who we are, and whether the bulk writes may make their staging tables; the names of role and
-- database as they stand in a statement.
-- not null: may_stage
SELECT
    r.rolname::text AS name,
    r.rolsuper AS superuser,
    has_database_privilege(current_database(), 'TEMPORARY') AS may_stage,
    quote_ident(r.rolname::text) AS quoted_name,
    quote_ident(current_database()::text) AS quoted_database
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user;
