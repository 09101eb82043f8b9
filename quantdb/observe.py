"""What a pool lets the outside know of its calls: spans, and a line for a call that is slow.

A `Watch` goes with one call, whatever it takes: a method of a repository or a verb of a `Query`,
all its attempts together. The statements of a method are no calls of their own: a connection
knows the watch that it works for. No argument's value is seen here, and no error's text, which
may hold one.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from quantdb.config import PoolConfig
from quantdb.errors import ConfigError
from quantdb.labels import Operation
from quantdb.models import Ingest

if TYPE_CHECKING:
    from quantdb.tracing import CallSpan, Tracing

__all__ = ["Observer", "Watch", "observer_of"]

_slow: Final = logging.getLogger("quantdb.slow")

Attributes = Mapping[str, str | int]


class Watched(Protocol):
    """A connection that works for a call."""

    endpoint: Attributes
    watch: "Watch | None"


class Observer:
    """Watches the calls of a pool, because its config asks for spans or a log of slow calls."""

    __slots__ = ("limit", "tracing")

    def __init__(self, limit: float | None, tracing: "Tracing | None") -> None:
        self.limit: Final = limit
        self.tracing: Final = tracing

    def watch(self, operation: Operation, *, current: bool = True) -> "Watch":
        """Begin to watch a call.

        Args:
            operation: What it does.
            current: Whether what happens meanwhile in this task belongs to it; not so in the
                pauses of an iterator.
        """
        span = self.tracing.begin(operation, current=current) if self.tracing is not None else None
        return Watch(operation, self.limit, span)


def observer_of(config: PoolConfig) -> Observer | None:
    """Return who watches the calls of a pool; None if nobody wants to know.

    Raises:
        ConfigError: Spans are wanted, and there is no OpenTelemetry.
    """
    if not config.tracing:
        return Observer(config.slow_statement, None) if config.slow_statement else None
    try:
        from quantdb.tracing import Tracing  # noqa: PLC0415 - loaded by those who ask for it
    except ImportError as error:
        raise ConfigError(
            "tracing=True needs OpenTelemetry: pip install 'quantdb[otel]'"
        ) from error
    return Observer(config.slow_statement, Tracing(config.target()))


class Watch:
    """One call, from its beginning to its end.

    Its seconds are those that it had a connection for: not the wait for one, nor the pauses
    between attempts or, of an iterator, between its rows.

    Attributes:
        returned: Rows that its last statement returned; None if that gives no rows.
    """

    __slots__ = (
        "_attempts",
        "_failed",
        "_limit",
        "_operation",
        "_since",
        "_span",
        "_spent",
        "returned",
    )

    def __init__(self, operation: Operation, limit: float | None, span: "CallSpan | None") -> None:
        self.returned: int | None = None
        self._operation = operation
        self._limit = limit
        self._span = span
        self._attempts = 0
        self._failed: BaseException | None = None
        self._since: float | None = None
        self._spent = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(None if isinstance(error, GeneratorExit) else error)  # an iteration was left early

    def end(self, error: BaseException | None) -> None:
        """Say what there is to say of it, now that it has ended so."""
        if self._since is not None:
            self.pause()
        if self._limit is not None and self._spent >= self._limit:
            self._say(error)
        if self._span is not None:
            self._span.end(error, self._attempts, self.returned)

    def begin(self) -> None:
        """Note that an attempt is made; there is no connection for it yet."""
        self._attempts += 1
        if self._span is not None and self._failed is not None:
            self._span.again(self._attempts, self._failed)

    def failed(self, error: BaseException) -> None:
        """Note what an attempt came to."""
        self._failed = error
        self.pause()

    def succeeded(self, result: object) -> None:
        """Note what the last attempt came to."""
        self.pause()
        if self._span is not None and isinstance(result, Ingest):
            self.returned = None
            self._span.stored(result)

    def on(self, connection: Watched | None) -> None:
        """Note that there is a connection for it."""
        self._since = time.monotonic()
        if self._span is not None and connection is not None:
            self._span.located(connection.endpoint)

    def gave(self, rows: int) -> None:
        """Note that it gave rows, to one who may take his time over them."""
        self.returned = (self.returned or 0) + rows
        self.pause()

    def pause(self) -> None:
        """Note that the database has nothing to do for it."""
        if self._since is not None:
            self._spent += time.monotonic() - self._since
            self._since = None

    def resume(self) -> None:
        """Note that the database works for it."""
        self._since = time.monotonic()

    def _say(self, error: BaseException | None) -> None:
        how = ""
        if isinstance(error, asyncio.CancelledError):
            how = ", and was cancelled"
        elif error is not None:
            how = f", and failed: {type(error).__name__}"
        if self._attempts > 1:
            how = f" in {self._attempts} attempts{how}"
        operation = self._operation
        _slow.warning("%s took %.3f s%s: %s", operation.name, self._spent, how, operation.file.path)
