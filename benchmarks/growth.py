"""What statements cost on tables of 10⁴ rows and more: flat, or growing with the table.

Each size is a database of its own, and all are asked in turn. A table has the rows of twenty
symbols; a call asks for as many rows whatever the size. It picks one of a few dozen places, the
same share of the table on every size, which earlier calls have read: what grows is then the work,
not the share of the table that is not in memory.
"""

import json
import math
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeGuard
from uuid import UUID

import asyncpg
import attrs

import quantdb
from benchmarks.ours import pool_of
from benchmarks.results import Growth
from benchmarks.server import database
from quantdb import Pool, PriceRepo, TradeRepo, UserRepo
from quantdb.sqlfile import sql_folder

__all__ = ["grown", "slope"]

SYMBOLS: Final = 20
SPAN: Final = 100
OWN: Final = 10
_ASKED: Final = 4
START: Final = datetime(2000, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(minutes=1)
_WARM: Final = 400
_PLACES: Final = tuple(random.Random(11).random() for _ in range(24))
_FILL: Final = Path(__file__).with_name("growth.sql")


@attrs.frozen
class Table:
    """The tables of one size, and what to ask of them."""

    size: int
    pool: Pool
    dsn: str
    seed: random.Random
    places: tuple[float, ...]

    @property
    def trades(self) -> TradeRepo:
        return TradeRepo(self.pool)

    @property
    def prices(self) -> PriceRepo:
        return PriceRepo(self.pool)

    @property
    def users(self) -> UserRepo:
        return UserRepo(self.pool)

    def symbol(self) -> str:
        return f"S{self.seed.randrange(_ASKED):02}"

    def number(self) -> int:
        return int(self.seed.choice(self.places) * self.size)

    def moment(self) -> datetime:
        """Return the time of a row that has SPAN rows of its symbol after it."""
        return START + int(self.seed.choice(self.places) * (self.size // SYMBOLS - SPAN)) * STEP

    def key(self) -> UUID:
        return UUID(int=self.number())


Call = Callable[[Table], Awaitable[object]]


async def _trade_page(table: Table) -> object:
    """Go on from a cursor in the middle: the second page after a page of one trade."""
    symbol = table.symbol()
    first = await table.trades.page(symbol, 1)
    return await table.trades.page(symbol, SPAN, first.next)


def _between(table: Table) -> tuple[str, datetime, datetime]:
    start = table.moment()
    return table.symbol(), start, start + SPAN * STEP


def _bars(table: Table) -> tuple[str, timedelta, datetime, datetime]:
    symbol, start, end = _between(table)
    return symbol, STEP, start, end


_ALL: Final = [f"S{n:02}" for n in range(SYMBOLS)]
_HOUR: Final = timedelta(minutes=10)

CALLS: Final[dict[str, tuple[int, Call]]] = {
    "trades/get": (1, lambda t: t.trades.get(t.key())),
    "trades/find_by_venue_id": (
        1,
        lambda t: t.trades.find_by_venue_id("V", f"S{(n := t.number()) % SYMBOLS:02}", str(n)),
    ),
    "trades/between": (SPAN, lambda t: t.trades.between(*_between(t))),
    "trades/count": (SPAN, lambda t: t.trades.count(*_between(t))),
    "trades/vwap": (SPAN, lambda t: t.trades.vwap(*_between(t))),
    "trades/bars": (SPAN, lambda t: t.trades.bars(*_spanned(t))),
    "trades/page": (SPAN, _trade_page),
    "trades/latest": (1, lambda t: t.trades.latest(t.symbol())),
    "trades/symbols": (SYMBOLS, lambda t: t.trades.symbols()),
    "trades/positions": (OWN, lambda t: t.trades.positions(user_id=t.number() // OWN + 1)),
    "prices/get": (1, lambda t: t.prices.get(t.symbol(), STEP, t.moment())),
    "prices/between": (SPAN, lambda t: t.prices.between(*_bars(t))),
    "prices/page": (SPAN, lambda t: t.prices.page(t.symbol(), STEP, SPAN)),
    "prices/latest": (SYMBOLS, lambda t: t.prices.latest(_ALL, STEP)),
    "prices/as_of": (1, lambda t: t.prices.as_of(t.symbol(), STEP, t.moment() + STEP)),
    "prices/as_of_many": (
        SYMBOLS,
        lambda t: t.prices.as_of_many(STEP, [(symbol, t.moment() + STEP) for symbol in _ALL]),
    ),
    "prices/resample": (SPAN, lambda t: t.prices.resample(*_resampled(t))),
    "prices/gaps": (SPAN, lambda t: t.prices.gaps(*_bars(t))),
    "users/get": (1, lambda t: t.users.get(t.number() // OWN + 1)),
    "users/find_by_email": (
        1,
        lambda t: t.users.find_by_email(f"user{t.number() // OWN + 1}@example.org"),
    ),
    "users/page": (SPAN, lambda t: t.users.page(SPAN)),
}


def _spanned(table: Table) -> tuple[str, timedelta, datetime, datetime]:
    symbol, start, end = _between(table)
    return symbol, _HOUR, start, end


def _resampled(table: Table) -> tuple[str, timedelta, timedelta, datetime, datetime]:
    symbol, start, end = _between(table)
    return symbol, STEP, _HOUR, start, end


PLANNED: Final = {
    "trades/get": "'00000000-0000-0000-0000-000000000007'",
    "trades/find_by_venue_id": "'V', 'S07', '7'",
    "trades/between": "'S07', '2000-01-01Z', '2000-01-01 01:40Z'",
    "trades/count": "'S07', '2000-01-01Z', '2000-01-01 01:40Z'",
    "trades/vwap": "'S07', '2000-01-01Z', '2000-01-01 01:40Z'",
    "trades/bars": "'S07', '10 minutes', '2000-01-01Z', '2000-01-01 01:40Z'",
    "trades/page": "'S07', '2000-01-01Z', '00000000-0000-0000-0000-000000000007', 101",
    "trades/latest": "'S07', 1",
    "trades/symbols": "",
    "trades/positions": "NULL, 7, NULL",
    "prices/get": "'S07', '1 minute', '2000-01-01Z'",
    "prices/between": "'S07', '1 minute', '2000-01-01Z', '2000-01-01 01:40Z'",
    "prices/page": "'S07', '1 minute', NULL, 101",
    "prices/latest": "'{S07,S08}', '1 minute'",
    "prices/as_of": "'S07', '1 minute', '2000-01-01Z', NULL",
    "prices/as_of_many": "'{S07,S08}', '1 minute', '{2000-01-01Z,2000-01-01Z}', '{NULL,NULL}'",
    "prices/resample": ("'S07', '1 minute', '10 minutes', '2000-01-01Z', '2000-01-01 01:40Z'"),
    "prices/gaps": "'S07', '1 minute', '2000-01-01Z', '2000-01-01 01:40Z', '1999-12-31 23:59Z'",
    "users/get": "7",
    "users/find_by_email": "'user7@example.org'",
    "users/page": "NULL, 101",
}


async def grown(dsn: str, sizes: Sequence[int], rounds: int, calls: int) -> list[Growth]:
    """Fill tables of every size, ask each statement of them in turn, and return what it cost."""
    async with AsyncExitStack() as opened:
        tables: list[Table] = []
        for size in sizes:
            address = await opened.enter_async_context(database(dsn))
            await _fill(address, size)
            pool = await opened.enter_async_context(quantdb.create_pool(pool_of(address)))
            tables.append(Table(size, pool, address, random.Random(7), _PLACES))
        return [await _statement(name, tables, rounds, calls) for name in CALLS]


async def _statement(name: str, tables: Sequence[Table], rounds: int, calls: int) -> Growth:
    rows, call = CALLS[name]
    taken: dict[int, list[float]] = {table.size: [] for table in tables}
    for table in tables:
        for _ in range(_WARM):
            await call(table)
    for _ in range(rounds):
        for table in tables:
            began = time.perf_counter()
            for _ in range(calls):
                await call(table)
            taken[table.size].append((time.perf_counter() - began) / calls)
    sizes = tuple(taken)
    seconds = tuple(statistics.median(times) for times in taken.values())
    plans = [await _plan(table.dsn, name) for table in tables]
    return Growth(name, rows, sizes, seconds, tuple(plans), slope(sizes, seconds))


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the power of the size with which the time grows, by least squares of logarithms."""
    if len(sizes) < 2:
        return 0.0
    fit = statistics.linear_regression(
        [math.log10(size) for size in sizes], [math.log10(time) for time in seconds]
    )
    return fit.slope


async def _fill(dsn: str, size: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for text in _FILL.read_text("utf-8").split(";\n"):
            if text.strip():
                await connection.execute(text.replace(":size", str(size)))
    finally:
        await connection.close()


async def _plan(dsn: str, name: str) -> str:
    """Return the shape of the plan that is in use after a few calls: its nodes and indexes."""
    text = (sql_folder() / f"{name}.sql").read_text("utf-8").rstrip().rstrip(";")
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"PREPARE asked AS {text}")
        given = f"({PLANNED[name]})" if PLANNED[name] else ""
        for _ in range(6):  # five are planned for their arguments, then one plan may serve all
            await connection.execute(f"EXECUTE asked{given}")
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{given}")
    finally:
        await connection.close()
    return _shape(json.loads(plan)[0]["Plan"])


def _are_nodes(plans: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(plans, list)


def _shape(node: dict[str, object]) -> str:
    name = str(node["Node Type"])
    if "Index Name" in node:
        name += f" {node['Index Name']}"
    below = node.get("Plans")
    parts = [_shape(part) for part in below] if _are_nodes(below) else []
    return f"{name}({', '.join(parts)})" if parts else name
