"""SQLAlchemy ORM over asyncpg: its sessions and its own instances."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import registry

from benchmarks.data import COLUMNS, values
from benchmarks.peers.sqlalchemy_core import TRADES, engine_of


class Row:
    def __init__(self, **given):
        for name, value in given.items():
            setattr(self, name, value)


registry().map_imperatively(Row, TRADES)


class Peer:
    def __init__(self, engine):
        self.engine = engine
        self.sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def get(self, key):
        async with self.sessions() as session, session.begin():
            return await session.get_one(Row, key)

    async def insert(self, trade):
        row = Row(**dict(zip(COLUMNS, values(trade), strict=True)))
        async with self.sessions() as session, session.begin():
            session.add(row)
        return row

    async def between(self, symbol, start, end):
        query = (
            select(Row)
            .where(Row.symbol == symbol, Row.executed_at >= start, Row.executed_at < end)
            .order_by(Row.executed_at, Row.id)
        )
        async with self.sessions() as session, session.begin():
            return list(await session.scalars(query))

    async def close(self):
        await self.engine.dispose()


async def connect(dsn, mode):
    return Peer(engine_of(dsn, mode))
