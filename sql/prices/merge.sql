-- name: merge :one
-- How many staged bars were new and how many replaced a bar of other values; a bar that is stored already is not touched.
-- Of bars that are staged under one key the first counts. In order of the key, so that two merges cannot deadlock.
-- index: prices_pkey
WITH merged AS (
    INSERT INTO prices AS p (symbol, interval, start, open, high, low, close, volume)
    SELECT DISTINCT ON (symbol, interval, start) symbol, interval, start, open, high, low, close, volume
    FROM staged_prices
    ORDER BY symbol, interval, start, n
    ON CONFLICT (symbol, interval, start) DO UPDATE
    SET
        open = excluded.open,
        high = excluded.high,
        low = excluded.low,
        close = excluded.close,
        volume = excluded.volume
    WHERE
        (p.open, p.high, p.low, p.close, p.volume)
        IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
    -- A new row has never been locked, an updated one by ON CONFLICT itself: its xmax is this transaction.
    RETURNING (p.xmax = 0) AS is_new
)
SELECT
    count(*) FILTER (WHERE is_new) AS inserted,
    count(*) FILTER (WHERE NOT is_new) AS updated
FROM merged;
