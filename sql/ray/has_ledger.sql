-- name: has_ledger :one
-- Whether there is a ledger that we may use.
-- not null: has_ledger
SELECT
    coalesce(
        has_table_privilege(to_regclass('quantdb_ray_ledger'), 'SELECT')
        AND has_table_privilege(to_regclass('quantdb_ray_ledger'), 'INSERT')
        AND has_table_privilege(to_regclass('quantdb_ray_ledger'), 'UPDATE'),
        false
    ) AS has_ledger;
