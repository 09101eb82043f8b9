-- name: prepare :exec
-- Makes the table that says which migrations a database has.
CREATE TABLE IF NOT EXISTS quantdb_migrations (
    set_name text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    file_name text COLLATE "C" NOT NULL,
    checksum text COLLATE "C" NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quantdb_migrations_pkey PRIMARY KEY (set_name, number)
);
