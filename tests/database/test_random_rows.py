"""Whatever Python and PostgreSQL both hold comes back equal: property tests, and 100 000 rows."""

import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, localcontext
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface
from itertools import cycle
from pathlib import Path as Folder
from random import Random
from typing import Final
from uuid import UUID

import asyncpg
import attrs
import pytest
from asyncpg import BitString, Box, Path, Point
from cases import SETUP, between
from conftest import fresh_database
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import BY_TYPE, MOODS
from support import DAWN, DUSK, ZONES, query

import quantdb
from quantdb import PoolConfig, Query
from quantdb.sameness import same

# Whatever the caller's own decimals do must not matter.
NARROW: Final = Context(prec=5, traps=[Inexact, InvalidOperation, DivisionByZero])
ROWS: Final = int(os.environ.get("QUANTDB_TEST_RANDOM_ROWS", "100000"))
"""Rows over all zones; with 300000 there are 100 000 in each."""
BATCH: Final = 2_500


@asynccontextmanager
async def pools_in(dsn: str, zone: str) -> AsyncGenerator[tuple[quantdb.Pool, quantdb.Pool]]:
    """Give pools of a database whose sessions begin in a zone, explicit and by statement."""
    admin = await asyncpg.connect(dsn)
    try:
        name: object = await admin.fetchval("SELECT quote_ident(current_database())")
        await admin.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'")
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # for speed
    finally:
        await admin.close()
    plain = await asyncpg.connect(dsn)
    assert zone == await plain.fetchval("SHOW timezone")
    await plain.close()
    with localcontext(NARROW):  # which the connections begin in, too
        async with (
            quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1)) as explicit,
            quantdb.create_pool(
                PoolConfig(dsn, min_size=0, max_size=1, transactions="statement")
            ) as by_statement,
        ):
            yield explicit, by_statement


# Properties, type by type


@attrs.frozen
class Row:
    n: int
    value: object


@attrs.frozen
class Statements:
    """The statements on the table of a type."""

    table: str
    insert: str
    store: Query[Row]
    read: Query[Row]
    echo: Query[object]


@attrs.frozen
class Ways:
    """The pools that values go through, and a table for each type."""

    explicit: quantdb.Pool
    by_statement: quantdb.Pool
    portable: quantdb.Pool
    tables: dict[str, Statements]


@pytest.fixture(scope="module")
async def ways(server_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ways]:
    async with (
        fresh_database(server_dsn) as dsn,
        pools_in(dsn, "Asia/Kathmandu") as (explicit, by_statement),
        quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1)) as portable,
    ):
        await portable.execute(SETUP)
        assert await portable.fetchval("SELECT $1::leg", (1, 2)) == (1, 2)
        folder = tmp_path_factory.mktemp("sql")
        tables = {kind: statements(folder, f"t{n}", kind) for n, kind in enumerate(BY_TYPE)}
        for kind, made in tables.items():
            await portable.execute(f"CREATE TABLE {made.table} (n integer, value {kind})")
        yield Ways(explicit, by_statement, portable, tables)


def as_it_is(value: object) -> object:
    return value


def as_a_tuple(*columns: object) -> tuple[object, ...]:
    return columns


def statements(folder: Folder, table: str, kind: str) -> Statements:
    insert = f"INSERT INTO {table} (n, value) VALUES ($1, $2)"
    return Statements(
        table,
        insert,
        query(folder, f"{insert} RETURNING n, value", Row),
        query(folder, f"SELECT n, value FROM {table} ORDER BY n", Row),
        query(folder, f"SELECT $1::{kind} AS value", as_it_is),
    )


@pytest.mark.parametrize("kind", BY_TYPE)
@settings(max_examples=10)
@given(data=st.data())
async def test_values_of_every_type_come_back_equal_by_every_way(
    ways: Ways, kind: str, data: st.DataObject
) -> None:
    made = ways.tables[kind]
    with localcontext(Context()):  # the fixtures' own is narrow
        values = data.draw(st.lists(BY_TYPE[kind] | st.none(), min_size=1, max_size=4))
    rows = [Row(n, value) for n, value in enumerate(values)]
    pairs = [(row.n, row.value) for row in rows]
    table = made.table
    with localcontext(NARROW):
        found: dict[str, list[object]] = {}
        for pool in (ways.explicit, ways.by_statement):
            found["store"] = [(await made.store.store(pool, row)).value for row in rows]
            found["read"] = [row.value for row in await made.read.all(pool)]
            await ways.portable.execute(f"DELETE FROM {table}")
        await ways.explicit.executemany(made.insert, pairs)
        found["executemany"] = [row.value async for row in made.read.stream(ways.explicit)]
        await ways.portable.execute(f"DELETE FROM {table}")
        await ways.explicit.copy_records_to_table(table, records=pairs)
        found["copy"] = [row.value for row in await made.read.all(ways.portable)]
        await ways.portable.execute(f"DELETE FROM {table}")
        for pool in (ways.explicit, ways.portable):
            found["one"] = [await made.echo.one(pool, value) for value in values]
    for way, back in found.items():
        assert same(values, back), way


# 100 000 rows of all types at once, of a generator with a seed


class Chance:
    """Values of any type, by chance."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.pick = self._random.choice
        self.whole = self._random.randint
        self.bytes = self._random.randbytes

    def text(self) -> str:
        alphabet = "ab \\\"',{}()\t\n;é株😀\u2028NULL"
        return "".join(self._random.choices(alphabet, k=self.whole(0, 12)))

    def number(self) -> Decimal:
        digits = tuple(self._random.choices(range(10), k=self.whole(1, 40)))
        return Decimal((self.whole(0, 1), digits, -self.whole(0, 60)))

    def cents(self) -> Decimal:
        digits = tuple(self._random.choices(range(1, 10), k=self.whole(3, 10)))
        return Decimal((self.whole(0, 1), digits, -2))

    def small(self) -> int:
        return self.whole(-999, 999)

    def real(self) -> float:
        extremes = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324]
        return self._random.uniform(-1e9, 1e9) if self.whole(0, 9) else self.pick(extremes)

    def instant(self) -> datetime:
        days, microseconds = self.whole(0, 3_652_058), self.whole(0, 86_399_999_999)
        return DAWN + timedelta(days=days, microseconds=microseconds)

    def anywhere(self) -> datetime:
        """An instant in a zone whose clock has a year, too."""
        at = max(min(self.instant(), DUSK - timedelta(1)), DAWN + timedelta(1))
        return at.astimezone(timezone(timedelta(minutes=self.whole(-900, 900))))

    def naive(self) -> datetime:
        return self.instant().replace(tzinfo=None)

    def day(self) -> date:
        return self.instant().date()

    def clock(self) -> time:
        return self.naive().time()

    def span(self) -> timedelta:
        return timedelta(self.whole(-10_000, 10_000), 0, self.whole(0, 86_399_999_999))

    def identity(self) -> UUID:
        return UUID(bytes=self.bytes(16))

    def json(self, depth: int = 2) -> object:
        if depth and self.whole(0, 2):
            several = range(self.whole(0, 2))
            if self.whole(0, 1):
                return {self.text(): self.json(depth - 1) for _ in several}
            return [self.json(depth - 1) for _ in several]
        return self.pick([self.text(), self.small(), self.cents(), True, None, 10**25])

    def mood(self) -> str:
        return self.pick(MOODS)

    def leg(self) -> tuple[object, ...]:
        return self.maybe(self.cents), self.maybe(self.small)

    def trip(self) -> tuple[object, ...]:
        return (
            self.maybe(self.leg),
            self.several(self.leg),
            {"a": self.json()},
            self.several(self.mood),
            between(self.instant(), None),
            self.several(self.number),
        )

    def integers(self) -> object:
        low, high = sorted([self.small(), self.small()])
        return between(low, high + 1)

    def instants(self) -> object:
        low, high = sorted([self.instant(), self.instant()])
        return between(low, high, lower_inc=bool(self.whole(0, 1)), upper_inc=True)

    def address(self) -> object:
        six = IPv6Interface((self.bytes(16), self.whole(0, 127)))
        return self.pick([IPv4Address(self.bytes(4)), IPv6Address(self.bytes(16)), six])

    def network(self) -> object:
        return IPv4Network((self.bytes(4), self.whole(0, 32)), strict=False)

    def bits(self) -> BitString:
        length = self.whole(1, 30)
        return BitString.from_int(self.whole(0, 2**length - 1), length)

    def point(self) -> Point:
        return Point(self.real(), self.real())

    def maybe(self, make: Callable[[], object]) -> object:
        return make() if self.whole(1, 20) > 1 else None

    def several(self, make: Callable[[], object]) -> list[object]:
        return [self.maybe(make) for _ in range(self.whole(0, 2))]

    def table_of(self, make: Callable[[], object]) -> list[object]:
        """An array of two dimensions."""
        width = self.whole(1, 2)
        return [[self.maybe(make) for _ in range(width)] for _ in range(self.whole(1, 2))]


MAKERS: Final[dict[str, Callable[[Chance], Callable[[], object]]]] = {
    "smallint": lambda by: by.small,
    "integer": lambda by: lambda: by.whole(-(2**31), 2**31 - 1),
    "bigint": lambda by: lambda: by.whole(-(2**63), 2**63 - 1),
    "numeric": lambda by: by.number,
    "numeric(10, 2)": lambda by: by.cents,
    "cents": lambda by: by.cents,
    "real": lambda by: lambda: by.whole(-(2**24), 2**24) / 8,
    "double precision": lambda by: by.real,
    "boolean": lambda by: lambda: by.whole(0, 1) == 1,
    "text": lambda by: by.text,
    "varchar(12)": lambda by: by.text,
    "char(3)": lambda by: lambda: f"{by.small():3}"[:3],
    "bytea": lambda by: lambda: by.bytes(by.whole(0, 20)),
    "uuid": lambda by: by.identity,
    "date": lambda by: by.day,
    "time": lambda by: by.clock,
    "timetz": lambda by: lambda: by.anywhere().timetz(),
    "timestamp": lambda by: by.naive,
    "timestamptz": lambda by: by.anywhere,
    "interval": lambda by: by.span,
    "json": lambda by: by.json,
    "jsonb": lambda by: by.json,
    "mood": lambda by: by.mood,
    "leg": lambda by: by.leg,
    "trip": lambda by: by.trip,
    "int4range": lambda by: by.integers,
    "tstzrange": lambda by: by.instants,
    "int4multirange": lambda by: lambda: [by.integers()],
    "inet": lambda by: by.address,
    "cidr": lambda by: by.network,
    "varbit": lambda by: by.bits,
    "point": lambda by: by.point,
    "box": lambda by: lambda: Box((by.whole(0, 9), 5), (-1, by.whole(0, 5))),
    "path": lambda by: lambda: Path(by.point(), by.point(), is_closed=by.whole(0, 1) == 1),
    "oid": lambda by: lambda: by.whole(0, 2**32 - 1),
    "tid": lambda by: lambda: (by.whole(0, 9), by.whole(0, 9)),
    "macaddr": lambda by: lambda: by.bytes(6).hex(":"),
    "money": lambda by: lambda: f"${by.whole(0, 999)}.{by.whole(0, 99):02}",
    "integer[]": lambda by: lambda: by.table_of(by.small),
    "numeric[]": lambda by: lambda: by.several(by.number),
    "text[]": lambda by: lambda: by.table_of(by.text),
    "timestamptz[]": lambda by: lambda: by.several(by.anywhere),
    "jsonb[]": lambda by: lambda: by.several(by.json),
    "mood[]": lambda by: lambda: by.several(by.mood),
    "leg[]": lambda by: lambda: by.several(by.leg),
    "tstzrange[]": lambda by: lambda: by.several(by.instants),
}
COPIED: Final = [kind for kind in MAKERS if kind not in {"macaddr", "money"}]
"""What COPY takes; the driver has no binary form of the others, and they would be inserted."""


def rows_of(kinds: Sequence[str], count: int, seed: int) -> list[tuple[object, ...]]:
    """Rows of a number and a value of each type, of which one in twenty is NULL."""
    by, random = Chance(seed), Random(seed)
    columns: list[Sequence[object]] = [range(count)]
    for kind in kinds:
        make = MAKERS[kind](by)
        some = [*(make() for _ in range(380)), *[None] * 20]
        columns.append(random.choices(some, k=count))
    return list(zip(*columns, strict=True))


def see_equal(sent: Sequence[tuple[object, ...]], stored: Sequence[tuple[object, ...]]) -> None:
    assert len(sent) == len(stored)
    for one, two in zip(sent, stored, strict=True):
        assert one == two or same(one, two)  # the second knows that NaN is NaN


@pytest.mark.parametrize("zone", ZONES)
async def test_100_000_random_rows_spread_over_three_zones_come_back_equal(
    server_dsn: str, tmp_path: Folder, zone: str
) -> None:
    count = ROWS // len(ZONES) // 2
    async with fresh_database(server_dsn) as dsn, pools_in(dsn, zone) as pools:
        admin = await asyncpg.connect(dsn)
        await admin.execute(SETUP)
        for table, kinds in (("filled", list(MAKERS)), ("copied", COPIED)):
            columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(kinds))
            await admin.execute(f"CREATE UNLOGGED TABLE {table} (n integer, {columns})")
        await admin.close()
        filled, copied = rows_of(list(MAKERS), count, 1), rows_of(COPIED, count, 2)
        dollars = ", ".join(f"${n}" for n in range(1, len(MAKERS) + 2))
        with localcontext(NARROW):
            for pool, at in zip(cycle(pools), range(0, count, BATCH), strict=False):
                insert = f"INSERT INTO filled VALUES ({dollars})"
                await pool.executemany(insert, filled[at : at + BATCH])
                await pool.copy_records_to_table("copied", records=copied[at : at + BATCH])
            found = await pools[0].fetch("SELECT * FROM filled ORDER BY n")
            see_equal(filled, [tuple(row) for row in found])
            every = query(tmp_path, "SELECT * FROM copied ORDER BY n", as_a_tuple)
            see_equal(copied, [row async for row in every.stream(pools[1])])
