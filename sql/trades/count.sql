-- name: count :one
-- How many trades of a symbol there are in [start, end).
-- $1 symbol, $2 start, $3 end
-- index: trades_symbol_time
SELECT count(*) AS count
FROM trades
WHERE symbol = $1 AND executed_at >= $2 AND executed_at < $3;
