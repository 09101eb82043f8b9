-- script: grants, to be run in psql
--
-- What a program that uses the repositories may do, and no more: a trade is never changed or deleted, a table never
-- altered. Run it as the owner of the tables, after `quantdb migrate`, in psql or any other client; a further run does no
-- harm. Then give it to the role that connects:
--
--     CREATE ROLE trader LOGIN PASSWORD '…' IN ROLE quantdb_app;
--
-- `quantdb doctor` says what a role lacks, and what it has too much.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'quantdb_app') THEN
        CREATE ROLE quantdb_app NOLOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO quantdb_app', current_database()); -- bulk writes are staged
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO quantdb_app', current_schema());
END
$$;

REVOKE ALL ON trades, prices, users, quantdb_migrations FROM quantdb_app;

GRANT SELECT, INSERT ON trades TO quantdb_app;
GRANT SELECT, INSERT, UPDATE ON prices, users TO quantdb_app;
GRANT SELECT ON quantdb_migrations TO quantdb_app; -- doctor looks whether the schema is up to date

-- What the jobs of quantdb.ray.data have stored; `forget` removes a job. The ledger may be older than its migration, and
-- belong to a role that had it made.
DO $$
BEGIN
    IF (SELECT pg_has_role(relowner, 'USAGE') FROM pg_catalog.pg_class WHERE oid = to_regclass('quantdb_ray_ledger')) THEN
        REVOKE ALL ON quantdb_ray_ledger FROM quantdb_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON quantdb_ray_ledger TO quantdb_app;
    ELSE
        RAISE WARNING 'nothing was granted on quantdb_ray_ledger: it is not there, or not yours';
    END IF;
END
$$;
