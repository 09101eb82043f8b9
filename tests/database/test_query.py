"""Query: cardinality, shapes, errors with their line, and nothing stored that was not sent."""

import asyncio
import contextlib
import textwrap
import time as clock
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import NOON, few, fresh, look, look_once, query, small_pool

import quantdb
from quantdb import (
    Ambiguous,
    Conflict,
    InexactValue,
    NotFound,
    QuantDBError,
    Query,
    Repo,
    ShapeMismatch,
    TransactionAborted,
    transaction,
)


async def table(db: quantdb.Database, columns: str) -> str:
    """Make a table of the test's own and return its name."""
    name = f"t{fresh()}"
    async with transaction(db) as tx:
        await tx.execute(f"CREATE TABLE {name} ({columns})")
    return name


async def count(db: quantdb.Database, name: str) -> object:
    return await look_once(db, f"SELECT count(*) FROM {name}")


# Cardinality


async def test_one_is_one_row(db: quantdb.Database, tmp_path: Path) -> None:
    rows = query(tmp_path, "SELECT generate_series(1, $1::int)", int)
    assert await rows.one(db, 1) == 1
    with pytest.raises(NotFound):
        await rows.one(db, 0)
    with pytest.raises(Ambiguous, match="3 rows"):
        await rows.one(db, 3)


async def test_find_is_one_row_or_none(db: quantdb.Database, tmp_path: Path) -> None:
    rows = query(tmp_path, "SELECT generate_series(1, $1::int)", int)
    assert await rows.find(db, 1) == 1
    assert await rows.find(db, 0) is None
    with pytest.raises(Ambiguous):
        await rows.find(db, 2)


async def test_all_and_stream_are_every_row_in_order(db: quantdb.Database, tmp_path: Path) -> None:
    rows = query(tmp_path, "SELECT n FROM generate_series(1, $1::int) AS n ORDER BY n DESC", int)
    for number in (0, 1, 999, 1_000, 1_001, 2_500):
        expected = list(range(number, 0, -1))
        assert expected == await rows.all(db, number)
        assert expected == [row async for row in rows.stream(db, number)]


async def test_run_counts_the_rows_that_it_touched(db: quantdb.Database, tmp_path: Path) -> None:
    name = await table(db, "n int")
    insert = query(tmp_path, f"INSERT INTO {name} SELECT generate_series(1, $1::int);")
    assert await insert.run(db, 7) == 7
    assert await insert.run(db, 0) == 0
    assert await query(tmp_path, f"UPDATE {name} SET n = n WHERE n > $1").run(db, 5) == 2
    assert await query(tmp_path, f"SELECT n FROM {name}").run(db) == 7
    assert await query(tmp_path, f"DELETE FROM {name}").run(db) == 7
    assert await query(tmp_path, f"CREATE INDEX ON {name} (n)").run(db) == 0
    assert await query(tmp_path, "DO $$BEGIN PERFORM 1; END$$").run(db) == 0
    assert await count(db, name) == 0


async def test_a_query_without_a_row_type_only_runs(pool: quantdb.Pool, tmp_path: Path) -> None:
    name = await table(pool, "n int")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1) RETURNING n")
    for verb in (insert.one, insert.find, insert.all):
        with pytest.raises(TypeError, match="no row type"):
            await verb(pool, 1)
    with pytest.raises(TypeError, match="no row type"):
        await anext(insert.stream(pool, 1))
    assert await count(pool, name) == 0


@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3)])
async def test_the_number_of_arguments_is_that_of_the_parameters(
    db: quantdb.Database, tmp_path: Path, args: tuple[object, ...]
) -> None:
    both = query(tmp_path, "SELECT $1::int + $2::int", int)
    async with transaction(db) as tx:
        for verb in (both.one, both.find, both.all, both.run):
            with pytest.raises(TypeError, match=f"takes 2 arguments; {len(args)} were given"):
                await verb(tx, *args)
        assert await both.one(tx, 1, 2) == 3


# Rows


@attrs.frozen
class Point:
    x: int
    y: Decimal


async def test_a_row_is_the_arguments_of_its_type(db: quantdb.Database, tmp_path: Path) -> None:
    points = query(tmp_path, "SELECT 1 AS x, 2.50 AS y", Point)
    assert [Point(1, Decimal("2.5"))] == await points.all(db)
    triples = query(tmp_path, "SELECT 1 AS a, 'b' AS b, NULL AS c", lambda *row: row)
    assert await triples.one(db) == (1, "b", None)


PLAIN: list[tuple[str, object]] = [
    ("true", True),
    ("7::int2", 7),
    ("7::int8", 7),
    ("1.50", Decimal("1.5")),
    ("1.5::float8", 1.5),
    ("'a'::text", "a"),
    ("'\\x00ff'::bytea", b"\x00\xff"),
    ("date '2024-02-29'", date(2024, 2, 29)),
    ("timestamptz '2024-03-10 12:00Z'", NOON),
    ("timestamp '2024-03-10 12:00'", NOON.replace(tzinfo=None)),
    ("time '12:34'", time(12, 34)),
    ("interval '1 day 1 us'", timedelta(days=1, microseconds=1)),
    ("'00000000-0000-0000-0000-00000000000f'::uuid", UUID(int=15)),
]


@pytest.mark.parametrize(("sql", "value"), PLAIN)
async def test_a_plain_type_is_one_column_of_it(
    db: quantdb.Database, tmp_path: Path, sql: str, value: object
) -> None:
    kind = type(value)
    assert value == await query(tmp_path, f"SELECT {sql}", kind).one(db)
    assert value == await query(tmp_path, f"SELECT {sql} WHERE $1::int = 1", kind).one(db, 1)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT true", int),
        ("SELECT 1", bool),
        ("SELECT 1", Decimal),
        ("SELECT 1.0", int),
        ("SELECT 1.0", float),
        ("SELECT now()", date),
        ("SELECT current_date", datetime),
        ("SELECT NULL::int", int),
        ("SELECT 'a'", bytes),
        ("SELECT 1, 2", int),
    ],
)
async def test_a_column_of_another_type_is_a_shape_mismatch(
    pool: quantdb.Pool, tmp_path: Path, sql: str, kind: type
) -> None:
    with pytest.raises(ShapeMismatch, match=r"\.sql"):
        await query(tmp_path, sql, kind).one(pool)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("1 AS x", "no column for y"),
        ("1 AS x, 2.0 AS y, 3 AS z", "no field for z"),
        ("2.0 AS y, 1 AS x", "the order is y, x"),
        ("1 AS x, 2.0 AS z", "no column for y; no field for z"),
        ("1 AS x, 2.0 AS x", "no column for y"),
        ('1 AS x, 2.0 AS "Y"', "no column for y; no field for Y"),
    ],
)
async def test_columns_that_are_not_the_fields_are_a_shape_mismatch(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path, columns: str, said: str
) -> None:
    wrong = query(tmp_path, f"SELECT {columns}", Point)
    for db in (pool, plain_pool):
        with pytest.raises(ShapeMismatch, match=said):
            await wrong.all(db)
        with pytest.raises(ShapeMismatch, match=said):
            await anext(wrong.stream(db))


@pytest.mark.parametrize("verb", ["one", "find", "all"])
async def test_a_shape_mismatch_stores_nothing(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path, verb: str
) -> None:
    name = await table(pool, "x int, z numeric")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING x, z", Point)
    verbs = {"one": insert.one, "find": insert.find, "all": insert.all}
    for db in (pool, plain_pool):
        with pytest.raises(ShapeMismatch):
            await verbs[verb](db, 1, Decimal(2))
    with pytest.raises(ShapeMismatch):
        await anext(insert.stream(pool, 1, Decimal(2)))
    assert await count(pool, name) == 0


@pytest.mark.parametrize("verb", ["one", "find", "all"])
async def test_a_shape_mismatch_stores_nothing_by_statement_either(
    statement_pool: quantdb.Pool, tmp_path: Path, verb: str
) -> None:
    name = await table(statement_pool, "x int, z numeric")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING x, z", Point)
    verbs = {"one": insert.one, "find": insert.find, "all": insert.all}
    with pytest.raises(ShapeMismatch):
        await verbs[verb](statement_pool, 1, Decimal(2))
    assert await count(statement_pool, name) == 0


async def test_a_shape_mismatch_that_is_caught_in_a_unit_of_work_stores_nothing(
    pool: quantdb.Pool, tmp_path: Path
) -> None:
    name = await table(pool, "x int, z numeric")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING x, z", Point)

    async def work() -> None:
        async with transaction(pool) as tx:
            with pytest.raises(ShapeMismatch):
                await insert.one(tx, 1, Decimal(2))

    with pytest.raises(TransactionAborted):
        await work()
    assert await count(pool, name) == 0


async def test_several_rows_where_one_was_promised_are_rolled_back(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, statement_pool: quantdb.Pool, tmp_path: Path
) -> None:
    name = await table(pool, "n int")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1), ($1) RETURNING n", int)
    for db in (pool, plain_pool, statement_pool):
        with pytest.raises(Ambiguous):
            await insert.one(db, 1)
        with pytest.raises(Ambiguous):
            await insert.find(db, 1)
        assert await count(pool, name) == 0


# Errors


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT 1\nFROM nowhere", 3),
        ("-- a comment\n\nSELEC 1", 4),
        ("SELECT\n  1,\n  nothing", 4),
        ("/* é\n株 \U0001f4c8 */ SELECT 1,\n 'é', 株", 4),
        ("SELECT 1\n  / 0", 2),
        ("SELECT 1 FROM generate_series(1, 2)\nORDER\n BY 1 LIMT 1", 4),
        ("SELECT $1::int,\n  $2::nosuchtype", 3),
    ],
)
async def test_an_error_of_postgresql_keeps_its_type_and_names_the_line(
    db: quantdb.Database, tmp_path: Path, sql: str, line: int
) -> None:
    wrong = query(tmp_path, sql, int)
    args = [1, 2][: wrong.file.parameters]

    async def ask(verb: str) -> None:
        async with transaction(db) as tx:
            block = tx.transaction()
            await block.start()
            try:
                if verb == "stream":
                    await anext(wrong.stream(tx, *args))
                else:
                    verbs = {"one": wrong.one, "find": wrong.find, "all": wrong.all}
                    await (wrong.run if verb == "run" else verbs[verb])(tx, *args)
            finally:
                await block.rollback()

    for verb in ("one", "find", "all", "run", "stream"):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await ask(verb)
        assert [f"in {wrong.file.path}, line {line}"] == caught.value.__notes__
        assert not isinstance(caught.value, QuantDBError)


async def test_a_conflict_names_its_constraint_and_its_file(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path
) -> None:
    name = await table(pool, "n int CONSTRAINT only_once UNIQUE, EXCLUDE (n WITH =)")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1);")
    await insert.run(pool, 1)
    for db in (pool, plain_pool):
        with pytest.raises(Conflict) as caught:
            await insert.run(db, 1)
        assert caught.value.constraint == "only_once"
        assert isinstance(caught.value.__cause__, asyncpg.UniqueViolationError)
        assert any(insert.file.path in note for note in caught.value.__notes__)


async def test_a_constraint_that_is_checked_at_commit_is_a_conflict_too(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path
) -> None:
    name = await table(pool, "n int CONSTRAINT late UNIQUE DEFERRABLE INITIALLY DEFERRED")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1);")
    await insert.run(pool, 1)
    for db in (pool, plain_pool):
        with pytest.raises(Conflict) as caught:
            await insert.run(db, 1)
        assert caught.value.constraint == "late"
    assert await count(pool, name) == 1


# The boundary


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("numeric", 0.1),
        ("numeric", float("nan")),
        ("numeric", Decimal("NaN")),
        ("numeric", Decimal("Infinity")),
        ("numeric", Decimal("1E+131072")),
        ("numeric", Decimal("1E-16384")),
        ("numeric", True),
        ("numeric", "1"),
        ("int", Decimal("1.9")),
        ("int", 1.9),
        ("int", True),
        ("int", 2**31),
        ("int2", 2**15),
        ("int8", 2**63),
        ("timestamptz", NOON.replace(tzinfo=None)),
        ("timestamptz", NOON.date()),
        ("timestamp", NOON),
        ("date", NOON),
        ("text", "a\0b"),
        ("text", "\ud800"),
        ("text", 7),
        ("text", b"a"),
        ("bool", 1),
        ("bool", "true"),
        ("float4", 0.1),
        ("float8", 2**53 + 1),
        ("uuid", "00000000-0000-0000-0000-000000000001"),
        ("interval", 5),
        ("bytea", "a"),
        ("numeric[]", [Decimal(1), 0.1]),
        ("numeric[]", [[Decimal(1)], [Decimal("NaN")]]),
        ("timestamptz[]", [NOON, NOON.replace(tzinfo=None)]),
        ("int[]", [1, Decimal("1.9")]),
        ("int[]", (1, True)),
        ("text[]", "abc"),
        ("text[]", {"a"}),
    ],
)
async def test_what_would_be_changed_is_refused_before_it_is_sent(
    db: quantdb.Database, tmp_path: Path, column: str, value: object
) -> None:
    async with transaction(db) as tx:
        name = await table(tx, f"v {column}")
        insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1)")
        with pytest.raises(InexactValue) as caught:
            await insert.run(tx, value)
        assert caught.value.field == "$1"
        assert any(insert.file.path in note for note in caught.value.__notes__)
        echo = query(tmp_path, f"SELECT $1::{column} IS NULL", bool)
        with pytest.raises(InexactValue):
            await echo.one(tx, value)
        assert await count(tx, name) == 0


@pytest.mark.parametrize(
    ("base", "value"),
    [
        ("int", Decimal("1.9")),
        ("int", True),
        ("numeric", 0.1),
        ("timestamptz", NOON.replace(tzinfo=None)),
    ],
)
async def test_a_domain_is_as_strict_as_its_base(
    db: quantdb.Database, tmp_path: Path, base: str, value: object
) -> None:
    async with transaction(db) as tx:
        domain = f"d{fresh()}"
        await tx.execute(f"CREATE DOMAIN {domain} AS {base}")
        await tx.execute(f"CREATE DOMAIN {domain}x AS {domain}")
        name = await table(tx, f"v {domain}, w {domain}x")
        for column in ("v", "w"):
            with pytest.raises(InexactValue):
                await query(tmp_path, f"INSERT INTO {name} ({column}) VALUES ($1)").run(tx, value)
        assert await count(tx, name) == 0


@pytest.mark.parametrize(
    ("base", "value"),
    [
        ("int", Decimal("1.9")),
        ("int", True),
        ("numeric", 0.1),
        ("timestamptz", NOON.replace(tzinfo=None)),
    ],
)
async def test_an_array_of_a_domain_is_as_strict_as_its_base(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path, base: str, value: object
) -> None:
    domain = f"d{fresh()}"
    await pool.execute(f"CREATE DOMAIN {domain} AS {base}")
    name = await table(pool, f"v {domain}[]")
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1)")
    for db in (pool, plain_pool):
        with pytest.raises(InexactValue):
            await insert.run(db, [value])
    assert await count(pool, name) == 0


@pytest.mark.parametrize("value", [Decimal("1.9"), 1.9, True])
@pytest.mark.parametrize("column", ["oid", "xid", "regclass"])
async def test_the_number_of_an_object_is_an_int(
    pool: quantdb.Pool, tmp_path: Path, column: str, value: object
) -> None:
    name = await table(pool, f"v {column}")
    with pytest.raises(InexactValue):
        await query(tmp_path, f"INSERT INTO {name} VALUES ($1)").run(pool, value)
    assert await count(pool, name) == 0


async def test_a_refusal_leaves_the_transaction_usable(
    db: quantdb.Database, tmp_path: Path
) -> None:
    async with transaction(db) as tx:
        name = await table(tx, "n numeric")
        insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1)")
        with pytest.raises(InexactValue):
            await insert.run(tx, 0.1)
        await insert.run(tx, Decimal("0.1"))
    assert [(Decimal("0.1"),)] == await look(db, f"SELECT n FROM {name}")


async def test_nulls_and_arrays_pass(db: quantdb.Database, tmp_path: Path) -> None:
    echo = query(
        tmp_path,
        "SELECT $1::numeric[] AS a, $2::timestamptz[] AS b, $3::text[] AS c, $4::int AS d",
        lambda *row: row,
    )
    values = ([Decimal("1.50"), None, Decimal("1E+2")], [NOON, None], ["a", None, '"\\,{}'], None)
    assert values == await echo.one(db, *values)
    assert await echo.one(db, (), [], (), 7) == ([], [], [], 7)
    nested = ([[Decimal(1), Decimal(2)], [Decimal(3), None]], None, [["a"], ["b"]], None)
    assert nested == await echo.one(db, *nested)


# store


@attrs.frozen
class Entry:
    key: int
    value: object


CHANGED: list[tuple[str, object]] = [
    ("numeric(10, 2)", Decimal("1.005")),
    ("numeric(10, 0)", Decimal("1.5")),
    ("varchar(3)", "abc   "),
    ("timestamptz(0)", NOON.replace(microsecond=1)),
    ("timestamptz(3)", NOON.replace(microsecond=1)),
    ("timestamp(0)", NOON.replace(microsecond=1, tzinfo=None)),
    ("interval(0)", timedelta(microseconds=1)),
    ("interval day", timedelta(hours=1)),
    ("time(0)", time(1, 2, 3, 4)),
    ("numeric(10, 2)[]", [Decimal("1.00"), Decimal("1.005")]),
    ("cents", Decimal("1.005")),
    ("shouted", "abc"),
    ("replaced", None),
]


async def changing_table(db: quantdb.Database, column: str) -> str:
    """Make a table whose column ``value`` changes what comes in; return its name."""
    async with transaction(db) as tx:
        if column == "cents":
            await tx.execute("DROP DOMAIN IF EXISTS cents CASCADE")
            await tx.execute("CREATE DOMAIN cents AS numeric(10, 2) CHECK (VALUE > 0)")
        name = await table(
            tx, f"key int, value {'text' if column in {'shouted', 'replaced'} else column}"
        )
        expression = {"shouted": "upper(NEW.value)", "replaced": "coalesce(NEW.value, 'none')"}
        if column in expression:
            await tx.execute(
                f"CREATE FUNCTION f{name}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$BEGIN NEW.value := {expression[column]}; RETURN NEW; END$$"
            )
            await tx.execute(
                f"CREATE TRIGGER changes BEFORE INSERT ON {name}"
                f" FOR EACH ROW EXECUTE FUNCTION f{name}()"
            )
    return name


@pytest.mark.parametrize(("column", "value"), CHANGED)
async def test_what_the_database_changes_is_not_stored(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path, column: str, value: object
) -> None:
    name = await changing_table(pool, column)
    insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING key, value", Entry)
    for db in (pool, plain_pool):
        with pytest.raises(InexactValue) as caught:
            await insert.store(db, Entry(1, value))
        assert caught.value.field == "value"
    assert await count(pool, name) == 0


@pytest.mark.parametrize(("column", "value"), [c for c in CHANGED if c[0] != "cents"])
async def test_what_the_database_changes_is_not_stored_when_the_error_is_caught(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tmp_path: Path, column: str, value: object
) -> None:
    name = await changing_table(pool, column)
    # Nothing tells before that it goes into the column; a domain would be the parameter's type.
    insert = query(tmp_path, f"INSERT INTO {name} SELECT $1, $2 RETURNING key, value", Entry)

    async def work(db: quantdb.Database) -> None:
        async with transaction(db) as tx:
            with pytest.raises(InexactValue):
                await insert.store(tx, Entry(1, value))

    async def asyncpg_s_own_block() -> None:
        async with pool.acquire() as connection, connection.transaction():
            with pytest.raises(InexactValue):
                await insert.store(connection, Entry(1, value))

    for db in (pool, plain_pool):
        with pytest.raises(TransactionAborted):
            await work(db)
    with pytest.raises(TransactionAborted):
        await asyncpg_s_own_block()
    async with plain_pool.acquire() as connection, connection.transaction():
        with pytest.raises(InexactValue):
            await insert.store(connection, Entry(1, value))
    assert await count(pool, name) == 0


async def test_a_savepoint_takes_back_what_was_not_stored_exactly(
    db: quantdb.Database, tmp_path: Path
) -> None:
    async with transaction(db) as tx:
        name = await table(tx, "key int, value numeric(10, 2)")
        insert = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING key, value", Entry)
        block = tx.transaction()
        await block.start()
        with pytest.raises(InexactValue):
            await insert.store(tx, Entry(1, Decimal("1.005")))
        await block.rollback()
        assert Entry(2, Decimal("1.5")) == await insert.store(tx, Entry(2, Decimal("1.5000")))
    assert await count(db, name) == 1


async def test_what_is_sent_and_not_returned_cannot_be_told_to_be_stored(
    pool: quantdb.Pool, tmp_path: Path
) -> None:
    name = await table(pool, "key int, value numeric(10, 2)")
    insert = query(
        tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING key AS x, 1.0 AS y", Point
    )
    with pytest.raises(ShapeMismatch, match="'key'"):
        await insert.store(pool, Entry(1, Decimal(1)))
    assert await count(pool, name) == 0


async def test_a_store_that_stores_nothing_is_not_found(
    db: quantdb.Database, tmp_path: Path
) -> None:
    async with transaction(db) as tx:
        name = await table(tx, "key int UNIQUE, value int")
        insert = query(
            tmp_path,
            f"INSERT INTO {name} VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING key, value",
            Entry,
        )
        assert Entry(1, 2) == await insert.store(tx, Entry(1, 2))
        with pytest.raises(NotFound):
            await insert.store(tx, Entry(1, 3))
        assert Entry(2, 3) == await insert.store(tx, Entry(2, 3))


async def test_a_store_of_several_rows_is_rolled_back(pool: quantdb.Pool, tmp_path: Path) -> None:
    name = await table(pool, "key int, value int")
    insert = query(
        tmp_path, f"INSERT INTO {name} VALUES ($1, $2), ($1, $2) RETURNING key, value", Entry
    )
    with pytest.raises(Ambiguous):
        await insert.store(pool, Entry(1, 2))
    assert await count(pool, name) == 0


@few
@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**8), max_value=10**8)
)
async def test_a_column_with_a_scale_keeps_what_fits_and_refuses_the_rest(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    tmp_path_factory: pytest.TempPathFactory,
    value: Decimal,
) -> None:
    name = f"t{fresh()}"
    insert = query(
        tmp_path_factory.mktemp("sql"),
        f"INSERT INTO {name} VALUES ($1, $2) RETURNING key, value",
        Entry,
    )
    fits = (Fraction(value) * 100).denominator == 1
    for db in (pool, plain_pool):
        async with transaction(db) as tx:
            await tx.execute(f"CREATE TEMP TABLE {name} (key int, value numeric(20, 2))")
            if fits:
                assert Entry(1, value) == await insert.store(tx, Entry(1, value))
            block = tx.transaction()
            await block.start()
            if not fits:
                with pytest.raises(InexactValue):
                    await insert.store(tx, Entry(1, value))
            await block.rollback()
            await tx.execute(f"DROP TABLE {name}")


# Time


async def test_a_statement_takes_no_longer_than_it_may(dsn: str, tmp_path: Path) -> None:
    slow = query(tmp_path, "SELECT 1 FROM pg_sleep(30)", int)
    async with small_pool(dsn) as pool:
        for verb in (slow.one, slow.find, slow.all, slow.run):
            began = clock.monotonic()
            with pytest.raises(TimeoutError):
                await verb(pool, timeout=0.1)
            assert clock.monotonic() - began < 5
        with pytest.raises(TimeoutError):
            await anext(slow.stream(pool, timeout=0.1))
        assert await query(tmp_path, "SELECT 1", int).one(pool) == 1


async def test_a_pool_limits_every_statement(dsn: str, tmp_path: Path) -> None:
    config = quantdb.PoolConfig(dsn, min_size=0, max_size=1, command_timeout=0.2)
    slow = query(tmp_path, "SELECT 1 FROM pg_sleep(30)", int)
    async with quantdb.create_pool(config) as pool:
        with pytest.raises(TimeoutError):
            await slow.one(pool)
        assert await query(tmp_path, "SELECT 1 FROM pg_sleep(0.4)", int).one(pool, timeout=9) == 1


# Changes of the schema under an open pool


@asynccontextmanager
async def two_connections(kind: str, dsn: str) -> AsyncGenerator[quantdb.Database]:
    """Give a pool of two connections of the test's own."""
    if kind == "ours":
        async with small_pool(dsn, max_size=2) as pool:
            yield pool
    else:
        async with asyncpg.create_pool(dsn, min_size=0, max_size=2) as plain:
            yield plain


@pytest.mark.parametrize("kind", ["ours", "plain"])
@pytest.mark.parametrize("warm", [1, 10])
async def test_a_column_that_became_numeric_never_truncates(
    dsn: str, tmp_path: Path, kind: str, warm: int
) -> None:
    failures = (QuantDBError, asyncpg.PostgresError, asyncpg.InterfaceError)
    async with two_connections(kind, dsn) as db:
        name = await table(db, "key int, value int")
        run = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2)")
        store = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING key, value", Entry)
        find = query(tmp_path, f"SELECT key, value FROM {name} WHERE value = $1", Entry)
        for n in range(warm):
            await asyncio.gather(run.run(db, n, n), run.run(db, n, n))
            await asyncio.gather(store.store(db, Entry(n, n)), find.all(db, n))
        admin = await asyncpg.connect(dsn)
        await admin.execute(f"ALTER TABLE {name} ALTER value TYPE numeric")
        await admin.execute(f"DELETE FROM {name}")
        await admin.close()
        answers = await asyncio.gather(
            *(run.run(db, n, Decimal(f"{n}.5")) for n in range(8)), return_exceptions=True
        )
        assert all(answer == 1 or isinstance(answer, failures) for answer in answers)
        wanted = [(Decimal(f"{n}.5"),) for n in range(8) if answers[n] == 1]
        assert wanted == await look(db, f"SELECT value FROM {name} ORDER BY value")
        for value in (Decimal("10.5"), Decimal("11.5")):
            with contextlib.suppress(*failures):
                assert Entry(0, value) == await store.store(db, Entry(0, value))
                assert [Entry(0, value)] == await find.all(db, value)


async def test_after_a_change_of_the_columns_a_connection_fails_once_at_most(
    dsn: str, tmp_path: Path
) -> None:
    async with small_pool(dsn) as pool:
        name = await table(pool, "x int, y numeric")
        await pool.execute(f"INSERT INTO {name} VALUES (1, 2)")
        points = query(tmp_path, f"SELECT x, y FROM {name} WHERE x = $1", Point)
        other = query(tmp_path, f"SELECT x, y FROM {name} WHERE x = $1 AND y > 0", Point)
        for _ in range(7):
            assert await points.all(pool, 1) == await other.all(pool, 1) == [Point(1, Decimal(2))]
        admin = await asyncpg.connect(dsn)
        await admin.execute(f"ALTER TABLE {name} ALTER x TYPE bigint")
        await admin.close()
        with contextlib.suppress(asyncpg.InvalidCachedStatementError):
            await points.all(pool, 1)
        assert await points.all(pool, 1) == await other.all(pool, 1) == [Point(1, Decimal(2))]


# One's own repository


async def test_a_repository_of_ones_own_is_a_class_and_a_folder(
    db: quantdb.Database, tmp_path: Path
) -> None:
    source = """
        @attrs.frozen
        class Note:
            id: UUID
            text: str
            at: datetime

        class NoteRepo(Repo):
            _insert = Query(SQL / "insert.sql", Note)
            _search = Query(SQL / "search.sql", Note)

            async def insert(self, note: Note) -> Note:
                return await self._insert.store(self.db, note)

            async def search(self, word: str) -> list[Note]:
                return await self._search.all(self.db, word)
    """
    assert len(source.strip().splitlines()) < 20
    notes = f"notes{fresh()}"
    (tmp_path / "insert.sql").write_text(
        f"-- name: insert :one\nINSERT INTO {notes} (id, text, at) VALUES ($1, $2, $3)"
        " RETURNING id, text, at;\n"
    )
    (tmp_path / "search.sql").write_text(
        f"-- name: search :many\nSELECT id, text, at FROM {notes} WHERE text ~ $1 ORDER BY at;\n"
    )

    @attrs.frozen
    class Note:
        id: UUID
        text: str
        at: datetime

    class NoteRepo(Repo):
        _insert = Query(tmp_path / "insert.sql", Note)
        _search = Query(tmp_path / "search.sql", Note)

        async def insert(self, note: Note) -> Note:
            return await self._insert.store(self.db, note)

        async def search(self, word: str) -> list[Note]:
            return await self._search.all(self.db, word)

    async with transaction(db) as tx:
        await tx.execute(f"CREATE TABLE {notes} (id uuid, text text, at timestamptz)")
    note = Note(uuid4(), "Buy low", NOON)
    assert note == await NoteRepo(db).insert(note)
    assert [note] == await NoteRepo(db).search("low")
    assert [(note.id, "Buy low", datetime(2024, 3, 10, 12, tzinfo=UTC))] == await look(
        db, f"SELECT id, text, at FROM {notes}"
    )
    async with transaction(db) as tx:
        await tx.execute(f"DROP TABLE {notes}")
    assert textwrap.dedent(source)


# Borrowed connections


@pytest.mark.parametrize(
    ("sql", "is_clean"),
    [
        (
            "SELECT set_config('search_path', 'pg_catalog', false)",
            "SELECT current_setting('search_path') <> 'pg_catalog'",
        ),
        ("SET statement_timeout = 12345", "SELECT current_setting('statement_timeout') = '0'"),
        ("SET ROLE pg_monitor", "SELECT current_user <> 'pg_monitor'"),
        (
            "CREATE TEMP TABLE leftover AS SELECT 1 AS n",
            "SELECT to_regclass('pg_temp.leftover') IS NULL",
        ),
        (
            "SELECT pg_advisory_lock(4711)",
            "SELECT count(*) = 0 FROM pg_locks WHERE objid = 4711 AND pid = pg_backend_pid()",
        ),
    ],
    ids=["search_path", "setting", "role", "temporary table", "advisory lock"],
)
async def test_a_query_that_dirties_the_session_dirties_no_other_borrower_s(
    dsn: str, tmp_path: Path, sql: str, is_clean: str
) -> None:
    async with small_pool(dsn) as pool:
        await query(tmp_path, sql).run(pool)
        assert await query(tmp_path, is_clean, bool).one(pool)


async def test_two_streams_of_one_query_run_side_by_side(
    pool: quantdb.Pool, tmp_path: Path
) -> None:
    numbers = query(tmp_path, "SELECT generate_series(1, $1::int)", int)

    async def total(number: int) -> int:
        summed = 0
        async with aclosing(numbers.stream(pool, number)) as stream:
            async for row in stream:
                summed += row
        return summed

    assert [n * (n + 1) // 2 for n in range(0, 5_000, 500)] == await asyncio.gather(
        *(total(n) for n in range(0, 5_000, 500))
    )


@attrs.frozen
class Account:
    key: int
    token: str = attrs.field(metadata={"secret": True}, repr=False)


@pytest.mark.parametrize("token", ["c4n4ry\0", "c4n4ry   "])
async def test_the_value_of_a_secret_field_is_in_no_error(
    pool: quantdb.Pool, tmp_path: Path, token: str
) -> None:
    name = await table(pool, "key int, token varchar(6)")
    store = query(tmp_path, f"INSERT INTO {name} VALUES ($1, $2) RETURNING key, token", Account)
    with pytest.raises(InexactValue, match="token") as caught:
        await store.store(pool, Account(1, token))
    assert "c4n4ry" not in "".join(traceback.format_exception(caught.value))
    assert await count(pool, name) == 0
