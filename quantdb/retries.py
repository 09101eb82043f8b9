"""Repeating what is safe to repeat: within a deadline, with back-off, and no two alike.

What went wrong before decides what a later failure means. After one attempt whose outcome is
unknown, the outcome of all is unknown, unless a later one tells.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple, TypeVar

import asyncpg
import stamina

from quantdb.database import Connection, Isolation, Pool
from quantdb.errors import (
    Ambiguous,
    CommitUnknown,
    Conflict,
    ConnectionLost,
    Contention,
    InexactValue,
    NotFound,
    QuantDBError,
    ShapeMismatch,
)
from quantdb.reruns import first_run, is_rerun, of_unknown_outcome
from quantdb.transaction import pool_behind, transaction

__all__ = ["Repeat", "Window", "always", "repeated", "repeated_after", "retrying", "window"]

T = TypeVar("T")

Repeat = Literal["always", "unapplied", "never"]
"""When a call may be repeated: whatever became of it; if it was surely not applied; not at all."""

_DEFAULT: Final = 10.0
"""Seconds of a plain asyncpg pool, which has no setting for it."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_JITTER: Final = 0.1

# What the database answers to each attempt alike: no attempt before was applied, or it would not.
_DEFINITE: Final = (Ambiguous, InexactValue, ShapeMismatch)
# Where a call looks at what is there, this too; elsewhere its own row may be what is in its way.
_DEFINITE_TO_WHO_LOOKS: Final = (Conflict, NotFound)

_ours: Final = ContextVar("quantdb_retries", default=False)


def _not_of_ours(_record: logging.LogRecord) -> bool:
    return not _ours.get()


# A pool says once that there is trouble, and once that it has passed; stamina would at each pause.
logging.getLogger("stamina").addFilter(_not_of_ours)


def always() -> bool:
    """Tell that nothing is against it."""
    return True


async def retrying(  # noqa: PLR0913 - those of `transaction`, and two
    pool: Pool,
    work: Callable[[Connection], Awaitable[T]],
    *,
    isolation: Isolation | None = None,
    readonly: bool = False,
    settings: Mapping[str, str] | None = None,
    idempotent: bool = False,
    timeout: float | None = None,
) -> T:
    """Return what ``await work(tx)`` gives, run in a transaction as a whole, and as a whole again.

    It is run again after a deadlock, a serialization failure, a lock that was not free in time, or
    a connection that was lost before COMMIT: nothing of it was applied then. So *work* does
    nothing but work on *tx* that must not be done twice.

    Args:
        pool: Lends a connection for each attempt.
        work: The unit of work.
        isolation: Of the transaction; ``"serializable"`` is what this is for.
        readonly: Whether the server is to refuse writes.
        settings: As of `transaction`.
        idempotent: Whether it may also be run again when its outcome is unknown (`CommitUnknown`),
            because to do it twice comes to the same: it inserts by ids that are given, or upserts.
        timeout: Seconds within which it is repeated; by default the pool's ``retry_timeout``.

    Raises:
        Contention: The last attempt met it too.
        ConnectionLost: The last attempt lost its connection; nothing was applied.
        CommitUnknown: An attempt, if not the last, may have been applied.
    """

    async def once() -> T:
        async with transaction(
            pool, isolation=isolation, readonly=readonly, settings=settings
        ) as tx:
            return await work(tx)

    limit = window(pool) if timeout is None else Window(timeout, timeout)
    repeat: Repeat = "always" if idempotent or readonly else "unapplied"
    return await repeated(once, repeat, limit, reads=readonly)


class Window(NamedTuple):
    """The time in which a call is repeated.

    Attributes:
        usual: Seconds from its beginning; 0 repeats nothing.
        whole: Seconds that it may take in any case. They count if the first attempt alone took
            longer than is usual: a reply to COMMIT that never came is looked for once more.
    """

    usual: float
    whole: float

    def end(self, began: float) -> float:
        """Return when no attempt is made any more, the first one having failed just now."""
        usual = began + self.usual
        return usual if time.monotonic() < usual else began + self.whole


def window(pool: Pool) -> Window:
    """Return the time in which a call on *pool* is repeated."""
    ours = pool_behind(pool)
    if ours is None:
        return Window(_DEFAULT, _DEFAULT)
    config = ours.config
    whole = config.acquire_timeout + config.command_timeout
    return Window(min(config.retry_timeout, whole), whole)


async def repeated(  # noqa: PLR0913 - each says another thing
    once: Callable[[], Awaitable[T]],
    repeat: Repeat,
    limit: Window,
    *,
    reads: bool = False,
    bulk: bool = False,
    looks: bool = False,
    may: Callable[[], bool] = always,
) -> T:
    """Return what *once* gives, called again while that is safe and the *limit* is not reached.

    Args:
        once: The call.
        repeat: When it may be repeated.
        limit: When the last attempt is cut short.
        reads: Whether the call changes nothing, so that an attempt without an end did nothing.
        bulk: Whether an attempt may take long: then the seconds count from the first failure, and
            an attempt that has begun is not cut short.
        looks: Whether it knows what it stored itself, so that a Conflict or NotFound is not about
            what an attempt before has applied.
        may: Is asked after each failure whether it can be repeated still.
    """
    began = time.monotonic()
    if is_rerun() and not reads:
        lost = of_unknown_outcome()
        if repeat != "always":
            raise lost
        until = limit.end(began)
        attempts = _Attempts(
            lost, repeat, began, until, may, reads=reads, cuts=not bulk, looks=looks
        )
        with first_run():
            return await _again(once, attempts)
    try:
        return await once()
    except (ConnectionLost, CommitUnknown, Contention) as error:
        first = error
    return await repeated_after(
        first, began, once, repeat, limit, reads=reads, bulk=bulk, looks=looks, may=may
    )


async def repeated_after(  # noqa: PLR0913 - those of `repeated`, and two
    first: CommitUnknown | ConnectionLost | Contention,
    began: float,
    once: Callable[[], Awaitable[T]],
    repeat: Repeat,
    limit: Window,
    *,
    reads: bool,
    bulk: bool,
    looks: bool,
    may: Callable[[], bool],
) -> T:
    """Do what `repeated` does after an attempt, begun then, that has failed *first*."""
    if not limit.usual or not may() or not _is_safe(first, repeat):
        raise first
    until = time.monotonic() + limit.usual if bulk else limit.end(began)
    return await _again(
        once, _Attempts(first, repeat, began, until, may, reads=reads, cuts=not bulk, looks=looks)
    )


def _is_safe(error: Exception, repeat: Repeat) -> bool:
    if repeat == "never":
        return False
    if isinstance(error, CommitUnknown):
        return repeat == "always"
    return isinstance(error, ConnectionLost | Contention)


class _Attempts:
    """What the attempts of one call have come to so far."""

    def __init__(  # noqa: PLR0913 - what `repeated` was given
        self,
        first: QuantDBError,
        repeat: Repeat,
        began: float,
        until: float,
        may: Callable[[], bool],
        *,
        reads: bool,
        cuts: bool,
        looks: bool,
    ) -> None:
        self.number = 1
        self.last: Exception = first
        self.unknown = isinstance(first, CommitUnknown)
        self._repeat: Repeat = repeat
        self._began = began
        self._until = until
        self._cuts = cuts
        self._definite = _DEFINITE + (_DEFINITE_TO_WHO_LOOKS if looks else ())
        self._may = may
        self._reads = reads

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return max(0.0, self._until - time.monotonic())

    def clock(self) -> asyncio.Timeout:
        """Give a block in which an attempt is made."""
        return asyncio.timeout(self.left() if self._cuts else None)

    def go_on(self, error: Exception) -> bool:
        """Tell whether there is to be another attempt."""
        return _is_safe(error, self._repeat) and self._may() and self.left() > _LONGEST_PAUSE / 10

    def failed(self, error: Exception) -> None:
        """Note how an attempt failed."""
        self.last = error
        self.unknown = self.unknown or isinstance(error, CommitUnknown)

    def cut(self, error: TimeoutError) -> Exception:
        """Return what it means that the deadline cut an attempt short."""
        if self._reads:
            meaning: Exception = ConnectionLost(f"not again in time: {self.last}")
        else:
            meaning = CommitUnknown(f"the last attempt was cut short: {self.last}")
        meaning.__cause__ = error
        return meaning

    def verdict(self) -> Exception:
        """Return the last failure, or what it means after those before it."""
        tried = f"tried {self.number} times in {time.monotonic() - self._began:.1f} s"
        error = self.last
        if self.number == 1:
            return error
        if self.unknown and not isinstance(error, QuantDBError | asyncpg.PostgresError):
            error.add_note(f"an attempt before this one may have been applied; {tried}")
        elif self.unknown and not isinstance(error, self._definite):
            meaning = CommitUnknown(f"an attempt may have been applied; {tried}: {error}")
            meaning.__cause__ = error
            return meaning
        if isinstance(error, QuantDBError):
            error.message = f"{error.message} ({tried})"
        return error


async def _again(once: Callable[[], Awaitable[T]], attempts: _Attempts) -> T:
    token = _ours.set(True)
    try:
        async for attempt in stamina.retry_context(
            on=attempts.go_on,
            attempts=None,
            timeout=max(attempts.left(), 0.001),
            wait_initial=_FIRST_PAUSE,
            wait_max=_LONGEST_PAUSE,
            wait_jitter=_JITTER,
        ):
            with attempt:
                if attempt.num == 1:  # it was made before there was anything to repeat
                    raise attempts.last  # noqa: TRY301 - stamina counts it
                return await _once_more(once, attempts)
    except Exception as error:
        attempts.last = error
    finally:
        _ours.reset(token)
    raise attempts.verdict()


async def _once_more(once: Callable[[], Awaitable[T]], attempts: _Attempts) -> T:
    if attempts.left() == 0:  # the pause was longer than what was left
        raise attempts.last
    attempts.number += 1
    clock = attempts.clock()
    token = _ours.set(False)
    try:
        async with clock:
            return await once()
    except TimeoutError as error:
        meaning = attempts.cut(error) if clock.expired() else error
        attempts.failed(meaning)
        if meaning is error:
            raise
        raise meaning from error
    except Exception as error:
        attempts.failed(error)
        raise
    finally:
        _ours.reset(token)
