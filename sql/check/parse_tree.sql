-- name: parse_tree :one
-- The parse tree of the statement that is the body of a temporary function, as PostgreSQL stores it: a pg_node_tree,
-- which is a list of lists of queries.
-- $1 name
SELECT p.prosqlbody::text AS tree
FROM pg_catalog.pg_proc AS p
WHERE p.proname = $1::name AND p.pronamespace = pg_catalog.pg_my_temp_schema() AND p.prosqlbody IS NOT NULL;
