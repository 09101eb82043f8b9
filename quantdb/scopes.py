"""The blocks that our own statements run in, and what undoes them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import NoReturn, TypeVar

import asyncpg

from quantdb import exact
from quantdb.connection import GRACE
from quantdb.database import Connection, Database, is_pool
from quantdb.errors import (
    CommitUnknown,
    ConnectionLost,
    Contention,
    InexactValue,
    QuantDBError,
    ShapeMismatch,
    StatementTimeout,
)
from quantdb.outcomes import fail, is_stale_plan
from quantdb.pool import Pool
from quantdb.retries import Repeat, repeated, window
from quantdb.sameness import same
from quantdb.transaction import ended, is_alive, lent, scope

__all__ = [
    "bulk_scope",
    "call",
    "doom",
    "kept_as_sent",
    "refusable",
    "single_scope",
    "statement_scope",
    "taken_back",
]

T = TypeVar("T")


def statement_scope(
    db: Database, *, readonly: bool = False, forgettable: bool = False
) -> AbstractAsyncContextManager[Connection]:
    """Give what `transaction` gives, for statements of ours whose errors all get out.

    They swallow no error, so the question whether one was is saved.
    """
    return scope(db, None, readonly=readonly, forgettable=forgettable)


@asynccontextmanager
async def single_scope(db: Database, *, reads: bool = False) -> AsyncGenerator[Connection, None]:
    """Give what `statement_scope` gives, for a block of one statement that needs no BEGIN.

    With ``transactions="statement"`` the statement is the transaction that PostgreSQL gives it; it
    commits itself, so that a connection that is lost meanwhile leaves the outcome unknown unless
    the statement only *reads*. A transaction of a pool's own holds it to that.
    """
    if isinstance(db, Pool) and db.config.transactions == "statement":
        async with lent(db) as connection:
            try:
                yield connection
            except StatementTimeout as error:
                await _told_apart(connection, error, reads=reads)
            except ConnectionLost as error:
                if reads:
                    raise
                raise CommitUnknown(error.message) from (error.__cause__ or error)
            except Exception as error:
                fail(error, committing=not reads)
    else:
        async with statement_scope(db, readonly=reads and is_pool(db)) as connection:
            yield connection


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
    repeat: Repeat = "unapplied",
    reads: bool = False,
    bulk: bool = False,
    may: Callable[[], bool] = lambda: True,
) -> T:
    """Return what *work* gives in a *scope* of its own; on a pool, repeated while that is safe.

    When the schema was changed since a statement was prepared, nothing was applied and the driver
    has dropped what it had prepared; a transaction that is ours is then begun once more.
    """

    async def once() -> T:
        try:
            async with scope(db) as connection:
                return await work(connection)
        except Contention as error:
            if not is_stale_plan(error.__cause__) or not may() or _joins(db):
                raise
        async with scope(db) as connection:
            return await work(connection)

    if is_pool(db):
        return await repeated(once, repeat, window(db), reads=reads, bulk=bulk, may=may)
    return await once()


def _joins(db: Database) -> bool:
    return not is_pool(db) and is_alive(db) and db.is_in_transaction()


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
    """Doom the open transaction unless every value that was *sent* is *stored*.

    Args:
        connection: What is in the transaction.
        sent: The values that were sent, by name.
        stored: The values that are stored, by name.
        written: Asks in which form the server writes the value of a name, whatever the column.

    Raises:
        InexactValue: A value was changed; it is named.
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
            refusal = InexactValue(f"{name}: {changed}", name)
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
