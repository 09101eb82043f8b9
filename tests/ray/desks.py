"""Repositories of a user's own, in a module that the workers of the tests import."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import attrs

import quantdb
import quantdb.ray
from quantdb import Conflict, NewUser, Pool, Trade, TradeRepo, UserRepo


async def process_of(_pool: Pool) -> int:
    return os.getpid()


async def pause_in_transaction(pool: Pool, seconds: float) -> bool:
    async with quantdb.transaction(pool) as tx:
        await tx.execute("SELECT pg_sleep($1)", seconds)
    return True


class Desk:
    """A repository of a user's own, which knows nothing of quantdb's."""

    LIMIT = 3

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def sum(self, numbers: list[int], *, times: int = 1) -> object:
        return await self.pool.fetchval(
            "SELECT sum(n) * $2::int FROM unnest($1::int[]) n", numbers, times
        )

    def later(self, number: int) -> Coroutine[object, object, object]:
        return self.pool.fetchval("SELECT $1::int", number)

    async def ticks(self, n: int, path: Path | None = None) -> AsyncGenerator[int, None]:
        try:
            for number in range(n):
                yield number
        finally:
            if path is not None:
                await asyncio.to_thread(path.touch)

    async def rows(self, n: int) -> AsyncGenerator[int, None]:
        async with quantdb.transaction(self.pool) as tx:
            cursor = await tx.cursor("SELECT generate_series(0, $1::int - 1)", n)
            while rows := await cursor.fetch(500):
                for row in rows:
                    yield int(str(row[0]))

    def shared(self, n: int) -> AsyncIterator[int]:
        return self.ticks(n)

    async def clock(self) -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.sleep(60)

    async def broken(self) -> AsyncIterator[int]:
        yield 1
        raise Conflict("it broke", "rule")

    async def ids(self) -> list[UUID]:
        return quantdb.ray.task_ids(3)

    async def hang(self) -> object:
        return await self.pool.execute("SELECT pg_sleep(30) /* served */")

    def plain(self) -> int:
        return self.LIMIT

    @property
    def size(self) -> int:
        return self.pool.get_size()

    @staticmethod
    def double(number: int) -> int:
        return number * 2


def crash_at_first(attempts: Path) -> None:
    (attempts / str(time.time_ns())).touch()
    if len(list(attempts.iterdir())) == 1:
        os._exit(1)


class Crashing(TradeRepo):
    """Ends its process after its work, the first time."""

    async def insert_and_crash(self, trade: Trade, attempts: Path) -> Trade:
        stored = await self.insert(trade)
        crash_at_first(attempts)
        return stored

    async def enter(self, user: NewUser, attempts: Path) -> object:
        stored = await UserRepo(self.db).insert(user)
        crash_at_first(attempts)
        return stored

    async def enter_in_transaction(self, user: NewUser, attempts: Path) -> object:
        async with quantdb.transaction(self.db) as tx:
            stored = await UserRepo(tx).insert(user)
        crash_at_first(attempts)
        return stored

    async def conflict(self, trade: Trade, attempts: Path) -> Trade:
        await self.insert(trade)
        crash_at_first(attempts)
        return await self.insert(attrs.evolve(trade, price=Decimal(9)))

    async def crash_in_stream(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0.5)
        os._exit(1)
