-- name: lock :exec
-- Waits until no other transaction migrates this database; held to the end of the transaction.
-- $1 key
SELECT pg_advisory_xact_lock($1::bigint);
