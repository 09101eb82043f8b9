"""COPY that ends when the server takes nothing more.

How long a bulk write may take is not known, and the driver waits without a limit for room in its
buffers. What is known is how long the server may leave a piece of it lying.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
)
from contextlib import AbstractContextManager, contextmanager
from typing import Final, TypeVar

from quantdb.database import each

__all__ = ["fed"]

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE: Final = 100
"""Items that are handed over between two looks at the clock, where they come without a wait."""


End = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Calls what it is given, during its block, when the taker of the items is gone."""


@contextmanager
def _never(_tell: Callable[[], None]) -> Generator[None]:
    yield


async def fed(
    items: Iterable[T] | AsyncIterable[T],
    copy: Callable[[AsyncGenerator[T, None]], Awaitable[R]],
    limit: float,
    end: End = _never,
) -> R:
    """Return what *copy* makes of *items*.

    The driver looks at its connection when there are no more items. So these end when the taker
    does, be there others or be they waited for.

    Raises:
        TimeoutError: What *copy* was given kept it busy for *limit* seconds. The time that *items*
            take to come does not count.
    """
    loop = asyncio.get_running_loop()
    step = 1 if isinstance(items, AsyncIterable) else _AT_ONCE
    source = _Source(each(items))

    async with asyncio.timeout(limit) as clock:

        async def handed() -> AsyncGenerator[T, None]:
            number = 0
            clock.reschedule(None)
            async for item in source:
                if number % step == 0:
                    clock.reschedule(loop.time() + limit)
                yield item
                number += 1
                if step == 1:
                    clock.reschedule(None)
            clock.reschedule(loop.time() + limit)

        with end(source.end):
            return await copy(handed())


class _Source(AsyncIterator[T]):
    """Items that can be ended from outside."""

    __slots__ = ("_is_over", "_items", "_waiting")

    def __init__(self, items: AsyncGenerator[T, None]) -> None:
        self._items = items
        self._is_over = False
        self._waiting: asyncio.Task[object] | None = None

    def end(self) -> None:
        """Have no more items come, and wait for none."""
        self._is_over = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def __anext__(self) -> T:
        if self._is_over:
            raise StopAsyncIteration
        self._waiting = task = asyncio.current_task()
        cancelled = 0 if task is None else task.cancelling()
        try:
            return await anext(self._items)
        except asyncio.CancelledError:
            # Unless somebody else has cancelled it as well, it was `end`.
            if self._is_over and task is not None and task.uncancel() <= cancelled:
                raise StopAsyncIteration from None
            raise
        finally:
            self._waiting = None
