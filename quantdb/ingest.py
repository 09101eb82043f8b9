"""Bulk writes by COPY: idempotent, all or nothing, with a report."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from typing import Final, Protocol, TypeVar

import asyncpg
import attrs

from quantdb.calls import BULK, call
from quantdb.catalog import columns_of
from quantdb.connection import pooled
from quantdb.copybinary import type_of
from quantdb.database import Connection, CopyFormat, Database
from quantdb.errors import InexactValue
from quantdb.exact import Rule, shown
from quantdb.labels import Operation
from quantdb.models import Ingest
from quantdb.outcomes import out_of_time
from quantdb.query import Query
from quantdb.sameness import same
from quantdb.sqlfile import sql_folder
from quantdb.stalls import fed

__all__ = [
    "NAMED",
    "Copied",
    "Source",
    "and_others",
    "bulk_timeout",
    "changed",
    "copied",
    "ingested",
    "may_alter",
]

BULK_TIMEOUT: Final = 3_600.0
"""Seconds that one statement of a bulk write may take at most: it grows with the rows."""

_A_ROW: Final = 0.001
"""Seconds that a row may add to a statement; a slow server takes a twentieth of it."""

_OF_OTHERS: Final = 30.0
"""Seconds that a connection of another pool may take for a piece of a bulk write."""

NAMED: Final = 10
"""Rows at fault that an error counts."""


_TOGETHER: Final = 20_000
"""Rows that are copied straight into their table at once, and kept until that has gone well."""

P = TypeVar("P")


class Source(Protocol[P]):
    """The rows of a bulk write, in pieces of some thousands, which may have to be sent again."""

    format: CopyFormat
    """Of COPY, in which they are sent."""

    names: Sequence[str]
    """The columns that they have."""

    failure: Exception | None
    """What was wrong with a row, or with where they come from."""

    count: int
    """Rows so far."""

    def are_there_still(self) -> bool:
        """Tell whether they can be gone through from the first: an iterator is used up."""
        ...

    def pieces(self, rules: Mapping[str, Rule]) -> AsyncIterator[P]:
        """Give them from the first; *rules* are what the table behind lets in, by field."""
        ...

    def sent(self, pieces: AsyncIterator[P], *, numbered: bool) -> AsyncIterator[bytes]:
        """Give the bytes that COPY takes for some of them.

        Args:
            pieces: The rows.
            numbered: Whether the row's number, from 1, is a first column of its own.
        """
        ...


async def ingested(
    db: Database,
    operation: Operation,
    source: Source[P],
    work: Callable[[Connection], Awaitable[Ingest]],
) -> Ingest:
    """Return what *work* reports, which stores the rows of a *source* whole or not at all.

    It may be done again whatever became of it, as long as the rows are there: to store them twice
    comes to the same, and it looks whose rows are in its way.
    """
    return await call(
        db,
        work,
        BULK,
        operation=operation,
        repeat="always",
        looks=True,
        may=source.are_there_still,
    )


@attrs.frozen
class Copied:
    """Where the rows of a bulk write are.

    Attributes:
        stored: How many are in their table.
        given: How many there are.
        staged: Whether there is a staging table, be it without a row.
    """

    stored: int
    given: int
    staged: bool


async def copied(
    connection: Connection,
    table: str,
    stage: Query[None],
    source: Source[P],
    rules: Mapping[str, Rule],
) -> Copied:
    """Copy rows straight into their table as long as it takes them, the rest into a staging table.

    What is refused (a key that is there already, a user who is none, row-level security, which
    takes no COPY) is taken back and staged, to find out which row it is; so is all that follows.
    With *rules* (see `may_alter`) all is staged. The staging table, ``staged_`` and the name of the
    other, is made by *stage* if need be; it has the columns n (the row's number, from 1) and their
    fields. Memory stays constant however many rows there are.

    Raises:
        InexactValue: A row is none of the model, or a rule refuses a value of it; ``row`` is its
            number and nothing is stored.
    """
    pieces = source.pieces(rules)
    kept: list[P] = []
    stored = 0
    while not rules:
        before = source.count
        some = _up_to(_TOGETHER, pieces, kept, source)
        if not await _taken(connection, table, source, source.sent(some, numbered=False)):
            break
        stored = source.count
        kept.clear()
        if stored - before < _TOGETHER:
            return Copied(stored, stored, staged=False)
    await stage.run(connection)
    rest = source.sent(_after(kept, pieces), numbered=True)
    await _copy(connection, f"staged_{table}", source, rest, ["n", *source.names])
    return Copied(stored, source.count, staged=True)


async def _up_to(
    rows: int, pieces: AsyncIterator[P], kept: list[P], source: Source[P]
) -> AsyncIterator[P]:
    """Give pieces of at least so many *rows*, each of which is kept."""
    enough = source.count + rows
    while source.count < enough:
        piece = await anext(pieces, None)
        if piece is None:
            return
        kept.append(piece)
        yield piece


async def _after(kept: list[P], pieces: AsyncIterator[P]) -> AsyncIterator[P]:
    while kept:
        yield kept.pop(0)
    async for piece in pieces:
        yield piece


async def _taken(
    connection: Connection, table: str, source: Source[P], chunks: AsyncIterator[bytes]
) -> bool:
    """Tell whether a table takes some rows; if not, nothing of them stays."""
    await connection.execute("SAVEPOINT quantdb_straight")
    try:
        await _copy(connection, table, source, chunks, source.names)
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.FeatureNotSupportedError):
        await connection.execute("ROLLBACK TO SAVEPOINT quantdb_straight")
        return False
    await connection.execute("RELEASE SAVEPOINT quantdb_straight")
    return True


async def _copy(
    connection: Connection,
    table: str,
    source: Source[P],
    chunks: AsyncIterator[bytes],
    columns: Sequence[str],
) -> None:
    ours = pooled(connection)

    async def copy(given: AsyncIterator[bytes]) -> str:
        send = connection.copy_to_table if ours is None else ours.copy_admitted
        return await send(
            table, source=given, columns=columns, timeout=BULK_TIMEOUT, format=source.format
        )

    try:
        if ours is None:
            await fed(chunks, copy, _patience(connection))
        else:
            await fed(chunks, copy, _patience(connection), ours.telling_its_end)
    except Exception as error:
        if source.failure is not None:
            # The driver puts a TimeoutError of its own in place of that of the rows.
            raise source.failure  # noqa: B904 - it is the cause
        meaning = out_of_time(error)
        if meaning is error:
            raise
        raise meaning from error


def bulk_timeout(connection: Connection, rows: int) -> float:
    """Return the seconds that one statement may take that goes over so many rows."""
    return min(BULK_TIMEOUT, _patience(connection) + rows * _A_ROW)


def _patience(connection: Connection) -> float:
    ours = pooled(connection)
    return _OF_OTHERS if ours is None else ours.command_timeout


# It looks for triggers and rules as types/columns.sql does, and is not that statement asked about
# both tables and compared here: every bulk write asks, and this is one round trip and one value.
_alters: Final = Query(sql_folder() / "bulk/alters.sql", bool)


async def may_alter(
    connection: Connection, table: str, model: type[attrs.AttrsInstance]
) -> Mapping[str, Rule]:
    """Return what the columns of a table let in if it may store something else than it is given.

    By a column's type, a trigger or a rule; what is stored must then be compared with what was
    staged. Empty if it stores everything as it is, as the tables of quantdb's own schema do.
    """
    fields = attrs.fields(model)
    names, types = [field.name for field in fields], [type_of(field.type) for field in fields]
    if not await _alters.one(connection, table, names, types):
        return {}
    return {column.name: column.rule for column in await columns_of(connection, table, None, {})}


def changed(
    row: int, sent: attrs.AttrsInstance, stored: attrs.AttrsInstance | None
) -> InexactValue:
    """Return the error that says what the database made of a row of a bulk write."""
    if stored is None:
        return InexactValue(f"row {row}: the database did not store it as it is", "", row)
    for field in attrs.fields(type(sent)):
        given, kept = getattr(sent, field.name), getattr(stored, field.name)
        if not same(given, kept):
            said = f"row {row}: {field.name}: the database made {shown(kept)} of {shown(given)}"
            return InexactValue(f"{said}; nothing was stored", field.name, row)
    return InexactValue(f"row {row}: the database changed it", "", row)


def and_others(faults: Sequence[object]) -> str:
    """Say how many rows are at fault besides the first; the last of `NAMED` may not be the last."""
    others = len(faults) - 1
    if not others:
        return ""
    return f"; and {others}{' or more' if len(faults) == NAMED else ''} others"
