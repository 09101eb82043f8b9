-- name: record :exec
-- after: ledger
-- Notes a block that is stored.
-- $1 job, $2 target, $3 digest, $4 nth, $5 place, $6 claim, $7 inserted, $8 updated, $9 existing
INSERT INTO quantdb_ray_ledger (job, target, digest, nth, place, claims, inserted, updated, existing)
VALUES ($1, $2, $3, $4, $5, ARRAY[$6::text], $7, $8, $9);
