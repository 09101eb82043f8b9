"""asyncpg by hand: the idiom of its own documentation, which every ratio is a ratio to."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from benchmarks.case import Mode
from benchmarks.data import COLUMNS, END, START, SYMBOL, statement, values
from quantdb import Trade

__all__ = ["Hand", "opened"]


class Hand:
    """What a repository over asyncpg's pool would be."""

    def __init__(self, pool: asyncpg.Pool, mode: Mode) -> None:
        self.pool = pool
        self._is_explicit = mode == "explicit"
        self._get = statement("get")
        self._insert = statement("insert")
        self._between = statement("between")

    async def _row(self, query: str, *arguments: object) -> Trade:
        if self._is_explicit:
            async with self.pool.acquire() as connection, connection.transaction():
                record = await connection.fetchrow(query, *arguments)
        else:
            record = await self.pool.fetchrow(query, *arguments)
        assert record is not None
        return Trade(**record)

    async def get(self, trades: Sequence[Trade]) -> Trade:
        return await self._row(self._get, trades[0].id)

    async def insert(self, trades: Sequence[Trade]) -> Trade:
        return await self._row(self._insert, *values(trades[0]))

    async def records(self) -> list[asyncpg.Record]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await connection.fetch(self._between, SYMBOL, START, END)

    async def between(self, _trades: Sequence[Trade]) -> list[Trade]:
        return [Trade(**record) for record in await self.records()]

    async def stream(self, _trades: Sequence[Trade]) -> int:
        count = 0
        async with self.pool.acquire() as connection, connection.transaction():
            async for record in connection.cursor(
                self._between, SYMBOL, START, END, prefetch=1_000
            ):
                Trade(**record)
                count += 1
        return count

    async def copy(self, trades: Sequence[Trade]) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table(
                "trades", columns=COLUMNS, records=[values(trade) for trade in trades]
            )
        return len(trades)

    async def executemany(self, trades: Sequence[Trade]) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.executemany(self._insert, [values(trade) for trade in trades])
        return len(trades)


@asynccontextmanager
async def opened(dsn: str, mode: Mode = "explicit") -> AsyncGenerator[Hand]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=20) as pool:
        yield Hand(pool, mode)
