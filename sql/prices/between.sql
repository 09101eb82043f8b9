-- name: between :many
-- The bars of a symbol that begin in [start, end), by start.
-- $1 symbol, $2 interval, $3 start, $4 end
-- index: prices_pkey
SELECT symbol, interval, start, open, high, low, close, volume
FROM prices
WHERE symbol = $1 AND interval = $2 AND start >= $3 AND start < $4
ORDER BY start;
