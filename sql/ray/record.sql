-- name: record :exec
-- after: ledger
-- Notes a block that is stored.
-- $1 job, $2 target, $3 digest, $4 nth, $5 place, $6 keyed, $7 claim, $8 inserted, $9 updated, $10 existing
INSERT INTO quantdb_ray_ledger (job, target, digest, nth, place, keyed, claims, inserted, updated, existing)
VALUES ($1, $2, $3, $4, $5, $6, ARRAY[$7::text], $8, $9, $10);
