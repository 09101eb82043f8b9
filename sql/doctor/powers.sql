-- name: powers :one
-- What we may do beyond the tables and the work: attributes of the role, and where it may make objects that stay.
-- not null: attributes, may_create_in
SELECT
    array_remove(
        ARRAY[
            CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
            CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
            CASE WHEN r.rolreplication THEN 'REPLICATION' END,
            CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END
        ],
        NULL
    ) AS attributes,
    array_remove(
        ARRAY[
            CASE
                WHEN has_schema_privilege(current_schema(), 'CREATE')
                    THEN 'SCHEMA ' || quote_ident(current_schema()::text)
            END,
            CASE
                WHEN has_database_privilege(current_database(), 'CREATE')
                    THEN 'DATABASE ' || quote_ident(current_database()::text)
            END
        ],
        NULL
    ) AS may_create_in
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user;
