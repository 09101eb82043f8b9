-- name: staged :one
-- The staged trade of number $1.
-- $1 n
-- after: stage
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM staged_trades
WHERE n = $1;
