-- name: update :one
-- The user as changed, one version on; no row when the version is stale or there is no such user.
-- $1 id, $2 version, $3 name, $4 email, $5 born
-- index: users_pkey
UPDATE users
SET name = $3, email = $4, born = $5, version = version + 1
WHERE id = $1 AND version = $2
RETURNING id, name, email, born, active, version, created_at;
