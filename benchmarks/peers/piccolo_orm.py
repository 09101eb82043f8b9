"""Piccolo: its tables and its own objects."""

from urllib.parse import urlsplit

from piccolo.columns import UUID, BigInt, Numeric, Text, Timestamptz
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import create_table_class

from benchmarks.data import COLUMNS, values


def table(engine):
    columns = {
        "symbol": Text(),
        "side": Text(),
        "quantity": Numeric(),
        "price": Numeric(),
        "executed_at": Timestamptz(),
        "venue": Text(),
        "venue_trade_id": Text(null=True, default=None),
        "user_id": BigInt(null=True, default=None),
        "strategy": Text(null=True, default=None),
        "fee": Numeric(),
        "currency": Text(),
        "id": UUID(primary_key=True),
    }
    return create_table_class(
        "Trades", class_kwargs={"db": engine, "tablename": "trades"}, class_members=columns
    )


class Peer:
    def __init__(self, engine, mode):
        self.engine = engine
        self.explicit = mode == "explicit"
        self.trades = table(engine)

    async def run(self, query):
        if not self.explicit:
            return await query
        async with self.engine.transaction():
            return await query

    async def get(self, key):
        trades = self.trades
        return await self.run(trades.objects().get(trades.id == key))

    async def insert(self, trade):
        row = self.trades(**dict(zip(COLUMNS, values(trade), strict=True)))
        await self.run(self.trades.insert(row))
        return row

    async def between(self, symbol, start, end):
        trades = self.trades
        at = trades.executed_at
        query = (
            trades.objects()
            .where(trades.symbol == symbol, at >= start, at < end)
            .order_by(at)
            .order_by(trades.id)
        )
        return await self.run(query)

    async def close(self):
        await self.engine.close_connection_pool()


async def connect(dsn, mode):
    parts = urlsplit(dsn)
    engine = PostgresEngine(
        {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": parts.username,
            "password": parts.password,
            "database": parts.path.lstrip("/"),
        }
    )
    await engine.start_connection_pool(min_size=1, max_size=20)
    return Peer(engine, mode)
