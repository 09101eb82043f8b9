"""A pooled connection inside a transaction."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, NoReturn

import asyncpg

from quantdb.database import Block, Connection, Database, Isolation, Pool, is_pool
from quantdb.errors import (
    ConfigError,
    ConnectionLost,
    PoolTimeout,
    TransactionAborted,
)
from quantdb.outcomes import fail, is_lost, is_refused_by_abort, swallowed
from quantdb.pool import Pool as OurPool

__all__ = ["is_alive", "lent", "scope", "transaction"]

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
    async with scope(db, isolation, readonly=readonly, clean=False) as connection:
        yield connection
        if is_alive(connection) and not getattr(connection, "tells_aborted_commit", False):
            await _refuse_aborted(connection)


@asynccontextmanager
async def scope(
    db: Database, isolation: Isolation | None, *, readonly: bool, clean: bool
) -> AsyncGenerator[Connection, None]:
    """Give what `transaction` gives, for a block that lets every database error out.

    A lent connection that comes back *clean* is not reset.
    """
    if is_pool(db):
        async with (
            lent(db, clean=clean) as connection,
            _begun(connection, isolation, readonly=readonly),
        ):
            yield connection
    elif not is_alive(db):
        raise ConnectionLost("the connection is closed")
    elif db.is_in_transaction():
        if isolation is not None or readonly:
            await _refuse_other(db, isolation, readonly=readonly)
        try:
            yield db
        except Exception as error:
            _fail_inside(error, alive=is_alive(db))
    else:
        async with _begun(db, isolation, readonly=readonly):
            yield db


@asynccontextmanager
async def lent(pool: Pool, *, clean: bool) -> AsyncGenerator[Connection, None]:
    """Give a connection of a pool, ours or not, within a bounded wait."""
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
        fail(error)
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
        fail(error)
    try:
        yield
    except BaseException as error:
        alive = await _rolled_back(connection, block, error)
        if isinstance(error, Exception):
            _fail_inside(error, alive=alive)
        raise
    if not is_alive(connection):
        raise ConnectionLost("the connection was lost before COMMIT")
    if not connection.is_in_transaction():
        raise TransactionAborted("the block ended its own transaction, by a statement")
    try:
        await block.commit()
    except Exception as error:
        fail(error, committing=True)


def is_alive(connection: Connection) -> bool:
    """Tell whether a connection is still there."""
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
    fail(error)


async def _rolled_back(connection: Connection, block: Block, error: BaseException) -> bool:
    """Roll back after *error* and tell whether the connection lives.

    The server has rolled back what was open on a connection that is gone.
    """
    try:
        if is_alive(connection):
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
        raise swallowed() from error


async def _refuse_other(
    connection: Connection, isolation: Isolation | None, *, readonly: bool
) -> None:
    if isolation is not None:
        current = await connection.fetchval("SHOW transaction_isolation")
        if current != isolation.replace("_", " "):
            raise ConfigError(f"the transaction that is open is {current}, not {isolation}")
    if readonly and await connection.fetchval("SHOW transaction_read_only") != "on":
        raise ConfigError("the transaction that is open is not read-only")
