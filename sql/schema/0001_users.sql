-- People and programs that trade. A user is deactivated, never deleted: trades refer to users.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    name text NOT NULL,
    email text,
    born date,
    active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT users_id_positive CHECK (id > 0),
    CONSTRAINT users_name_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT users_email_not_blank CHECK (email ~ '[^[:space:]]'),
    CONSTRAINT users_version_positive CHECK (version >= 1),
    -- Python's date and datetime end at the years 1 and 9999 and know no infinity.
    CONSTRAINT users_born_in_range CHECK (born BETWEEN date '0001-01-01' AND date '9999-12-31'),
    CONSTRAINT users_created_at_in_range CHECK (
        created_at BETWEEN timestamptz '0001-01-01 00:00:00+00'
        AND timestamptz '9999-12-31 23:59:59.999999+00'
    )
);

CREATE UNIQUE INDEX users_email_key ON users (lower(email));

COMMENT ON TABLE users IS 'People and programs that trade; deactivated, never deleted.';
COMMENT ON COLUMN users.id IS 'Given by the database, from 1.';
COMMENT ON COLUMN users.name IS 'Not blank; need not be unique.';
COMMENT ON COLUMN users.email IS 'Unique without regard to case; NULL when unknown.';
COMMENT ON COLUMN users.born IS 'Date of birth; NULL when unknown.';
COMMENT ON COLUMN users.active IS 'False once the user was deactivated.';
COMMENT ON COLUMN users.version IS 'From 1, one more at every change; a change names the last.';
COMMENT ON COLUMN users.created_at IS 'Start of the transaction that stored the user.';
