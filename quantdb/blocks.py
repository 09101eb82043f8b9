"""How a block of work begins on a connection, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Final, NoReturn

import asyncpg

from quantdb.connection import PooledConnection, pooled
from quantdb.database import Block, Connection, Isolation
from quantdb.errors import (
    CommitUnknown,
    ConfigError,
    ConnectionLost,
    PoolTimeout,
    ReadOnly,
    TransactionAborted,
)
from quantdb.leases import Lent
from quantdb.outcomes import fail, is_lost
from quantdb.pool import Pool
from quantdb.session import GRACE
from quantdb.settings import opening_statements

__all__ = [
    "Borrowed",
    "PoolTransaction",
    "begun",
    "ended",
    "fail_inside",
    "fail_to_begin",
    "fail_to_commit",
    "given_up",
    "is_alive",
    "refuse_ended",
    "rolled_back_after",
]


class Borrowed(AbstractAsyncContextManager[Connection]):
    """A connection of a pool of ours for a block; the pool hears how the block ended.

    An iterator's block is *forgettable*: whoever leaves it early may never come back to end it. A
    connection that gets into a user's hands is *exposed*: it is of no use to him after the block.
    """

    __slots__ = ("_began", "_connection", "_exposed", "_forgettable", "_lent", "_pool", "_readonly")

    def __init__(
        self,
        pool: Pool,
        *,
        readonly: bool = False,
        forgettable: bool = False,
        exposed: bool = False,
    ) -> None:
        self._pool: Final = pool
        self._readonly: Final = readonly
        self._forgettable: Final = forgettable
        self._exposed: Final = exposed

    async def __aenter__(self) -> Connection:
        self._began = asyncio.get_running_loop().time()
        self._connection = await self._pool.lease(None, block=not self._forgettable)
        if self._exposed:
            self._lent = Lent(self._connection)
            return self._lent
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._exposed:
            self._lent.taken()
        if error is None:
            self._pool.health.succeeded(self._began)
            await self._pool.take_back(self._connection, None)
        else:
            await given_up(self._pool, self._connection, error, readonly=self._readonly)


async def given_up(
    pool: Pool, connection: PooledConnection, error: BaseException, *, readonly: bool
) -> None:
    """Give a connection back after an error, and have the pool hear what that says of others."""
    if isinstance(error, ReadOnly) and not readonly:
        connection.retired = True  # a standby's, be the others dropped just before or not
        pool.drop_sessions(f"the server takes no writes: {error}")
    elif isinstance(error, CommitUnknown):
        pool.health.failed(error)
    elif isinstance(error, ConnectionLost) and not is_alive(connection):
        # One that is not this one's is another database's.
        pool.health.failed(error)
    await pool.take_back(connection, error)


class PoolTransaction(Borrowed):
    """A connection of a pool of ours for a block that is a transaction."""

    __slots__ = ("_block", "_isolation", "_settings")

    def __init__(  # noqa: PLR0913 - those of `transaction`, and what becomes of it
        self,
        pool: Pool,
        isolation: Isolation | None,
        settings: Mapping[str, str],
        *,
        readonly: bool,
        forgettable: bool,
        exposed: bool,
    ) -> None:
        super().__init__(pool, readonly=readonly, forgettable=forgettable, exposed=exposed)
        self._isolation: Final[Isolation | None] = isolation
        self._settings: Final = settings

    async def __aenter__(self) -> Connection:
        given = await super().__aenter__()
        try:
            await self._begin()
        except BaseException as error:
            await super().__aexit__(type(error), error, None)
            raise
        return given

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                await rolled_back_after(self._connection, self._block.rollback, error)
            await _ended_well(self._connection, self._block)
        except BaseException as problem:
            await super().__aexit__(type(problem), problem, None)
            raise
        await super().__aexit__(None, None, None)

    async def _begin(self) -> None:
        connection = self._connection
        self._block = self._made()
        await _started(connection, self._block, self._settings)
        if self._settings:
            await self._settled(connection)

    def _made(self) -> Block:
        try:
            # The driver's own, in which its user may open another.
            return self._connection.transaction(isolation=self._isolation, readonly=self._readonly)
        except asyncpg.InterfaceError as error:  # it is closed
            fail(error)

    async def _settled(self, connection: PooledConnection) -> None:
        try:
            await _settle(connection, self._settings)
        except BaseException as error:
            await rolled_back_after(connection, self._block.rollback, error)


@asynccontextmanager
async def begun(
    connection: Connection,
    isolation: Isolation | None,
    *,
    readonly: bool,
    settings: Mapping[str, str],
) -> AsyncGenerator[None, None]:
    """Give a block in a transaction of its own, on a connection that is in none."""
    block = connection.transaction(isolation=isolation, readonly=readonly)
    await _started(connection, block, settings)
    try:
        if settings:
            await _settle(connection, settings)
        yield
    except BaseException as error:
        await rolled_back_after(connection, block.rollback, error)
    else:
        await _ended_well(connection, block)


async def rolled_back_after(
    connection: Connection, rollback: Callable[[], Awaitable[object]], error: BaseException
) -> NoReturn:
    """Roll back, and raise what the error that left the block means."""
    alive = await _rolled_back(connection, rollback, error)
    if isinstance(error, Exception):
        fail_inside(error, alive=alive)
    raise error


async def _ended_well(connection: Connection, block: Block) -> None:
    """Commit a block that no error has left."""
    refuse_ended(connection)
    try:
        await block.commit()
    except BaseException as error:
        fail_to_commit(connection, error)


def refuse_ended(connection: Connection) -> None:
    """Raise if there is no transaction left to commit."""
    if not is_alive(connection):
        raise ConnectionLost("the connection was lost before COMMIT")
    if not connection.is_in_transaction():
        raise TransactionAborted("the block ended its own transaction, by a statement")


async def _started(connection: Connection, block: Block, settings: Mapping[str, str]) -> None:
    ours = pooled(connection)
    if ours is not None and settings:
        ours.opening, ours.refused = opening_statements(settings), None
    try:
        await block.start()
    except BaseException as error:
        fail_to_begin(connection, error)


def fail_to_begin(connection: Connection, error: BaseException) -> NoReturn:
    """Raise what it means that BEGIN failed so."""
    # What it came to is not known, and there is nothing yet to keep.
    if isinstance(error, asyncio.CancelledError | TimeoutError):
        ended(connection)
    if isinstance(error, TimeoutError):
        _given_up(pooled(connection))
        raise ConnectionLost("BEGIN was not answered in time") from error
    if isinstance(error, Exception):
        fail(error)
    raise error


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


def fail_to_commit(connection: Connection, error: BaseException) -> NoReturn:
    """Raise what it means that COMMIT failed so."""
    ours = pooled(connection)
    if ours is not None and isinstance(error, asyncio.CancelledError | TimeoutError):
        ours.hurry()
    if isinstance(error, Exception):
        fail(error, committing=True)
    raise error


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


def _given_up(connection: PooledConnection | None) -> None:
    """Note that a connection has not answered in time; its pool looks after the others then."""
    if connection is not None:
        connection.abandoned = True


def fail_inside(error: Exception, *, alive: bool) -> NoReturn:
    """Raise what an error that left a block means.

    The block may have lost another connection than ours, to a feed or to another database: such
    an error is the caller's, and passes as it is.
    """
    if alive and is_lost(error):
        raise error
    if not alive and isinstance(error, TimeoutError) and not isinstance(error, PoolTimeout):
        raise ConnectionLost("the server has stopped answering") from error
    fail(error)


async def _rolled_back(
    connection: Connection, rollback: Callable[[], Awaitable[object]], error: BaseException
) -> bool:
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
            await rollback()
    except Exception as second:
        if isinstance(second, TimeoutError):
            _given_up(ours)
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
