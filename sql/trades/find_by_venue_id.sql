-- name: find_by_venue_id :one
-- The trade to which the venue gave that id.
-- $1 venue, $2 symbol, $3 venue_trade_id
-- index: trades_venue_key
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE venue = $1 AND symbol = $2 AND venue_trade_id = $3;
