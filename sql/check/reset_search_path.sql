-- name: reset_search_path :exec
-- Takes back what a migration made of the search path.
RESET search_path;
