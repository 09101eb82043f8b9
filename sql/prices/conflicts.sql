-- name: conflicts :many
-- The first $1 staged bars, by n, that have the key of an earlier one, first_n, but other values.
-- $1 limit
-- after: stage
SELECT s.n, s.symbol, s.interval, s.start, s.first_n
FROM (
    SELECT
        n, symbol, interval, start,
        first_value(n) OVER earlier AS first_n,
        (open, high, low, close, volume) IS DISTINCT FROM (
            first_value(open) OVER earlier,
            first_value(high) OVER earlier,
            first_value(low) OVER earlier,
            first_value(close) OVER earlier,
            first_value(volume) OVER earlier
        ) AS differs
    FROM staged_prices
    WINDOW earlier AS (PARTITION BY symbol, interval, start ORDER BY n)
) AS s
WHERE s.differs
ORDER BY s.n
LIMIT $1::bigint;
