-- name: bars :many
-- Price bars made of the trades of a symbol in [start, end), by start, then currency. The grid
-- begins at $3; a bar without trades is absent. Open and close are the first and the last trade by
-- executed_at, then id.
-- $1 symbol, $2 interval (without months), $3 start, $4 end
-- not null: interval, start
-- index: trades_symbol_time
SELECT
    t.symbol,
    $2::interval AS interval,
    t.bar AS start,
    (array_agg(t.price ORDER BY t.executed_at, t.id))[1] AS open,
    max(t.price) AS high,
    min(t.price) AS low,
    (array_agg(t.price ORDER BY t.executed_at, t.id))[count(*)] AS close,
    sum(t.quantity) AS volume,
    t.currency
FROM (
    SELECT symbol, date_bin($2, executed_at, $3) AS bar, executed_at, id, price, quantity, currency
    FROM trades
    WHERE symbol = $1 AND executed_at >= $3 AND executed_at < $4
) AS t
GROUP BY t.symbol, t.bar, t.currency
ORDER BY t.bar, t.currency;
