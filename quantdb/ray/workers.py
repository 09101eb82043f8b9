"""The pools of a worker process, on an event loop in a thread of the process's own."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from functools import cache
from threading import Thread
from typing import Final, TypeVar

from quantdb.config import PoolConfig
from quantdb.pool import Pool, create_pool

__all__ = ["run_with_pool"]

R = TypeVar("R")

_TICK: Final = 0.1
"""Seconds until a cancelled task notices: ``ray.cancel`` interrupts no wait, only what follows."""


def run_with_pool(config: PoolConfig, job: Callable[[Pool], Awaitable[R]]) -> R:
    """Run *job* with this process's pool of *config* and return its result.

    The job sees the caller's context variables. If the wait is interrupted, the job is cancelled.
    """
    return _home(os.getpid()).run(config, job)


class _Home:
    """An event loop in a thread that lives as long as the process, and the pools on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pools: dict[PoolConfig, Pool] = {}
        self._opening = asyncio.Lock()
        Thread(target=self._loop.run_forever, name="quantdb-pools", daemon=True).start()

    def run(self, config: PoolConfig, job: Callable[[Pool], Awaitable[R]]) -> R:
        future = asyncio.run_coroutine_threadsafe(self._run(config, job), self._loop)
        try:
            while not wait([future], timeout=_TICK).done:
                pass
        except BaseException:
            future.cancel()
            raise
        return future.result()

    async def _run(self, config: PoolConfig, job: Callable[[Pool], Awaitable[R]]) -> R:
        return await job(await self._pool(config))

    async def _pool(self, config: PoolConfig) -> Pool:
        async with self._opening:
            pool = self._pools.get(config)
            if pool is None or pool.is_closing():
                pool = self._pools[config] = await create_pool(config)
            return pool


@cache
def _home(_process: int) -> _Home:
    """Make the home of a process; a forked child has another number, so it gets its own."""
    return _Home()
