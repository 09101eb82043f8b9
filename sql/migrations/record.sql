-- name: record :exec
-- Notes that a migration was applied.
-- $1 set_name, $2 number, $3 file_name, $4 checksum
INSERT INTO quantdb_migrations (set_name, number, file_name, checksum)
VALUES ($1, $2, $3, $4);
