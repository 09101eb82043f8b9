-- name: merge :one
-- Stores the staged bars; says how many were new and how many replaced a bar of other values. One
-- that is stored already stays as it is; of those staged under one key, the first by n counts.
-- In order of the key, so that two merges cannot deadlock.
-- index: prices_pkey
-- after: stage
WITH merged AS (
    INSERT INTO prices AS p (symbol, interval, start, open, high, low, close, volume)
    SELECT DISTINCT ON (symbol, interval, start)
        symbol, interval, start, open, high, low, close, volume
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
        (p.open, p.high, p.low, p.close, p.volume) IS DISTINCT FROM (
            excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume
        )
    -- ON CONFLICT locks the row before it updates it, and the new version keeps the lock in xmax;
    -- a row that is inserted has none.
    RETURNING (p.xmax = 0) AS is_new
)
SELECT
    count(*) FILTER (WHERE is_new) AS inserted,
    count(*) FILTER (WHERE NOT is_new) AS updated
FROM merged;
