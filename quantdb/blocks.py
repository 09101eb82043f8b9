"""How a block of work begins on a connection, and how it ends."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Final, NoReturn, Protocol

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
from quantdb.outcomes import fail, is_lost, swallowed
from quantdb.pool import Pool
from quantdb.session import GRACE, plain_execute
from quantdb.settings import opening_statements

__all__ = [
    "Borrowed",
    "OwnTransaction",
    "PoolTransaction",
    "begun",
    "ended",
    "fail_inside",
    "is_alive",
]


class _Undone(Protocol):
    """A transaction that can be rolled back."""

    async def rollback(self) -> None: ...


# A call on a pool of ours is what is done most, so its blocks are classes: the generator of a
# context manager costs as much as all else that they do. And what is done when all goes well is
# done in few steps.


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
        pool = self._pool
        self._began = asyncio.get_running_loop().time()
        connection = pool.lease_at_once(block=not self._forgettable)
        if connection is None:
            connection = await pool.lease(None, block=not self._forgettable)
        self._connection = connection
        if self._exposed:
            self._lent = Lent(connection)
            return self._lent
        return connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pool, connection = self._pool, self._connection
        if self._exposed:
            self._lent.taken()
        if error is None:
            pool.health.succeeded(self._began)
            if pool.took_back_clean(connection):
                return
        elif isinstance(error, ReadOnly) and not self._readonly:
            connection.retired = True  # a standby's, be the others dropped just before or not
            pool.drop_sessions(f"the server takes no writes: {error}")
        elif isinstance(error, CommitUnknown):
            pool.health.failed(error)
        elif isinstance(error, ConnectionLost) and not is_alive(connection):
            # One that is not this one's is another database's.
            pool.health.failed(error)
        await pool.take_back(connection, error)


class _InTransaction(Borrowed):
    """A connection of a pool of ours for a block that is a transaction."""

    __slots__ = ()

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
                await _rolled_back_after(self._connection, self, error)
            await self._commit()
        except BaseException as problem:
            await super().__aexit__(type(problem), problem, None)
            raise
        await super().__aexit__(None, None, None)

    @abstractmethod
    async def _begin(self) -> None: ...

    @abstractmethod
    async def _commit(self) -> None: ...

    @abstractmethod
    async def rollback(self) -> None:
        """Undo what was done in it."""


class PoolTransaction(_InTransaction):
    """A transaction on a connection of a pool of ours."""

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
            await _rolled_back_after(connection, self._block, error)

    async def _commit(self) -> None:
        await _ended_well(self._connection, self._block)

    async def rollback(self) -> None:
        """Roll back as the driver does."""
        await self._block.rollback()


class OwnTransaction(_InTransaction):
    """A transaction on a connection of a pool of ours, without more, for statements of ours."""

    __slots__ = ()

    async def _begin(self) -> None:
        try:
            begin = "BEGIN READ ONLY;" if self._readonly else "BEGIN;"
            await plain_execute(self._connection, begin)
        except BaseException as error:
            _fail_to_begin(self._connection, error)

    async def _commit(self) -> None:
        connection = self._connection
        _refuse_ended(connection)
        try:
            answer = await plain_execute(connection, "COMMIT;")
        except BaseException as error:
            _fail_to_commit(connection, error)
        if answer == "ROLLBACK":
            raise swallowed()

    async def rollback(self) -> None:
        """Roll back; a connection that is cut short knows how long it has for that."""
        await self._connection.execute("ROLLBACK;")


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
        await _rolled_back_after(connection, block, error)
    else:
        await _ended_well(connection, block)


async def _rolled_back_after(
    connection: Connection, block: _Undone, error: BaseException
) -> NoReturn:
    """Roll back, and raise what the error that left the block means."""
    alive = await _rolled_back(connection, block, error)
    if isinstance(error, Exception):
        fail_inside(error, alive=alive)
    raise error


async def _ended_well(connection: Connection, block: Block) -> None:
    """Commit a block that no error has left."""
    _refuse_ended(connection)
    try:
        await block.commit()
    except BaseException as error:
        _fail_to_commit(connection, error)


def _refuse_ended(connection: Connection) -> None:
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
        _fail_to_begin(connection, error)


def _fail_to_begin(connection: Connection, error: BaseException) -> NoReturn:
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


def _fail_to_commit(connection: Connection, error: BaseException) -> NoReturn:
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


async def _rolled_back(connection: Connection, block: _Undone, error: BaseException) -> bool:
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
