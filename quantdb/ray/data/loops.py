"""Coroutines from code that must wait: an event loop in a thread, for as long as one piece of work.

Ray calls what reads and writes blocks as plain functions, and lets a generator wait for as long as
nobody takes its blocks. The loop goes on meanwhile, so that no time-out passes for a server's.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future, wait
from contextlib import aclosing
from threading import Thread
from types import TracebackType
from typing import Final, Self, TypeVar

__all__ = ["Loop", "pumped"]

T = TypeVar("T")

_TICK: Final = 0.1
"""Seconds until an interrupted wait notices."""

_AHEAD: Final = 1
"""Items that wait for whoever takes them."""


class Loop:
    """An event loop that runs in a thread inside the block."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="quantdb-data", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Return what a coroutine gives; if the wait is interrupted, it is cancelled."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not wait([future], timeout=_TICK).done:
                pass
        except BaseException:
            future.cancel()
            raise
        return future.result()


def pumped(source: Callable[[], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
    """Give what an asynchronous generator gives, which runs in one task of a loop of its own."""
    ready: asyncio.Queue[T | None] = asyncio.Queue(_AHEAD)

    async def produce() -> None:
        try:
            async with aclosing(source()) as items:
                async for item in items:
                    await ready.put(item)
        except asyncio.CancelledError:  # nobody takes any more
            raise
        except BaseException:
            await ready.put(None)
            raise
        await ready.put(None)

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(produce())

    async def stop(producing: asyncio.Task[None]) -> None:
        producing.cancel()
        await asyncio.wait([producing])
        if not producing.cancelled():
            producing.exception()  # who left early is not told

    async def result(producing: asyncio.Task[None]) -> None:
        await producing

    with Loop() as loop:
        producing = loop.run(begin())
        try:
            while (item := loop.run(ready.get())) is not None:
                yield item
            loop.run(result(producing))
        finally:
            loop.run(stop(producing))
