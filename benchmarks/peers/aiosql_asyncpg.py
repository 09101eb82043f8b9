"""aiosql over asyncpg's pool: its SQL files, records as models."""

from pathlib import Path

import aiosql
import asyncpg

from benchmarks.data import values
from quantdb import Trade

QUERIES = aiosql.from_path(
    Path(__file__).with_name("aiosql.sql"), "asyncpg", mandatory_parameters=False
)


class Peer:
    def __init__(self, pool, mode):
        self.pool = pool
        self.explicit = mode == "explicit"

    async def run(self, query, **arguments):
        if not self.explicit:
            return await query(self.pool, **arguments)
        async with self.pool.acquire() as connection, connection.transaction():
            return await query(connection, **arguments)

    async def get(self, key):
        return Trade(**await self.run(QUERIES.get, id=key))

    async def insert(self, trade):
        names = Trade.__slots__
        return Trade(
            **await self.run(QUERIES.insert, **dict(zip(names, values(trade), strict=True)))
        )

    async def between(self, symbol, start, end):
        span = {"symbol": symbol, "start": start, "end": end}
        if not self.explicit:
            return [Trade(**row) async for row in QUERIES.between(self.pool, **span)]
        async with self.pool.acquire() as connection, connection.transaction():
            return [Trade(**row) async for row in QUERIES.between(connection, **span)]

    async def close(self):
        await self.pool.close()


async def connect(dsn, mode):
    return Peer(await asyncpg.create_pool(dsn, min_size=1, max_size=20), mode)
