-- name: exists :one
-- Whether the table of migrations is there.
SELECT to_regclass('quantdb_migrations') IS NOT NULL AS exists;
