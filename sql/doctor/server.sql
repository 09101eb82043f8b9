-- name: server :one
-- What the server is and how this session speaks with it.
SELECT
    current_setting('server_version_num')::integer AS version_number,
    current_setting('server_version') AS version,
    current_setting('server_encoding') AS encoding,
    current_setting('TimeZone') AS time_zone,
    current_setting('DateStyle') AS date_style,
    current_setting('transaction_read_only')::boolean AS read_only,
    pg_is_in_recovery() AS standby,
    pg_backend_pid() AS backend,
    clock_timestamp() AS clock;
