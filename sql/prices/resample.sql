-- name: resample :many
-- Wider bars made of the bars of a symbol that begin in [start, end), by start. The grid begins at
-- $4; a wider bar in which none begins is absent, and a bar counts where it begins.
-- $1 symbol, $2 interval, $3 into (without months), $4 start, $5 end
-- not null: interval, start
-- index: prices_pkey
SELECT
    p.symbol,
    $3::interval AS interval,
    p.bar AS start,
    (array_agg(p.open ORDER BY p.start))[1] AS open,
    max(p.high) AS high,
    min(p.low) AS low,
    (array_agg(p.close ORDER BY p.start))[count(*)] AS close,
    sum(p.volume) AS volume
FROM (
    SELECT symbol, date_bin($3, start, $4) AS bar, start, open, high, low, close, volume
    FROM prices
    WHERE symbol = $1 AND interval = $2 AND start >= $4 AND start < $5
) AS p
GROUP BY p.symbol, p.bar
ORDER BY p.bar;
