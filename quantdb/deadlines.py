"""The time that each step of a call may take, with one timer for all calls of a pool.

A timer for every statement is a good part of what a call costs that goes well, and with asyncio's
own loop all those that were set and never went off stay in a heap for as long as they might have
had to wait. Here a step notes until when it has time, and whoever finds no timer set sets one. When
that goes off, it looks whose time is up, and is set again for whoever is next. As all have the same
seconds, nobody's time is up before that of those who began earlier.
"""

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Final, Protocol

__all__ = ["NEVER", "Deadlines", "Timed"]

NEVER: Final = float("inf")
_MOMENT: Final = 0.01
"""Seconds in which the event loop reads what came while somebody held it up."""


class Timed(Protocol):
    """What takes a step at a time."""

    until: float
    """When the time of its step is up, by ``time.monotonic``; `NEVER` between steps."""

    def expire(self) -> None:
        """Have the step fail."""
        ...


class Deadlines:
    """The steps that are under way.

    Args:
        timed: Whose steps they are.
        limit: Seconds that a step may take.

    Attributes:
        limit: The same.
        is_set: Whether somebody looks after those whose time is up.
    """

    __slots__ = ("_loop", "_timed", "is_set", "limit")

    def __init__(self, timed: Iterable[Timed], limit: float) -> None:
        self.limit: Final = limit
        self.is_set = False
        self._loop: Final = asyncio.get_running_loop()
        self._timed: Final = timed

    def set(self, seconds: float) -> None:
        """Set the timer, for whose time is up in so many seconds; none is set."""
        self.is_set = True
        self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self.is_set = False
        now, first = monotonic(), NEVER
        late: list[tuple[Timed, float]] = []
        for timed in list(self._timed):
            if timed.until <= now:
                late.append((timed, timed.until))
            else:
                first = min(first, timed.until)
        if first < NEVER:
            self.set(first - now)
        if late:
            # The answer may be there already, and nobody has read it yet.
            self._loop.call_later(_MOMENT, self._expire, late)

    def _expire(self, late: list[tuple[Timed, float]]) -> None:
        for timed, until in late:
            if timed.until == until:  # it is the same step still
                timed.expire()
