-- name: get :one
-- The user with that id.
-- $1 id
-- index: users_pkey
SELECT id, name, email, born, active, version, created_at
FROM users
WHERE id = $1;
