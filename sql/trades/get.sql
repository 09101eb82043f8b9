-- name: get :one
-- The trade with that id.
-- $1 id
-- index: trades_pkey
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE id = $1;
