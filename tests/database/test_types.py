"""Every type by every way in and out: kept, in its normal form, or refused and not stored."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, time
from decimal import Decimal
from itertools import cycle
from operator import attrgetter
from pathlib import Path
from typing import Final, Literal, TypeGuard
from uuid import UUID

import asyncpg
import attrs
import pytest
from cases import KINDS, SETUP, Kind
from support import DAWN, DUSK, HOUR, ZONES, fresh, query

import quantdb
from quantdb import InexactValue, PoolConfig, QuantDBError
from quantdb.sameness import same

VERSION: Final = "SELECT current_setting('server_version_num')::integer"


def kinds_with(
    *names: str, where: Callable[[Kind], bool] = lambda _kind: True
) -> pytest.MarkDecorator:
    """Have a test look at every kind that has values of these names."""
    found = [kind for kind in KINDS if where(kind) and any(getattr(kind, name) for name in names)]
    return pytest.mark.parametrize("kind", found, ids=[kind.name for kind in found])


@attrs.frozen
class Row:
    n: int
    value: object


def only(value: object) -> object:
    return value


@attrs.frozen
class Databases:
    """The pools that values go through.

    Attributes:
        text: Its connections begin with the text codecs, and go over when they must.
        portable: Its one connection has gone over to the portable codecs.
        statement: A method of one statement is its own transaction.
        plain: asyncpg's own.
    """

    text: quantdb.Pool
    portable: quantdb.Pool
    statement: quantdb.Pool
    plain: asyncpg.Pool


@pytest.fixture(scope="module")
async def dbs(dsn: str) -> AsyncIterator[Databases]:
    def config(transactions: Literal["explicit", "statement"] = "explicit") -> PoolConfig:
        return PoolConfig(dsn, min_size=0, max_size=1, transactions=transactions)

    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=0, max_size=1))
        name = await plain.fetchval("SELECT quote_ident(current_database())")
        await plain.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # for speed
        await plain.expire_connections()
        text, portable = [
            await stack.enter_async_context(quantdb.create_pool(config())) for _ in "12"
        ]
        statement = await stack.enter_async_context(quantdb.create_pool(config("statement")))
        await text.execute(SETUP)
        assert await portable.fetchval("SELECT $1::leg", (1, 2)) == (1, 2)
        yield Databases(text, portable, statement, plain)


# Equal and of the same type: what == does not tell


def alike(one: object, two: object) -> bool:
    one = tuple(one) if isinstance(one, asyncpg.Record) else one
    two = tuple(two) if isinstance(two, asyncpg.Record) else two
    if is_range(one) and is_range(two):
        return one == two and all(map(alike, bounds(one), bounds(two)))
    if type(one) is not type(two) and not isinstance(one, UUID):
        return False
    if is_items(one) and is_items(two):
        return len(one) == len(two) and all(map(alike, one, two))
    if is_mapping(one) and is_mapping(two):
        return one.keys() == two.keys() and all(alike(one[key], two[key]) for key in one)
    if isinstance(one, Decimal) and isinstance(two, Decimal):
        return one.as_tuple() == two.as_tuple()
    if isinstance(one, float):
        return repr(one) == repr(two)
    if isinstance(one, datetime) and isinstance(two, datetime) and one.tzinfo is not two.tzinfo:
        return False
    return one == two


bounds: Final[Callable[[object], tuple[object, object]]] = attrgetter("lower", "upper")


def is_range(value: object) -> bool:
    return isinstance(value, asyncpg.Range)


def is_items(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, dict)


# The ways


Way = Callable[[Sequence[object]], Awaitable[list[object]]]


@attrs.frozen
class Table:
    """A table of one kind, and the ways that values go in and come out."""

    name: str
    folder: Path
    asked: str

    @property
    def insert(self) -> str:
        return f"INSERT INTO {self.name} (n, value) VALUES ($1, $2)"

    @property
    def select(self) -> str:
        return f"SELECT value FROM {self.name} ORDER BY n"

    def stored(self, db: quantdb.Database) -> Way:
        statement = query(self.folder, f"{self.insert} RETURNING n, value", Row)

        async def way(values: Sequence[object]) -> list[object]:
            return [(await statement.store(db, Row(n, v))).value for n, v in enumerate(values)]

        return way

    def echoed(self, db: quantdb.Database) -> Way:
        statement = query(self.folder, f"SELECT $1::{self.asked} AS value", only)

        async def way(values: Sequence[object]) -> list[object]:
            return [await statement.one(db, value) for value in values]

        return way

    def run(self, db: quantdb.Database) -> Way:
        insert, select = query(self.folder, self.insert), query(self.folder, self.select, only)

        async def way(values: Sequence[object]) -> list[object]:
            for n, value in enumerate(values):
                assert await insert.run(db, n, value) == 1
            found = await select.all(db)
            streamed = [value async for value in select.stream(db)]
            assert all(map(alike, found, streamed))
            return found

        return way

    def executed(self, pool: quantdb.Pool) -> Way:
        async def way(values: Sequence[object]) -> list[object]:
            for n, value in enumerate(values):
                await pool.execute(self.insert, n, value)
            return [row[0] for row in await pool.fetch(self.select)]

        return way

    def executed_many(self, pool: quantdb.Pool) -> Way:
        async def way(values: Sequence[object]) -> list[object]:
            await pool.executemany(self.insert, list(enumerate(values)))
            return [row[0] for row in await pool.fetch(self.select)]

        return way

    def copied(self, pool: quantdb.Pool) -> Way:
        async def way(values: Sequence[object]) -> list[object]:
            status = await pool.copy_records_to_table(self.name, records=list(enumerate(values)))
            assert status == f"COPY {len(values)}"
            return [row[0] for row in await pool.fetch(self.select)]

        return way

    def prepared(self, pool: quantdb.Pool) -> Way:
        async def way(values: Sequence[object]) -> list[object]:
            async with pool.acquire() as connection:
                statement = await connection.prepare(f"{self.insert} RETURNING value")
                return [await statement.fetchval(n, value) for n, value in enumerate(values)]

        return way

    def ways_of_ours(self, dbs: Databases) -> dict[str, Way]:
        """Every way of a pool of quantdb's into the table."""
        return {
            "store": self.stored(dbs.text),
            "store by statement": self.stored(dbs.statement),
            "run": self.run(dbs.statement),
            "execute": self.executed(dbs.text),
            "executemany": self.executed_many(dbs.text),
            "copy": self.copied(dbs.text),
            "copy, portable": self.copied(dbs.portable),
            "prepared": self.prepared(dbs.portable),
        }

    def echoes(self, dbs: Databases) -> dict[str, Way]:
        """Every way of a pool of quantdb's there and back, without a table."""
        return {
            "one": self.echoed(dbs.text),
            "one, portable": self.echoed(dbs.portable),
            "one by statement": self.echoed(dbs.statement),
        }


@pytest.fixture
async def table(dbs: Databases, kind: Kind, tmp_path: Path) -> AsyncIterator[Table]:
    name = f"t{fresh()}"
    await dbs.plain.execute(f"CREATE TABLE {name} (n integer, value {kind.name})")
    yield Table(name, tmp_path, kind.asked)
    await dbs.plain.execute(f"DROP TABLE {name}")


async def emptied(dbs: Databases, table: Table) -> None:
    await dbs.plain.execute(f"DELETE FROM {table.name}")


@kinds_with("kept", "made")
async def test_what_is_taken_comes_back_equal_and_of_its_type_or_in_its_normal_form(
    dbs: Databases, kind: Kind, table: Table
) -> None:
    await dbs.text.expire_connections()
    forms = [*kind.forms, (None, None)]
    echoes = table.echoes(dbs) if kind.asked == kind.name else {}
    for way, go in {**echoes, **table.ways_of_ours(dbs)}.items():
        back = await go([value for value, _form in forms])
        for (value, form), found in zip(forms, back, strict=True):
            assert alike(form, found), (way, value, found)
        await emptied(dbs, table)


@kinds_with("refused", "changed")
async def test_what_would_change_is_refused_with_nothing_stored(
    dbs: Databases, kind: Kind, table: Table
) -> None:
    ways, echoes = table.ways_of_ours(dbs), table.echoes(dbs)
    both = {**ways, **echoes}
    turn = cycle(both)
    for value in kind.refused:  # by these ways, and by the others in turn
        for way in ("store", "copy", next(turn)):
            await see_refused(both[way], value, way)
    for value in kind.changed:
        for way in ways:
            await see_refused(ways[way], value, way)
    assert await dbs.plain.fetchval(f"SELECT count(*) FROM {table.name}") == 0


async def see_refused(go: Way, value: object, way: str) -> None:
    try:
        back = await go([value])
    except InexactValue:
        return
    pytest.fail(f"{way} made {back!r} of {value!r}")


@kinds_with("refused_by_server")
async def test_what_only_the_server_refuses_is_not_stored(
    dbs: Databases, kind: Kind, table: Table
) -> None:
    for value in kind.refused_by_server:
        for go in table.ways_of_ours(dbs).values():
            with pytest.raises((asyncpg.PostgresError, QuantDBError)):
                await go([value])
    assert await dbs.plain.fetchval(f"SELECT count(*) FROM {table.name}") == 0


# The same rules inside a composite, an array and a domain


@asynccontextmanager
async def made_of(dbs: Databases, kind: Kind, folder: Path, form: str) -> AsyncGenerator[Table]:
    """Give a table of a type that is made of a kind."""
    name = f"x{fresh()}"
    create = {
        "composite": f"CREATE TYPE c{name} AS (n integer, value {kind.name}, z text)",
        "domain": f"CREATE DOMAIN c{name} AS {kind.name}",
        "array": "SELECT 1",
    }
    await dbs.plain.execute(create[form])
    made = f"{kind.name}[]" if form == "array" else f"c{name}"
    await dbs.plain.execute(f"CREATE TABLE {name} (n integer, value {made})")
    yield Table(name, folder, made)
    await dbs.plain.execute(f"DROP TABLE {name}")


async def see_all(
    dbs: Databases,
    table: Table,
    ways: Mapping[str, Way],
    kept: Sequence[tuple[object, object]],
    refused: Sequence[object],
) -> None:
    for way, go in ways.items():
        back = await go([value for value, _form in kept])
        for (value, form), found in zip(kept, back, strict=True):
            assert alike(form, found), (way, value, found)
        await emptied(dbs, table)
    for value, way in zip(refused, cycle(ways), strict=False):
        await see_refused(ways[way], value, way)
    assert await dbs.plain.fetchval(f"SELECT count(*) FROM {table.name}") == 0


@kinds_with("kept", "made", where=lambda kind: kind.nests)
async def test_a_composite_keeps_and_refuses_what_its_attribute_does(
    dbs: Databases, kind: Kind, tmp_path: Path
) -> None:
    kept: list[tuple[object, object]] = [
        ((1, value, "z"), (1, form, "z")) for value, form in kind.forms
    ]
    kept += [((None, value, None), (None, form, None)) for value, form in kind.forms[:2]]
    refused = [(1, value, None) for value in (*kind.refused, *kind.changed)]
    async with made_of(dbs, kind, tmp_path, "composite") as table:
        ways = {"one": table.echoed(dbs.text), "store": table.stored(dbs.portable)}
        ways["copy"] = table.copied(dbs.text)
        await see_all(dbs, table, ways, kept, refused)


@kinds_with("kept", "made")
async def test_a_domain_keeps_and_refuses_what_its_base_does(
    dbs: Databases, kind: Kind, tmp_path: Path
) -> None:
    async with made_of(dbs, kind, tmp_path, "domain") as table:
        ways = {"one": table.echoed(dbs.text), "many": table.executed_many(dbs.portable)}
        await see_all(dbs, table, ways, kind.forms, [*kind.refused, *kind.changed])


@kinds_with("kept", "made", where=lambda kind: not kind.is_array)
async def test_an_array_keeps_and_refuses_what_its_elements_do(
    dbs: Databases, kind: Kind, tmp_path: Path
) -> None:
    # The driver has no open paths in arrays, and loses empty text in those that travel as text.
    # A list is a dimension.
    lost = {"refcursor", "tsquery", "tsvector"}
    forms = [
        (value, form)
        for value, form in kind.forms
        if not (isinstance(value, asyncpg.Path) and not value.is_closed)
        and not (kind.name in lost and value == "")
        and not (kind.name == "tid" and isinstance(value, list))
    ]
    kept = [([value], [form]) for value, form in forms]
    kept += [([value, None, value], [form, None, form]) for value, form in forms[:3]]
    refused = [[None, value] for value in kind.refused if not isinstance(value, list | tuple)]
    async with made_of(dbs, kind, tmp_path, "array") as table:
        ways = {"many": table.executed_many(dbs.text), "copy": table.copied(dbs.portable)}
        if kind.asked == kind.name:
            ways["one"] = table.echoed(dbs.text)
        await see_all(dbs, table, ways, kept, refused)


# Pools that are not ours


@kinds_with("kept", "made", "refused", where=lambda kind: kind.plain)
async def test_a_query_keeps_and_refuses_alike_on_a_plain_pool(
    dbs: Databases, kind: Kind, table: Table
) -> None:
    forms = kind.forms if kind.asked == kind.name else []
    back = await table.echoed(dbs.plain)([value for value, _form in forms])
    for (value, form), found in zip(forms, back, strict=True):
        assert same(form, found), value
    ways = {"one": table.echoed(dbs.plain), "store": table.stored(dbs.plain)}
    for value, way in zip(kind.refused, cycle(ways), strict=False):
        await see_refused(ways[way], value, way)
    for value in kind.changed:
        await see_refused(ways["store"], value, "store")
    assert await dbs.plain.fetchval(f"SELECT count(*) FROM {table.name}") == 0


# What Python cannot hold


UNREADABLE: Final = {
    "timestamptz": ["infinity", "-infinity", "0001-12-31 BC Z", "10000-01-01Z", "4714-11-24 BC Z"],
    "timestamp": ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01", "294276-12-31"],
    "date": ["infinity", "-infinity", "0001-12-31 BC", "10000-01-01", "5874897-12-31"],
    "interval": ["1 month", "-1 year", "1 year -1 day", "1000000000 days", "178000000 years"],
    "time": ["24:00"],
    "timetz": ["24:00+00", "24:00-15:59"],
}
RANGE_OF: Final = {"timestamptz": "tstzrange", "timestamp": "tsrange", "date": "daterange"}


def positions(kind: str, value: str) -> dict[str, str]:
    """The places that a value can stand in, as statements that read it from there."""
    constant = f"{kind} '{value}'"
    found = {
        "column": f"SELECT {constant}",
        "between NULLs": f"SELECT NULL::{kind}, {constant}, NULL::{kind}",
        "array": f"SELECT ARRAY[NULL, {constant}, NULL]",
        "array of two dimensions": f"SELECT ARRAY[[{constant}], [NULL::{kind}]]",
        "composite": f"SELECT ROW(NULL, {constant}, NULL)::of_{kind}",
        "array of composites": f"SELECT ARRAY[NULL, ROW(NULL, {constant}, NULL)::of_{kind}]",
        "record": f"SELECT ROW(NULL, {constant}, NULL)",
        "record in a record": f"SELECT ROW(1, ROW({constant}))",
        "array of records": f"SELECT ARRAY[ROW(NULL, {constant})]",
    }
    if kind in RANGE_OF:
        span, several = RANGE_OF[kind], RANGE_OF[kind].replace("range", "multirange")
        found |= {
            "lower bound": f"SELECT {span}({constant}, NULL)",
            "upper bound": f"SELECT {span}(NULL, {constant})",
            "range in an array": f"SELECT ARRAY[{span}({constant}, NULL)]",
            "multirange": f"SELECT {several}({span}({constant}, NULL))",
        }
    return found


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_python_cannot_hold_is_an_error_wherever_it_is_read(
    dbs: Databases, kind: str, tmp_path: Path
) -> None:
    await dbs.plain.execute(f"CREATE TYPE of_{kind} AS (a integer, b {kind}, c text)")
    values = list(UNREADABLE[kind])
    if kind == "interval" and await dbs.plain.fetchval(VERSION) >= 170_000:
        values += ["infinity", "-infinity"]
    for value in values:
        await dbs.text.expire_connections()
        for sql in positions(kind, value).values():
            for db in (dbs.text, dbs.portable):
                with pytest.raises(InexactValue, match="which Python cannot hold"):
                    await db.fetch(sql)
                assert await db.fetchval("SELECT 1") == 1
            with pytest.raises(InexactValue, match="which Python cannot hold"):
                await query(tmp_path, sql, lambda *columns: columns).all(dbs.text)


@pytest.mark.parametrize("zone", [*ZONES, "Pacific/Kiritimati", "Etc/GMT+12", "<+1559>-15:59"])
@pytest.mark.parametrize("at", [DAWN, DUSK, DAWN + HOUR, DUSK - HOUR])
async def test_the_ends_of_time_are_read_in_any_zone_of_the_session(
    dbs: Databases, zone: str, at: datetime
) -> None:
    async with quantdb.transaction(dbs.text) as tx:
        await tx.execute(f"SET LOCAL TIME ZONE '{zone}'")
        assert alike(at, await tx.fetchval("SELECT $1::timestamptz", at))
        assert alike([at, None], await tx.fetchval("SELECT $1::timestamptz[]", [at, None]))


async def test_an_instant_that_no_year_of_python_has_in_utc_is_an_error_in_any_zone(
    dbs: Databases,
) -> None:
    for zone, sql in (
        ("Asia/Kathmandu", "timestamptz '0001-12-31 23:59 BC Z'"),
        ("America/New_York", "timestamptz '10000-01-01 00:00 Z'"),
        ("UTC", "timestamptz '0400-01-01 BC Z'"),
    ):
        async with dbs.text.acquire() as connection:
            await connection.execute(f"SET TIME ZONE '{zone}'")
            with pytest.raises(InexactValue, match="which Python cannot hold"):
                await connection.fetchval(f"SELECT {sql}")


# Connections that change their ways


async def test_what_was_prepared_before_the_connection_met_a_composite_goes_on(
    dbs: Databases,
) -> None:
    await dbs.text.expire_connections()
    value, at = Decimal("1.50"), DUSK
    async with dbs.text.acquire() as connection, connection.transaction():
        before = await connection.prepare("SELECT $1::numeric, $2::timestamptz, $3::jsonb")
        cursor = await connection.cursor(
            "SELECT $1::numeric + n FROM generate_series(0, 2) AS n", Decimal(1)
        )
        first = await cursor.fetch(1)
        assert await connection.fetchval("SELECT $1::leg", (value, 2)) == (value, 2)
        rest = await cursor.fetch(9)
        assert [Decimal(1), Decimal(2), Decimal(3)] == [row[0] for row in (*first, *rest)]
        row = await before.fetchrow(value, at, {"a": value})
        assert row is not None
        assert alike((value, at, {"a": value}), row)
        with pytest.raises(InexactValue):
            await before.fetchrow(0.5, at, None)


async def test_a_record_of_values_is_read_as_they_are(dbs: Databases) -> None:
    values = (Decimal("1.50"), DUSK, DUSK.date(), {"a": [Decimal("0.10")]}, time.max, "x", True)
    types = ("numeric", "timestamptz", "date", "jsonb", "time", "text", "boolean")
    columns = ", ".join(f"${n}::{kind}" for n, kind in enumerate(types, 1))
    await dbs.text.expire_connections()
    for db in (dbs.text, dbs.portable):
        assert alike(values, await db.fetchval(f"SELECT ROW({columns})", *values))
        found = await db.fetchval(f"SELECT ARRAY[ROW({columns}), ROW({columns})]", *values)
        assert alike([values, values], found)


async def test_a_record_that_was_read_can_be_sent(dbs: Databases, tmp_path: Path) -> None:
    one = query(tmp_path, "SELECT $1::leg, $2::leg[]", lambda *columns: columns)
    for db in (dbs.text, dbs.portable, dbs.plain):
        leg, legs = await one.one(db, (Decimal("1.50"), 2), [(Decimal("2.50"), 3), None])
        assert (leg, legs) == await one.one(db, leg, legs)
        backwards = await db.fetchrow("SELECT 2 AS size, 1.50 AS price")
        with pytest.raises(InexactValue, match="a record of price, size, in that order"):
            await one.one(db, backwards, [])


# Types of extensions


@pytest.mark.parametrize(
    ("extension", "kept"),
    [
        ("citext", ["", "Abc", "NULL", "ä\\ \"'"]),
        ("hstore", ["", '"a"=>"1", "b"=>NULL']),
        ("ltree", ["a.b"]),
    ],
)
async def test_a_type_of_an_extension_travels_as_text(
    dbs: Databases, tmp_path: Path, extension: str, kept: list[object]
) -> None:
    sql = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)"
    if not await dbs.plain.fetchval(sql, extension):
        pytest.skip(f"the server has no {extension}")
    await dbs.plain.execute(f"CREATE EXTENSION {extension}")
    await dbs.plain.execute(f"CREATE TABLE of_{extension} (n integer, value {extension})")
    table = Table(f"of_{extension}", tmp_path, extension)
    for way, go in {**table.echoes(dbs), **table.ways_of_ours(dbs)}.items():
        assert kept == await go(kept), way
        await dbs.plain.execute(f"DELETE FROM {table.name}")
        for value in ("a\0", "\ud800"):
            await see_refused(go, value, way)
    with pytest.raises(InexactValue, match="empty text"):
        await dbs.text.fetchval(f"SELECT $1::{extension}[]", ["", "a"])


async def test_xml_is_sent_as_what_it_says_it_is(dbs: Databases, tmp_path: Path) -> None:
    try:
        await dbs.plain.fetchval("SELECT '<a/>'::xml")
    except asyncpg.FeatureNotSupportedError:
        pytest.skip("the server was built without XML")
    await dbs.plain.execute("CREATE TABLE of_xml (n integer, value xml)")
    table = Table("of_xml", tmp_path, "xml")
    given: list[object] = ["<a>é</a>", "", "x", '<?xml version="1.0" encoding="UTF-8"?><b/>']
    for way, go in {**table.echoes(dbs), **table.ways_of_ours(dbs)}.items():
        assert [*given[:3], "<b/>"] == await go(given), way
        await dbs.plain.execute(f"DELETE FROM {table.name}")
        for value in ('<?xml version="1.0" encoding="latin1"?><a>é</a>', "<a>\0</a>"):
            await see_refused(go, value, way)


# Parameters that go straight into a column


GOOD, BAD = Decimal("1.50"), Decimal("1.505")


@pytest.mark.parametrize(
    ("sql", "good", "bad"),
    [
        ("INSERT INTO straight VALUES (1, $1, $2)", (GOOD, "ab"), (BAD, "ab")),
        ("INSERT INTO straight VALUES (1, $1, $2)", (GOOD, "ab"), (GOOD, "abc")),
        ("INSERT INTO straight (word, price) VALUES ($1, $2)", ("ab", GOOD), ("ab", BAD)),
        ("INSERT INTO Straight AS s (price) VALUES ($1), ($2)", (GOOD, GOOD), (GOOD, BAD)),
        ("INSERT INTO straight (price, fee) VALUES ($1, $1)", (Decimal(5),), (GOOD,)),
        ("INSERT INTO straight (fee, price) VALUES ($1, $1)", (Decimal(5),), (BAD,)),
        (
            "UPDATE straight SET price = $1, word = $2 WHERE fee = $3",
            (GOOD, "ab", GOOD),
            (BAD, "", 1),
        ),
        ("UPDATE ONLY public.straight s SET word = $1 WHERE price > $2", ("ab", BAD), ("abc", BAD)),
        ("INSERT INTO viewed (price) VALUES ($1)", (GOOD,), (BAD,)),
    ],
)
async def test_a_parameter_that_goes_straight_into_a_column_is_held_to_it(
    dbs: Databases, tmp_path: Path, sql: str, good: tuple[object, ...], bad: tuple[object, ...]
) -> None:
    await dbs.plain.execute(
        "DROP TABLE IF EXISTS straight CASCADE; CREATE TABLE straight ("
        "  n integer, price numeric(10, 2), word varchar(2), fee numeric(4, 0),"
        "  long integer GENERATED ALWAYS AS (length(word)) STORED);"
        "CREATE VIEW viewed AS SELECT price FROM straight"
    )
    statement = query(tmp_path, sql)
    for db in (dbs.text, dbs.portable, dbs.statement, dbs.plain):
        await statement.run(db, *good)
        with pytest.raises(InexactValue):
            await statement.run(db, *bad)
        await statement.run(db, *good)
    async with dbs.text.acquire() as connection:
        prepared = await connection.prepare(sql)
        with pytest.raises(InexactValue):
            await prepared.fetch(*bad)
        with pytest.raises(InexactValue, match="row 2"):
            await connection.executemany(sql, [good, bad])


async def test_a_column_that_is_widened_takes_what_it_refused(dbs: Databases) -> None:
    await dbs.plain.execute("CREATE TABLE widened (price numeric(10, 2))")
    sql = "INSERT INTO widened VALUES ($1) RETURNING price"
    with pytest.raises(InexactValue):
        await dbs.text.fetchval(sql, BAD)
    await dbs.plain.execute("ALTER TABLE widened ALTER price TYPE numeric")
    assert await dbs.text.fetchval(sql, BAD) == BAD


# Bulk writes of types that COPY has no form for in the driver


async def test_types_without_a_binary_form_are_inserted_all_or_nothing(dbs: Databases) -> None:
    await dbs.plain.execute(
        'CREATE TABLE "Odd ""one" ('
        "  id bigint GENERATED ALWAYS AS IDENTITY, a macaddr, b money NOT NULL, c tsvector)"
    )
    rows = [(n, "08:00:2b:01:02:03", f"${n:,}.00", "'a'") for n in range(2_500)]
    mistaken, incomplete = [*rows], [(*row[:2], None, None) for row in rows]
    mistaken[2_199] = (0, "nonsense", "$1.00", "")

    async def come() -> AsyncGenerator[tuple[object, ...]]:
        for row in rows:
            yield row

    status = await dbs.text.copy_records_to_table('Odd "one', records=come())
    assert status == "COPY 2500"
    found = await dbs.text.fetch('SELECT * FROM "Odd ""one" ORDER BY id')
    assert rows == [tuple(row) for row in found]
    with pytest.raises(InexactValue, match="row 2200: a") as caught:
        await dbs.text.copy_records_to_table('Odd "one', records=mistaken)
    assert caught.value.row == 2_200
    with pytest.raises(asyncpg.NotNullViolationError):
        await dbs.text.copy_records_to_table('Odd "one', records=[*rows, *incomplete])
    with pytest.raises(asyncpg.InternalClientError, match="no binary format"):
        await dbs.text.copy_records_to_table('Odd "one', records=rows, where="id > 5")
    assert len(rows) == await dbs.plain.fetchval('SELECT count(*) FROM "Odd ""one"')


# What the server writes in a form of its own


async def test_a_form_of_the_server_s_own_is_no_change_and_a_trigger_s_is(
    dbs: Databases, tmp_path: Path
) -> None:
    await dbs.plain.execute(
        "CREATE TABLE sought (n integer, value tsquery);"
        "CREATE FUNCTION widen() RETURNS trigger LANGUAGE plpgsql AS $$"
        "  BEGIN NEW.value := NEW.value || 'more'; RETURN NEW; END$$;"
        "CREATE TRIGGER widen BEFORE INSERT ON sought FOR EACH ROW WHEN (NEW.n = 2)"
        "  EXECUTE FUNCTION widen()"
    )
    insert = "INSERT INTO sought VALUES ($1, $2) RETURNING n, value"
    for db in (dbs.text, dbs.plain):
        store = query(tmp_path, insert, Row).store
        assert Row(1, "'fat' & 'rat'") == await store(db, Row(1, "fat & rat"))
        with pytest.raises(InexactValue, match="value: the database made"):
            await store(db, Row(2, "fat & rat"))
    assert await dbs.plain.fetchval("SELECT count(*) FROM sought WHERE n = 2") == 0
