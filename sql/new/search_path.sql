-- name: search_path :one
-- Has the catalogue write names of the schema public alone, and all others with their schema, for this transaction.
SELECT set_config('search_path', 'public', true) AS search_path;
