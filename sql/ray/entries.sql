-- name: entries :many
-- after: ledger
-- What the ledger of job $1 has of blocks with the content $3 in $2, in the order in which they were stored.
-- $1 job, $2 target, $3 digest
SELECT nth, claims, inserted, updated, existing
FROM quantdb_ray_ledger
WHERE job = $1 AND target = $2 AND digest = $3
ORDER BY nth;
