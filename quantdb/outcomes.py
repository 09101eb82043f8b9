"""What an error of the driver, the server or the socket means to the caller.

A lost connection shows itself in many ways: as `InterfaceError`, as one of several PostgreSQL
errors, as a socket error. Here each becomes the one error of ours that says what became
of the work, with the original kept as its cause. What the caller cannot act on by type keeps
its type.
"""

import errno
import re
import ssl
from typing import Final, NoReturn

import asyncpg

from quantdb.errors import (
    CommitUnknown,
    ConfigError,
    Conflict,
    ConnectionLost,
    Contention,
    InexactValue,
    QuantDBError,
    ReadOnly,
    StatementTimeout,
    TransactionAborted,
)

__all__ = [
    "OF_THE_DRIVER",
    "fail",
    "is_lost",
    "is_overflow",
    "is_refused_by_abort",
    "is_stale_plan",
    "out_of_time",
    "swallowed",
    "translated",
    "unreadable",
]

OF_THE_DRIVER: Final = (
    OSError,  # TimeoutError, too
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # such as of a connection that is lost just when it is looked at
)
"""What the driver raises when something is wrong with a connection, or with what it was sent."""

# Class 08 are connection exceptions. 57P01..57P03 are shutdown, crash and start-up of the server,
# 57P04 is a dropped database; 25P03, 25P04 and 57P05 end a session that idled, or lasted, too long.
# In the answer to a statement 53300 is of a pooler that got no connection to a server that is full.
_LOST_STATES: Final = frozenset(
    {"25P03", "25P04", "53300", "57P01", "57P02", "57P03", "57P04", "57P05"}
)
# A prepared statement of the driver's that another session has, or has not.
_STATEMENT_GONE: Final = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
)
_BY_THE_DRIVER: Final = "__asyncpg_"
# Socket errors that have no class of their own.
_LOST_ERRNOS: Final = frozenset(
    {
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
    }
)
_ARGUMENT: Final = re.compile(r"invalid input for query argument (\$\d+)")
_LOST_WORDS: Final = (
    "connection is closed",
    "connection was closed",
    "connection has been closed",
    "cannot switch to state",
    "unexpected connection_lost",
    "released back to the pool",
    "connection is in an unexpected state",
)
_FORGOTTEN_WORDS: Final = ("the prepared statement is closed", "cannot close prepared statement")
# uvloop says so to whoever writes to a connection that was just lost; asyncio swallows it.
_CLOSED_TO_UVLOOP: Final = "the handler is closed"


_CONTENTION: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
# A cancellation by hand has the same state as a time-out. In another language than English the two
# cannot be told apart, and a time-out is what there is more often.
_BY_HAND: Final = "user request"


def _is_deadline(error: BaseException) -> bool:
    """Tell whether the client gave up waiting; ETIMEDOUT of a socket is a lost connection."""
    return isinstance(error, TimeoutError) and error.errno is None


def out_of_time(error: Exception) -> Exception:
    """Return what *error* means that ended a statement of ours, if it is that its time was up."""
    if not _is_deadline(error) or isinstance(error, QuantDBError):
        return error
    meaning = StatementTimeout("the statement was not answered in time")
    meaning.__cause__ = error
    return meaning


def is_lost(error: BaseException) -> bool:
    """Tell whether *error* says that the connection to the server is gone."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith("08") or state in _LOST_STATES
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return any(word in str(error) for word in _LOST_WORDS)
    if isinstance(error, OSError) and error.errno in _LOST_ERRNOS:
        return True
    if isinstance(error, RuntimeError):
        return _CLOSED_TO_UVLOOP in str(error)
    return isinstance(error, ConnectionError | EOFError | ssl.SSLEOFError | ssl.SSLZeroReturnError)


def is_overflow(error: BaseException) -> bool:
    """Tell whether a number was too large for the server's arithmetic."""
    return isinstance(error, asyncpg.NumericValueOutOfRangeError)


def is_refused_by_abort(error: BaseException) -> bool:
    """Tell whether the server refused a statement because its transaction had failed before."""
    return isinstance(error, asyncpg.InFailedSQLTransactionError)


def is_stale_plan(error: BaseException | None) -> bool:
    """Tell whether a statement failed because the schema was changed since it was prepared.

    The server says so; or the driver, before it has sent the statement: when any connection of a
    pool learns of the change, all of them forget what they have prepared, be it just now.
    """
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return any(word in str(error) for word in _FORGOTTEN_WORDS)
    return isinstance(error, asyncpg.InvalidCachedStatementError)


def unreadable(error: Exception) -> InexactValue | None:
    """Return what a codec of ours said of an element of an array, in which the driver hides it."""
    said = error.__context__
    if isinstance(error, asyncpg.ProtocolError) and isinstance(said, InexactValue):
        return InexactValue(said.message, said.field)
    return None


def translated(error: Exception, *, committing: bool = False) -> Exception:
    """Return what *error* means: an error of ours, or *error* itself.

    Args:
        error: What the driver raised.
        committing: Whether COMMIT (or a statement that commits itself) was already sent.
    """
    if isinstance(error, QuantDBError):
        return error
    if (unread := unreadable(error)) is not None:
        return unread
    if committing and _is_deadline(error):
        return CommitUnknown("COMMIT was sent and not answered in time")
    if is_lost(error):
        if committing:
            return CommitUnknown(f"the connection was lost during COMMIT: {error}")
        return ConnectionLost(f"the connection was lost: {error}")
    return _refusal(error) or error


def fail(error: Exception, *, committing: bool = False, note: str = "") -> NoReturn:
    """Raise what *error* means to the caller, with *error* as its cause, and with a *note*."""
    meaning = translated(error, committing=committing)
    if note:
        meaning.add_note(note)
    if meaning is error:
        raise error
    raise meaning from error


def swallowed() -> TransactionAborted:
    """Return the error of a block that caught a database error and then came to its COMMIT."""
    return TransactionAborted(
        "the block caught a database error and went on; the server has rolled the transaction back"
    )


def _refusal(error: Exception) -> Exception | None:
    """Return what a refusal by the server means, if the caller can act on it."""
    if is_stale_plan(error):
        return Contention(f"the schema was changed meanwhile; repeat the transaction: {error}")
    if isinstance(error, _CONTENTION):
        return Contention(str(error))
    if isinstance(error, asyncpg.QueryCanceledError) and _BY_HAND not in str(error):
        return StatementTimeout(f"the server ended the statement: {error}")
    if isinstance(error, asyncpg.UniqueViolationError | asyncpg.ExclusionViolationError):
        return Conflict(str(error), error.constraint_name or "")
    if isinstance(error, asyncpg.DataError) and (refused := _ARGUMENT.match(str(error))):
        return InexactValue(str(error), refused[1])  # by the driver, before anything was sent
    if is_refused_by_abort(error):
        return TransactionAborted(f"an error before this one has aborted the transaction: {error}")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return ReadOnly(
            f"{error}: it is a standby or read replica, or the transaction, role or database is "
            "read-only; write to the primary"
        )
    if isinstance(error, _STATEMENT_GONE) and _BY_THE_DRIVER in str(error):
        return ConfigError(
            f"{error.args[0]}: a PgBouncer in transaction mode stands between, and loses prepared "
            "statements; PoolConfig(pooled=True), or statement_cache_size=0"
        )
    return None
