"""The errors of quantdb.

    QuantDBError
    ├── InexactValue        a value that the database would not give back unchanged
    │   └── StoredInexact   and the statement had committed itself
    ├── NotFound            one row was promised, none came
    ├── Ambiguous           one row was promised, several came
    ├── ShapeMismatch       the columns of a result are not what its row type takes
    ├── Conflict            a uniqueness rule or a stale version refused the write
    ├── PoolTimeout         no connection became free within ``acquire_timeout``
    ├── StatementTimeout    a statement took too long and was ended: nothing was applied
    ├── ConnectionLost      gone before COMMIT was sent: nothing was applied
    ├── CommitUnknown       gone after COMMIT was sent: applied or not
    ├── TransactionAborted  the block swallowed an error, so its COMMIT was a ROLLBACK
    ├── Contention          a deadlock, a serialization failure or a lock that was not free in time
    ├── ReadOnly            the server takes no writes: it is a standby
    └── ConfigError         a DSN or a setting that cannot work

Each says whether the same call may be made again (``retryable``) and what became of the work
(``outcome``). Each survives a pickle, notes included, because Ray pickles them,
and none holds a password or a value of a field that is marked secret.
"""

from typing import ClassVar, Literal

import attrs

__all__ = [
    "Ambiguous",
    "CommitUnknown",
    "ConfigError",
    "Conflict",
    "ConnectionLost",
    "Contention",
    "InexactValue",
    "NotFound",
    "Outcome",
    "PoolTimeout",
    "QuantDBError",
    "ReadOnly",
    "ShapeMismatch",
    "StatementTimeout",
    "StoredInexact",
    "TransactionAborted",
]

Outcome = Literal["not_applied", "applied", "unknown"]

# Dict classes, because a pickle must carry the notes that were added to an error;
# compared by identity, as exceptions are.
_error = attrs.define(slots=False, eq=False)


@_error
class QuantDBError(Exception):
    """Base of every error that quantdb raises itself.

    Attributes:
        message: What happened, in a sentence for a person.
        retryable: Whether the same call may succeed when it is made again as it is.
        outcome: Whether the work of the call is in the database.
    """

    message: str
    retryable: ClassVar[bool] = False
    outcome: ClassVar[Outcome] = "not_applied"

    def __str__(self) -> str:
        return self.message


@_error
class InexactValue(QuantDBError, ValueError):
    """A value that the database would not give back unchanged; nothing was stored.

    Attributes:
        field: The field or parameter (``"quantity"``, ``"$3"``).
        row: The offending row of a bulk write, counted from 1; None for a single write.
    """

    field: str = ""
    row: int | None = None


@_error
class StoredInexact(InexactValue):
    """The database changed a value, and what it made of it is stored.

    This can happen with ``transactions="statement"`` only, where a statement commits itself, and
    only once: when a trigger was added to the table after the pool had seen that it has none.
    """

    outcome: ClassVar[Outcome] = "applied"


@_error
class NotFound(QuantDBError, LookupError):
    """One row was promised and none came."""


@_error
class Ambiguous(QuantDBError, LookupError):
    """One row was promised and several came."""


@_error
class ShapeMismatch(QuantDBError, TypeError):
    """The columns of a result are not what its row type takes."""


@_error
class Conflict(QuantDBError):
    """A uniqueness rule or a stale version refused the write.

    Attributes:
        constraint: The constraint in the database, or ``"version"`` for an optimistic update.
        row: The offending row of a bulk write, counted from 1; None for a single write.
    """

    constraint: str = ""
    row: int | None = None


@_error
class PoolTimeout(QuantDBError, TimeoutError):
    """No connection became free within ``acquire_timeout``, or none ever can.

    Attributes:
        size: Connections that the pool has open.
        in_use: Those of them that are lent out.
        waiting: Callers that wait for one, this one included.
    """

    retryable: ClassVar[bool] = True
    size: int = 0
    in_use: int = 0
    waiting: int = 0


@_error
class StatementTimeout(QuantDBError, TimeoutError):
    """A statement took longer than it may, by our ``command_timeout`` or by the server's setting.

    It was ended and its transaction rolled back. It may succeed when the server has less to do.
    """

    retryable: ClassVar[bool] = True


@_error
class ConnectionLost(QuantDBError, ConnectionError):
    """The connection went before COMMIT was sent: nothing was applied."""

    retryable: ClassVar[bool] = True


@_error
class CommitUnknown(QuantDBError, ConnectionError):
    """The connection went after COMMIT was sent: look for the id to learn the outcome."""

    outcome: ClassVar[Outcome] = "unknown"


@_error
class TransactionAborted(QuantDBError):
    """The block swallowed a database error, so the server rolled its work back."""


@_error
class Contention(QuantDBError):
    """A deadlock, a serialization failure, or a lock that another held for too long.

    The transaction was rolled back.
    """

    retryable: ClassVar[bool] = True


@_error
class ReadOnly(QuantDBError):
    """The server takes no writes: it is, or has become, a standby."""


@_error
class ConfigError(QuantDBError, ValueError):
    """A DSN or a setting that cannot work, said before a connection is made."""
