"""A pooled connection inside a transaction."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

from quantdb.blocks import (
    Borrowed,
    PoolTransaction,
    begun,
    fail_inside,
    is_alive,
)
from quantdb.database import Connection, Database, Isolation, Pool, is_pool
from quantdb.errors import (
    ConfigError,
    ConnectionLost,
    PoolTimeout,
)
from quantdb.outcomes import OF_THE_DRIVER, fail, is_refused_by_abort, swallowed
from quantdb.pool import BoundPool
from quantdb.pool import Pool as OurPool
from quantdb.reruns import is_rerun, of_unknown_outcome
from quantdb.settings import checked_settings

__all__ = ["lent", "pool_behind", "scope", "transaction"]

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
    if not readonly and is_rerun() and is_pool(db):
        raise of_unknown_outcome()
    async with scope(
        db, isolation, readonly=readonly, settings=settings or _NONE, exposed=True
    ) as connection:
        yield connection
        if is_alive(connection) and not getattr(connection, "tells_aborted_commit", False):
            await _refuse_aborted(connection)


def scope(  # noqa: PLR0913 - those of `transaction`, and what becomes of it
    db: Database,
    isolation: Isolation | None,
    *,
    readonly: bool,
    settings: Mapping[str, str] = _NONE,
    forgettable: bool = False,
    exposed: bool = False,
) -> AbstractAsyncContextManager[Connection]:
    """Give what `transaction` gives, for a block that lets every database error out.

    An iterator's block is *forgettable*: whoever leaves it early may never come back to end it. A
    connection that gets into a user's hands is *exposed*.
    """
    wanted = checked_settings(settings) if settings else _NONE
    if isinstance(db, BoundPool):
        wanted, db = {**db.settings, **wanted}, db.pool
    if isinstance(db, OurPool):
        return PoolTransaction(
            db, isolation, wanted, readonly=readonly, forgettable=forgettable, exposed=exposed
        )
    return _scope(db, isolation, readonly=readonly, settings=wanted)


@asynccontextmanager
async def _scope(
    db: Database, isolation: Isolation | None, *, readonly: bool, settings: Mapping[str, str]
) -> AsyncGenerator[Connection, None]:
    if is_pool(db):
        async with (
            lent(db) as connection,
            begun(connection, isolation, readonly=readonly, settings=settings),
        ):
            yield connection
    elif not is_alive(db):
        raise ConnectionLost("the connection is closed")
    elif db.is_in_transaction():
        if isolation is not None or readonly or settings:
            await _refuse_other(db, isolation, readonly=readonly, settings=settings)
        try:
            yield db
        except Exception as error:
            fail_inside(error, alive=is_alive(db))
    else:
        async with begun(db, isolation, readonly=readonly, settings=settings):
            yield db


def lent(pool: Pool) -> AbstractAsyncContextManager[Connection]:
    """Give a connection of a pool, ours or not, within a bounded wait."""
    return Borrowed(pool, exposed=True) if isinstance(pool, OurPool) else _lent_by_driver(pool)


@asynccontextmanager
async def _lent_by_driver(pool: Pool) -> AsyncGenerator[Connection, None]:
    lease: AbstractAsyncContextManager[Connection] = pool.acquire(timeout=_ACQUIRE_TIMEOUT)
    try:
        connection = await lease.__aenter__()
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
        # The driver closes a connection that it cannot reset; what was committed stays so.
        with suppress(*OF_THE_DRIVER):
            await lease.__aexit__(type(problem) if problem else None, problem, None)


def pool_behind(db: Database) -> OurPool | None:
    """Return the pool of ours that *db* is, or is bound to."""
    if isinstance(db, BoundPool):
        return db.pool
    return db if isinstance(db, OurPool) else None


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
