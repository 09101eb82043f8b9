-- name: insert :one
-- The trade as stored; no row when its id or its venue key is taken.
-- $1 symbol, $2 side, $3 quantity, $4 price, $5 executed_at, $6 venue, $7 venue_trade_id,
-- $8 user_id, $9 strategy, $10 fee, $11 currency, $12 id
INSERT INTO trades (
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING
RETURNING
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id;
