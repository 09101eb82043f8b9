-- name: export :one
-- Exports the snapshot of this transaction, which lasts as long as the transaction: its name, and what it shows.
-- not null: name, shows
SELECT
    pg_export_snapshot() AS name,
    pg_current_snapshot()::text AS shows;
