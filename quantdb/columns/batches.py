"""What COPY writes in its CSV format, as record batches of a schema."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import pyarrow as pa
from pyarrow import csv

from quantdb.columns.arrow import (
    Array,
    Chunked,
    batch_of,
    columns_of,
    fields_of,
    function,
    place_of,
    read_csv,
)
from quantdb.columns.exactly import (
    Unfit,
    bytes_of,
    decimals_of,
    durations_of,
    first_failing,
    refuse,
    texts_of,
    uuids_of,
)
from quantdb.columns.types import LABELS
from quantdb.errors import InexactValue
from quantdb.exact import brief

__all__ = ["Batches"]

_is_null: Final = function("is_null")


def _same(array: Array) -> Array:
    return array


def _way(kind: pa.DataType) -> tuple[pa.DataType, Callable[..., Array]]:
    """Return as what Arrow is to read a column, and what makes *kind* of that."""
    if pa.types.is_decimal(kind):
        return pa.string(), partial(decimals_of, kind=kind)
    if kind == pa.uuid():
        return pa.string(), uuids_of
    if kind == pa.binary():
        return pa.string(), bytes_of
    if kind == pa.duration("us"):
        return LABELS, durations_of
    return kind, _same


class Batches:
    """Makes record batches of the lines that COPY sends, in their order.

    Attributes:
        schema: Their columns.
        rows: Rows so far.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema: Final = schema
        self.rows = 0
        self._fields = fields_of(schema)
        ways = [_way(field.type) for field in self._fields]
        self._read_as = {field.name: way[0] for field, way in zip(self._fields, ways, strict=True)}
        self._make = [way[1] for way in ways]
        self._options = self._converting(self._read_as)

    def _converting(self, types: dict[str, pa.DataType]) -> csv.ConvertOptions:
        # An empty text is quoted; NULL is nothing at all.
        return csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        )

    def batch(self, data: bytes) -> pa.RecordBatch:
        """Return the rows of whole lines.

        Raises:
            InexactValue: A value has no equal in its column; it is named by column and row.
        """
        try:
            table = self._read(data, self._options)
        except pa.ArrowInvalid as error:
            self._explain(data)
            raise InexactValue(f"from row {self.rows + 1} on: {error}") from error
        columns = [self._made(place, each) for place, each in enumerate(columns_of(table))]
        self.rows += table.num_rows
        return batch_of(columns, schema=self.schema)

    def _read(self, data: bytes, options: csv.ConvertOptions) -> pa.Table:
        return read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                # In one block, and so in one chunk.
                column_names=self.schema.names,
                block_size=len(data) + 1,
                use_threads=False,
            ),
            parse_options=csv.ParseOptions(ignore_empty_lines=False, newlines_in_values=True),
            convert_options=options,
        )

    def _made(self, place: int, column: Chunked) -> Array:
        field = self._fields[place]
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if array.null_count and not field.nullable:
            at = place_of(_is_null(array), True)
            refuse(field.name, self.rows + at + 1, "is NULL, and the field is not optional")
        try:
            return self._make[place](array)
        except Unfit as unfit:
            refuse(field.name, self.rows + unfit.place + 1, unfit.reason)

    def _explain(self, data: bytes) -> None:
        """Raise the error of the first value, in the first column, that Arrow cannot read."""
        texts = self._read(data, self._converting(dict.fromkeys(self._read_as, pa.string())))
        for (name, kind), chunks in zip(self._read_as.items(), columns_of(texts), strict=True):
            column = texts_of(chunks.combine_chunks())
            fails = partial(_is_unreadable, kind, column)
            if kind not in {LABELS, pa.string()} and fails(0, len(column)):
                place = first_failing(len(column), fails)
                said = f"is {brief(str(column[place]))}, which {kind} cannot hold"
                refuse(name, self.rows + place + 1, said)


def _is_unreadable(kind: pa.DataType, texts: Sequence[str | None], start: int, end: int) -> bool:
    """Tell whether some of the texts, none of which is quoted, cannot be read as *kind*."""
    lines = "\n".join([text or "" for text in texts[start:end]]) + "\n"
    try:
        read_csv(
            pa.BufferReader(lines.encode()),
            read_options=csv.ReadOptions(column_names=["it"]),
            parse_options=csv.ParseOptions(ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={"it": kind}, null_values=[""], true_values=["t"], false_values=["f"]
            ),
        )
    except pa.ArrowInvalid:
        return True
    return False
