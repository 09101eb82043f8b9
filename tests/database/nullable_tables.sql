-- Tables, views and functions for the statements of nullable_statements.sql.

CREATE DOMAIN ticker AS text NOT NULL;
CREATE DOMAIN size AS numeric CHECK (VALUE >= 0);
CREATE DOMAIN code AS text CHECK (VALUE IS NOT NULL AND length(VALUE) < 9);
CREATE DOMAIN subcode AS code CHECK (VALUE <> '');
CREATE TYPE side AS ENUM ('buy', 'sell');
CREATE TYPE pair AS (a integer, b text);

CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text,
    parent_id bigint REFERENCES accounts,
    opened date,
    credit numeric,
    tags text[],
    settings jsonb,
    state text NOT NULL DEFAULT 'open'
);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts,
    symbol ticker,
    kind side NOT NULL,
    amount numeric NOT NULL,
    price numeric,
    note text,
    placed timestamptz NOT NULL DEFAULT now(),
    filled timestamptz,
    span tstzrange CHECK (span IS NOT NULL AND NOT isempty(span)),
    held size,
    code subcode,
    origin pair,
    total numeric GENERATED ALWAYS AS (amount * 2) STORED,
    cost numeric GENERATED ALWAYS AS (amount * price) STORED,
    CONSTRAINT note_or_price CHECK (note IS NOT NULL OR price IS NOT NULL)
);
CREATE TABLE legs (
    order_id integer,
    number integer,
    quantity numeric,
    venue text,
    PRIMARY KEY (order_id, number)
);
CREATE TABLE parts (at timestamptz NOT NULL, kind text, value numeric) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00+00');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2024-01-01 00:00+00') TO (MAXVALUE);
CREATE TABLE base (x integer NOT NULL, y integer CHECK (y IS NOT NULL), z integer);
CREATE TABLE derived (w integer) INHERITS (base);
CREATE TABLE stamped (id integer PRIMARY KEY, note text, size integer NOT NULL);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NULL; RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE later (x integer);
INSERT INTO later VALUES (NULL);
ALTER TABLE later ADD CONSTRAINT x_is_there CHECK (x IS NOT NULL) NOT VALID;

CREATE VIEW account_orders AS
SELECT a.id, a.name, a.email, o.id AS order_id, o.amount, o.price, coalesce(o.amount, 0) AS size
FROM accounts AS a LEFT JOIN orders AS o ON o.account_id = a.id;
CREATE VIEW filled_orders AS SELECT * FROM orders WHERE filled IS NOT NULL;
CREATE MATERIALIZED VIEW totals AS
SELECT account_id, sum(amount) AS amount, sum(price) AS price FROM orders GROUP BY account_id;
CREATE VIEW bought AS SELECT id, note, amount FROM orders WHERE kind = 'buy' AND note IS NOT NULL;

CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 * 2';
CREATE FUNCTION perhaps(integer) RETURNS integer LANGUAGE sql AS 'SELECT nullif($1, 1)';
CREATE FUNCTION several(integer) RETURNS SETOF integer LANGUAGE sql AS 'VALUES ($1), (NULL)';
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric);
