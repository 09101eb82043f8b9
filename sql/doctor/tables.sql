-- name: tables :many
-- quantdb's tables, by name, as the search path finds them, and what this role may do with them.
-- $1 names
-- not null: may_select, may_insert, may_update
SELECT
    t.name,
    n.nspname::text AS schema,
    pg_has_role(c.relowner, 'USAGE') AS owned,
    has_table_privilege(c.oid, 'SELECT') AS may_select,
    has_table_privilege(c.oid, 'INSERT') AS may_insert,
    has_table_privilege(c.oid, 'UPDATE') AS may_update
FROM unnest($1::text[]) AS t (name)
JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(quote_ident(t.name))
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY t.name;
