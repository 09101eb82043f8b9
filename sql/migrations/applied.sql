-- name: applied :many
-- The migrations of a set that the database has, by number.
-- $1 set_name
-- index: quantdb_migrations_pkey
SELECT number, file_name, checksum
FROM quantdb_migrations
WHERE set_name = $1
ORDER BY number;
