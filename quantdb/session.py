"""The session behind a connection: what it may leave behind, and how long it may take.

A session that a borrower may have changed is reset before another one has it. Whoever was cut short
has a moment to clean up, and then the connection is closed, which comes to the same.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Final, TypeGuard

import asyncpg

from quantdb.collector import feed_at_rest
from quantdb.deadlines import NEVER, Deadlines
from quantdb.observe import Observer, Watch
from quantdb.outcomes import OF_THE_DRIVER, out_of_time
from quantdb.sockets import watch

__all__ = ["GRACE", "Session", "plain_execute"]

GRACE: Final = 0.5
"""Seconds that a call may go on after its time was up: to cancel, to roll back, to reset."""

_UNTIL_TOLD: Final = 30.0
_LEASES: Final = "_pool_release_ctr"

_plain_init: Callable[..., None] = getattr(asyncpg.Connection, "__init__")  # noqa: B009 - its types
plain_execute: Callable[..., Awaitable[str]] = getattr(asyncpg.Connection, "execute")  # noqa: B009
"""Send statements without arguments in one step, which the driver times."""


class Session(asyncpg.Connection):
    """A connection of the driver's that knows what state its session is in."""

    __slots__ = (
        "_abort_transport",
        "_deadlines",
        "_is_cancelling",
        "_is_copying",
        "_loggers",
        "_request_cancel",
        "_send",
        "_timed",
        "_untimed",
        "abandoned",
        "behind_pooler",
        "clean",
        "command_timeout",
        "endpoint",
        "hurried_until",
        "is_in_block",
        "is_up",
        "observer",
        "opening",
        "refused",
        "retired",
        "told_to_end",
        "until",
        "watch",
    )

    tells_aborted_commit: Final = True

    abandoned: bool
    """Whether it did not answer in time to somebody who was cut short; it is closed when it is
    given back, and until then every rollback of it succeeds, as the server's will."""

    behind_pooler: bool
    """Whether each transaction may run in another session; see `quantdb.pooler`."""

    clean: bool
    """Whether only statements of ours, which leave nothing behind, ran since the last reset."""

    command_timeout: float
    """Seconds that a statement may take, its preparation included."""

    endpoint: Mapping[str, str | int]
    """The server and its database, as OpenTelemetry calls them."""

    hurried_until: float | None
    """When, by the loop's clock, whoever was cut short must be done with cleaning up."""

    is_in_block: Callable[[], bool]
    """Tells whether a transaction is open, as `is_in_transaction` does, in a step less."""

    is_up: Callable[[], bool]
    """Tells whether it is not closed, as `is_closed` does, in a step less."""

    observer: Observer | None
    """Who watches the calls of its pool."""

    retired: bool
    """Whether nobody is to borrow it any more."""

    told_to_end: bool
    """Whether it was closed from here, and not by the server or the network."""

    until: float
    """When the time of the statement under way is up, if nobody else looks after that."""

    watch: Watch | None
    """The call that it works for, if that is watched."""

    opening: str
    """Statements that go in the packet of the next BEGIN."""

    refused: Exception | None
    """What the server said to the last `opening`, if it refused it."""

    def __init__(self, *args: object) -> None:
        _plain_init(self, *args)
        # For what the driver asks the server before the pool has it, too.
        self.clean, self.retired, self.abandoned = True, False, False
        self.behind_pooler = False
        self.command_timeout = _UNTIL_TOLD
        self.hurried_until = None
        self.endpoint = _endpoint(args[3], args[5])
        self.observer, self.watch = None, None
        self.opening, self.refused = "", None
        self.told_to_end = False
        self._is_copying = False
        self._send: Callable[[str, None], Awaitable[str]] = getattr(args[0], "query")  # noqa: B009
        self._is_cancelling: Callable[[], bool] = getattr(args[0], "_is_cancelling")  # noqa: B009
        self._request_cancel: Callable[[], None] = getattr(args[0], "_request_cancel")  # noqa: B009
        self._deadlines: Deadlines | None = None
        self.until = NEVER
        self._loggers: Collection[object] = getattr(self, "_query_loggers", ())
        self.is_in_block = getattr(args[0], "is_in_transaction")  # noqa: B009
        self.is_up = getattr(args[0], "is_connected")  # noqa: B009
        self._abort_transport: Callable[[], None] | None = getattr(args[1], "abort", None)
        watch(self, transport=args[1])
        feed_at_rest(args[0], args[1])

    async def close(self, *, timeout: float | None = None) -> None:
        """Close it; the server is told."""
        self.told_to_end = self.told_to_end or not self.is_closed()
        await super().close(timeout=timeout)

    def terminate(self) -> None:
        """Close it at once; a COPY that is under way learns of it as if the network had done it.

        By the driver's own way it would find no transport, and fail over that.
        """
        self.told_to_end = self.told_to_end or not self.is_closed()
        if self._is_copying and self._abort_transport is not None:
            self._abort_transport()
        else:
            super().terminate()

    def time_by(self, deadlines: Deadlines) -> None:
        """Have the steps of calls timed by a pool's one timer, in place of the driver's many."""
        self._deadlines = deadlines
        timed: object = getattr(self, "_config")  # noqa: B009
        replaced: Callable[..., object] = getattr(timed, "_replace")  # noqa: B009
        self._timed, self._untimed = timed, replaced(command_timeout=None)

    def begin_call(self, watch: Watch | None) -> None:
        """Work for a call of ours, whose steps are timed from here until `end_call`."""
        self.watch = watch
        self._config = self._untimed

    def end_call(self) -> None:
        """Work for it no more."""
        self.watch, self.until = None, NEVER
        self._config = self._timed

    def begin_step(self) -> None:
        """Have the statement that is sent next fail if it is not answered in time."""
        deadlines = self._deadlines
        if deadlines is not None:
            self.until = monotonic() + deadlines.limit
            if not deadlines.is_set:
                deadlines.set(deadlines.limit)

    def expire(self) -> None:
        """Have the statement under way fail and be cancelled, as the driver does in time."""
        self.until = NEVER
        if self._is_cancelling():  # an earlier one, which is not answered either
            self.terminate()
            return
        for held in gc.get_referents(getattr(self, "_protocol", None)):
            if _is_answer(held) and not held.done():
                self._request_cancel()
                held.set_exception(TimeoutError())
                return
        # It was answered just now, and whoever waits for it says so next. Or an earlier one is
        # cancelled at last, and it is only sent next.
        self.begin_step()

    def send(self, statement: str) -> Awaitable[str]:
        """Send a statement of a call without arguments, in one step."""
        if self._loggers or not self.is_up():
            return plain_execute(self, statement, timeout=self.command_timeout)
        self.begin_step()
        return self._send(statement, None)

    def disown(self) -> None:
        """Have whatever its borrower made of it (transactions, cursors) refuse to go on."""
        # As the driver does when its own pool takes one back.
        setattr(self, _LEASES, getattr(self, _LEASES) + 1)

    def holds_block(self) -> bool:
        """Tell whether it is there still, and in a transaction: a closed one says it is, too."""
        return not self.abandoned and self.is_up() and self.is_in_block()

    def is_changed(self) -> bool:
        """Tell whether what ran went well, and left something behind."""
        return not self.clean or self.hurried_until is not None or self.is_in_block()

    def is_dirty(self) -> bool:
        """Tell whether the session must be reset before another one has it."""
        return (
            self.is_changed()
            # A transaction of the driver's that was ended by a statement.
            or getattr(self, "_top_xact", None) is not None
            or self.is_cut_short()
        )

    def is_cut_short(self) -> bool:
        """Tell whether a statement of it, or whoever uses it, is being cancelled."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return True
        return self._is_cancelling()

    async def roll_back_in_a_hurry(self, query: str) -> str:
        """Roll back in the moment that is left, or leave it to the server, which will."""
        self.hurry()
        if not self.abandoned:
            self.abandoned = True
            with suppress(*OF_THE_DRIVER):
                async with asyncio.timeout(self.patience(GRACE)):
                    await plain_execute(self, query)
                self.abandoned = False
        return "ROLLBACK"

    def hurry(self) -> None:
        """Give those who were cut short a moment to clean up, and no more, all together."""
        if self.hurried_until is None:
            self.hurried_until = asyncio.get_running_loop().time() + GRACE

    def patience(self, limit: float) -> float:
        """Return the seconds that cleaning up may take: *limit*, or what is left of a hurry."""
        if self.hurried_until is None:
            return limit
        return max(0.05, min(limit, self.hurried_until - asyncio.get_running_loop().time()))

    def within(self, timeout: object) -> asyncio.Timeout:
        """Give a block in which a statement may be prepared and run.

        The driver times each step by itself, and not every one of them.
        """
        limit = timeout if isinstance(timeout, int | float) else self.command_timeout
        return asyncio.timeout(limit)

    @contextmanager
    def typed(self, *, within_a_transaction: bool = True) -> Generator[None]:
        """Raise StatementTimeout for a statement whose time is up, if it is *within_a_transaction*.

        One that commits itself may have been applied; what its time-out means is not said here.
        """
        says = within_a_transaction and self.is_in_transaction()
        try:
            yield
        except TimeoutError as error:
            meaning = out_of_time(error)
            if not says or meaning is error:
                raise
            raise meaning from error

    @contextmanager
    def telling_its_end(self, tell: Callable[[], None]) -> Generator[None]:
        """Call *tell* when the connection goes, and have a COPY that waits to write go on.

        The transport, which asked it to wait, tells it nothing any more.
        """

        def gone(_connection: object) -> None:
            resume: Callable[[], None] | None = getattr(
                getattr(self, "_protocol", None), "resume_writing", None
            )
            tell()
            if resume is not None:
                resume()

        self.add_termination_listener(gone)
        self._is_copying = True
        try:
            yield
        finally:
            self._is_copying = False
            self.remove_termination_listener(gone)

    @contextmanager
    def quietly(self) -> Generator[None]:
        """Give a block for a COPY of the driver's, which it may leave before the server's answer.

        That comes all the same, or the news that the connection is lost, and nobody would take it.
        """
        try:
            yield
        except (asyncpg.InternalClientError, RuntimeError):
            for held in gc.get_referents(getattr(self, "_protocol", None)):
                if _is_answer(held):
                    held.add_done_callback(_take_note)
            raise


def _endpoint(address: object, parameters: object) -> Mapping[str, str | int]:
    """Return what the driver has connected to: a socket's path, or a host and its port."""
    found: dict[str, str | int] = {}
    match address:
        case str():
            found["server.address"] = address
        case (str() as host, int() as port):
            found |= {"server.address": host, "server.port": port}
        case _:
            pass
    database: object = getattr(parameters, "database", None)
    if isinstance(database, str):
        found["db.namespace"] = database
    return found


def _is_answer(held: object) -> "TypeGuard[asyncio.Future[object]]":
    return isinstance(held, asyncio.Future)


def _take_note(answer: "asyncio.Future[object]") -> None:
    if not answer.cancelled():
        answer.exception()
