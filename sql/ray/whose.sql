-- name: whose :one
-- Who owns the ledger, if there is one, who we are, both as a statement names them, and what gives us all that jobs need.
-- not null: role, remedy
SELECT
    (
        SELECT quote_ident(pg_get_userbyid(c.relowner))
        FROM pg_catalog.pg_class AS c
        WHERE c.oid = to_regclass('quantdb_ray_ledger')
    ) AS owner,
    quote_ident(current_user::text) AS role,
    format('GRANT SELECT, INSERT, UPDATE, DELETE ON quantdb_ray_ledger TO %I', current_user) AS remedy;
