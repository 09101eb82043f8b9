-- name: as_of :one
-- The last bar of a symbol that begins at or before $3 and, unless $4 is NULL, at or after $4.
-- $1 symbol, $2 interval, $3 latest_start, $4 oldest_start
-- index: prices_pkey
SELECT symbol, interval, start, open, high, low, close, volume
FROM prices
WHERE
    symbol = $1
    AND interval = $2
    AND start <= $3
    AND start >= coalesce($4::timestamptz, timestamptz '-infinity')
ORDER BY start DESC
LIMIT 1;
