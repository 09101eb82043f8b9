-- name: gaps :many
-- The spans of [$3, $4) that no bar covers, each as long as can be, by start.
-- $1 symbol, $2 interval, $3 start, $4 end, $5 start less the interval (NULL: before all time)
-- index: prices_pkey
SELECT g.start, g."end"
FROM (
    -- From the end of the bar before, or from $3, to the start of each bar, and to $4.
    -- In zone UTC, where a day is 24 hours.
    SELECT
        greatest(
            (lag(b.start) OVER (ORDER BY b.start) AT TIME ZONE 'UTC' + $2::interval)
                AT TIME ZONE 'UTC',
            $3::timestamptz
        ) AS start,
        b.start AS "end"
    FROM (
        SELECT start
        FROM prices
        WHERE
            symbol = $1
            AND interval = $2
            AND start > coalesce($5::timestamptz, timestamptz '-infinity')
            AND start < $4
        UNION ALL
        SELECT $4::timestamptz
    ) AS b
) AS g
WHERE g.start < g."end"
ORDER BY g."end";
