"""The pools of a process, on an event loop in a thread of the process's own."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Final, TypeVar

import attrs

from quantdb.blocking import BlockingPool
from quantdb.config import PoolConfig
from quantdb.loopthread import LoopThread
from quantdb.pool import Pool
from quantdb.progress import Progress

__all__ = ["Pools", "blocking_with_pool", "run_with_pool"]

R = TypeVar("R")


def run_with_pool(config: PoolConfig, job: Callable[[Pool], Awaitable[R]]) -> R:
    """Run *job* with this process's pool of *config* and return its result.

    The job sees the caller's context variables. If the wait is interrupted, the job is cancelled.
    """
    home = _home(os.getpid())

    async def run() -> R:
        async with home.pools.lent(config) as pool:
            return await job(pool)

    return home.thread.run(run())


@contextmanager
def blocking_with_pool(config: PoolConfig) -> Generator[BlockingPool]:
    """Give this process's pool of *config* to a block that has no event loop."""
    home = _home(os.getpid())
    kept = home.thread.run(home.pools.take(config))
    try:
        yield BlockingPool(kept.pool, home.thread)
    finally:
        home.thread.run(home.pools.give_back(kept))


@attrs.define(eq=False)
class Kept:
    """A pool, and how many use it now.

    Attributes:
        pool: The pool, open.
        users: Those who took it.
        timer: Closes it.
    """

    pool: Pool
    users: int = 0
    timer: asyncio.TimerHandle | None = None


class Pools:
    """The pools of one event loop, one for each configuration, opened when they are needed.

    One that nobody has used for its ``idle_lifetime`` is closed. It has no connection by then,
    unless ``min_size`` keeps some; and a process that meets many configurations in its life does
    not collect their pools.

    Args:
        progress: Of the pools, if those who wait for a connection are to wait on while it goes on.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress: Final = progress
        self._kept: Final[dict[PoolConfig, Kept]] = {}
        self._closing: Final[set[asyncio.Task[None]]] = set()

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def lent(self, config: PoolConfig) -> AsyncGenerator[Pool]:
        """Give the pool of *config* to a block."""
        kept = await self.take(config)
        try:
            yield kept.pool
        finally:
            await self.give_back(kept)

    async def take(self, config: PoolConfig) -> Kept:
        """Return the pool of *config*, open; whoever has it gives it back."""
        kept = self._kept.get(config)
        if kept is None:
            kept = self._kept[config] = Kept(Pool(config, self._progress))
        kept.users += 1
        if kept.timer is not None:
            kept.timer.cancel()
            kept.timer = None
        try:
            await kept.pool
        except BaseException:
            kept.users -= 1
            self._forget(kept)
            raise
        return kept

    async def give_back(self, kept: Kept) -> None:
        """Take a pool back; nothing is waited for."""
        kept.users -= 1
        if kept.pool.is_closing():  # by a job
            self._forget(kept)
        elif not kept.users:
            loop = asyncio.get_running_loop()
            kept.timer = loop.call_later(kept.pool.config.idle_lifetime, self._close, kept)

    async def close(self) -> None:
        """Close every pool."""
        for kept in list(self._kept.values()):
            self._close(kept)
        await asyncio.gather(*self._closing)

    def _close(self, kept: Kept) -> None:
        self._forget(kept)
        if not kept.pool.is_closing():
            task = asyncio.get_running_loop().create_task(kept.pool.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _forget(self, kept: Kept) -> None:
        if self._kept.get(kept.pool.config) is kept:
            del self._kept[kept.pool.config]


class _Home:
    """The thread of a process with its event loop, and the pools on that."""

    def __init__(self) -> None:
        self.thread: Final = LoopThread("quantdb-pools")
        self.pools: Final = Pools()


@cache
def _home(_process: int) -> _Home:
    """Make the home of a process; a forked child has another number, so it gets its own."""
    return _Home()
