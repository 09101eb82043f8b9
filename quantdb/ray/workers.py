"""The pools of a worker process, on an event loop in a thread of the process's own."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from functools import cache
from threading import Thread
from typing import Final, TypeVar

import attrs

from quantdb.config import PoolConfig
from quantdb.errors import ConfigError
from quantdb.pool import Pool, create_pool

__all__ = ["run_with_pool", "worker_config"]

R = TypeVar("R")

_APPLICATION_NAME: Final = "quant_trading_ray_worker"
_IDLE_LIFETIME: Final = 10.0
"""Seconds that a worker without work keeps a connection: Ray keeps the idle worker itself."""

_TICK: Final = 0.1
"""Seconds until a cancelled task notices: ``ray.cancel`` interrupts no wait, only what follows."""


def worker_config(config: PoolConfig, *, workers: int) -> PoolConfig:
    """Return the configuration of the pool of each of *workers* processes.

    ``max_size`` is an equal share of ``config.max_size``, so all workers together have no more
    connections than one pool of *config*; but each has at least one, so more workers than
    ``config.max_size`` have one each. A worker keeps no connection that it does not use
    (``min_size`` 0, ``idle_lifetime`` at most 10 s), because Ray keeps idle processes and ends
    them without notice. The name of the application, unless one was chosen, becomes
    ``quant_trading_ray_worker``.

    Args:
        config: What one process would use.
        workers: Most worker processes that run at once; for tasks of one CPU each, the CPUs of
            the cluster.

    Raises:
        ConfigError: *workers* is no whole number from 1.
    """
    if not _is_count(workers):
        raise ConfigError(f"workers must be a whole number from 1: {workers!r}")
    default_name = attrs.fields(PoolConfig).application_name.default
    named = config.application_name != default_name
    return attrs.evolve(
        config,
        min_size=0,
        max_size=max(1, config.max_size // workers),
        idle_lifetime=min(config.idle_lifetime, _IDLE_LIFETIME),
        application_name=config.application_name if named else _APPLICATION_NAME,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


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
