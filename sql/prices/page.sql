-- name: page :many
-- At most $4 bars of a symbol that begin after $3, or from the first one when it is NULL, by start.
-- $1 symbol, $2 interval, $3 after_start, $4 limit
-- index: prices_pkey
SELECT symbol, interval, start, open, high, low, close, volume
FROM prices
WHERE symbol = $1 AND interval = $2 AND start > coalesce($3::timestamptz, timestamptz '-infinity')
ORDER BY start
LIMIT $4::bigint;
