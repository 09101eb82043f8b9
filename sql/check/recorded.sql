-- name: recorded :many
-- The migrations of every set that the database has, by set, then number.
SELECT set_name, number, file_name, checksum
FROM quantdb_migrations
ORDER BY set_name, number;
