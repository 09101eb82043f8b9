-- name: unstage :exec
-- Drops what stage made.
-- after: stage
DROP TABLE staged_trades;
