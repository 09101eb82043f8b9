-- name: connections :one
-- How many clients are connected to the server now, this one included. The kind of a stranger's session is not shown to
-- everybody; background workers have no database.
SELECT count(*) AS connected
FROM pg_catalog.pg_stat_activity
WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend';
