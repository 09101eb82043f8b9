-- name: orphans :many
-- After merge was refused: the first $1 staged trades, by n, whose user is none.
-- $1 limit
-- after: stage
SELECT s.n, s.id, s.user_id
FROM staged_trades AS s
LEFT JOIN users AS u ON u.id = s.user_id
WHERE s.user_id IS NOT NULL AND u.id IS NULL
ORDER BY s.n
LIMIT $1::bigint;
