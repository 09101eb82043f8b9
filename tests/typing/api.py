"""What type checkers see of the public API. Nobody runs this file; mypy and pyright read it."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Literal, assert_type
from uuid import UUID

import asyncpg
import attrs

import quantdb
from quantdb import (
    CommitUnknown,
    Conflict,
    Connection,
    Coverage,
    Database,
    Gap,
    Ingest,
    NewUser,
    Page,
    Pool,
    PoolConfig,
    PoolStatistics,
    PoolTimeout,
    Position,
    Price,
    PriceRepo,
    QuantDBError,
    Query,
    Repo,
    Side,
    Trade,
    TradeRepo,
    User,
    UserRepo,
    retrying,
    transaction,
)
from quantdb.database import Record

# Models.


def models(trade: Trade, price: Price, user: User, new: NewUser) -> None:
    assert_type(trade.side, Literal["buy", "sell"])
    assert_type(trade.quantity, Decimal)
    assert_type(trade.executed_at, datetime)
    assert_type(trade.venue_trade_id, str | None)
    assert_type(trade.user_id, int | None)
    assert_type(trade.id, UUID)
    assert_type(price.interval, timedelta)
    assert_type(price.close, Decimal)
    assert_type(new.born, date | None)
    assert_type(user.active, bool)
    assert_type(user.email, str | None)
    assert_type(attrs.evolve(trade, quantity=Decimal(2)), Trade)
    assert_type(hash(trade), int)


def building(at: datetime, side: Side) -> None:
    one = Decimal(1)
    assert_type(Trade("AAPL", side, one, one, at, "XNAS"), Trade)
    assert_type(
        Trade(
            symbol="AAPL",
            side="sell",
            quantity=one,
            price=one,
            executed_at=at,
            venue="XNAS",
            venue_trade_id="1",
            user_id=1,
            strategy="momentum",
            fee=one,
            currency="EUR",
            id=UUID(int=1),
        ),
        Trade,
    )
    assert_type(Price("AAPL", timedelta(minutes=1), at, one, one, one, one, one), Price)
    assert_type(NewUser("Ada", born=date(1815, 12, 10)), NewUser)
    assert_type(Ingest(inserted=1, existing=2).updated, int)
    assert_type(Page([1], None), Page[int])


def positions(position: Position) -> None:
    assert_type(position.pnl(Decimal(100)), Decimal)
    assert_type(position.bought_notional, Decimal)


# The pool.


async def pools(config: PoolConfig) -> None:
    assert_type(quantdb.create_pool("postgresql://h/db"), Pool)
    assert_type(await quantdb.create_pool(config), Pool)
    async with quantdb.create_pool(config) as pool:
        assert_type(pool, Pool)
        assert_type(pool.config, PoolConfig)
        assert_type(await pool.execute("SELECT 1"), str)
        assert_type(await pool.fetchval("SELECT $1::int", 1), object)
        assert_type(await pool.fetch("SELECT 1", timeout=5), Sequence[Record])
        assert_type(await pool.fetchrow("SELECT 1"), Record | None)
        assert_type(pool.get_size(), int)
        assert_type(pool.statistics(), PoolStatistics)
        assert_type(pool.statistics().waiting, int)
        assert_type(pool.statistics().longest_wait, float)
        assert_type(pool.is_closing(), bool)
        async with pool.acquire(timeout=1) as connection:
            await TradeRepo(connection).latest("AAPL")
        lent = await pool.acquire()
        await pool.release(lent)
        await pool.expire_connections()
        pool.terminate()
        await pool.close()


def settings() -> None:
    config = PoolConfig("postgresql://h/db", pooled=None, transactions="statement", max_size=3)
    assert_type(config.transactions, Literal["explicit", "statement"])
    assert_type(config.pooled, bool | None)
    assert_type(config.command_timeout, float)


# The unit of work, and what a repository works on.


async def unit_of_work(db: Database) -> None:
    scope = transaction(db, isolation="serializable", readonly=True)
    assert_type(await scope.__aenter__(), Connection)
    manager: AbstractAsyncContextManager[Connection] = scope
    async with manager as tx:
        assert_type(tx, Connection)
        assert_type(await tx.execute("SELECT 1"), str)
        assert_type(await tx.fetchval("SELECT 1"), object)
        async with transaction(tx) as inner:
            assert_type(await UserRepo(inner).insert(NewUser("Ada")), User)


async def repeated(ours: Pool, plain: "asyncpg.Pool") -> None:
    async def work(tx: Connection) -> list[Trade]:
        return await TradeRepo(tx).latest("AAPL")

    assert_type(await retrying(ours, work, isolation="serializable"), list[Trade])
    assert_type(await retrying(plain, work, idempotent=True, timeout=3), list[Trade])
    tenant = ours.bound({"app.tenant": "7"})
    assert_type(await retrying(tenant, work, readonly=True), list[Trade])
    assert_type(await TradeRepo(tenant).latest("AAPL"), list[Trade])
    async with transaction(ours, settings={"statement_timeout": "2s"}) as tx:
        assert_type(tx, Connection)
    async with transaction(tenant, settings={"statement_timeout": "2s"}) as tx:
        assert_type(tx, Connection)


async def databases(
    plain: "asyncpg.Pool",
    connection: "asyncpg.Connection",
    ours: Pool,
) -> None:
    """A pool and a connection of plain asyncpg are databases, as ours are."""
    every: list[Database] = [plain, connection, ours]
    for db in every:
        TradeRepo(db)
    async with plain.acquire() as lent, ours.acquire() as our_own:
        for lease in (lent, our_own):
            await UserRepo(lease).find(1)
            async with transaction(lease) as tx:
                assert_type(tx, Connection)
    async with transaction(plain) as tx, transaction(connection) as other, transaction(ours) as own:
        for scope in (tx, other, own):
            assert_type(await TradeRepo(scope).count("A", NOW, NOW), int)
    assert_type(await quantdb.migrate(plain), list[str])
    assert_type(await quantdb.migrate(ours, Path("sql"), set_name="mine"), list[str])


NOW = datetime.fromisoformat("2024-07-01T12:00Z")
MINUTE = timedelta(minutes=1)


# Repositories.


async def trade_methods(
    repo: TradeRepo, trade: Trade, later: AsyncIterator[Trade], sooner: Iterator[Trade]
) -> None:
    assert_type(await repo.insert(trade), Trade)
    assert_type(await repo.insert_many([trade]), Ingest)
    assert_type(await repo.insert_many(later), Ingest)
    assert_type(await repo.insert_many(sooner), Ingest)
    assert_type(await repo.insert_many(one for one in (trade, trade)), Ingest)
    assert_type(await repo.get(trade.id), Trade)
    assert_type(await repo.find(trade.id), Trade | None)
    assert_type(await repo.find_by_venue_id("XNAS", "AAPL", "1"), Trade | None)
    assert_type(await repo.between("AAPL", NOW, NOW), list[Trade])
    assert_type(repo.stream("AAPL", NOW, NOW), AsyncGenerator[Trade, None])
    async for one in repo.stream("AAPL", start=NOW, end=NOW):
        assert_type(one, Trade)
    page = await repo.page("AAPL", limit=10, after=None)
    assert_type(page, Page[Trade])
    assert_type(page.items, list[Trade])
    assert_type(page.next, str | None)
    assert_type(await repo.page("AAPL", after=page.next), Page[Trade])
    assert_type(await repo.latest("AAPL", limit=3), list[Trade])
    assert_type(await repo.count("AAPL", NOW, NOW), int)
    assert_type(await repo.symbols(), list[str])
    assert_type(await repo.vwap("AAPL", NOW, NOW), Decimal | None)
    assert_type(await repo.bars("AAPL", MINUTE, NOW, NOW), list[Price])
    assert_type(await repo.positions(), list[Position])
    assert_type(await repo.positions(at=NOW, user_id=1, strategy="momentum"), list[Position])


async def price_methods(repo: PriceRepo, price: Price, later: AsyncIterator[Price]) -> None:
    assert_type(await repo.upsert(price), Price)
    assert_type(await repo.upsert_many([price]), Ingest)
    assert_type(await repo.upsert_many(later), Ingest)
    assert_type(await repo.get("AAPL", MINUTE, NOW), Price)
    assert_type(await repo.find("AAPL", MINUTE, NOW), Price | None)
    assert_type(await repo.between("AAPL", MINUTE, NOW, NOW), list[Price])
    assert_type(repo.stream("AAPL", MINUTE, NOW, NOW), AsyncGenerator[Price, None])
    assert_type(await repo.page("AAPL", MINUTE, limit=5), Page[Price])
    assert_type(await repo.latest(["AAPL"], MINUTE), dict[str, Price])
    assert_type(await repo.as_of("AAPL", MINUTE, NOW, tolerance=MINUTE), Price | None)
    assert_type(await repo.as_of_many(MINUTE, [("AAPL", NOW)]), list[Price | None])
    assert_type(await repo.resample("AAPL", MINUTE, MINUTE * 5, NOW, NOW), list[Price])
    assert_type(await repo.gaps("AAPL", MINUTE, NOW, NOW), list[Gap])
    assert_type(await repo.coverage(), list[Coverage])


async def user_methods(repo: UserRepo, user: User) -> None:
    assert_type(await repo.insert(NewUser("Ada")), User)
    assert_type(await repo.get(1), User)
    assert_type(await repo.find(1), User | None)
    assert_type(await repo.find_by_email("ada@example.com"), User | None)
    assert_type(await repo.update(user), User)
    assert_type(await repo.update(user, name="Ada", email=None, born=None), User)
    assert_type(await repo.update(user, email="ada@example.com"), User)
    assert_type(await repo.deactivate(user), User)
    assert_type(await repo.page(limit=5, after=None), Page[User])


# Queries: the row is the type of every verb.


def pair(one: int, other: str) -> tuple[int, str]:
    return one, other


SQL = Path("sql")

trades_between = Query(SQL / "between.sql", Trade)
total = Query(SQL / "total.sql", Decimal)
pairs = Query(SQL / "pairs.sql", pair)
counted = Query(resources.files("quantdb") / "counted.sql", int, root=SQL)
deleted = Query(SQL / "deleted.sql")
explicitly_none = Query(SQL / "deleted.sql", None)

assert_type(trades_between, Query[Trade])
assert_type(total, Query[Decimal])
assert_type(pairs, Query[tuple[int, str]])
assert_type(counted, Query[int])
assert_type(deleted, Query[None])
assert_type(explicitly_none, Query[None])


async def verbs(db: Database, trade: Trade) -> None:
    assert_type(await trades_between.one(db, "AAPL", NOW), Trade)
    assert_type(await trades_between.find(db, "AAPL", timeout=5), Trade | None)
    assert_type(await trades_between.all(db), list[Trade])
    assert_type(trades_between.stream(db), AsyncGenerator[Trade, None])
    assert_type(await trades_between.store(db, trade), Trade)
    assert_type(await trades_between.run(db), int)
    assert_type(await total.one(db), Decimal)
    assert_type(await total.find(db), Decimal | None)
    assert_type(await pairs.all(db), list[tuple[int, str]])
    assert_type(await counted.one(db), int)
    assert_type(await deleted.run(db, trade.id), int)


# A user's own repository.


@attrs.frozen
class Order:
    symbol: str
    quantity: Decimal
    limit: Decimal | None = None


class OrderRepo(Repo):
    """Orders."""

    _insert = Query(SQL / "orders" / "insert.sql", Order)
    _open = Query(SQL / "orders" / "open.sql", Order)

    async def insert(self, order: Order) -> Order:
        return await self._insert.store(self.db, order)

    async def open(self, symbol: str) -> list[Order]:
        return await self._open.all(self.db, symbol)


async def own_repository(db: Database) -> None:
    repo = OrderRepo(db)
    assert_type(repo.db, Database)
    assert_type(await repo.insert(Order("AAPL", Decimal(1))), Order)
    assert_type(await repo.open("AAPL"), list[Order])


# Errors.


async def errors(repo: TradeRepo, trade: Trade) -> None:
    try:
        await repo.insert(trade)
    except Conflict as conflict:
        assert_type(conflict.constraint, str)
        assert_type(conflict.row, int | None)
    except CommitUnknown as unknown:
        assert_type(unknown.outcome, Literal["not_applied", "applied", "unknown"])
    except PoolTimeout as timeout:
        assert_type(timeout.waiting, int)
    except QuantDBError as error:
        assert_type(error.retryable, bool)
        assert_type(error.message, str)
