"""COPY that ends when the server takes nothing more.

How long a bulk write may take is not known, and the driver waits without a limit for room in its
buffers. What is known is how long the server may leave a piece of it lying.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from quantdb.database import each

__all__ = ["fed"]

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE: Final = 100
"""Items that are handed over between two looks at the clock, where they come without a wait."""


async def fed(
    items: Iterable[T] | AsyncIterable[T],
    copy: Callable[[AsyncGenerator[T, None]], Awaitable[R]],
    limit: float,
) -> R:
    """Return what *copy* makes of *items*.

    Raises:
        TimeoutError: What *copy* was given kept it busy for *limit* seconds. The time that *items*
            take to come does not count.
    """
    loop = asyncio.get_running_loop()
    step = 1 if isinstance(items, AsyncIterable) else _AT_ONCE

    async with asyncio.timeout(limit) as clock:

        async def handed() -> AsyncGenerator[T, None]:
            number = 0
            clock.reschedule(None)
            async for item in each(items):
                if number % step == 0:
                    clock.reschedule(loop.time() + limit)
                yield item
                number += 1
                if step == 1:
                    clock.reschedule(None)
            clock.reschedule(loop.time() + limit)

        return await copy(handed())
