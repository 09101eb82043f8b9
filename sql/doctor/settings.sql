-- name: settings :many
-- Settings of the server as they hold in this session, by name; one that this version does not know is absent.
-- Numbers are in the unit of pg_settings: milliseconds for the time-outs.
-- $1 names
-- not null: setting
SELECT name, setting
FROM pg_catalog.pg_settings
WHERE name = ANY($1::text[])
ORDER BY name;
