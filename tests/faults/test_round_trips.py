"""What each call costs in round trips, counted on the wire; none may grow unnoticed.

A method is BEGIN, its statement and COMMIT: three. With ``transactions="statement"``, one that is a
single statement, and has nothing to take back, is one. A unit of work of n statements is n + 2. The
first call on a connection pays for learning the statement, and is not counted.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest
from proxy import FaultProxy
from support import DAWN, DUSK, HOUR, MINUTE, NOON, a_price, a_trade, fresh

import quantdb
from quantdb import (
    NewUser,
    PoolConfig,
    PriceRepo,
    Repo,
    TradeRepo,
    UserRepo,
    repos,
    retrying,
    transaction,
)
from quantdb.columns.types import schema_of

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

NO_TRADES: Final = schema_of(quantdb.Trade).empty_table()
NO_PRICES: Final = schema_of(quantdb.Price).empty_table()

Call = Callable[[quantdb.Pool], Awaitable[object]]


async def insert_many(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).insert_many([a_trade(fresh()) for _ in range(100)])


async def upsert_many(pool: quantdb.Pool) -> object:
    return await PriceRepo(pool).upsert_many([a_price(fresh()) for _ in range(100)])


async def streamed(pool: quantdb.Pool) -> object:
    return [trade async for trade in TradeRepo(pool).stream("x", DAWN, DUSK)]


async def streamed_prices(pool: quantdb.Pool) -> object:
    return [price async for price in PriceRepo(pool).stream("x", MINUTE, DAWN, DUSK)]


async def batches(pool: quantdb.Pool) -> object:
    return [batch async for batch in TradeRepo(pool).batches("x", DAWN, DUSK)]


async def batches_of_prices(pool: quantdb.Pool) -> object:
    return [batch async for batch in PriceRepo(pool).batches("x", MINUTE, DAWN, DUSK)]


async def insert_table(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).insert_table(NO_TRADES)


async def upsert_table(pool: quantdb.Pool) -> object:
    return await PriceRepo(pool).upsert_table(NO_PRICES)


async def updated(pool: quantdb.Pool) -> object:
    user = await UserRepo(pool).insert(NewUser(fresh()))
    return await UserRepo(pool).update(user, name="x")


async def deactivated(pool: quantdb.Pool) -> object:
    user = await UserRepo(pool).insert(NewUser(fresh()))
    return await UserRepo(pool).deactivate(user)


AGAIN: Final = a_trade("again")

# Method: what it costs with explicit transactions, what by statement, and how it is called.
METHODS: Final[dict[str, tuple[int, int, Call]]] = {
    "TradeRepo.insert": (3, 1, lambda pool: TradeRepo(pool).insert(a_trade(fresh()))),
    "TradeRepo.insert again": (4, 1 + 3, lambda pool: TradeRepo(pool).insert(AGAIN)),
    "TradeRepo.insert_many": (7, 7, insert_many),
    "TradeRepo.get": (3, 1, lambda pool: TradeRepo(pool).get(AGAIN.id)),
    "TradeRepo.find": (3, 1, lambda pool: TradeRepo(pool).find(AGAIN.id)),
    "TradeRepo.find_by_venue_id": (
        3,
        1,
        lambda pool: TradeRepo(pool).find_by_venue_id("X", "again", "1"),
    ),
    "TradeRepo.between": (3, 1, lambda pool: TradeRepo(pool).between("again", DAWN, DUSK)),
    "TradeRepo.stream": (4, 4, streamed),
    "TradeRepo.table": (5, 5, lambda pool: TradeRepo(pool).table("x", DAWN, DUSK)),
    "TradeRepo.batches": (5, 5, batches),
    "TradeRepo.insert_table": (6, 6, insert_table),
    "TradeRepo.page": (3, 1, lambda pool: TradeRepo(pool).page("again")),
    "TradeRepo.latest": (3, 1, lambda pool: TradeRepo(pool).latest("again")),
    "TradeRepo.count": (3, 1, lambda pool: TradeRepo(pool).count("again", DAWN, DUSK)),
    "TradeRepo.symbols": (3, 1, lambda pool: TradeRepo(pool).symbols()),
    "TradeRepo.vwap": (3, 1, lambda pool: TradeRepo(pool).vwap("again", DAWN, DUSK)),
    "TradeRepo.bars": (3, 1, lambda pool: TradeRepo(pool).bars("x", MINUTE, NOON, NOON + HOUR)),
    "TradeRepo.positions": (3, 1, lambda pool: TradeRepo(pool).positions()),
    "PriceRepo.upsert": (3, 1, lambda pool: PriceRepo(pool).upsert(a_price("x"))),
    "PriceRepo.upsert_many": (7, 7, upsert_many),
    "PriceRepo.get": (3, 1, lambda pool: PriceRepo(pool).get("x", MINUTE, NOON)),
    "PriceRepo.find": (3, 1, lambda pool: PriceRepo(pool).find("x", MINUTE, NOON)),
    "PriceRepo.between": (3, 1, lambda pool: PriceRepo(pool).between("x", MINUTE, DAWN, DUSK)),
    "PriceRepo.stream": (4, 4, streamed_prices),
    "PriceRepo.table": (5, 5, lambda pool: PriceRepo(pool).table("x", MINUTE, DAWN, DUSK)),
    "PriceRepo.batches": (5, 5, batches_of_prices),
    "PriceRepo.upsert_table": (6, 6, upsert_table),
    "PriceRepo.page": (3, 1, lambda pool: PriceRepo(pool).page("x", MINUTE)),
    "PriceRepo.latest": (3, 1, lambda pool: PriceRepo(pool).latest(["x"], MINUTE)),
    "PriceRepo.as_of": (3, 1, lambda pool: PriceRepo(pool).as_of("x", MINUTE, NOON + HOUR)),
    "PriceRepo.as_of_many": (3, 1, lambda pool: PriceRepo(pool).as_of_many(MINUTE, [("x", NOON)])),
    "PriceRepo.resample": (
        3,
        1,
        lambda pool: PriceRepo(pool).resample("x", MINUTE, HOUR, NOON, NOON + 2 * HOUR),
    ),
    "PriceRepo.gaps": (3, 1, lambda pool: PriceRepo(pool).gaps("x", MINUTE, NOON, NOON + HOUR)),
    "PriceRepo.coverage": (3, 1, lambda pool: PriceRepo(pool).coverage()),
    "UserRepo.insert": (3, 1, lambda pool: UserRepo(pool).insert(NewUser(fresh()))),
    "UserRepo.get": (3, 1, lambda pool: UserRepo(pool).get(1)),
    "UserRepo.find": (3, 1, lambda pool: UserRepo(pool).find(1)),
    "UserRepo.find_by_email": (3, 1, lambda pool: UserRepo(pool).find_by_email("x")),
    "UserRepo.update": (3 + 3, 1 + 3, updated),
    "UserRepo.deactivate": (3 + 3, 1 + 3, deactivated),
    "UserRepo.page": (3, 1, lambda pool: UserRepo(pool).page()),
}


def test_every_method_is_counted() -> None:
    methods = {
        f"{repo.__name__}.{name}"
        for repo in vars(repos).values()
        if isinstance(repo, type) and issubclass(repo, Repo)
        for name in vars(repo)
        if not name.startswith("_")
    }
    assert {name.partition(" ")[0] for name in METHODS} == methods


@asynccontextmanager
async def opened(proxy: FaultProxy, mode: str) -> AsyncGenerator[quantdb.Pool]:
    config = PoolConfig(
        proxy.dsn,
        min_size=0,
        max_size=1,
        transactions="statement" if mode == "statement" else "explicit",
    )
    async with quantdb.create_pool(config) as pool:
        await TradeRepo(pool).insert(AGAIN)
        await PriceRepo(pool).upsert(a_price("x"))
        await UserRepo(pool).insert(NewUser("first"))
        yield pool


async def cost(proxy: FaultProxy, pool: quantdb.Pool, call: Call) -> int:
    """Return the round trips of a call whose statements are known on the connection."""
    for _ in range(2):
        await call(pool)
    with proxy.counting() as trips:
        await call(pool)
        return trips()


@pytest.mark.parametrize("mode", ["explicit", "statement"])
async def test_no_method_costs_more_round_trips_than_it_should(
    proxy: FaultProxy, mode: str
) -> None:
    async with opened(proxy, mode) as pool:
        counted = {name: await cost(proxy, pool, call) for name, (_e, _s, call) in METHODS.items()}
    explicit = {name: trips for name, (trips, _s, _call) in METHODS.items()}
    by_statement = {name: trips for name, (_e, trips, _call) in METHODS.items()}
    expected = by_statement if mode == "statement" else explicit
    for name in ("TradeRepo.insert_many", "PriceRepo.upsert_many"):
        # The server says that it is ready for COPY before the rows come, or while they do.
        assert expected[name] - counted.pop(name) in {0, 1}
        del expected[name]
    assert expected == counted
    assert len(proxy.links) == 1


async def unit(pool: quantdb.Pool) -> None:
    async with transaction(pool) as tx:
        await TradeRepo(tx).insert(a_trade(fresh()))
        await UserRepo(tx).insert(NewUser(fresh()))
        await PriceRepo(tx).upsert(a_price("x"))
        await TradeRepo(tx).latest("x")


async def settled(pool: quantdb.Pool) -> None:
    settings = {"app.tenant": "7", "statement_timeout": "3s", "lock_timeout": "1s"}
    async with transaction(pool, settings=settings, isolation="repeatable_read") as tx:
        await TradeRepo(tx).insert(a_trade(fresh()))


async def retried(pool: quantdb.Pool) -> None:
    async def work(tx: quantdb.Connection) -> None:
        await TradeRepo(tx).insert(a_trade(fresh()))
        await TradeRepo(tx).latest("x")

    await retrying(pool, work, isolation="serializable")


async def bound(pool: quantdb.Pool) -> None:
    await TradeRepo(pool.bound({"app.tenant": "7"})).latest("x")


async def raw_unit(pool: quantdb.Pool) -> None:
    async with transaction(pool) as tx:
        await tx.fetchval("SELECT $1::int", 1)


async def raw(pool: quantdb.Pool) -> None:
    await pool.fetchval("SELECT $1::int", 1)


async def a_savepoint(pool: quantdb.Pool) -> None:
    async with transaction(pool) as tx, tx.transaction():
        await TradeRepo(tx).latest("x")


async def nothing(pool: quantdb.Pool) -> None:
    async with pool.acquire():
        pass


UNITS: Final[dict[str, tuple[int, Call]]] = {
    "a unit of work of four statements": (4 + 2, unit),
    "with settings": (1 + 2, settled),
    "repeated if need be": (2 + 2, retried),
    "of a bound pool": (1 + 2, bound),
    "with a savepoint": (1 + 2 + 2, a_savepoint),
    "a borrower who sends nothing": (0, nothing),
    "a raw statement and its reset": (1 + 1, raw),
    "a unit of work with a raw statement, and its reset": (1 + 2 + 1, raw_unit),
}


async def test_no_unit_of_work_costs_more_round_trips_than_it_should(proxy: FaultProxy) -> None:
    async with opened(proxy, "explicit") as pool:
        counted = {name: await cost(proxy, pool, call) for name, (_trips, call) in UNITS.items()}
    assert {name: trips for name, (trips, _call) in UNITS.items()} == counted


async def test_a_call_waits_as_often_as_it_is_said_to(proxy: FaultProxy) -> None:
    """The count is of what matters: with a latency of 20 ms each way, 3 are 120 ms."""
    async with opened(proxy, "explicit") as pool:
        await TradeRepo(pool).latest("x")
        proxy.latency = timedelta(milliseconds=20).total_seconds()
        with proxy.counting() as trips:
            await TradeRepo(pool).latest("x")
            assert trips() == 3
        proxy.latency = 0
