"""The process that serves calls: what runs in the actor."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Final, TypeGuard

import attrs
import ray

from quantdb.config import PoolConfig
from quantdb.errors import ConfigError
from quantdb.pool import Pool
from quantdb.progress import Progress
from quantdb.ray.ids import Origin, in_job
from quantdb.ray.streams import in_batches
from quantdb.ray.travel import loads, travelling
from quantdb.ray.workers import Pools
from quantdb.reruns import rerun

__all__ = ["Call", "Job", "Method", "Server"]

_BATCH: Final = 512
"""Most items of a stream that travel together."""


_SKEW: Final = 1_000
"""Milliseconds by which the clocks of a cluster's machines may differ."""

_REMEMBERED: Final = 10_000
"""Calls of which a process knows that it has begun them."""


@attrs.frozen
class Call:
    """What is sent to a server, besides arguments.

    Attributes:
        origin: Of its ids; no two calls have the same.
        work: What is to be done, pickled: a `Job` or a `Method`.
        at: The millisecond since 1970 in which it was sent first.
    """

    origin: Origin
    work: bytes
    at: int = attrs.field(factory=lambda: time.time_ns() // 1_000_000)


@attrs.frozen
class Job:
    """A function that is called with the pool.

    Attributes:
        function: A coroutine function.
    """

    function: Callable[..., Awaitable[object]]


@attrs.frozen
class Method:
    """A method of a repository, which is made of the pool.

    Attributes:
        kind: The class.
        name: Of the method.
    """

    kind: Callable[[Pool], object]
    name: str

    def on(self, pool: Pool) -> Callable[..., object]:
        """Return the method of a repository on *pool*."""
        method: Callable[..., object] = getattr(self.kind(pool), self.name)
        return method


class Server:
    """One pool, and what is called on it.

    What is to be done comes pickled: the actor's process loads it once, and keeps it. Calls of
    repositories take turns, as many at once as there are connections; jobs, which may wait for
    others, do not, nor do streams. Whoever of them finds no connection free waits in the pool's
    line, as long as that moves or a stream is read.
    """

    def __init__(self, config: PoolConfig) -> None:
        self._config: Final = config
        self._progress: Final = Progress()
        self._pools: Final = Pools(self._progress)
        self._turns: Final = asyncio.Semaphore(config.max_size)
        self._runs: Final = _Runs()

    async def call(self, call: Call, /, *args: object, **kwargs: object) -> object:
        """Return what a `Job` or a `Method` gives."""
        with in_job(call.origin), travelling():
            todo = _loaded(call.work)
            async with self._pools.lent(self._config) as pool:
                if isinstance(todo, Job):
                    return await todo.function(pool, *args, **kwargs)
                if isinstance(todo, Method):
                    with self._runs.begun(call):
                        return await self._in_turn(todo, pool, *args, **kwargs)
            raise ConfigError(f"an actor of quantdb is called through its service: {todo!r}")

    async def _in_turn(
        self, method: Method, pool: Pool, /, *args: object, **kwargs: object
    ) -> object:
        async with self._turns:
            made = method.on(pool)(*args, **kwargs)
            return await made if _is_awaitable(made) else made

    async def stream(
        self, call: Call, /, *args: object, **kwargs: object
    ) -> AsyncGenerator[list[object], None]:
        """Give what a `Method` iterates over, in batches."""
        with travelling():
            async for batch in in_batches(self._items(call, *args, **kwargs), _BATCH):
                yield batch
                self._progress.note()

    async def _items(
        self, call: Call, /, *args: object, **kwargs: object
    ) -> AsyncGenerator[object, None]:
        with in_job(call.origin):
            todo = _loaded(call.work)
            if not isinstance(todo, Method):
                raise ConfigError(f"only a method of a repository is streamed: {todo!r}")
            async with self._pools.lent(self._config) as pool:
                items = todo.on(pool)(*args, **kwargs)
                if not _is_iterable(items):
                    raise ConfigError(f"{todo.name} gives no async iterator: {items!r}")
                try:
                    async for item in items:
                        yield item
                finally:
                    # An iterator need not be a generator.
                    close: Callable[[], Awaitable[None]] | None = getattr(items, "aclose", None)
                    if close is not None:
                        await close()


def _is_awaitable(value: object) -> TypeGuard[Awaitable[object]]:
    return isinstance(value, Awaitable)


def _is_iterable(value: object) -> TypeGuard[AsyncIterable[object]]:
    return isinstance(value, AsyncIterable)


@lru_cache(256)
def _loaded(work: bytes) -> object:
    return loads(work)


class _Runs:
    """Which calls may have been run before.

    Ray runs a call again when the process that had it has ended, or when its connection to that was
    lost, and in an async actor it does not say so. But this process knows what it has begun; and
    if there was one before it, what was sent before it came may have been begun there.
    """

    def __init__(self) -> None:
        context: object = ray.get_runtime_context()
        first = not getattr(context, "was_current_actor_reconstructed")  # noqa: B009 - untyped
        self._since: Final = 0 if first else time.time_ns() // 1_000_000 + _SKEW
        self._begun: Final[dict[bytes, None]] = {}

    def begun(self, call: Call) -> AbstractContextManager[None]:
        """Give a block for a call, in which it knows whether it may have been run before."""
        nonce = call.origin.nonce
        again = call.at < self._since or nonce in self._begun
        self._begun[nonce] = None
        if len(self._begun) > _REMEMBERED:
            del self._begun[next(iter(self._begun))]
        return rerun() if again else nullcontext()
