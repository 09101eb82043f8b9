-- name: symbols :many
-- Every symbol that has trades, by code point. One step of the index for each symbol, however many trades it has.
-- index: trades_symbol_time
WITH RECURSIVE found AS (
    (SELECT t.symbol FROM trades AS t ORDER BY t.symbol LIMIT 1)
    UNION ALL
    SELECT (SELECT t.symbol FROM trades AS t WHERE t.symbol > f.symbol ORDER BY t.symbol LIMIT 1) AS symbol
    FROM found AS f
    WHERE f.symbol IS NOT NULL
)
SELECT f.symbol
FROM found AS f
WHERE f.symbol IS NOT NULL
ORDER BY f.symbol;
