-- name: functions :many
-- The functions $1 that are not PostgreSQL's own, by oid: how each was made, or the extension that it comes with.
-- $1 oids
-- not null: definition
SELECT
    f.oid,
    f.oid::regprocedure::text AS name,
    n.nspname::text AS schema,
    l.lanname::text AS language,
    pg_get_functiondef(f.oid) AS definition,
    (
        SELECT e.extname::text
        FROM pg_catalog.pg_depend AS p
        INNER JOIN pg_catalog.pg_extension AS e ON e.oid = p.refobjid
        WHERE p.classid = 'pg_catalog.pg_proc'::regclass AND p.objid = f.oid AND p.deptype = 'e'
    ) AS extension
FROM pg_catalog.pg_proc AS f
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
INNER JOIN pg_catalog.pg_language AS l ON l.oid = f.prolang
WHERE f.oid = ANY($1::oid[]) AND n.nspname <> 'pg_catalog' AND f.prokind IN ('f', 'p')
ORDER BY f.oid;
