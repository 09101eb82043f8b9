"""The line of those who wait for a connection, with one timer for all of them.

When there are more callers than connections, each of them waits for a moment, and nearly all are
served in time. A timer for each would be most of what that costs.
"""

import asyncio
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from quantdb.deadlines import NEVER
from quantdb.progress import Progress

__all__ = ["TimeUp", "Waiters"]

T = TypeVar("T")

_MOMENT: Final = 0.01
"""Seconds between two looks at the clock, at least; so somebody may be told that much later."""


class TimeUp(TimeoutError):
    """Nothing came in the time that somebody had for waiting."""


class _Place:
    """Somebody's place in line."""

    __slots__ = ("renewed", "task", "until")

    def __init__(
        self, task: asyncio.Task[object] | None, until: float, renewed: float | None
    ) -> None:
        self.task: Final = task
        self.until: Final = until
        self.renewed: Final = renewed


class Waiters(Generic[T]):
    """Those who wait, in line.

    Args:
        progress: If there is one, whoever may waits on while others' work goes on.
    """

    __slots__ = ("_due", "_loop", "_places", "_progress", "_timer")

    def __init__(self, progress: Progress | None) -> None:
        self._due = NEVER
        self._loop: Final = asyncio.get_running_loop()
        self._places: Final[OrderedDict[asyncio.Future[T], _Place]] = OrderedDict()
        self._progress: Final = progress
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._places)

    def tasks(self) -> set[asyncio.Task[object]]:
        """Return the tasks that wait."""
        return {place.task for place in self._places.values() if place.task is not None}

    def join(self, limit: float, *, renewable: bool) -> asyncio.Future[T]:
        """Take the last place for the current task, which awaits what is returned.

        That fails with `TimeUp` after *limit* seconds, or if it is *renewable* as many after the
        last progress. Whoever gets nothing has to `leave`.
        """
        waiter: asyncio.Future[T] = self._loop.create_future()
        until = self._loop.time() + (limit if limit > 0 else 0.0)
        renewed = limit if renewable else None
        self._places[waiter] = _Place(asyncio.current_task(), until, renewed)
        if until < self._due:
            self._look_at(until)
        return waiter

    def leave(self, waiter: asyncio.Future[T]) -> T | None:
        """Give up a place; return what came too late, for somebody else to have."""
        self._places.pop(waiter, None)
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            return waiter.result()
        return None

    def serve(self, what: T) -> bool:
        """Give *what* they wait for to the first in line; tell whether there was one."""
        waiter = self._first()
        if waiter is not None:
            waiter.set_result(what)
        return waiter is not None

    def disappoint(self, error: Exception) -> bool:
        """Tell the first in line that nothing comes; tell whether there was one."""
        waiter = self._first()
        if waiter is not None:
            waiter.set_exception(error)
        return waiter is not None

    def close(self) -> None:
        """Look at the clock no more; nobody is to join."""
        if self._timer is not None:
            self._timer.cancel()

    def _first(self) -> asyncio.Future[T] | None:
        """Take the first who still waits out of the line."""
        while self._places:
            waiter, _place = self._places.popitem(last=False)
            if not waiter.done():
                return waiter
        return None

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = when, self._loop.call_at(when, self._look)

    def _look(self) -> None:
        """Tell those whose time is up, and look again when the next one's is."""
        now, first = self._loop.time(), NEVER
        self._due, self._timer = NEVER, None
        for waiter, place in self._places.items():
            end = self._end_of(place)
            if end > now:
                first = min(first, end)
            elif not waiter.done():
                waiter.set_exception(TimeUp())
        if first < NEVER:
            # Of very many, each may have a time of his own: they are not all looked at for each.
            self._look_at(max(first, now + _MOMENT))

    def _end_of(self, place: _Place) -> float:
        if place.renewed is None or self._progress is None:
            return place.until
        return max(place.until, self._progress.last + place.renewed)
