-- name: ledger :exec
-- Makes the ledger of the jobs that write datasets, a row for each block that is stored, as sql/schema has it too.
CREATE TABLE IF NOT EXISTS quantdb_ray_ledger (
    job text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    nth integer NOT NULL, -- blocks of the same content, from 0
    place text COLLATE "C" NOT NULL, -- in the run that stored it: the number of its task, and its own in that
    keyed boolean NOT NULL, -- whether its rows have keys, so that to store one twice comes to the same
    claims text [] COLLATE "C" NOT NULL, -- of each run that had it, "run place"
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    existing bigint NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quantdb_ray_ledger_pkey PRIMARY KEY (job, target, digest, nth)
);
