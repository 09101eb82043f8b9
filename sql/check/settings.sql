-- name: settings :many
-- Has each setting $1[n] be $2[n] to the end of the transaction; what they are then, by name.
-- $1 names, $2 values
SELECT set_config(s.name, s.value, true) AS setting
FROM ROWS FROM (unnest($1::text[]), unnest($2::text[])) AS s (name, value)
ORDER BY s.name;
