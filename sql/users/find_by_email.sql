-- name: find_by_email :one
-- The user with that address, in capitals or not; the database's locale says what a capital is.
-- $1 email
-- index: users_email_key
SELECT id, name, email, born, active, version, created_at
FROM users
WHERE lower(email) = lower($1::text);
