"""What is compared: a case is one piece of work, a contender one way of doing it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Literal

import attrs

from quantdb import Trade

__all__ = ["HAND", "OURS", "Case", "Contender", "Mode", "Reset", "Site", "Sizes", "Work"]

HAND: Final = "asyncpg by hand"
"""The idiom of asyncpg's own documentation: what every ratio is a ratio to."""
OURS: Final = "quantdb"

Mode = Literal["explicit", "autocommit"]
"""BEGIN and COMMIT around every call, or the transaction that PostgreSQL gives one statement."""

Work = Callable[[Sequence[Trade]], Awaitable[object]]
"""One call. It is given the trades that it reads or writes."""

Reset = Callable[[], Awaitable[None]]


@attrs.frozen
class Sizes:
    """How much is measured.

    Attributes:
        form: Its name; runs of different forms are not compared.
        rounds: How often each contender of a case of single calls has its turn.
        calls: Calls of a turn.
        bulk_rounds: Turns of a case of many rows.
        read: Rows that are read at once.
        stream: Rows that are streamed.
        write: Rows that are written at once.
        concurrent: Calls of a turn, shared out among the callers.
        growth: Rows of the tables that grow.
    """

    form: str
    rounds: int
    calls: int
    bulk_rounds: int
    read: int
    stream: int
    write: int
    concurrent: int
    growth: tuple[int, ...]


@attrs.frozen
class Site:
    """Where it is measured.

    Attributes:
        dsn: The database.
        sizes: How much is measured.
        loop: The event loop: asyncio or uvloop.
        filled: Whether the database has its rows already.
    """

    dsn: str
    sizes: Sizes
    loop: str
    filled: bool = False


@attrs.frozen
class Contender:
    """One way of doing the work of a case; `opened` gives it on a database."""

    name: str
    mode: Mode
    opened: Callable[[Site], AbstractAsyncContextManager[Work]]


def _nothing() -> Sequence[Trade]:
    return ()


@attrs.frozen
class Case:
    """One piece of work.

    Attributes:
        suite: What it belongs to.
        name: What is done, without sizes.
        site: Where.
        contenders: Who does it.
        feed: Gives the trades of one call; not timed.
        reads: Gives the trades that every contender has to return; None for a case that writes.
        rounds: Turns of each contender.
        calls: Calls of a turn.
        rows: Rows of a call.
        callers: How many call at once.
        reset: Run before each turn; not timed.
        check: Raises unless a call, whose answer it is given, has read or stored what it should;
            None: the trades of `reads`, or those that it was given.
        peak: Whether the peak memory of one call is measured.
    """

    suite: str
    name: str
    site: Site
    contenders: Sequence[Contender]
    feed: Callable[[], Sequence[Trade]] = _nothing
    reads: Callable[[], Sequence[Trade]] | None = None
    rounds: int = 1
    calls: int = 1
    rows: int = 1
    callers: int = 1
    reset: Reset | None = None
    check: Callable[[object], Awaitable[None]] | None = None
    peak: bool = False
