-- name: deactivate :one
-- The user, inactive and one version on; no row when the version is stale or there is no such user.
-- $1 id, $2 version
-- index: users_pkey
UPDATE users
SET active = false, version = version + 1
WHERE id = $1 AND version = $2
RETURNING id, name, email, born, active, version, created_at;
