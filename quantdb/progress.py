"""Whether what others do goes on, for those who wait for them."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import attrs

__all__ = ["Progress"]


@attrs.define(eq=False)
class Progress:
    """When something was done last with the connections of a pool.

    Attributes:
        last: When one was lent, or somebody said that his work went on, by the event loop's clock.
    """

    last: float = 0.0

    def note(self) -> None:
        """Say that something was done."""
        self.last = asyncio.get_running_loop().time()

    @contextmanager
    def renewing(self, clock: asyncio.Timeout, limit: float) -> Generator[None]:
        """Have *clock* run out when nothing was done for *limit* seconds."""
        loop = asyncio.get_running_loop()
        clock.reschedule(None)
        timers: list[asyncio.TimerHandle] = []

        def look() -> None:
            end = self.last + limit
            if end <= loop.time():
                clock.reschedule(loop.time())
            else:
                timers[:] = [loop.call_at(end, look)]

        timers.append(loop.call_later(limit, look))
        try:
            yield
        finally:
            timers[0].cancel()
