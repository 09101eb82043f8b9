-- name: hide_indexes :exec
-- Hides indexes from the planner, for a superuser and until the transaction is rolled back, which it must be.
-- $1 oids
UPDATE pg_catalog.pg_index
SET indisvalid = false
WHERE indexrelid = ANY($1::oid[]);
