-- name: get^
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE id = :id;

-- name: insert^
INSERT INTO trades (
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
)
VALUES (
    :symbol, :side, :quantity, :price, :executed_at, :venue,
    :venue_trade_id, :user_id, :strategy, :fee, :currency, :id
)
ON CONFLICT DO NOTHING
RETURNING
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id;

-- name: between
SELECT
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE symbol = :symbol AND executed_at >= :start AND executed_at < :end
ORDER BY executed_at, id;
