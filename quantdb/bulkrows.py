"""Models on their way into a table, as COPY takes them."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

import attrs

from quantdb.attributes import reader
from quantdb.catalog import of_row
from quantdb.copybinary import END, START, UNFIT, Part, numbers, rows_of, writer_of
from quantdb.database import CopyFormat, batched
from quantdb.errors import InexactValue
from quantdb.exact import Rule, anything, check, shown

__all__ = ["Encoded", "Models"]

M = TypeVar("M", bound=attrs.AttrsInstance)

_CHUNK: Final = 2_000
"""Rows that are sent at once, some 250 kB: what they are made of is to stay in the cache."""


@attrs.frozen
class Encoded:
    """Some rows as they are sent, column by column.

    Attributes:
        first: The number of the first, from 1.
        count: How many there are.
        parts: What their columns consist of.
    """

    first: int
    count: int
    parts: Sequence[Part]


class Models(Generic[M]):
    """Models on their way into a table; any iterable or async iterable of them."""

    format: CopyFormat = "binary"

    def __init__(self, model: type[M], rows: Iterable[M] | AsyncIterable[M]) -> None:
        self.names: Sequence[str] = [field.name for field in attrs.fields(model)]
        self.count = 0
        self.failure: Exception | None = None
        self._columns = [
            (reader(field.name), writer_of(field.type)) for field in attrs.fields(model)
        ]
        self._model = model
        self._rows = rows
        self._begun = False

    def are_there_still(self) -> bool:
        """Tell whether they can be gone through from the first: an iterator is used up."""
        return not self._begun or not isinstance(self._rows, Iterator | AsyncIterator)

    async def pieces(self, rules: Mapping[str, Rule]) -> AsyncIterator[Encoded]:
        """Give the rows as they are sent, many at a time."""
        self.count, self.failure, self._begun = 0, None, True
        try:
            async for rows in _chunked(self._rows):
                piece = self._encoded(rows, rules)
                self.count += len(rows)
                rows.clear()  # what is sent is made of them
                yield piece
                # Rows from memory and a server that keeps up never wait: let others run.
                await asyncio.sleep(0)
        except Exception as error:
            self.failure = error
            raise

    async def sent(self, pieces: AsyncIterator[Encoded], *, numbered: bool) -> AsyncIterator[bytes]:
        """Give them in COPY's binary format."""
        fields = len(self._columns)
        before = START
        async for piece in pieces:
            if numbered:
                columns = [*numbers(piece.first, piece.count), *piece.parts]
                yield before + rows_of(columns, 1 + fields, piece.count)
            else:
                yield before + rows_of(piece.parts, fields, piece.count)
            before = b""
        yield before + END

    def _encoded(self, rows: Sequence[M], rules: Mapping[str, Rule]) -> Encoded:
        if rules or list(map(type, rows)).count(self._model) < len(rows):
            self._look(rows, rules)
        parts: list[Part] = []
        try:
            for read, write in self._columns:
                parts += write(read(rows))
        except UNFIT:
            self._accuse(rows)
            raise
        return Encoded(self.count + 1, len(rows), parts)

    def _accuse(self, rows: Sequence[M]) -> None:
        """Raise the error of the first value that is not of its field's type.

        A model admits none such; it takes `object.__setattr__` to put one there.
        """
        for number, row in enumerate(rows, self.count + 1):
            for name, (read, write) in zip(self.names, self._columns, strict=True):
                (value,) = values = read([row])
                try:
                    write(values)
                except UNFIT:
                    said = f"row {number}: {name}: is not of its field's type; got {shown(value)}"
                    raise InexactValue(said, name, number) from None

    def _look(self, rows: Sequence[object], rules: Mapping[str, Rule]) -> None:
        """Raise the error of the first row that may not enter."""
        for number, row in enumerate(rows, self.count + 1):
            if type(row) is not self._model:
                said = f"row {number}: must be a {self._model.__name__}; got {shown(row)}"
                raise InexactValue(said, f"row {number}", number)
            for name in self.names if rules else ():
                try:
                    check(rules.get(name, anything), getattr(row, name), name)
                except InexactValue as error:
                    raise of_row(error, number) from None


async def _chunked(rows: Iterable[M] | AsyncIterable[M]) -> AsyncIterator[list[M]]:
    if isinstance(rows, AsyncIterable):
        async for some in batched(rows, _CHUNK):
            yield some
        return
    iterator = iter(rows)
    while some := list(islice(iterator, _CHUNK)):
        yield some
