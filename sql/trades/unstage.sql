-- name: unstage :exec
-- Drops what stage made.
DROP TABLE staged_trades;
