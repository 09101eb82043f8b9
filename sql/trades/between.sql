-- name: between :many
-- The trades of a symbol in [start, end), oldest first: by executed_at, then id.
-- $1 symbol, $2 start, $3 end
-- index: trades_symbol_time
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE symbol = $1 AND executed_at >= $2 AND executed_at < $3
ORDER BY executed_at, id;
