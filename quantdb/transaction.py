"""A pooled connection inside a transaction."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, NoReturn

import asyncpg

from quantdb.connection import GRACE, pooled
from quantdb.database import Block, Connection, Database, Isolation, Pool, is_pool
from quantdb.errors import (
    CommitUnknown,
    ConfigError,
    ConnectionLost,
    PoolTimeout,
    QuantDBError,
    ReadOnly,
    StatementTimeout,
    TransactionAborted,
)
from quantdb.outcomes import fail, is_lost, is_refused_by_abort, swallowed
from quantdb.pool import BoundPool
from quantdb.pool import Pool as OurPool
from quantdb.settings import checked_settings, opening_statements

__all__ = ["ended", "is_alive", "lent", "pool_behind", "scope", "transaction"]

_ACQUIRE_TIMEOUT: Final = 10.0
"""Seconds to wait for a connection of a plain asyncpg pool, which sets no limit of its own."""

_NONE: Final[Mapping[str, str]] = {}


@asynccontextmanager
async def transaction(
    db: Database,
    *,
    isolation: Isolation | None = None,
    readonly: bool = False,
    settings: Mapping[str, str] | None = None,
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
        settings: Hold until the transaction ends, and cost no round trip on a connection of a
            quantdb pool: ``{"app.tenant": "7", "statement_timeout": "2s", "role": "reader"}``.

    Raises:
        PoolTimeout: No connection became free in time.
        TransactionAborted: The block caught a database error and went on, so that the server
            has rolled the whole transaction back.
        ConnectionLost: The connection went before COMMIT was sent.
        CommitUnknown: It went after COMMIT was sent.
        Contention: A deadlock, a serialization failure, or a lock that was not free in time.
        ConfigError: A setting is none; or the joined transaction has another isolation or other
            settings, or is not read-only.
    """
    async with scope(db, isolation, readonly=readonly, settings=settings or _NONE) as connection:
        yield connection
        if is_alive(connection) and not getattr(connection, "tells_aborted_commit", False):
            await _refuse_aborted(connection)


@asynccontextmanager
async def scope(
    db: Database,
    isolation: Isolation | None,
    *,
    readonly: bool,
    settings: Mapping[str, str] = _NONE,
    forgettable: bool = False,
) -> AsyncGenerator[Connection, None]:
    """Give what `transaction` gives, for a block that lets every database error out.

    An iterator's block is *forgettable*: whoever leaves it early may never come back to end it.
    """
    wanted = checked_settings(settings) if settings else _NONE
    if isinstance(db, BoundPool):
        wanted, db = {**db.settings, **wanted}, db.pool
    if is_pool(db):
        async with (
            lent(db, readonly=readonly, forgettable=forgettable) as connection,
            _begun(connection, isolation, readonly=readonly, settings=wanted),
        ):
            yield connection
    elif not is_alive(db):
        raise ConnectionLost("the connection is closed")
    elif db.is_in_transaction():
        if isolation is not None or readonly or wanted:
            await _refuse_other(db, isolation, readonly=readonly, settings=wanted)
        try:
            yield db
        except Exception as error:
            _fail_inside(error, alive=is_alive(db))
    else:
        async with _begun(db, isolation, readonly=readonly, settings=wanted):
            yield db


@asynccontextmanager
async def lent(
    pool: Pool, *, readonly: bool = False, forgettable: bool = False
) -> AsyncGenerator[Connection, None]:
    """Give a connection of a pool, ours or not, within a bounded wait."""
    lease: AbstractAsyncContextManager[Connection]
    ours = pool if isinstance(pool, OurPool) else None
    if ours is None:
        lease = pool.acquire(timeout=_ACQUIRE_TIMEOUT)
    else:
        lease = ours.lend() if forgettable else ours.acquire()
    began = asyncio.get_running_loop().time()
    try:
        connection = await lease.__aenter__()
    except QuantDBError:
        raise
    except TimeoutError:
        raise PoolTimeout(f"no connection became free within {_ACQUIRE_TIMEOUT:g} s") from None
    except Exception as error:
        fail(error)
    problem: BaseException | None = None
    try:
        yield connection
    except BaseException as error:
        problem = error
        raise
    finally:
        # A lost connection that is not this one is another database's.
        elsewhere = isinstance(problem, ConnectionLost) and is_alive(connection)
        if ours is not None and not elsewhere:
            _tell(ours, connection, problem, began, readonly=readonly)
        # The driver closes a connection that it cannot reset; what was committed stays so.
        with suppress(
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
        ):
            await lease.__aexit__(type(problem) if problem else None, problem, None)


def pool_behind(db: Database) -> OurPool | None:
    """Return the pool of ours that *db* is, or is bound to."""
    if isinstance(db, BoundPool):
        return db.pool
    return db if isinstance(db, OurPool) else None


def _tell(
    pool: OurPool,
    connection: Connection,
    error: BaseException | None,
    began: float,
    *,
    readonly: bool,
) -> None:
    """Let a pool know how the block of a borrower ended."""
    if isinstance(error, ReadOnly) and not readonly:
        session = pooled(connection)
        if session is not None:  # it goes, be the others dropped just before or not
            session.retired = True
        pool.drop_sessions(f"the server takes no writes: {error}")
    elif isinstance(error, ConnectionLost | CommitUnknown):
        pool.health.failed(error)
    elif error is None:
        pool.health.succeeded(began)


@asynccontextmanager
async def _begun(
    connection: Connection,
    isolation: Isolation | None,
    *,
    readonly: bool,
    settings: Mapping[str, str],
) -> AsyncGenerator[None, None]:
    block = connection.transaction(isolation=isolation, readonly=readonly)
    await _started(connection, block, settings)
    try:
        if settings:
            await _settle(connection, settings)
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
    await _committed(connection, block)


async def _started(connection: Connection, block: Block, settings: Mapping[str, str]) -> None:
    ours = pooled(connection)
    if ours is not None:
        ours.opening, ours.refused = opening_statements(settings), None
    try:
        await block.start()
    except BaseException as error:
        # What BEGIN came to is not known, and there is nothing yet to keep.
        if isinstance(error, asyncio.CancelledError | TimeoutError):
            ended(connection)
        if isinstance(error, TimeoutError):
            raise ConnectionLost("BEGIN was not answered in time") from error
        if isinstance(error, Exception):
            fail(error)
        raise


async def _settle(connection: Connection, settings: Mapping[str, str]) -> None:
    """Raise if the server refused the settings that went with BEGIN; send them, if none did."""
    ours = pooled(connection)
    if ours is None:
        try:
            await connection.execute(opening_statements(settings))
        except asyncpg.PostgresError as error:
            _fail_settings(error)
    elif ours.refused is not None:
        refusal, ours.refused = ours.refused, None
        _fail_settings(refusal)


def _fail_settings(error: Exception) -> NoReturn:
    if is_lost(error):
        raise error
    raise ConfigError(f"the settings of the transaction are refused: {error}") from error


async def _committed(connection: Connection, block: Block) -> None:
    try:
        await block.commit()
    except BaseException as error:
        ours = pooled(connection)
        if ours is not None and isinstance(error, asyncio.CancelledError | TimeoutError):
            ours.hurry()
        if isinstance(error, Exception):
            fail(error, committing=True)
        raise


def is_alive(connection: Connection) -> bool:
    """Tell whether a connection is still there."""
    ours = pooled(connection)
    if ours is not None and ours.abandoned:
        return False
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken a lost connection back from its borrower
        return False


def ended(connection: Connection) -> None:
    """Close a connection at once; the server rolls back what is open on it."""
    terminate: Callable[[], None] | None = getattr(connection, "terminate", None)
    if terminate is not None:
        with suppress(asyncpg.InterfaceError):
            terminate()


def _fail_inside(error: Exception, *, alive: bool) -> NoReturn:
    """Raise what an error that left a block means.

    The block may have lost another connection than ours, to a feed or to another database: such
    an error is the caller's, and passes as it is.
    """
    if alive and is_lost(error):
        raise error
    if not alive and isinstance(error, StatementTimeout):
        raise ConnectionLost("the server has stopped answering") from error
    fail(error)


async def _rolled_back(connection: Connection, block: Block, error: BaseException) -> bool:
    """Roll back after *error* and tell whether the connection lives.

    The server has rolled back what was open on a connection that is gone. Whoever was cut short
    waits for no more than a moment; then the connection is closed, which comes to the same.
    """
    if not is_alive(connection):
        return False
    ours = pooled(connection)
    limit: float | None = None
    if isinstance(error, asyncio.CancelledError | TimeoutError):
        limit = GRACE
        if ours is not None:
            ours.hurry()
            limit = ours.patience(GRACE)
    try:
        async with asyncio.timeout(limit):
            await block.rollback()
    except Exception as second:
        if is_alive(connection):
            ended(connection)
        if not is_lost(second) and not isinstance(second, TimeoutError):
            error.add_note(f"and the rollback failed: {second}")
        return False
    except BaseException:
        ended(connection)
        raise
    if is_alive(connection):
        return True
    ended(connection)
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
    connection: Connection,
    isolation: Isolation | None,
    *,
    readonly: bool,
    settings: Mapping[str, str],
) -> None:
    if isolation is not None:
        current = await connection.fetchval("SHOW transaction_isolation")
        if current != isolation.replace("_", " "):
            raise ConfigError(f"the transaction that is open is {current}, not {isolation}")
    if readonly and await connection.fetchval("SHOW transaction_read_only") != "on":
        raise ConfigError("the transaction that is open is not read-only")
    for name, value in settings.items():
        if await connection.fetchval("SELECT pg_catalog.current_setting($1, true)", name) != value:
            raise ConfigError(
                f"the transaction that is open has another {name}; settings are given where it "
                "begins"
            )
