-- name: taken :one
-- Before merge: whether the id or the venue key of the staged trade of number $1 is that of a stored trade, or of one
-- that was staged before it.
-- $1 n
-- after: stage
SELECT EXISTS (
    SELECT 1
    FROM staged_trades AS s
    WHERE
        s.n = $1
        AND (
            EXISTS (
                SELECT 1
                FROM trades AS t
                WHERE
                    t.id = s.id
                    OR (t.venue = s.venue AND t.symbol = s.symbol AND t.venue_trade_id = s.venue_trade_id)
            )
            OR EXISTS (
                SELECT 1
                FROM staged_trades AS e
                WHERE
                    e.n < s.n
                    AND (
                        e.id = s.id
                        OR (e.venue = s.venue AND e.symbol = s.symbol AND e.venue_trade_id = s.venue_trade_id)
                    )
            )
        )
) AS taken;
