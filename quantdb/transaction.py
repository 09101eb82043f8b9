"""A pooled connection inside a transaction."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, NoReturn, TypeVar

import asyncpg

from quantdb import exact
from quantdb.database import Block, Connection, Database, Isolation, Pool, is_pool
from quantdb.errors import (
    CommitUnknown,
    ConfigError,
    ConnectionLost,
    Contention,
    InexactValue,
    PoolTimeout,
    QuantDBError,
    ShapeMismatch,
    TransactionAborted,
)
from quantdb.outcomes import is_lost, is_refused_by_abort, is_stale_plan, translated
from quantdb.pool import Pool as OurPool

__all__ = [
    "bulk_scope",
    "call",
    "doom",
    "kept_as_sent",
    "single_scope",
    "statement_scope",
    "transaction",
]

T = TypeVar("T")

_ACQUIRE_TIMEOUT: Final = 10.0
"""Seconds to wait for a connection of a plain asyncpg pool, which sets no limit of its own."""


@asynccontextmanager
async def transaction(
    db: Database, *, isolation: Isolation | None = None, readonly: bool = False
) -> AsyncGenerator[Connection, None]:
    """Give a connection inside a transaction: the unit of work.

    A pool lends a connection, waiting for one no longer than its ``acquire_timeout`` (10 s for a
    plain asyncpg pool), and the block is a transaction of its own. A connection that is in a
    transaction is joined: the block commits nothing, its owner does. A connection that is in none
    gets one for the block.

    Args:
        db: A pool or a connection.
        isolation: Of the new transaction; the server's default if None.
        readonly: Whether the server is to refuse writes.

    Raises:
        PoolTimeout: No connection became free in time.
        TransactionAborted: The block caught a database error and went on, so that the server
            has rolled the whole transaction back.
        ConnectionLost: The connection went before COMMIT was sent.
        CommitUnknown: It went after COMMIT was sent.
        Contention: A deadlock, or a serialization failure.
        ConfigError: The joined transaction has another isolation, or is not read-only.
    """
    async with _scope(db, isolation, readonly=readonly, clean=False) as connection:
        yield connection
        if _is_alive(connection) and not getattr(connection, "tells_aborted_commit", False):
            await _refuse_aborted(connection)


def statement_scope(db: Database, *, clean: bool = True) -> AbstractAsyncContextManager[Connection]:
    """Give what `transaction` gives, for statements of ours whose errors all get out.

    They swallow no error, so the question whether one was is saved; and when they are *clean*, they
    leave nothing behind in the session, so its reset is.
    """
    return _scope(db, None, readonly=False, clean=clean)


@asynccontextmanager
async def single_scope(
    db: Database, *, clean: bool = True, reads: bool = False
) -> AsyncGenerator[Connection, None]:
    """Give what `statement_scope` gives, for a block of one statement that needs no BEGIN.

    With ``transactions="statement"`` the statement is the transaction that PostgreSQL gives it; it
    commits itself, so that a connection that is lost meanwhile leaves the outcome unknown unless
    the statement only *reads*.
    """
    if isinstance(db, OurPool) and db.config.transactions == "statement":
        async with _lent(db, clean=clean) as connection:
            try:
                yield connection
            except ConnectionLost as error:
                if reads:
                    raise
                raise CommitUnknown(error.message) from error.__cause__
            except Exception as error:
                _fail(error, committing=not reads)
    else:
        async with statement_scope(db, clean=clean) as connection:
            yield connection


async def call(
    db: Database,
    work: Callable[[Connection], Awaitable[T]],
    scope: Callable[[Database], AbstractAsyncContextManager[Connection]] = statement_scope,
) -> T:
    """Return what *work* gives in a *scope* of its own.

    When the schema was changed since a statement was prepared, nothing was applied and the driver
    has dropped what it had prepared; a transaction that is ours is then begun once more.
    """
    joins = not is_pool(db) and _is_alive(db) and db.is_in_transaction()
    try:
        async with scope(db) as connection:
            return await work(connection)
    except Contention as error:
        if joins or not is_stale_plan(error.__cause__):
            raise
    async with scope(db) as connection:
        return await work(connection)


@asynccontextmanager
async def bulk_scope(db: Database) -> AsyncGenerator[Connection, None]:
    """Give what `statement_scope` gives, for a block of several statements: all or nothing.

    In a transaction that is joined, a savepoint takes back what the block did before its error,
    and the transaction stays usable.
    """
    async with statement_scope(db) as connection:
        if is_pool(db):
            yield connection
            return
        await connection.execute("SAVEPOINT quantdb_bulk")
        try:
            yield connection
        except BaseException:
            if _is_alive(connection):
                await connection.execute("ROLLBACK TO SAVEPOINT quantdb_bulk")
            raise
        await connection.execute("RELEASE SAVEPOINT quantdb_bulk")


async def kept_as_sent(
    connection: Connection, sent: Mapping[str, object], stored: Mapping[str, object]
) -> None:
    """Doom the open transaction unless every value that was *sent* is *stored*.

    Raises:
        InexactValue: A value was changed; it is named.
        ShapeMismatch: A value that was sent did not come back.
    """
    refusal: QuantDBError | None = None
    for name, value in sent.items():
        if name not in stored:
            refusal = ShapeMismatch(f"{name!r} is sent but does not come back")
        elif not exact.same(value, stored[name]):
            made, of = exact.shown(stored[name]), exact.shown(value)
            refusal = InexactValue(f"{name}: the database made {made} of {of}", name)
        if refusal is not None:
            await doom(connection, "what is stored is not what was sent")
            raise refusal


async def doom(connection: Connection, why: str) -> None:
    """Make the open transaction one that can only be rolled back.

    For what the server accepted and we do not: whoever owns the transaction may catch our error
    and commit, and must not succeed.
    """
    quoted = why.replace("'", "''")
    with suppress(asyncpg.RaiseError):
        await connection.execute(f"DO $quantdb$BEGIN RAISE EXCEPTION '{quoted}'; END$quantdb$")


@asynccontextmanager
async def _scope(
    db: Database, isolation: Isolation | None, *, readonly: bool, clean: bool
) -> AsyncGenerator[Connection, None]:
    if is_pool(db):
        async with (
            _lent(db, clean=clean) as connection,
            _begun(connection, isolation, readonly=readonly),
        ):
            yield connection
    elif not _is_alive(db):
        raise ConnectionLost("the connection is closed")
    elif db.is_in_transaction():
        if isolation is not None or readonly:
            await _refuse_other(db, isolation, readonly=readonly)
        try:
            yield db
        except Exception as error:
            _fail_inside(error, alive=_is_alive(db))
    else:
        async with _begun(db, isolation, readonly=readonly):
            yield db


def _fail(error: Exception, *, committing: bool = False) -> NoReturn:
    """Raise what *error* means to the caller, with *error* as its cause."""
    meaning = translated(error, committing=committing)
    if meaning is error:
        raise error
    raise meaning from error


@asynccontextmanager
async def _lent(pool: Pool, *, clean: bool) -> AsyncGenerator[Connection, None]:
    lease: AbstractAsyncContextManager[Connection]
    if isinstance(pool, OurPool):
        lease = pool.lend() if clean else pool.acquire()
    else:
        lease = pool.acquire(timeout=_ACQUIRE_TIMEOUT)
    try:
        connection = await lease.__aenter__()
    except PoolTimeout:
        raise
    except TimeoutError:
        raise PoolTimeout(f"no connection became free within {_ACQUIRE_TIMEOUT:g} s") from None
    except Exception as error:
        _fail(error)
    try:
        yield connection
    finally:
        # The driver closes a connection that it cannot reset; what was committed stays so.
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await lease.__aexit__(None, None, None)


@asynccontextmanager
async def _begun(
    connection: Connection, isolation: Isolation | None, *, readonly: bool
) -> AsyncGenerator[None, None]:
    block = connection.transaction(isolation=isolation, readonly=readonly)
    try:
        await block.start()
    except Exception as error:
        _fail(error)
    try:
        yield
    except BaseException as error:
        alive = await _rolled_back(connection, block, error)
        if isinstance(error, Exception):
            _fail_inside(error, alive=alive)
        raise
    if not _is_alive(connection):
        raise ConnectionLost("the connection was lost before COMMIT")
    if not connection.is_in_transaction():
        raise TransactionAborted("the block ended its own transaction, by a statement")
    try:
        await block.commit()
    except Exception as error:
        _fail(error, committing=True)


def _is_alive(connection: Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken a lost connection back from its borrower
        return False


def _fail_inside(error: Exception, *, alive: bool) -> NoReturn:
    """Raise what an error that left a block means.

    The block may have lost another connection than ours, to a feed or to another database: such
    an error is the caller's, and passes as it is.
    """
    if alive and is_lost(error):
        raise error
    _fail(error)


async def _rolled_back(connection: Connection, block: Block, error: BaseException) -> bool:
    """Roll back after *error* and tell whether the connection lives.

    The server has rolled back what was open on a connection that is gone.
    """
    try:
        if _is_alive(connection):
            await block.rollback()
            return True
    except Exception as second:
        if not is_lost(second):
            error.add_note(f"and the rollback failed: {second}")
    return False


async def _refuse_aborted(connection: Connection) -> None:
    """Raise TransactionAborted if the server will answer COMMIT with ROLLBACK."""
    try:
        await connection.execute("SELECT 1")
    except Exception as error:
        if not is_refused_by_abort(error):
            raise
        raise TransactionAborted(
            "the block caught a database error and went on; "
            "the server has rolled the transaction back"
        ) from error


async def _refuse_other(
    connection: Connection, isolation: Isolation | None, *, readonly: bool
) -> None:
    if isolation is not None:
        current = await connection.fetchval("SHOW transaction_isolation")
        if current != isolation.replace("_", " "):
            raise ConfigError(f"the transaction that is open is {current}, not {isolation}")
    if readonly and await connection.fetchval("SHOW transaction_read_only") != "on":
        raise ConfigError("the transaction that is open is not read-only")
