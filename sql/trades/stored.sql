-- name: stored :many
-- The trades that hold that id or that venue key: none, one, or two by id.
-- $1 id, $2 venue, $3 symbol, $4 venue_trade_id (NULL: by id alone)
-- index: trades_pkey
-- index: trades_venue_key
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE id = $1 OR (venue = $2 AND symbol = $3 AND venue_trade_id = $4)
ORDER BY id;
