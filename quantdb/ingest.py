"""Bulk writes by COPY: idempotent, all or nothing, with a report."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Generic, TypeVar
from uuid import UUID

import attrs

from quantdb.database import Connection
from quantdb.errors import InexactValue
from quantdb.exact import shown

__all__ = ["BULK_TIMEOUT", "NAMED", "and_others", "copy_models"]

M = TypeVar("M", bound=attrs.AttrsInstance)

BULK_TIMEOUT: Final = 3_600.0
"""Seconds that one statement of a bulk write may take: it grows with the rows."""

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
) -> int:
    """Copy models into a staging table of columns n (the row's number, from 1) and their fields.

    Memory stays constant however many rows there are.

    Returns:
        How many rows there were.

    Raises:
        InexactValue: A row is none of *model*; ``row`` is its number and nothing is stored.
    """
    source = _Source(model, rows)
    try:
        await connection.copy_to_table(
            table, source=source.chunks(), columns=["n", *source.names], timeout=BULK_TIMEOUT
        )
    except Exception:
        if source.failure is not None:
            # The driver puts a TimeoutError of its own in place of that of the rows.
            raise source.failure  # noqa: B904 - it is the cause
        raise
    return source.count


def and_others(faults: Sequence[object]) -> str:
    """Say how many rows are at fault besides the first; the last of `NAMED` may not be the last."""
    others = len(faults) - 1
    if not others:
        return ""
    return f"; and {others}{' or more' if len(faults) == NAMED else ''} others"


class _Source(Generic[M]):
    """Rows on their way into COPY."""

    def __init__(self, model: type[M], rows: Iterable[M] | AsyncIterable[M]) -> None:
        self.names = [field.name for field in attrs.fields(model)]
        self.count = 0
        self.failure: Exception | None = None
        self._model = model
        self._rows = rows

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the lines of COPY's text format, many at a time."""
        lines: list[str] = []
        try:
            async for row in _each(self._rows):
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
        return _line(self.count, [getattr(row, name) for name in self.names])


def _line(number: int, values: list[object]) -> str:
    # str is for a UUID that was read: the driver has a subclass of its own.
    cells = [r"\N" if value is None else _WRITERS.get(type(value), str)(value) for value in values]
    return f"{number}\t" + "\t".join(cells) + "\n"


async def _each(rows: Iterable[M] | AsyncIterable[M]) -> AsyncIterator[M]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
