-- name: relation_domains :many
-- The domains among the types $1, by oid: whether they refuse NULL, themselves or by a domain below, and the
-- parse trees of their valid CHECK constraints.
-- $1 oids
WITH RECURSIVE chain AS (
    SELECT t.oid, t.oid AS part
    FROM pg_catalog.pg_type AS t
    WHERE t.oid = ANY($1::oid[]) AND t.typtype = 'd'
    UNION ALL
    SELECT chain.oid, b.oid
    FROM chain
    INNER JOIN pg_catalog.pg_type AS t ON t.oid = chain.part
    INNER JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype AND b.typtype = 'd'
)
SELECT
    chain.oid,
    bool_or(t.typnotnull) AS not_null,
    ARRAY(
        SELECT k.conbin::text
        FROM chain AS c
        INNER JOIN pg_catalog.pg_constraint AS k ON k.contypid = c.part
        WHERE c.oid = chain.oid AND k.contype = 'c' AND k.convalidated
        ORDER BY k.oid
    ) AS checks
FROM chain
INNER JOIN pg_catalog.pg_type AS t ON t.oid = chain.part
GROUP BY chain.oid
ORDER BY chain.oid;
