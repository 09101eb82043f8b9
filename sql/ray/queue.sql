-- name: queue :one
-- Waits until no other transaction stores the block $3 of job $1 into $2.
-- $1 job, $2 target, $3 digest
-- not null: locked
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', $1::text, $2::text, encode($3::bytea, 'hex')), 0)) IS NOT NULL
    AS locked;
