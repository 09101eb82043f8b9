-- name: elsewhere :one
-- after: ledger
-- Whether job $1 has, from a run other than $5, a block of another content than $3 in $2 at the place $4.
-- $1 job, $2 target, $3 digest, $4 place, $5 run
-- not null: elsewhere
SELECT EXISTS (
    SELECT 1
    FROM quantdb_ray_ledger
    WHERE job = $1 AND target = $2 AND digest <> $3 AND place = $4 AND claims[1] NOT LIKE $5 || ' %'
) AS elsewhere;
