-- Which blocks the jobs of `quantdb.ray.data` have stored. A job makes this table itself where it may, with
-- sql/ray/ledger.sql: so it may be there already, and belong to another role. Then it is left as it is.
DO $$
BEGIN
    IF to_regclass('quantdb_ray_ledger') IS NOT NULL THEN
        RETURN;
    END IF;

    CREATE TABLE quantdb_ray_ledger (
        job text COLLATE "C" NOT NULL,
        target text COLLATE "C" NOT NULL,
        digest bytea NOT NULL,
        nth integer NOT NULL,
        place text COLLATE "C" NOT NULL,
        keyed boolean NOT NULL,
        claims text [] COLLATE "C" NOT NULL,
        inserted bigint NOT NULL,
        updated bigint NOT NULL,
        existing bigint NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT quantdb_ray_ledger_pkey PRIMARY KEY (job, target, digest, nth)
    );

    COMMENT ON TABLE quantdb_ray_ledger IS 'Blocks of datasets, each from the transaction that stored its rows.';
    COMMENT ON COLUMN quantdb_ray_ledger.job IS 'What its user calls the job.';
    COMMENT ON COLUMN quantdb_ray_ledger.target IS 'The repository that stored the block.';
    COMMENT ON COLUMN quantdb_ray_ledger.digest IS 'Of what the block holds.';
    COMMENT ON COLUMN quantdb_ray_ledger.nth IS 'Among the blocks of the job that hold the same, from 0.';
    COMMENT ON COLUMN quantdb_ray_ledger.place IS 'In the run that stored it: the number of its task, and its own in that.';
    COMMENT ON COLUMN quantdb_ray_ledger.keyed IS 'Whether its rows have keys, so that to store one twice comes to the same.';
    COMMENT ON COLUMN quantdb_ray_ledger.claims IS 'Of each run that had it: the run, and its place in that.';
    COMMENT ON COLUMN quantdb_ray_ledger.inserted IS 'Rows that were not there before.';
    COMMENT ON COLUMN quantdb_ray_ledger.updated IS 'Rows that were replaced.';
    COMMENT ON COLUMN quantdb_ray_ledger.existing IS 'Rows that were there.';
    COMMENT ON COLUMN quantdb_ray_ledger.stored_at IS 'Start of the transaction that stored the block.';
END
$$;
