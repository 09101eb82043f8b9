-- name: merge :execrows
-- Stores the staged trades whose id and venue key are free, and says how many; of two that are
-- staged under one key, the first by n. Two merges of the same trades in another order may deadlock.
-- after: stage
INSERT INTO trades (
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
)
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM staged_trades
ORDER BY n
ON CONFLICT DO NOTHING;
