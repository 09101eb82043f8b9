-- name: insert :one
-- The new user.
-- $1 name, $2 email, $3 born
INSERT INTO users (name, email, born)
VALUES ($1, $2, $3)
RETURNING id, name, email, born, active, version, created_at;
