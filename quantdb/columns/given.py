"""Columns on their way into a table: of anything with the Arrow C stream interface.

A column is found by its name, and goes in exactly or not at all: nothing is rounded, cut off or
taken for another zone. What the model demands of a row is looked at column by column; a row that
stands out is built as a model, which says in its own words what is wrong with it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

import attrs
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder

from quantdb.catalog import of_row
from quantdb.columns.admitted import admission, intervals, python_value
from quantdb.columns.arrow import (
    Array,
    any_true,
    array_of,
    arrays_of,
    batch_of,
    batches_of,
    chunked,
    column_of,
    fields_of,
    one_batch,
)
from quantdb.columns.exactly import Unfit, refuse
from quantdb.columns.suspects import Suspects
from quantdb.columns.types import schema_of
from quantdb.database import CopyFormat
from quantdb.errors import InexactValue
from quantdb.exact import Rule, anything, check, shown

__all__ = ["Given"]

M = TypeVar("M", bound=attrs.AttrsInstance)

_AT_ONCE: Final = 16_384
"""Rows that are looked at at once: some 2 MB."""
_SENT: Final = 2_048
"""Rows that are sent at once: the memory that 250 kB take is used again."""


@runtime_checkable
class _Streamable(Protocol):
    """What can be read as a stream of Arrow: tables of pyarrow, polars, pandas, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@attrs.frozen
class Piece:
    """Some rows as they are sent.

    Attributes:
        first: The number of the first, from 1.
        batch: Their columns.
    """

    first: int
    batch: pa.RecordBatch


class Given(Generic[M]):
    """The columns of a bulk write, in the order of the model's fields.

    Args:
        model: Whose fields they are.
        data: Where they come from.
        suspects: Which rows the model may refuse.

    Raises:
        InexactValue: They are no columns, one is missing or unknown, or is of a type that would not
            go in exactly; the field is named.
    """

    format: CopyFormat = "binary"

    def __init__(self, model: type[M], data: object, suspects: Suspects) -> None:
        self.count = 0
        self.failure: Exception | None = None
        self._model: Callable[..., M] = model
        self._data = data
        self._suspects = suspects
        self._stream: pa.RecordBatchReader | None = _opened(data)
        self._fields = [field for field in attrs.fields(model) if field.init]
        self.names: Sequence[str] = [field.name for field in self._fields]
        given = fields_of(self._stream.schema)
        self._places = _matched([field.name for field in given], self._fields)
        self._wanted = {field.name: field for field in fields_of(schema_of(model))}
        self._admitted = {
            field.name: admission(
                field.name,
                given[self._places[field.name]].type if field.name in self._places else field.type,
                field,
            )
            for field in self._wanted.values()
        }
        # What the model makes itself, such as an id, is made once: a row that is sent again is the
        # same row.
        self._made: dict[str, list[Array]] = {}

    def are_there_still(self) -> bool:
        """Tell whether they can be gone through from the first: a stream is used up."""
        return self._stream is not None or hasattr(self._data, "__len__")

    async def pieces(self, rules: Mapping[str, Rule]) -> AsyncIterator[Piece]:
        """Give the columns, many rows at a time."""
        self.count, self.failure = 0, None
        try:
            for batch in self._batches(rules):
                piece = Piece(self.count + 1, batch)
                self.count += batch.num_rows
                yield piece
                # Rows from memory and a server that keeps up never wait: let others run.
                await asyncio.sleep(0)
        except Exception as error:
            self.failure = error
            raise

    async def sent(self, pieces: AsyncIterator[Piece], *, numbered: bool) -> AsyncIterator[bytes]:
        """Give them in COPY's binary format."""
        encoder: ArrowToPostgresBinaryEncoder | None = None
        async for piece in pieces:
            batch = _numbered(piece.batch, piece.first) if numbered else piece.batch
            if encoder is None:
                encoder = ArrowToPostgresBinaryEncoder(batch.schema)
                yield encoder.write_header()
            for start in range(0, batch.num_rows, _SENT):
                yield encoder.write_batch(batch.slice(start, _SENT))
        yield encoder.finish() if encoder is not None else _NOTHING

    def _batches(self, rules: Mapping[str, Rule]) -> Iterator[pa.RecordBatch]:
        stream, self._stream = self._stream or _opened(self._data), None
        with stream:
            for some in batches_of(stream, _AT_ONCE):
                yield self._batch(some, rules)

    def _batch(self, some: pa.RecordBatch, rules: Mapping[str, Rule]) -> pa.RecordBatch:
        columns: dict[str, Array] = {}
        for field in self._fields:
            name = field.name
            place = self._places.get(name)
            if place is None:
                columns[name] = self._default(field, some.num_rows)
                continue
            try:
                columns[name] = self._admitted[name](column_of(some, place))
            except Unfit as unfit:
                refuse(name, self.count + unfit.place + 1, unfit.reason)
        self._look(columns)
        if rules:
            self._obey(columns, rules)
        return batch_of(
            [
                intervals(column) if pa.types.is_duration(column.type) else column
                for column in columns.values()
            ],
            names=list(self.names),
        )

    def _default(self, field: "attrs.Attribute[object]", count: int) -> Array:
        """Return the values of a field that has no column, for the next *count* rows."""
        kind = self._wanted[field.name].type
        factory = _factory_of(field)
        if factory is None:
            return self._admitted[field.name](array_of([field.default] * count, kind))
        made = self._made.setdefault(field.name, [])
        missing = self.count + count - sum(map(len, made))
        if missing > 0:
            values = [factory() for _ in range(missing)]
            made.append(self._admitted[field.name](array_of(values, kind)))
        if len(made[-1]) == count == missing:
            return made[-1]
        return chunked(made).slice(self.count, count).combine_chunks()

    def _look(self, columns: Mapping[str, Array]) -> None:
        """Raise the model's own error for the first row that it refuses."""
        suspects = self._suspects(columns)
        if not any_true(suspects):
            return
        for place, suspect in enumerate(suspects.to_pylist()):
            if suspect is not False:
                values = {name: python_value(column[place]) for name, column in columns.items()}
                try:
                    self._model(**values)
                except InexactValue as error:
                    raise of_row(error, self.count + place + 1) from None

    def _obey(self, columns: Mapping[str, Array], rules: Mapping[str, Rule]) -> None:
        """Raise the error of the first value that the table would change."""
        for place in range(len(next(iter(columns.values())))):
            for name, column in columns.items():
                try:
                    check(rules.get(name, anything), python_value(column[place]), name)
                except InexactValue as error:
                    raise of_row(error, self.count + place + 1) from None


# A header, and the end.
_NOTHING: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"


def _opened(data: object) -> pa.RecordBatchReader:
    if isinstance(data, _Streamable):
        return pa.RecordBatchReader.from_stream(data)
    if hasattr(data, "__arrow_c_array__"):  # one batch
        batch = one_batch(data)
        return pa.RecordBatchReader.from_batches(batch.schema, [batch])
    raise InexactValue(
        "must have the Arrow C stream interface, as the tables of pyarrow, polars, pandas and "
        f"DuckDB have; got {shown(data)}"
    )


def _matched(
    given: Sequence[str], fields: "Sequence[attrs.Attribute[object]]"
) -> Mapping[str, int]:
    names = [field.name for field in fields]
    for place, name in enumerate(given):
        if name not in names:
            raise InexactValue(
                f"{name}: there is no such field; the fields are {', '.join(names)}", name
            )
        if name in given[:place]:
            raise InexactValue(f"{name}: two columns have this name", name)
    missing = [
        field.name for field in fields if field.name not in given and field.default is attrs.NOTHING
    ]
    if missing:
        raise InexactValue(f"{missing[0]}: no column for {', '.join(missing)}", missing[0])
    return {name: place for place, name in enumerate(given)}


def _factory_of(field: "attrs.Attribute[object]") -> Callable[[], object] | None:
    factory: Callable[[], object] | None = getattr(field.default, "factory", None)
    return factory


def _numbered(batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    numbers = array_of(range(first, first + batch.num_rows), pa.int64())
    return batch_of([numbers, *arrays_of(batch)], names=["n", *batch.schema.names])
