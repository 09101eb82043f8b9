-- name: connections :one
-- How many clients are connected to the server now, this one included.
SELECT count(*) AS connected
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend';
