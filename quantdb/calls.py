"""A call of ours, from its beginning to its end: a lease, a transaction, and what is done again.

It is what a strategy does most. So what goes well on a pool of ours is done here in few steps, and
without the context managers that a block in a user's hands has; what goes wrong takes the same ways
as there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final, Literal, NoReturn, TypeGuard, TypeVar

import asyncpg
import attrs

from quantdb.blocks import (
    ended,
    fail_inside,
    fail_to_begin,
    fail_to_commit,
    given_up,
    is_alive,
    refuse_ended,
    rolled_back_after,
)
from quantdb.connection import PooledConnection, pooled
from quantdb.database import Connection, Database, is_pool
from quantdb.deadlines import NEVER
from quantdb.errors import CommitUnknown, ConnectionLost, Contention, StatementTimeout
from quantdb.labels import Operation
from quantdb.observe import Watch
from quantdb.outcomes import fail, is_stale_plan, swallowed
from quantdb.pool import Pool
from quantdb.reruns import is_rerun
from quantdb.retries import Repeat, always, repeated, repeated_after, window
from quantdb.scopes import bulk_scope
from quantdb.transaction import pool_behind, scope

__all__ = ["BULK", "READING", "TRANSACTION", "WRITING", "Way", "call", "commits_alone", "iterating"]

T = TypeVar("T")

Work = Callable[[Connection], Awaitable[T]]


@attrs.frozen
class Way:
    """What kind of work a call does, which says how it is a transaction.

    Attributes:
        alone: Whether it is one statement, which needs no BEGIN where a statement may be the
            transaction that PostgreSQL gives it (``transactions="statement"``).
        reads: Whether it changes nothing.
        bulk: Whether it is of several statements that are taken back together, and may take long:
            the time in which it is repeated counts from its first failure, and an attempt that has
            begun is not cut short.
    """

    alone: bool = False
    reads: bool = False
    bulk: bool = False


TRANSACTION: Final = Way()
READING: Final = Way(alone=True, reads=True)
WRITING: Final = Way(alone=True)
BULK: Final = Way(bulk=True)


async def call(  # noqa: PLR0913 - those of `repeated`
    db: Database,
    work: Work[T],
    way: Way = TRANSACTION,
    *,
    operation: Operation,
    repeat: Repeat = "unapplied",
    looks: bool = False,
    may: Callable[[], bool] = always,
) -> T:
    """Return what *work* gives in a block of its own; on a pool, repeated while that is safe.

    Errors of the database get out of the work: it swallows none. When the schema was changed since
    a statement was prepared, nothing was applied and the driver has dropped what it had prepared; a
    transaction that is ours is then begun once more.

    Args:
        db: On a connection that is in a transaction, the work joins that.
        work: Is given a connection.
        way: What kind of work it is.
        operation: What it is called in traces and logs.
        repeat: When it may be repeated.
        looks: Whether it knows what it stored itself; see `repeated`.
        may: Is asked after each failure whether it can be repeated still.
    """
    watch = _watched(db, operation)
    began = time.monotonic()
    first: CommitUnknown | ConnectionLost | Contention | None = None
    try:
        if not is_rerun():
            try:
                result = await _attempt(db, work, way, watch)
            except (CommitUnknown, ConnectionLost, Contention) as error:
                first = error
            else:
                if watch is not None:
                    watch.end(None)
                return result
        result = await _again(
            first,
            began,
            db,
            lambda: _attempt(db, work, way, watch),
            way,
            repeat=repeat,
            looks=looks,
            may=may,
        )
    except BaseException as error:
        if watch is not None:
            watch.end(error)
        raise
    if watch is not None:
        watch.end(None)
    return result


async def _again(  # noqa: PLR0913 - what `call` was given
    first: CommitUnknown | ConnectionLost | Contention | None,
    began: float,
    db: Database,
    attempt: Callable[[], Awaitable[T]],
    way: Way,
    *,
    repeat: Repeat,
    looks: bool,
    may: Callable[[], bool],
) -> T:
    """Return what an *attempt* gives after one, begun then, that has failed *first*, if it may."""

    async def once() -> T:
        try:
            return await attempt()
        except Contention as error:
            if not _may_begin_anew(db, error) or not may():
                raise
        return await attempt()

    if first is not None and _may_begin_anew(db, first) and may():
        first = None
    if not is_pool(db):
        if first is None:
            return await once()
        raise first
    limit = window(db)
    if first is None:
        return await repeated(
            once, repeat, limit, reads=way.reads, bulk=way.bulk, looks=looks, may=may
        )
    return await repeated_after(
        first, began, once, repeat, limit, reads=way.reads, bulk=way.bulk, looks=looks, may=may
    )


def _may_begin_anew(db: Database, error: Exception) -> bool:
    """Tell whether what failed did so for a stale plan, in a transaction that is ours."""
    return (
        isinstance(error, Contention)
        and is_stale_plan(error.__cause__)
        and (is_pool(db) or not is_alive(db) or not db.is_in_transaction())
    )


def commits_alone(db: Database) -> Pool | None:
    """Return the pool of ours on which a statement may be a transaction by itself; or None."""
    return db if isinstance(db, Pool) and db.config.transactions == "statement" else None


def _attempt(db: Database, work: Work[T], way: Way, watch: Watch | None) -> Awaitable[T]:
    """Begin an attempt, to be awaited."""
    if watch is not None:
        watch.begin()
    if way.bulk:
        return _in_scope(db, work, way, watch)
    if not isinstance(db, Pool):
        if _is_in_block(db):
            return _in_block(db, work, watch)
        return _in_scope(db, work, way, watch)
    if way.alone and db.config.transactions == "statement":
        return _on_connection(db, work, watch, "", way)
    return _on_connection(db, work, watch, "BEGIN READ ONLY;" if way.reads else "BEGIN;", way)


async def _on_connection(pool: Pool, work: Work[T], watch: Watch | None, begin: str, way: Way) -> T:
    """Return what *work* gives on a connection of a pool of ours.

    Without a *begin* it is one statement, which commits itself: a connection that is lost meanwhile
    leaves the outcome unknown unless it only reads.
    """
    began = asyncio.get_running_loop().time()
    connection = pool.lease_at_once() or await pool.lease(None, block=True)
    connection.begin_call(watch)
    stage: _Stage = "begin"
    try:
        if begin:
            await connection.send(begin)
            connection.until = NEVER
        if watch is not None:
            watch.on(connection)
        stage = "work" if begin else "alone"
        result = await work(connection)
        if begin:
            stage = "ended"
            if not connection.holds_block():
                refuse_ended(connection)
            stage = "commit"
            answer = await connection.send("COMMIT;")
            stage = "ended"
            _refuse_rollback(answer)
    except BaseException as error:
        await _fail(pool, connection, error, stage, way)
    connection.end_call()
    if pool.health.trouble:
        pool.health.succeeded(began)
    if not pool.took_back_at_once(connection):
        await pool.take_back(connection, None)
    return result


_Stage = Literal["begin", "work", "alone", "commit", "ended"]
"""What a call was at when it failed: its BEGIN, its work, its only statement, its COMMIT, or
none of them: what is to be said of it is said."""


async def _fail(
    pool: Pool, connection: PooledConnection, error: BaseException, stage: _Stage, way: Way
) -> NoReturn:
    """Raise what it means that a call failed at that *stage*, once its connection is given back."""
    watch = connection.watch
    connection.end_call()
    try:
        await _explain(connection, error, stage, way)
    except BaseException as problem:
        if watch is not None:
            watch.failed(problem)
        await given_up(pool, connection, problem, readonly=way.reads and stage != "alone")
        raise


async def _explain(
    connection: PooledConnection, error: BaseException, stage: _Stage, way: Way
) -> NoReturn:
    if stage == "begin":
        fail_to_begin(connection, error)
    if stage == "work":
        await rolled_back_after(connection, lambda: connection.execute("ROLLBACK;"), error)
    if stage == "alone":
        await _fail_alone(connection, error, reads=way.reads)
    if stage == "commit":
        fail_to_commit(connection, error)
    raise error


def _refuse_rollback(answer: str) -> None:
    """Raise if the server has rolled back what it was told to commit."""
    if answer == "ROLLBACK":
        raise swallowed()


async def _fail_alone(
    connection: PooledConnection, error: BaseException, *, reads: bool
) -> NoReturn:
    """Raise what it means that a statement failed so that commits itself."""
    if isinstance(error, StatementTimeout):
        await _told_apart(connection, error, reads=reads)
    if isinstance(error, ConnectionLost):
        if reads:
            raise error
        raise CommitUnknown(error.message) from (error.__cause__ or error)
    if isinstance(error, Exception):
        fail(error, committing=not reads)
    raise error


async def _told_apart(
    connection: PooledConnection, error: StatementTimeout, *, reads: bool
) -> NoReturn:
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


def _is_in_block(db: Database) -> TypeGuard[Connection]:
    """Tell whether *db* is a connection of a pool of ours that is in a transaction."""
    ours = pooled(db)
    return ours is not None and ours.holds_block()


async def _in_block(connection: Connection, work: Work[T], watch: Watch | None) -> T:
    """Return what *work* gives in the transaction that a connection of a pool of ours is in."""
    ours = pooled(connection) if watch is not None else None
    if watch is not None and ours is not None:
        watch.on(ours)
        ours.watch = watch
    try:
        return await work(connection)
    except Exception as error:
        fail_inside(error, alive=is_alive(connection))
    finally:
        if ours is not None:
            ours.watch = None


async def _in_scope(db: Database, work: Work[T], way: Way, watch: Watch | None) -> T:
    """Return what *work* gives in a block as others have it."""
    try:
        async with _scope(db, way) as connection:
            ours = pooled(connection)
            if watch is None or ours is None:
                return await work(connection)
            watch.on(ours)
            ours.watch = watch
            try:
                result = await work(connection)
            finally:
                ours.watch = None
    except BaseException as error:
        if watch is not None:
            watch.failed(error)
        raise
    watch.succeeded(result)
    return result


def _scope(db: Database, way: Way) -> AbstractAsyncContextManager[Connection]:
    if way.bulk:
        return bulk_scope(db)
    return scope(db, None, readonly=way.reads and is_pool(db))


def _watched(db: Database, operation: Operation, *, current: bool = True) -> Watch | None:
    """Begin to watch a call on *db*, if someone wants that and it is no part of another one."""
    if isinstance(db, Pool):
        observer = db.observer
    elif (ours := pooled(db)) is not None:
        observer = ours.observer if ours.watch is None else None
    else:
        behind = pool_behind(db)
        observer = behind.observer if behind is not None else None
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
