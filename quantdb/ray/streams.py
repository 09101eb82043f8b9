"""Items of an iteration in batches, for one at a time is dear between processes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TypeVar

__all__ = ["in_batches"]

T = TypeVar("T")


async def in_batches(items: AsyncGenerator[T, None], most: int) -> AsyncGenerator[list[T], None]:
    """Give what *items* gives, in lists of what came while the list before was dealt with.

    So a source that is fast comes in long lists, and no item of a slow one waits for the next. One
    task of its own begins, reads and ends *items*, and reads at most *most* ahead.
    """
    came: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue(most)
    reading = asyncio.get_running_loop().create_task(_read(items, came))
    try:
        async for batch in _drained(came, most):
            yield batch
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _read(
    items: AsyncGenerator[T, None], came: "asyncio.Queue[tuple[T] | Exception | None]"
) -> None:
    try:
        async for item in items:
            await came.put((item,))
    except Exception as error:
        await came.put(error)
    else:
        await came.put(None)
    finally:
        await items.aclose()


async def _drained(
    came: "asyncio.Queue[tuple[T] | Exception | None]", most: int
) -> AsyncIterator[list[T]]:
    while True:
        heard = [await came.get()]
        while len(heard) < most and not came.empty():
            heard.append(came.get_nowait())
        batch = [each[0] for each in heard if isinstance(each, tuple)]
        if batch:
            yield batch
        last = heard[-1]
        if last is None:
            return
        if not isinstance(last, tuple):
            raise last
