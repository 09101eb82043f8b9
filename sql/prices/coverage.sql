-- name: coverage :many
-- What there is, by symbol, then interval: the start of the first bar, that of the last, how many.
SELECT symbol, interval, min(start) AS first, max(start) AS last, count(*) AS bars
FROM prices
GROUP BY symbol, interval
ORDER BY symbol, interval;
