"""Coroutines from code that must wait: an event loop in a thread, for as long as one piece of work.

Ray calls what reads and writes blocks as plain functions, and lets a generator wait for as long as
nobody takes its blocks. The loop goes on meanwhile, so that no time-out passes for a server's.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import Final, TypeVar

from quantdb.loopthread import LoopThread

__all__ = ["Loop", "pumped"]

T = TypeVar("T")

_AHEAD: Final = 1
"""Items that wait for whoever takes them."""


class Loop(LoopThread):
    """An event loop for one piece of work."""

    def __init__(self) -> None:
        super().__init__("quantdb-data")


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
