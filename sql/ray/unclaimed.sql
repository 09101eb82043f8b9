-- name: unclaimed :one
-- after: ledger
-- How many blocks job $1 has in $2 that run $3 did not have.
-- $1 job, $2 target, $3 run
-- not null: unclaimed
SELECT count(*) AS unclaimed
FROM quantdb_ray_ledger
WHERE
    job = $1
    AND target = $2
    AND NOT EXISTS (SELECT 1 FROM unnest(claims) AS c (claim) WHERE c.claim LIKE $3 || ' %');
