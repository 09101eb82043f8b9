-- name: latest :many
-- The last bar of each of the symbols, by symbol; one without bars is absent, one that is named
-- twice comes once.
-- $1 symbols, $2 interval
-- index: prices_pkey
SELECT p.symbol, p.interval, p.start, p.open, p.high, p.low, p.close, p.volume
FROM (SELECT DISTINCT unnest($1::text[]) AS symbol) AS s
CROSS JOIN LATERAL (
    SELECT symbol, interval, start, open, high, low, close, volume
    FROM prices
    WHERE prices.symbol = s.symbol AND interval = $2
    ORDER BY start DESC
    LIMIT 1
) AS p
ORDER BY p.symbol;
