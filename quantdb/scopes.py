"""The blocks that our own statements run in, and what undoes them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import asyncpg

from quantdb import exact
from quantdb.blocks import ended, is_alive
from quantdb.database import Connection, Database, is_pool
from quantdb.errors import (
    InexactValue,
    QuantDBError,
    ShapeMismatch,
    StoredInexact,
)
from quantdb.sameness import same
from quantdb.session import GRACE
from quantdb.transaction import scope

__all__ = [
    "bulk_scope",
    "doom",
    "kept_as_sent",
    "refusable",
    "statement_scope",
    "taken_back",
]


def statement_scope(
    db: Database, *, forgettable: bool = False
) -> AbstractAsyncContextManager[Connection]:
    """Give what `transaction` gives, for statements of ours whose errors all get out.

    They swallow no error, so the question whether one was is saved.
    """
    return scope(db, None, readonly=False, forgettable=forgettable)


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
