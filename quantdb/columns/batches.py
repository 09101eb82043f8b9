"""What COPY writes in its CSV format, as record batches of a schema."""

import io
from collections.abc import Callable
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from quantdb.columns.exactly import (
    Unfit,
    bytes_of,
    decimals_of,
    durations_of,
    first_failing,
    refuse,
    uuids_of,
)
from quantdb.columns.types import LABELS
from quantdb.exact import brief

__all__ = ["Batches"]

Array: TypeAlias = "pa.Array[pa.Scalar[pa.DataType]]"


def _same(array: Array) -> Array:
    return array


def _way(kind: pa.DataType) -> tuple[pa.DataType, Callable[..., Array]]:
    """Return as what Arrow is to read a column, and what makes *kind* of that."""
    if pa.types.is_decimal(kind):
        return pa.string(), lambda text: decimals_of(text, kind)
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
        ways = [_way(field.type) for field in schema]
        self._read_as = {field.name: way[0] for field, way in zip(schema, ways, strict=True)}
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
            self._explain(data, error)
        columns = [self._made(place, table.column(place)) for place in range(table.num_columns)]
        self.rows += table.num_rows
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _read(self, data: bytes, options: csv.ConvertOptions) -> pa.Table:
        return csv.read_csv(
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

    def _made(self, place: int, column: "pa.ChunkedArray[pa.Scalar[pa.DataType]]") -> Array:
        field = self.schema.field(place)
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if column.null_count and not field.nullable:
            at = pc.index(pc.is_null(array), pa.scalar(True)).as_py()
            refuse(field.name, self.rows + at + 1, "is NULL, and the field is not optional")
        try:
            return self._make[place](array)
        except Unfit as unfit:
            refuse(field.name, self.rows + unfit.place + 1, unfit.reason)

    def _explain(self, data: bytes, error: pa.ArrowInvalid) -> None:
        """Raise the error of the first value, in the first column, that Arrow cannot read."""
        texts = self._read(data, self._converting(dict.fromkeys(self._read_as, pa.string())))
        for name, kind in self._read_as.items():
            column = texts.column(name).combine_chunks()

            def fails(
                start: int, end: int, kind: pa.DataType = kind, column: Array = column
            ) -> bool:
                return not _is_readable(column.slice(start, end - start), kind)

            if fails(0, len(column)):
                place = first_failing(len(column), fails)
                text = brief(str(column[place].as_py()))
                refuse(name, self.rows + place + 1, f"is {text}, which {kind} cannot hold")
        raise error


def _is_readable(column: Array, kind: pa.DataType) -> bool:
    if kind in {LABELS, pa.string()}:
        return True
    out = io.BytesIO()
    csv.write_csv(
        pa.table({"it": column.fill_null("")}),
        out,
        csv.WriteOptions(include_header=False, quoting_style="none"),
    )
    try:
        csv.read_csv(
            io.BytesIO(out.getvalue()),
            read_options=csv.ReadOptions(column_names=["it"]),
            parse_options=csv.ParseOptions(ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={"it": kind}, null_values=[""], true_values=["t"], false_values=["f"]
            ),
        )
    except pa.ArrowInvalid:
        return False
    return True
