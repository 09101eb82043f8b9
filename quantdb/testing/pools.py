"""A pool for tests, in whatever event loop each runs, and a block that leaves no trace."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Self

from quantdb.blocks import is_alive
from quantdb.config import PoolConfig
from quantdb.connection import PooledConnection
from quantdb.database import Block, Connection, FullConnection
from quantdb.outcomes import OF_THE_DRIVER
from quantdb.pool import Pool

__all__ = ["LoopPool", "rolled_back"]


class LoopPool(Pool):
    """A pool that works wherever it is used: in each event loop it is a pool of that loop's own.

    The driver's pool belongs to the loop in which it was opened. In which loop a test or a fixture
    runs is a matter of scopes, marks and settings, and they differ. So the pool of a loop is opened
    when it is first used there, and closed when that loop ends: whoever runs a loop finishes its
    asynchronous generators before closing it, and one of them sees to that.

    Once closed, it opens again when it is next used: no test closes it for the others.
    """

    __slots__ = ("_closers", "_pools")

    def __init__(self, config: PoolConfig) -> None:
        super().__init__(config)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    def __repr__(self) -> str:
        return f"LoopPool({self.config!r})"

    def lease_at_once(self) -> PooledConnection | None:
        """Return None: the pool of this loop may have to be opened first."""
        return None

    def took_back_at_once(self, connection: PooledConnection) -> bool:
        """Take a connection back from a call that went well; tell whether, or see to the rest."""
        pool = self._here()
        return pool is not None and pool.took_back_at_once(connection)

    async def lease(self, timeout: float | None, *, block: bool) -> PooledConnection:
        """Return a connection for a *block*, or for whoever releases it some time."""
        return await (await self._opened_here()).lease(timeout, block=block)

    async def take_back(
        self,
        connection: PooledConnection,
        error: BaseException | None,
        timeout: float | None = None,
    ) -> None:
        """Take a connection back from a block that ended so."""
        await (await self._opened_here()).take_back(connection, error, timeout)

    async def release(self, connection: Connection, *, timeout: float | None = None) -> None:
        """Give a connection back."""
        await (await self._opened_here()).release(connection, timeout=timeout)

    def drop_sessions(self, why: str) -> None:
        """Have every connection of this loop replaced before it is used again."""
        pool = self._here()
        if pool is not None:
            pool.drop_sessions(why)

    def get_size(self) -> int:
        """Return how many connections this loop has open."""
        pool = self._here()
        return pool.get_size() if pool else 0

    def get_idle_size(self) -> int:
        """Return how many of them are free."""
        pool = self._here()
        return pool.get_idle_size() if pool else 0

    def get_min_size(self) -> int:
        """Return how many are kept open."""
        return self.config.min_size

    def is_closing(self) -> bool:
        """Tell whether the pool of this loop is being closed."""
        pool = self._here()
        return pool is not None and pool.is_closing()

    async def close(self) -> None:
        """Close the pool of this loop."""
        pool = self._here()
        if pool is not None:
            if not pool.is_closing():
                await pool.close()
            self._forget(pool)

    def terminate(self) -> None:
        """Close the pool of this loop at once; work under way is lost."""
        pool = self._here()
        if pool is not None:
            if not pool.is_closing():
                pool.terminate()
            self._forget(pool)

    async def expire_connections(self) -> None:
        """Have every connection of this loop replaced when it is next borrowed."""
        await (await self._opened_here()).expire_connections()

    def finish(self) -> None:
        """Close the pools of the loops that still are; none of them runs."""
        for loop, closer in list(self._closers.items()):
            if not loop.is_closed():
                loop.run_until_complete(closer.aclose())

    async def _open(self) -> Self:
        await self._opened_here()
        return self

    async def _opened_here(self) -> Pool:
        loop = asyncio.get_running_loop()
        if loop not in self._closers:
            self._closers[loop] = closer = self._close_at_the_end_of(loop)
            await anext(closer)  # does not wait for anything
        if loop not in self._pools:
            self._pools[loop] = Pool(self.config)
        return await self._pools[loop]

    async def _close_at_the_end_of(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            del self._closers[loop]
            await self.close()

    def _here(self) -> Pool | None:
        return self._pools.get(asyncio.get_running_loop())

    def _forget(self, pool: Pool) -> None:
        loop = asyncio.get_running_loop()
        if self._pools.get(loop) is pool:
            del self._pools[loop]


@asynccontextmanager
async def rolled_back(pool: Pool) -> AsyncGenerator[FullConnection]:
    """Give a connection in a transaction that leaves nothing behind, whatever becomes of it."""
    connection = await pool.acquire()
    try:
        block = connection.transaction()
        await block.start()
        yield connection
        await _undo(pool, connection, block)
    finally:
        # One that is past help is closed by the driver when it gets it back, and says so.
        with suppress(*OF_THE_DRIVER):
            await pool.release(connection)


async def _undo(pool: Pool, connection: Connection, block: Block) -> None:
    with suppress(*OF_THE_DRIVER):
        if not is_alive(connection):
            return
        try:
            await block.rollback()
            # A type that was made in the block is gone; the next of that name is another.
            await connection.reload_schema_state()
        except OF_THE_DRIVER:
            # Somebody is still at work on it. The server would go on with that, locks and all.
            await pool.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
