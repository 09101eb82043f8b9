-- name: altered :many
-- After merge: the first $1 staged bars, by n, that are not stored as they were staged, every column compared by value;
-- those that repeat the key of an earlier one left out.
-- $1 limit
-- after: stage
SELECT d.n, d.symbol, d.interval, d.start, d.open, d.high, d.low, d.close, d.volume
FROM (
    SELECT DISTINCT ON (s.symbol, s.interval, s.start)
        s.n, s.symbol, s.interval, s.start, s.open, s.high, s.low, s.close, s.volume
    FROM staged_prices AS s
    ORDER BY s.symbol, s.interval, s.start, s.n
) AS d
LEFT JOIN prices AS p ON p.symbol = d.symbol AND p.interval = d.interval AND p.start = d.start
WHERE
    p.symbol IS NULL
    OR (p.open, p.high, p.low, p.close, p.volume) IS DISTINCT FROM (d.open, d.high, d.low, d.close, d.volume)
ORDER BY d.n
LIMIT $1::bigint;
