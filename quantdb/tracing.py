"""Spans by OpenTelemetry, as its semantic conventions for databases have them.

Loaded by a pool whose config asks for tracing; nothing else imports it.
"""

from collections.abc import Mapping
from contextvars import Token
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import unquote, urlsplit

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from quantdb.dsn import Target
from quantdb.labels import Operation
from quantdb.models import Ingest

__all__ = ["CallSpan", "Tracing"]

Attributes = Mapping[str, str | int]

_SCHEMA: Final = "https://opentelemetry.io/schemas/1.33.0"
"""Since when the conventions for databases are stable."""
_PORT: Final = 5432


class Tracing:
    """Begins the spans of a pool, by whatever tracer provider the process has.

    Attributes:
        endpoint: The server that is expected to answer: the one that did last.
    """

    __slots__ = ("_tracer", "endpoint")

    def __init__(self, target: Target) -> None:
        self._tracer = trace.get_tracer("quantdb", _version(), schema_url=_SCHEMA)
        self.endpoint = _endpoint(target)

    def begin(self, operation: Operation, *, current: bool) -> "CallSpan":
        """Begin the span of a call, a child of the one that is current."""
        file = operation.file
        # All that a sampler may go by is there from the beginning.
        attributes: dict[str, str | int] = {
            "db.system.name": "postgresql",
            "db.operation.name": file.command,
            "db.query.summary": operation.name,
            "db.query.text": file.text,
            "code.file.path": file.path,
            **self.endpoint,
        }
        span = self._tracer.start_span(operation.name, kind=SpanKind.CLIENT, attributes=attributes)
        return CallSpan(self, span, current=current)


class CallSpan:
    """The span of one call."""

    __slots__ = ("_endpoint", "_span", "_token", "_tracing")

    def __init__(self, tracing: Tracing, span: Span, *, current: bool) -> None:
        self._tracing = tracing
        self._endpoint = tracing.endpoint
        self._span = span
        self._token: Token[Context] | None = None
        if current:
            self._token = context.attach(trace.set_span_in_context(span))

    def located(self, endpoint: Attributes) -> None:
        """Note which server it is that answers: of several hosts, one."""
        if endpoint != self._endpoint:
            self._endpoint = self._tracing.endpoint = endpoint
            self._span.set_attributes(endpoint)

    def again(self, number: int, error: BaseException) -> None:
        """Note that another attempt is made, and what the last one came to."""
        self._span.add_event(
            "quantdb.retry", {"quantdb.attempt": number, "error.type": _type(error)}
        )

    def stored(self, ingest: Ingest) -> None:
        """Note what a bulk write came to."""
        self._span.set_attributes(
            {
                "quantdb.rows.inserted": ingest.inserted,
                "quantdb.rows.updated": ingest.updated,
                "quantdb.rows.existing": ingest.existing,
            }
        )

    def end(self, error: BaseException | None, attempts: int, returned: int | None) -> None:
        """End it, after so many attempts."""
        if self._token is not None:
            context.detach(self._token)
        if self._span.is_recording():
            found: dict[str, str | int] = {"quantdb.attempts": attempts}
            if error is not None:
                found |= self._failed(error)
            elif returned is not None:
                found["db.response.returned_rows"] = returned
            self._span.set_attributes(found)
        self._span.end()

    def _failed(self, error: BaseException) -> Mapping[str, str]:
        # Without the message: it may hold a value.
        self._span.set_status(Status(StatusCode.ERROR))
        self._span.add_event("exception", {"exception.type": _type(error)})
        found = {"error.type": _type(error), "db.response.status_code": _state(error)}
        outcome: object = getattr(error, "outcome", None)
        if isinstance(outcome, str):
            found["quantdb.outcome"] = outcome
        return {key: value for key, value in found.items() if value}


def _version() -> str | None:
    try:
        return version("quantdb")
    except PackageNotFoundError:  # it runs from its sources
        return None


def _endpoint(target: Target) -> Attributes:
    """Return what is known of the server before there is a connection to it."""
    parts = urlsplit(target.dsn)
    found: dict[str, str | int] = {}
    if parts.path.strip("/"):
        found["db.namespace"] = unquote(parts.path.removeprefix("/"))
    if "," not in target.hosts and parts.hostname:
        found["server.address"] = unquote(parts.hostname)
        found["server.port"] = parts.port or _PORT
    return found


def _type(error: BaseException) -> str:
    return type(error).__qualname__


def _state(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or of the one that it stands for; empty if it has none."""
    seen: BaseException | None = error
    while seen is not None:
        state: object = getattr(seen, "sqlstate", None)
        if isinstance(state, str):
            return state
        seen = seen.__cause__
    return ""
