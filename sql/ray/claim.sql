-- name: claim :execrows
-- after: ledger
-- Notes that a run has the block $3, $4 of job $1 in $2, too.
-- $1 job, $2 target, $3 digest, $4 nth, $5 claim
UPDATE quantdb_ray_ledger
SET claims = claims || $5::text
WHERE job = $1 AND target = $2 AND digest = $3 AND nth = $4;
