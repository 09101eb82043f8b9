"""Bulk writes by COPY: idempotent, all or nothing, with a report."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Generic, TypeVar
from uuid import UUID

import attrs

from quantdb.catalog import columns_of, of_row
from quantdb.connection import pooled
from quantdb.database import Connection, each
from quantdb.errors import InexactValue
from quantdb.exact import Rule, anything, check, shown
from quantdb.outcomes import out_of_time
from quantdb.query import Query
from quantdb.sameness import same
from quantdb.sqlfile import sql_folder
from quantdb.stalls import fed

__all__ = ["NAMED", "Rows", "and_others", "bulk_timeout", "changed", "copy_models", "may_alter"]

M = TypeVar("M", bound=attrs.AttrsInstance)

BULK_TIMEOUT: Final = 3_600.0
"""Seconds that one statement of a bulk write may take at most: it grows with the rows."""

_A_ROW: Final = 0.001
"""Seconds that a row may add to a statement; a slow server takes a twentieth of it."""

_OF_OTHERS: Final = 30.0
"""Seconds that a connection of another pool may take for a piece of a bulk write."""

NAMED: Final = 10
"""Rows at fault that an error counts."""

_CHUNK: Final = 1_000
"""Rows that are sent at once: some 100 kB."""

_ESCAPED: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _text(value: str) -> str:
    return value.translate(_ESCAPED)


def _interval(value: timedelta) -> str:
    # Days apart from the rest, as the driver sends them; each part is exact.
    return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"


# How COPY's text format writes a value that the model has checked.
_WRITERS: Final[dict[type, Callable[..., str]]] = {
    bool: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    Decimal: str,
    int: str,
    str: _text,
    timedelta: _interval,
    UUID: str,
}


async def copy_models(
    connection: Connection,
    table: str,
    model: type[M],
    rows: Iterable[M] | AsyncIterable[M],
    rules: Mapping[str, Rule],
) -> int:
    """Copy models into a staging table of columns n (the row's number, from 1) and their fields.

    Memory stays constant however many rows there are. *rules* are what the table behind lets in,
    by field; see `may_alter`.

    Returns:
        How many rows there were.

    Raises:
        InexactValue: A row is none of *model*, or a rule refuses a value of it; ``row`` is its
            number and nothing is stored.
    """
    source = _Source(model, rows, rules)
    ours = pooled(connection)

    async def copy(chunks: AsyncIterator[bytes]) -> str:
        send = connection.copy_to_table if ours is None else ours.copy_admitted
        columns = ["n", *source.names]
        return await send(table, source=chunks, columns=columns, timeout=BULK_TIMEOUT)

    try:
        if ours is None:
            await fed(source.chunks(), copy, _patience(connection))
        else:
            await fed(source.chunks(), copy, _patience(connection), ours.telling_its_end)
    except Exception as error:
        if source.failure is not None:
            # The driver puts a TimeoutError of its own in place of that of the rows.
            raise source.failure  # noqa: B904 - it is the cause
        meaning = out_of_time(error)
        if meaning is error:
            raise
        raise meaning from error
    return source.count


def bulk_timeout(connection: Connection, rows: int) -> float:
    """Return the seconds that one statement may take that goes over so many rows."""
    return min(BULK_TIMEOUT, _patience(connection) + rows * _A_ROW)


def _patience(connection: Connection) -> float:
    ours = pooled(connection)
    return _OF_OTHERS if ours is None else ours.command_timeout


_alters: Final = Query(sql_folder() / "bulk/alters.sql", bool)


async def may_alter(connection: Connection, table: str, staged: str) -> Mapping[str, Rule]:
    """Return what the columns of a table let in if it may store something else than it is given.

    By a column's type, a trigger or a rule; what is stored must then be compared with what was
    staged. Empty if it stores everything as it is, as the tables of quantdb's own schema do.
    """
    if not await _alters.one(connection, table, staged):
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


class Rows(Generic[M]):
    """The rows of a bulk write, which may have to be sent again."""

    __slots__ = ("_begun", "_rows")

    def __init__(self, rows: Iterable[M] | AsyncIterable[M]) -> None:
        self._rows = rows
        self._begun = False

    def are_there_still(self) -> bool:
        """Tell whether they can be gone through from the first: an iterator is used up."""
        return not self._begun or not isinstance(self._rows, Iterator | AsyncIterator)

    async def __aiter__(self) -> AsyncGenerator[M, None]:
        self._begun = True
        async for row in each(self._rows):
            yield row


class _Source(Generic[M]):
    """Rows on their way into COPY."""

    def __init__(
        self,
        model: type[M],
        rows: Iterable[M] | AsyncIterable[M],
        rules: Mapping[str, Rule],
    ) -> None:
        self.names = [field.name for field in attrs.fields(model)]
        self.count = 0
        self.failure: Exception | None = None
        self._model = model
        self._rows = rows
        self._rules = rules

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the lines of COPY's text format, many at a time."""
        lines: list[str] = []
        try:
            async for row in each(self._rows):
                lines.append(self._line(row))
                if len(lines) == _CHUNK:
                    yield "".join(lines).encode()
                    lines.clear()
                    # Rows from memory and a server that keeps up never wait: let others run.
                    await asyncio.sleep(0)
        except Exception as error:
            self.failure = error
            raise
        if lines:
            yield "".join(lines).encode()

    def _line(self, row: M) -> str:
        self.count += 1
        if type(row) is not self._model:
            number = f"row {self.count}"
            raise InexactValue(
                f"{number}: must be a {self._model.__name__}; got {shown(row)}", number, self.count
            )
        values = [getattr(row, name) for name in self.names]
        if self._rules:
            self._look(values)
        return _line(self.count, values)

    def _look(self, values: Sequence[object]) -> None:
        for name, value in zip(self.names, values, strict=True):
            try:
                check(self._rules.get(name, anything), value, name)
            except InexactValue as error:
                raise of_row(error, self.count) from None


def _line(number: int, values: list[object]) -> str:
    # str is for a UUID that was read: the driver has a subclass of its own.
    cells = [r"\N" if value is None else _WRITERS.get(type(value), str)(value) for value in values]
    return f"{number}\t" + "\t".join(cells) + "\n"
