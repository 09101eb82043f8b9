"""Rows into a Parquet file, batch by batch, in row groups of a size that readers like."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import pyarrow as pa
from pyarrow import parquet

from quantdb.cli.sink import Sink

__all__ = ["ParquetFile"]

_GROUP: Final = 1 << 17
"""Rows of a row group."""


class _Writer(Protocol):
    def write_table(self, table: pa.Table, row_group_size: int) -> None: ...

    def close(self) -> None: ...


_writer: Final[Callable[..., _Writer]] = getattr(parquet, "ParquetWriter")  # noqa: B009
_from_rows: Final[Callable[..., pa.RecordBatch]] = getattr(pa.RecordBatch, "from_pylist")  # noqa: B009


class ParquetFile:
    """Takes record batches of one schema."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = _writer(sink.binary(), schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _GROUP:
            self._flush()

    def write_rows(self, rows: Sequence[dict[str, object]]) -> None:
        """Write rows of their values by name."""
        self.write(_from_rows(rows, schema=self._schema))

    def _flush(self) -> None:
        if self._waiting:
            # Each batch has dictionaries of its own.
            table = pa.Table.from_batches(self._waiting, self._schema).unify_dictionaries()
            self._writer.write_table(table, row_group_size=_GROUP)
            self._waiting.clear()
            self._rows = 0
