-- name: forget :execrows
-- after: ledger
-- Removes job $1 from the ledger.
-- $1 job
DELETE FROM quantdb_ray_ledger
WHERE job = $1;
