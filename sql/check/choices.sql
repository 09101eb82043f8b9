-- name: choices :many
-- The valid CHECK constraints of one column each that the tables $1 have: what they ask, in PostgreSQL's words.
-- $1 oids
-- not null: relation, number, expression
SELECT
    k.conrelid AS relation,
    k.conkey[1] AS number,
    pg_get_expr(k.conbin, k.conrelid) AS expression
FROM pg_catalog.pg_constraint AS k
WHERE
    k.conrelid = ANY($1::oid[])
    AND k.contype = 'c'
    AND k.convalidated
    AND array_length(k.conkey, 1) = 1
ORDER BY k.oid;
