-- name: encryption :one
-- Whether this session's backend speaks TLS, and which version. Behind a pooler that is the pooler's connection, not ours.
-- not null: encrypted
-- nullable: version
SELECT ssl AS encrypted, version
FROM pg_catalog.pg_stat_ssl
WHERE pid = pg_backend_pid();
