-- name: shows :one
-- What the snapshot of this transaction shows.
-- not null: shows
SELECT pg_current_snapshot()::text AS shows;
