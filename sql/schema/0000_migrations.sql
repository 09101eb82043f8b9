-- Which migrations the database has. `migrate` runs this file by itself before all others.

CREATE TABLE quantdb_migrations (
    set_name text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    file_name text COLLATE "C" NOT NULL,
    checksum text COLLATE "C" NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quantdb_migrations_pkey PRIMARY KEY (set_name, number)
);

COMMENT ON TABLE quantdb_migrations IS 'The migrations that were applied to this database.';
COMMENT ON COLUMN quantdb_migrations.set_name IS 'The set of files that it belongs to; quantdb''s own is quantdb.';
COMMENT ON COLUMN quantdb_migrations.number IS 'Its place in the set: the first four digits of its file''s name.';
COMMENT ON COLUMN quantdb_migrations.file_name IS 'The name of its file.';
COMMENT ON COLUMN quantdb_migrations.checksum IS 'SHA-256 of the file as it was applied, line ends as LF, in hexadecimal.';
COMMENT ON COLUMN quantdb_migrations.applied_at IS 'When it was applied, by the server''s clock.';
