-- name: page :many
-- At most $2 users after $1, or from the first one when $1 is NULL, by id.
-- $1 after_id, $2 limit
-- index: users_pkey
SELECT id, name, email, born, active, version, created_at
FROM users
WHERE id > coalesce($1::bigint, 0)
ORDER BY id
LIMIT $2::bigint;
