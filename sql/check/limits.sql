-- name: limits :one
-- How long the transaction waits for a lock before it gives up: somebody may be using the tables that
-- a pending migration alters.
SELECT set_config('lock_timeout', '5s', true) AS lock_timeout;
