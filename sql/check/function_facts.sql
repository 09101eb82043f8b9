-- name: function_facts :many
-- What the catalogue says of the functions $1: their names and types of arguments, whether they are PostgreSQL's own,
-- whether they give NULL for a NULL argument without being called (strict), may give another result for the
-- same arguments within a statement (volatile), and give a set.
-- $1 oids
SELECT
    p.oid,
    p.proname::text AS name,
    (p.oid < 16384 AND p.pronamespace = 'pg_catalog'::regnamespace) AS builtin,
    p.proisstrict AS strict,
    p.provolatile = 'v' AS volatile,
    p.proretset AS returns_set,
    ARRAY(
        SELECT t.typname::text
        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (oid, n)
        INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.oid
        ORDER BY a.n
    ) AS arguments
FROM pg_catalog.pg_proc AS p
WHERE p.oid = ANY($1::oid[])
ORDER BY p.oid;
