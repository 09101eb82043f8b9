"""SQLAlchemy Core over asyncpg: its expressions, rows as models."""

from urllib.parse import urlsplit

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Numeric, Table, Text, Uuid, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.data import COLUMNS, values
from quantdb import Trade

TRADES = Table(
    "trades",
    MetaData(),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Numeric, nullable=False),
    Column("price", Numeric, nullable=False),
    Column("executed_at", DateTime(timezone=True), nullable=False),
    Column("venue", Text, nullable=False),
    Column("venue_trade_id", Text),
    Column("user_id", BigInteger),
    Column("strategy", Text),
    Column("fee", Numeric, nullable=False),
    Column("currency", Text, nullable=False),
    Column("id", Uuid, primary_key=True),
)


class Peer:
    def __init__(self, engine):
        self.engine = engine

    async def get(self, key):
        async with self.engine.begin() as connection:
            result = await connection.execute(select(TRADES).where(TRADES.c.id == key))
            return Trade(*result.one())

    async def insert(self, trade):
        given = dict(zip(COLUMNS, values(trade), strict=True))
        async with self.engine.begin() as connection:
            result = await connection.execute(
                insert(TRADES).values(given).on_conflict_do_nothing().returning(TRADES)
            )
            return Trade(*result.one())

    async def between(self, symbol, start, end):
        at = TRADES.c.executed_at
        query = (
            select(TRADES)
            .where(TRADES.c.symbol == symbol, at >= start, at < end)
            .order_by(at, TRADES.c.id)
        )
        async with self.engine.begin() as connection:
            return [Trade(*row) for row in await connection.execute(query)]

    async def copy(self, trades):
        given = [dict(zip(COLUMNS, values(trade), strict=True)) for trade in trades]
        async with self.engine.begin() as connection:
            await connection.execute(insert(TRADES).on_conflict_do_nothing(), given)
        return len(trades)

    async def close(self):
        await self.engine.dispose()


def engine_of(dsn, mode):
    url = urlsplit(dsn)._replace(scheme="postgresql+asyncpg", query="").geturl()
    options = {"isolation_level": "AUTOCOMMIT"} if mode == "autocommit" else {}
    return create_async_engine(url, pool_size=20, max_overflow=0, **options)


async def connect(dsn, mode):
    return Peer(engine_of(dsn, mode))
