-- name: coverage :many
-- What there is: per symbol and interval, and in that order, the start of the first bar, that of the last, and how many.
SELECT symbol, interval, min(start) AS first, max(start) AS last, count(*) AS bars
FROM prices
GROUP BY symbol, interval
ORDER BY symbol, interval;
