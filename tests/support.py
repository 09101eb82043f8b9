"""What the database tests share: quick models, statements written on the spot, other eyes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar, overload
from uuid import UUID, uuid4

import asyncpg
from hypothesis import settings

import quantdb
from quantdb import Price, Query, Side, Trade

R = TypeVar("R")

NOON: Final = datetime(2024, 3, 10, 12, tzinfo=UTC)
DAWN: Final = datetime.min.replace(tzinfo=UTC)
DUSK: Final = datetime.max.replace(tzinfo=UTC)
# All but the ends of time, which a plain pool cannot tell from infinity and so refuses.
EVER: Final = (DAWN + timedelta(days=1), DUSK - timedelta(days=1))
MICROSECOND: Final = timedelta(microseconds=1)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
ZONES: Final = ("UTC", "America/New_York", "Asia/Kathmandu")

# How long an example takes says how busy the machine is. What is made of the settings from here on
# goes by this; that is why it stands here, and not where all tests begin.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

few: Final = settings(max_examples=25)
some: Final = settings(max_examples=100)


def fresh() -> str:
    """Return a name that no other test uses."""
    return uuid4().hex


def a_trade(  # noqa: PLR0913, PLR0917 - a field each
    symbol: str,
    side: Side = "buy",
    quantity: Decimal | int = 10,
    price: Decimal | int = 100,
    executed_at: datetime = NOON,
    venue: str = "XNAS",
    venue_trade_id: str | None = None,
    user_id: int | None = None,
    strategy: str | None = None,
    fee: Decimal | int = 0,
    currency: str = "USD",
    id: UUID | None = None,  # noqa: A002 - the field's name
) -> Trade:
    """Return a trade of *symbol*."""
    return Trade(
        symbol,
        side,
        Decimal(quantity),
        Decimal(price),
        executed_at,
        venue,
        venue_trade_id,
        user_id,
        strategy,
        Decimal(fee),
        currency,
        uuid4() if id is None else id,
    )


def a_price(
    symbol: str,
    start: datetime = NOON,
    price: Decimal | int = 100,
    interval: timedelta = MINUTE,
    volume: Decimal | int = 1,
) -> Price:
    """Return a bar of *symbol* in which nothing moved."""
    one = Decimal(price)
    return Price(symbol, interval, start, one, one, one, one, Decimal(volume))


def minutes(symbol: str, numbers: Iterable[int], start: datetime = NOON) -> list[Price]:
    """Return a bar of a minute for each number of minutes after *start*; it is the price too."""
    return [a_price(symbol, start + number * MINUTE, number) for number in numbers]


async def look(db: quantdb.Database, sql: str, *args: object) -> list[tuple[object, ...]]:
    """Return the rows of a statement of the test's own."""
    async with quantdb.transaction(db) as connection:
        return [tuple(row) for row in await connection.fetch(sql, *args)]


async def look_once(db: quantdb.Database, sql: str, *args: object) -> object:
    """Return the only value of a statement of the test's own."""
    [[value]] = await look(db, sql, *args)
    return value


async def ids_of(db: quantdb.Database, symbol: str) -> list[UUID]:
    """Return the ids of the trades that are stored under *symbol*, in their order."""
    sql = "SELECT id::text FROM trades WHERE symbol = $1 ORDER BY executed_at, id"
    return [UUID(str(row[0])) for row in await look(db, sql, symbol)]


@overload
def query(folder: Path, sql: str) -> Query[None]: ...


@overload
def query(folder: Path, sql: str, row: Callable[..., R]) -> Query[R]: ...


def query(folder: Path, sql: str, row: Callable[..., R] | None = None) -> Query[R] | Query[None]:
    """Write a statement into a file of its own below *folder* and return its query."""
    name = f"q{fresh()}"
    file = folder / f"{name}.sql"
    cardinality = "exec" if row is None else "many"
    file.write_text(f"-- name: {name} :{cardinality}\n{sql}\n", encoding="utf-8")
    return Query(file) if row is None else Query(file, row)


@asynccontextmanager
async def zoned(dsn: str, zone: str) -> AsyncGenerator[asyncpg.Pool]:
    """Give a plain pool whose sessions are in *zone*."""
    async with asyncpg.create_pool(
        dsn, min_size=0, max_size=2, server_settings={"timezone": zone}
    ) as pool:
        yield pool


@asynccontextmanager
async def small_pool(dsn: str, max_size: int = 1) -> AsyncGenerator[quantdb.Pool]:
    """Give a pool of quantdb's of the test's own and see that it gets everything back."""
    config = quantdb.PoolConfig(dsn, min_size=0, max_size=max_size)
    async with quantdb.create_pool(config) as pool:
        yield pool
        assert pool.get_idle_size() == pool.get_size()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something holds of which nothing tells."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def held(pool: quantdb.Pool, count: int) -> AsyncGenerator[list[quantdb.Connection]]:
    """Have tasks of their own hold *count* connections of a pool, and give them."""
    lent: list[quantdb.Connection] = []
    ready, done = asyncio.Barrier(count + 1), asyncio.Event()

    async def hold() -> None:
        async with pool.acquire() as connection:
            lent.append(connection)
            await ready.wait()
            await done.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(hold())
        await ready.wait()
        try:
            yield lent
        finally:
            done.set()
