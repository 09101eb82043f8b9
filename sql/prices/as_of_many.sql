-- name: as_of_many :many
-- as_of for each ($1[n], $3[n], $4[n]), by n, from 1; n is absent when there is no such bar.
-- $1 symbols, $2 interval, $3 latest_starts, $4 oldest_starts (elements may be NULL)
-- index: prices_pkey
SELECT a.n, p.symbol, p.interval, p.start, p.open, p.high, p.low, p.close, p.volume
FROM
    ROWS FROM (unnest($1::text[]), unnest($3::timestamptz[]), unnest($4::timestamptz[]))
    WITH ORDINALITY AS a (symbol, latest_start, oldest_start, n)
CROSS JOIN LATERAL (
    SELECT symbol, interval, start, open, high, low, close, volume
    FROM prices
    WHERE
        prices.symbol = a.symbol
        AND interval = $2
        AND start <= a.latest_start
        AND start >= coalesce(a.oldest_start, timestamptz '-infinity')
    ORDER BY start DESC
    LIMIT 1
) AS p
ORDER BY a.n;
