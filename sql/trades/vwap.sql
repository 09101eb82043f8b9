-- name: vwap :many
-- The volume-weighted average price of a symbol in [start, end): a row per currency, by currency.
-- The sums are exact. The one division gives at least 16 significant digits, and at least the
-- decimals of price × quantity, so that trades at one price have exactly that average.
-- $1 symbol, $2 start, $3 end
-- not null: decimals
-- index: trades_symbol_time
SELECT
    currency,
    sum(price * quantity) / sum(quantity) AS vwap,
    sum(price * quantity) AS notional,
    sum(quantity) AS quantity,
    max(scale(quantity) + scale(price)) AS decimals
FROM trades
WHERE symbol = $1 AND executed_at >= $2 AND executed_at < $3
GROUP BY currency
ORDER BY currency;
