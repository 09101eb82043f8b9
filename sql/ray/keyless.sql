-- name: keyless :many
-- after: ledger
-- What the blocks hold that job $1 has stored of rows without keys in $2: the content of each.
-- $1 job, $2 target
SELECT digest
FROM quantdb_ray_ledger
WHERE job = $1 AND target = $2 AND NOT keyed
ORDER BY digest, nth;
