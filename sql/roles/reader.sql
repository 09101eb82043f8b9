-- script: grants, to be run in psql
--
-- What a program that only reads may do: a report, a research notebook, a dashboard. As app.sql:
--
--     CREATE ROLE analyst LOGIN PASSWORD '…' IN ROLE quantdb_reader;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'quantdb_reader') THEN
        CREATE ROLE quantdb_reader NOLOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO quantdb_reader', current_database());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO quantdb_reader', current_schema());
END
$$;

REVOKE ALL ON trades, prices, users, quantdb_migrations FROM quantdb_reader;

GRANT SELECT ON trades, prices, users, quantdb_migrations TO quantdb_reader;
