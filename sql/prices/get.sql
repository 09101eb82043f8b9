-- name: get :one
-- The bar of a symbol that begins at $3.
-- $1 symbol, $2 interval, $3 start
-- index: prices_pkey
SELECT symbol, interval, start, open, high, low, close, volume
FROM prices
WHERE symbol = $1 AND interval = $2 AND start = $3;
