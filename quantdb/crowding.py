"""How a pool asks a server whose connections are used up: one attempt at a time, ever more rarely.

Each attempt that is refused costs the server a process. So as soon as one was refused for want of
room, all that open connections for the same pool stand in line, and the pauses between their
attempts are the line's, not each one's own.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

__all__ = ["Line", "is_full"]

_FIRST_PAUSE: Final = 0.05
_SHORTEST_LIMIT: Final = 0.5
_LONGEST_LIMIT: Final = 5.0
_OF_PATIENCE: Final = 5
"""How many attempts those who wait have, at least, once the pauses are at their longest."""

_NO_ROOM: Final = "53300"
# What poolers say, as 08P01 or XX000: PgBouncer, and Supabase's.
_NO_ROOM_WORDS: Final = re.compile(
    r"no more connections|client connections exceeded|too many (?:clients|connections for)"
    r"|max client(?:s|(?: connections)) reached|connection slots are reserved",
    re.IGNORECASE,
)


def is_full(error: BaseException | None) -> bool:
    """Tell whether a server or pooler refused a connection because it has none to spare."""
    if not isinstance(error, asyncpg.PostgresError):
        return False
    return error.sqlstate == _NO_ROOM or _NO_ROOM_WORDS.search(str(error)) is not None


class Line:
    """Those of one pool who want a connection of a server that had none to spare.

    Attributes:
        refused: Attempts that were refused since the last connection; 0 if there is room.
        last: The last refusal; None if there was none.
    """

    __slots__ = ("_limit", "_lock", "_not_before", "_rounds", "_since", "last", "refused")

    def __init__(self, patience: float) -> None:
        self._limit = min(_LONGEST_LIMIT, max(_SHORTEST_LIMIT, patience / _OF_PATIENCE))
        self._lock = asyncio.Lock()
        self._not_before = 0.0
        self._rounds = 0
        self._since = 0.0
        self.refused = 0
        self.last: Exception | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for one's turn, if the server was full; it lasts until the end of the block."""
        if not self.refused and not self._lock.locked():
            yield
            return
        async with self._lock:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            yield

    def refuse(self, error: Exception) -> None:
        """Note that the server is full: the next turn comes after a pause, no two alike."""
        now = time.monotonic()
        if not self.refused:
            self._since = now
        self.refused += 1
        self.last = error
        if now < self._not_before:
            return  # of those who tried at once, before there was a line, one counts
        self._rounds += 1
        most: float = min(self._limit, _FIRST_PAUSE * 2.0 ** min(self._rounds - 1, 10))
        self._not_before = now + random.uniform(most / 2, most)  # noqa: S311 - no secret

    def admit(self) -> None:
        """Note that the server had something else to say, or a connection."""
        self.refused = self._rounds = 0
        self._not_before = 0.0

    def __str__(self) -> str:
        """Say what the matter is; empty if there is room."""
        if not self.refused:
            return ""
        seconds = time.monotonic() - self._since
        times = "once" if self.refused == 1 else f"{self.refused} times in {seconds:.1f} s"
        return f"the server has no connection to spare, it said {times}: {self.last}"
