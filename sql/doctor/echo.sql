-- name: echo :one
-- What was sent, to see what became of it on the way.
-- $1 numeric, $2 timestamptz, $3 timestamp, $4 date
-- allow: timestamp
SELECT $1::numeric AS numeric, $2::timestamptz AS timestamptz, $3::timestamp AS timestamp, $4::date AS date;
