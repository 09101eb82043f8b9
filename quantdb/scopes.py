"""The blocks that our own statements run in, and what undoes them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from types import TracebackType
from typing import Final, NoReturn, TypeVar

import asyncpg

from quantdb import exact
from quantdb.blocks import Borrowed, ended, is_alive
from quantdb.connection import pooled
from quantdb.database import Connection, Database, is_pool
from quantdb.errors import (
    CommitUnknown,
    ConnectionLost,
    Contention,
    InexactValue,
    QuantDBError,
    ShapeMismatch,
    StatementTimeout,
    StoredInexact,
)
from quantdb.labels import Operation
from quantdb.observe import Watch
from quantdb.outcomes import fail, is_stale_plan
from quantdb.pool import Pool
from quantdb.reruns import is_rerun
from quantdb.retries import Repeat, always, repeated, repeated_after, window
from quantdb.sameness import same
from quantdb.session import GRACE
from quantdb.transaction import pool_behind, scope

__all__ = [
    "bulk_scope",
    "call",
    "commits_alone",
    "doom",
    "iterating",
    "kept_as_sent",
    "refusable",
    "single_scope",
    "statement_scope",
    "taken_back",
]

T = TypeVar("T")

_UNWATCHED: Final = nullcontext()


def statement_scope(
    db: Database, *, readonly: bool = False, forgettable: bool = False
) -> AbstractAsyncContextManager[Connection]:
    """Give what `transaction` gives, for statements of ours whose errors all get out.

    They swallow no error, so the question whether one was is saved.
    """
    return scope(db, None, readonly=readonly, forgettable=forgettable)


def single_scope(db: Database, *, reads: bool = False) -> AbstractAsyncContextManager[Connection]:
    """Give what `statement_scope` gives, for a block of one statement that needs no BEGIN.

    With ``transactions="statement"`` the statement is the transaction that PostgreSQL gives it; it
    commits itself, so that a connection that is lost meanwhile leaves the outcome unknown unless
    the statement only *reads*. A transaction of a pool's own holds it to that.
    """
    pool = commits_alone(db)
    if pool is not None:
        return _Single(pool, reads=reads)
    return scope(db, None, readonly=reads and is_pool(db))


def commits_alone(db: Database) -> Pool | None:
    """Return the pool of ours on which a statement may be a transaction by itself; or None."""
    return db if isinstance(db, Pool) and db.config.transactions == "statement" else None


class _Single(Borrowed):
    """A connection of a pool of ours for one statement that is a transaction by itself."""

    __slots__ = ("_reads",)

    def __init__(self, pool: Pool, *, reads: bool) -> None:
        super().__init__(pool)
        self._reads = reads

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            try:
                await self._fail(error)
            except BaseException as problem:
                await super().__aexit__(type(problem), problem, None)
                raise
        await super().__aexit__(kind, error, trace)

    async def _fail(self, error: Exception) -> NoReturn:
        """Raise what it means that the statement failed so."""
        if isinstance(error, StatementTimeout):
            await _told_apart(self._connection, error, reads=self._reads)
        if isinstance(error, ConnectionLost):
            if self._reads:
                raise error
            raise CommitUnknown(error.message) from (error.__cause__ or error)
        fail(error, committing=not self._reads)


async def _told_apart(connection: Connection, error: StatementTimeout, *, reads: bool) -> NoReturn:
    """Raise what a time-out means: a server that is slow, or one that is gone."""
    if isinstance(error.__cause__, asyncpg.PostgresError):  # the server itself has ended it
        raise error
    if not reads:
        raise CommitUnknown(error.message) from error
    # It waits for no more than a moment; and there is nothing to roll back, if it is answered.
    await connection.execute("ROLLBACK")
    if is_alive(connection):
        raise error
    ended(connection)
    raise ConnectionLost("the server has stopped answering") from error


async def call(  # noqa: PLR0913 - those of `repeated`
    db: Database,
    work: Callable[[Connection], Awaitable[T]],
    scope: Callable[[Database], AbstractAsyncContextManager[Connection]] = statement_scope,
    *,
    operation: Operation,
    repeat: Repeat = "unapplied",
    reads: bool = False,
    bulk: bool = False,
    looks: bool = False,
    may: Callable[[], bool] = always,
) -> T:
    """Return what *work* gives in a *scope* of its own; on a pool, repeated while that is safe.

    When the schema was changed since a statement was prepared, nothing was applied and the driver
    has dropped what it had prepared; a transaction that is ours is then begun once more.
    """
    watch = _watched(db, operation)
    with watch or _UNWATCHED:
        first: CommitUnknown | ConnectionLost | Contention | None = None
        began = time.monotonic()
        if not is_rerun():
            try:
                return await _attempted(db, work, scope, watch)
            except (CommitUnknown, ConnectionLost, Contention) as error:
                first = error

        async def once() -> T:
            try:
                return await _attempted(db, work, scope, watch)
            except Contention as error:
                if not _may_begin_anew(db, error) or not may():
                    raise
            return await _attempted(db, work, scope, watch)

        if first is not None and _may_begin_anew(db, first) and may():
            first = None
        if not is_pool(db):
            if first is None:
                return await once()
            raise first
        if first is None:
            return await repeated(
                once, repeat, window(db), reads=reads, bulk=bulk, looks=looks, may=may
            )
        return await repeated_after(
            first, began, once, repeat, window(db), reads=reads, bulk=bulk, looks=looks, may=may
        )


def _may_begin_anew(db: Database, error: Exception) -> bool:
    """Tell whether what failed did so for a stale plan, in a transaction that is ours."""
    return (
        isinstance(error, Contention)
        and is_stale_plan(error.__cause__)
        and (is_pool(db) or not is_alive(db) or not db.is_in_transaction())
    )


def _watched(db: Database, operation: Operation, *, current: bool = True) -> Watch | None:
    """Begin to watch a call on *db*, if someone wants that and it is no part of another one."""
    pool = pool_behind(db)
    if pool is not None:
        observer = pool.observer
    else:
        ours = pooled(db)
        observer = ours.observer if ours is not None and ours.watch is None else None
    return None if observer is None else observer.watch(operation, current=current)


@contextmanager
def iterating(db: Database, operation: Operation) -> Generator[Watch | None]:
    """Watch a call that is an iteration, which others may interrupt."""
    watch = _watched(db, operation, current=False)
    if watch is None:
        yield None
        return
    watch.begin()
    with watch:
        yield watch


async def _attempted(
    db: Database,
    work: Callable[[Connection], Awaitable[T]],
    scope: Callable[[Database], AbstractAsyncContextManager[Connection]],
    watch: Watch | None,
) -> T:
    if watch is None:
        async with scope(db) as connection:
            return await work(connection)
    watch.begin()
    try:
        async with scope(db) as connection:
            ours = pooled(connection)
            watch.on(ours)
            if ours is None:
                return await work(connection)
            ours.watch = watch  # the statements of the work are no calls of their own
            try:
                result = await work(connection)
            finally:
                ours.watch = None
    except BaseException as error:
        watch.failed(error)
        raise
    watch.succeeded(result)
    return result


@asynccontextmanager
async def bulk_scope(
    db: Database, *, forgettable: bool = False
) -> AsyncGenerator[Connection, None]:
    """Give what `statement_scope` gives, for a block of several statements: all or nothing.

    In a transaction that is joined, a savepoint takes back what the block did before its error,
    and the transaction stays usable.
    """
    async with statement_scope(db, forgettable=forgettable) as connection:
        if is_pool(db):
            yield connection
            return
        await connection.execute("SAVEPOINT quantdb_bulk")
        try:
            yield connection
        except BaseException as error:
            await _taken_back(connection, error)
            raise
        await connection.execute("RELEASE SAVEPOINT quantdb_bulk")


async def _taken_back(connection: Connection, error: BaseException) -> None:
    """Take back what a bulk write did before its error; it has no long time for that."""
    if not is_alive(connection):
        return
    cut_short = isinstance(error, asyncio.CancelledError | TimeoutError)
    try:
        async with asyncio.timeout(GRACE if cut_short else None):
            await connection.execute("ROLLBACK TO SAVEPOINT quantdb_bulk")
    except TimeoutError:
        ended(connection)


@asynccontextmanager
async def refusable(connection: Connection) -> AsyncGenerator[None, None]:
    """Take back the block that a constraint refuses, so that the transaction may be asked why.

    For a block inside a transaction of ours, which ends the savepoint too.
    """
    await connection.execute("SAVEPOINT quantdb_refusable")
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError:
        await taken_back(connection)
        raise


async def taken_back(connection: Connection) -> None:
    """Take back what the last `refusable` block did, after all."""
    await connection.execute("ROLLBACK TO SAVEPOINT quantdb_refusable")


async def kept_as_sent(
    connection: Connection,
    sent: Mapping[str, object],
    stored: Mapping[str, object],
    written: Callable[[str], Awaitable[object]] | None = None,
) -> None:
    """Doom the open transaction, if there is one, unless every value that was *sent* is *stored*.

    Args:
        connection: What is in the transaction.
        sent: The values that were sent, by name.
        stored: The values that are stored, by name.
        written: Asks in which form the server writes the value of a name, whatever the column.

    Raises:
        InexactValue: A value was changed; it is named.
        StoredInexact: And the statement has committed itself.
        ShapeMismatch: A value that was sent did not come back.
    """
    refusal: QuantDBError | None = None
    for name, value in sent.items():
        if name not in stored:
            refusal = ShapeMismatch(f"{name!r} is sent but does not come back")
        elif not same(value, stored[name]) and not (
            written is not None and same(await written(name), stored[name])
        ):
            changed = "the database changed it"
            if not isinstance(name, exact.SecretName):
                made, of = exact.shown(stored[name]), exact.shown(value)
                changed = f"the database made {made} of {of}"
            kind = InexactValue if connection.is_in_transaction() else StoredInexact
            refusal = kind(f"{name}: {changed}", name)
        if refusal is not None:
            await doom(connection, "what is stored is not what was sent")
            raise refusal


async def doom(connection: Connection, why: str) -> None:
    """Make the open transaction one that can only be rolled back.

    For what the server accepted and we do not: whoever owns the transaction may catch our error
    and commit, and must not succeed.
    """
    if not connection.is_in_transaction():
        return
    quoted = why.replace("'", "''")
    with suppress(asyncpg.RaiseError):
        await connection.execute(f"DO $quantdb$BEGIN RAISE EXCEPTION '{quoted}'; END$quantdb$")
