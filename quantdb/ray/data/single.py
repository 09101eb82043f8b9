"""One connection for one piece of work."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from quantdb.config import PoolConfig
from quantdb.pool import Pool, create_pool
from quantdb.ray.data.loops import Loop
from quantdb.ray.exposure import refuse_text

__all__ = ["on_one_connection", "one_connection"]

T = TypeVar("T")


def one_connection(config: PoolConfig) -> PoolConfig:
    """Return the configuration of a pool of one connection, for one piece of work.

    Raises:
        ConfigError: It is none.
    """
    refuse_text(config)
    return attrs.evolve(config, min_size=0, max_size=1)


def on_one_connection(config: PoolConfig, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Wait for what *work* gives on a pool of one connection."""

    async def done() -> T:
        async with create_pool(one_connection(config)) as pool:
            return await work(pool)

    with Loop() as loop:
        return loop.run(done())
