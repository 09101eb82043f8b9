-- name: choices :many
-- The valid CHECK constraints of one column each that the tables $1 have, in PostgreSQL's words.
-- $1 oids
-- not null: relation, number, definition
SELECT
    k.conrelid AS relation,
    k.conkey[1] AS number,
    pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint AS k
WHERE
    k.conrelid = ANY($1::oid[])
    AND k.contype = 'c'
    AND k.convalidated
    AND array_length(k.conkey, 1) = 1
ORDER BY k.oid;
