-- name: upsert :one
-- The bar as stored, in place of the one that was stored for that symbol, interval and start.
-- $1 symbol, $2 interval, $3 start, $4 open, $5 high, $6 low, $7 close, $8 volume
-- index: prices_pkey
INSERT INTO prices (symbol, interval, start, open, high, low, close, volume)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (symbol, interval, start) DO UPDATE
SET
    open = excluded.open,
    high = excluded.high,
    low = excluded.low,
    close = excluded.close,
    volume = excluded.volume
RETURNING symbol, interval, start, open, high, low, close, volume;
