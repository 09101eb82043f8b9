-- name: elsewhere :many
-- after: ledger
-- What the blocks hold that job $1 has, from runs other than $5, of another content than $3 in $2 at the place $4.
-- $1 job, $2 target, $3 digest, $4 place, $5 run
SELECT digest
FROM quantdb_ray_ledger
WHERE job = $1 AND target = $2 AND digest <> $3 AND place = $4 AND claims[1] NOT LIKE $5 || ' %'
ORDER BY digest, nth;
