"""Hazards by the text alone: each is found at its word, and what only looks like one is left."""

import pytest

from quantdb.check.facts import Column, PgType
from quantdb.check.hazards import Statement, hazards
from quantdb.check.money import is_monetary
from quantdb.check.problems import Rule
from quantdb.check.source import source

FLOAT8 = PgType("float8")
TIMESTAMP = PgType("timestamp")


def found(  # noqa: PLR0913 - what the server may say, each by its name
    sql: str,
    *,
    names: tuple[str, ...] = (),
    reads: bool = False,
    rounds: bool = False,
    parameters: tuple[PgType, ...] = (),
    columns: tuple[Column, ...] = (),
    covered: frozenset[tuple[Rule, str]] = frozenset(),
) -> list[tuple[Rule, str]]:
    """The rules that are said of a statement, each with the text that is underlined."""
    made = Statement(source("q.sql", sql), names, reads, parameters, columns, rounds, covered)
    lines = sql.split("\n")
    return [
        (
            each.rule,
            lines[each.place.line - 1][each.place.column - 1 :][: each.place.width],
        )
        for each in hazards(made)
    ]


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT * FROM t", 1),
        ("SELECT *", 1),
        ("SELECT*FROM t", 1),
        ("SELECT a,\n  * FROM t", 1),
        ("SELECT t.* FROM t", 1),
        ("SELECT (f(x)).* FROM t", 1),
        ('SELECT "T".* FROM "T"', 1),
        ("SELECT ALL * FROM t", 1),
        ("SELECT DISTINCT * FROM t", 1),
        ("SELECT DISTINCT ON (a, b) * FROM t", 1),
        ("SELECT a FROM (SELECT * FROM t) AS s", 1),
        ("SELECT a FROM t WHERE EXISTS (SELECT * FROM u)", 1),
        ("WITH x AS (SELECT * FROM t) SELECT a FROM x", 1),
        ("INSERT INTO t SELECT * FROM u", 1),
        ("INSERT INTO t VALUES (1) RETURNING *", 1),
        ("UPDATE t SET a = 1 RETURNING t.*", 1),
        ("INSERT INTO t VALUES (1) RETURNING WITH (OLD AS o) *", 1),
        ("SELECT a FROM t UNION SELECT * FROM u", 1),
        ("SELECT *, t.* FROM t", 2),
        ("SELECT to_jsonb(t.*) FROM t", 1),
        ("SELECT count(*) FROM t", 0),
        ("SELECT count( * ) FILTER (WHERE a) FROM t", 0),
        ("SELECT a * b, a*b, 2 * 3, (a) * (b), a[1] * 2, f(a) * b FROM t", 0),
        ("SELECT DISTINCT ON (a) a * b FROM t", 0),
        ("SELECT t.all * 2 FROM t", 0),
        ("SELECT '*', \"*\", $$ SELECT * $$ -- *\nFROM t /* SELECT * */", 0),
        ("SELECT a ** b FROM t", 0),
        ("SELECT a FROM t WHERE a * -1 > 0", 0),
    ],
)
def test_a_star_is_one_only_where_it_lists_columns(sql: str, count: int) -> None:
    assert [("select-star", "*")] * count == found(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("TABLE t", True),
        ("SELECT a FROM t UNION ALL TABLE u", True),
        ("WITH x AS (TABLE t) SELECT a FROM x", True),
        ("WITH x AS (SELECT 1) TABLE x", True),
        ("SELECT a FROM (TABLE t) AS s", True),
        ("LOCK TABLE t", False),
        ("TRUNCATE TABLE t", False),
        ("DROP TABLE t", False),
        ('SELECT "table" FROM t', False),
    ],
)
def test_table_is_a_star_where_it_is_a_query(sql: str, *, expected: bool) -> None:
    assert expected is (found(sql) == [("select-star", "TABLE")])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SET work_mem = '1MB'", "SET"),
        ("SET work_mem TO DEFAULT", "SET"),
        ("SET SESSION work_mem = '1MB'", "SET"),
        ("SET TIME ZONE 'UTC'", "SET"),
        ("SET ROLE other", "SET"),
        ("set search_path = x", "set"),
        ("SELECT set_config('a.b', $1, false)", "set_config"),
        ("SELECT set_config('a.b', $1, $2)", "set_config"),
        ("SELECT pg_catalog.set_config('a.b', f(1, true), 'f')", "set_config"),
        ("SELECT SET_CONFIG('a.b', $1, is_local => false)", "SET_CONFIG"),
        ("SET LOCAL work_mem = '1MB'", ""),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ""),
        ("SET CONSTRAINTS ALL DEFERRED", ""),
        ("UPDATE t SET a = 1", ""),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", ""),
        ("ALTER TABLE t ALTER a SET NOT NULL", ""),
        ("SELECT set_config('a.b', $1, true)", ""),
        ("SELECT set_config('a.b', $1, is_local => true)", ""),
        ("SELECT set_config('a.b', $1, 'on'::boolean)", ""),
        ("SELECT 'SET x = 1', \"set\" FROM t -- SET x", ""),
    ],
)
def test_a_setting_that_stays_is_found(sql: str, expected: str) -> None:
    assert ([("session-set", expected)] if expected else []) == found(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("INSERT INTO t VALUES (1) RETURNING a", "INSERT"),
        ("WITH d AS (DELETE FROM t RETURNING a) SELECT a FROM d", "DELETE"),
        ("WITH d AS (SELECT 1) UPDATE t SET a = 1 RETURNING a", "UPDATE"),
        ("UPDATE ONLY t SET a = 1 RETURNING a", "UPDATE"),
        ("MERGE INTO t USING u ON a = b WHEN MATCHED THEN UPDATE SET a = 1 RETURNING a", "MERGE"),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2 RETURNING a", "INSERT"),
        ("SELECT a FROM t FOR UPDATE", ""),
        ("SELECT a FROM t FOR NO KEY UPDATE OF t SKIP LOCKED", ""),
        ("SELECT a FROM t WHERE b = 'DELETE FROM t'", ""),
        ("SELECT insert, delete, update, merge FROM t", ""),
        ('SELECT "update" FROM t', ""),
    ],
)
def test_a_write_is_found_in_what_is_read_by(sql: str, expected: str) -> None:
    assert ([("write-in-read", expected)] if expected else []) == found(sql, reads=True)
    assert found(sql) == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a::timestamp FROM t", "timestamp"),
        ("SELECT a::timestamp(3) FROM t", "timestamp(3)"),
        ("SELECT a::timestamp without time zone FROM t", "timestamp without time zone"),
        ("SELECT a::pg_catalog.timestamp FROM t", "pg_catalog.timestamp"),
        ('SELECT a::"timestamp" FROM t', '"timestamp"'),
        ("SELECT $1::timestamp[]", "timestamp[]"),
        ("SELECT CAST(a AS timestamp)", "timestamp"),
        ("SELECT CAST((SELECT a AS b FROM t) AS\n TIMESTAMP)", "TIMESTAMP"),
        ("SELECT timestamp '2024-01-01'", "timestamp"),
        ("SELECT a FROM t WHERE b < timestamp(0) '2024-01-01'", "timestamp(0)"),
        ("SELECT x.a FROM f() AS x (a timestamp, b int)", "timestamp"),
        ("SELECT x.a FROM f() AS (b int, a timestamp)", "timestamp"),
        ("SELECT localtimestamp", "localtimestamp"),
        ("SELECT a::tsrange FROM t", "tsrange"),
        ("SELECT json_value(a, '$.x' RETURNING timestamp)", "timestamp"),
        ("SELECT a::timestamptz, CAST(a AS timestamptz), timestamptz '2024-01-01'", ""),
        ("SELECT a::timestamp with time zone, CAST(a AS timestamp(3) with time zone)", ""),
        ("SELECT 'timestamp', \"timestamp\", t.timestamp FROM t -- ::timestamp", ""),
        ("SELECT a AS timestamp, timestamp FROM t", ""),
        ("SELECT a FROM timestamp AS timestamp (timestamp, b)", ""),
        ("SELECT to_timestamp(1), current_timestamp, transaction_timestamp()", ""),
        ("SELECT a::tstzrange FROM t", ""),
    ],
)
def test_a_timestamp_is_found_where_it_is_a_type(sql: str, expected: str) -> None:
    assert ([("timestamp", expected)] if expected else []) == found(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a::numeric(10, 2)", "numeric(10, 2)"),
        ("SELECT CAST(a AS decimal(10))", "decimal(10)"),
        ("SELECT a::dec(5,1)[]", "dec(5,1)[]"),
        ("SELECT numeric(3,1) '1.25'", "numeric(3,1)"),
        ("SELECT a::pg_catalog.numeric(10,2)::text", "pg_catalog.numeric(10,2)"),
        ("SELECT x.a FROM f() AS x (a numeric(10,2))", "numeric(10,2)"),
        ("SELECT a::numeric, CAST(a AS decimal), numeric '1.25', round(a, 2)", ""),
        ("SELECT a::varchar(10), b::bit(3), c::time(3)", ""),
        ("SELECT (a::numeric) FROM t WHERE b IN (a::numeric, 2)", ""),
    ],
)
def test_a_scale_is_found(sql: str, expected: str) -> None:
    assert ([("numeric-scale", expected)] if expected else []) == found(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT price::float8 FROM t", "float8"),
        ("SELECT avg(t.price::double precision) AS a FROM t", "double precision"),
        ("SELECT CAST(fee AS real) FROM t", "real"),
        ("SELECT float8(bid_size) FROM t", "float8"),
        ("SELECT pg_catalog.float4(quantity) FROM t", "pg_catalog.float4"),
        ("SELECT sum(x)::float AS total FROM t", "float"),
        ("SELECT (sum(a) / sum(b))::float(53) AS vwap FROM t", "float(53)"),
        ("SELECT sum(price) OVER (PARTITION BY a)::float8 FROM t", "float8"),
        ("SELECT sum(price) FILTER (WHERE b) OVER w::float8 FROM t", "float8"),
        ("SELECT CASE WHEN a THEN price ELSE 0 END::float8 FROM t", "float8"),
        ("SELECT ARRAY[price, 1]::float8[] FROM t", "float8[]"),
        ("SELECT price::numeric(9, 2)::text::float8 FROM t", "float8"),
        ("SELECT quantity * '0.5'::float8 FROM t", "float8"),
        ("SELECT float8 '0.5' * t.quantity FROM t", "float8"),
        ("SELECT id FROM t WHERE price >= $1::real", "real"),
        ("SELECT '1'::money", "money"),
        ("SELECT x.price FROM f() AS x (price float8)", "float8"),
        ("SELECT signal::float8, CAST(a AS real), float8 '0.5' FROM t", ""),
        ("SELECT stddev(ln(close))::float8 AS volatility FROM t", ""),
        ("SELECT (price / lag(price) OVER w - 1)::float8 AS daily_return FROM t", ""),
        ("SELECT extract(epoch FROM open_time)::float8 FROM t", ""),
        ("SELECT price::numeric, price::text, price::int FROM t", ""),
        ("SELECT a AS float8, t.money, \"real\", 'price::float8' FROM t -- price::float8", ""),
        ("SELECT (SELECT a FROM t LIMIT 1)::float8", ""),
    ],
)
def test_money_in_a_float_is_found_by_the_names_around_it(sql: str, expected: str) -> None:
    without_scales = [each for each in found(sql) if each[0] != "numeric-scale"]
    assert ([("float-money", expected)] if expected else []) == without_scales


def test_the_comment_may_name_a_parameter_as_money() -> None:
    sql = "SELECT $2::float8, $1"

    assert found(sql, names=("day", "limit_price")) == [("float-money", "float8")]
    assert found(sql, names=("day", "threshold")) == []


def test_a_cast_that_the_server_knows_to_round_needs_no_name() -> None:
    assert found("SELECT x::float8 FROM t") == []
    assert found("SELECT x::float8, '0.5'::float8 FROM t", rounds=True) == [
        ("float-money", "float8")
    ]
    assert found("SELECT x::float8 AS signal FROM t", rounds=True) == []


def test_what_the_server_makes_a_float_is_found_at_its_column() -> None:
    columns = (Column("n", PgType("int8"), False, 1, 8), Column("median", FLOAT8, False, 1, 18))
    sql = "SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY price) AS median FROM t"

    underlined = "percentile_cont(0.5) WITHIN GROUP (ORDER BY price) AS median"
    assert found(sql, columns=columns, rounds=True) == [("float-money", underlined)]
    assert found(sql, columns=columns) == []


def test_a_column_of_the_database_is_found_by_its_type() -> None:
    price, at = Column("price", FLOAT8, False, 1, 8), Column("at", TIMESTAMP, False, 1, 15)
    sql = "SELECT price, at FROM t WHERE b = $1"

    assert found(sql, columns=(price, at), parameters=(PgType("tsrange", kind="range"),)) == [
        ("timestamp", "$1"),
        ("timestamp", "at"),
        ("float-money", "price"),
    ]


def test_what_the_schema_says_is_not_said_of_every_statement() -> None:
    columns = (Column("at", TIMESTAMP, False, 1, 8),)

    assert (
        found("SELECT at FROM t", columns=columns, covered=frozenset({("timestamp", "at")})) == []
    )
    assert found("SELECT at::timestamp FROM t", covered=frozenset({("timestamp", "at")})) == [
        ("timestamp", "timestamp")
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "CREATE TEMP TABLE t (price numeric(9, 2) NOT NULL)",
            [("numeric-scale", "numeric(9, 2)")],
        ),
        ("CREATE TABLE t (a int, at timestamp(3) DEFAULT now())", [("timestamp", "timestamp(3)")]),
        ('CREATE TABLE t ("price" double precision[])', [("float-money", "double precision[]")]),
        ("CREATE TABLE t (signal float8, x real, fees money)", [("float-money", "money")]),
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS fee real", [("float-money", "real")]),
        ("ALTER TABLE ONLY t ALTER a SET DATA TYPE timestamp", [("timestamp", "timestamp")]),
        ("CREATE DOMAIN usd AS decimal(18, 2)", [("numeric-scale", "decimal(18, 2)")]),
        ("CREATE TYPE leg AS (price float4, a int)", [("float-money", "float4")]),
        ("CREATE TYPE span AS RANGE (subtype = timestamp)", [("timestamp", "timestamp")]),
        ("CREATE TEMP TABLE t AS SELECT price::real FROM u", [("float-money", "real")]),
        ("CREATE TABLE t (at timestamptz, a timestamp with time zone, b interval)", []),
        ("CREATE TABLE t (timestamp text, money int, CHECK (a > timestamp '2024-01-01'))", []),
        ("CREATE TABLE t (LIKE u INCLUDING ALL, CONSTRAINT c CHECK (a::float8 > 0))", []),
        ("CREATE INDEX i ON t (price, at)", []),
    ],
)
def test_what_a_statement_defines_is_looked_at(sql: str, expected: list[tuple[str, str]]) -> None:
    assert expected == found(sql)


@pytest.mark.parametrize(
    "name",
    ["price", "avg_price", "bidSize", "Qty", "pnl", "vwap", "fees", "open", "high_52w", "total"],
)
def test_a_monetary_name_is_known(name: str) -> None:
    assert is_monetary(name)


@pytest.mark.parametrize(
    "name",
    ["signal", "volatility", "price_volatility", "close_zscore", "total_return", "id", "x", ""],
)
def test_a_statistic_of_money_is_none(name: str) -> None:
    assert not is_monetary(name)
