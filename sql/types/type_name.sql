-- name: type_name :one
-- The name of the type $1 as SQL writes it, with its schema where the search path needs one.
-- $1 oid
SELECT format_type($1::oid, NULL) AS name;
