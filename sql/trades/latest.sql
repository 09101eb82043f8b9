-- name: latest :many
-- The last $2 trades of a symbol, newest first: by executed_at, then id, descending.
-- $1 symbol, $2 limit
-- index: trades_symbol_time
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE symbol = $1
ORDER BY executed_at DESC, id DESC
LIMIT $2::bigint;
