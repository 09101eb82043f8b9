-- name: patient :many
-- Lets this transaction be idle for as long as it takes; not every version has all of these limits.
SELECT set_config(s.name, '0', true) AS value
FROM pg_catalog.pg_settings AS s
WHERE s.name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')
ORDER BY s.name;
