"""What a read task does: some rows of a snapshot, as tables that are cut the same each time."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from typing import Final

import attrs
import pyarrow as pa

from quantdb import datasets
from quantdb.columns.arrow import arrays_of, nulls, table_of
from quantdb.columns.reading import Wanted, streamed
from quantdb.config import PoolConfig
from quantdb.datasets import Shown
from quantdb.errors import CommitUnknown, ConnectionLost, PoolTimeout
from quantdb.ray.data import texts
from quantdb.ray.data.loops import pumped
from quantdb.ray.data.planning import as_statement
from quantdb.ray.data.plans import Cut
from quantdb.ray.data.rays import STUB
from quantdb.ray.data.snapshot import joined
from quantdb.sqlfile import SqlFile

__all__ = ["Part"]

_ROWS: Final = 65_536
"""Rows of a table: always as many, so that Ray cuts the same blocks of them each time."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


@attrs.frozen
class Part:
    """Some rows of a dataset. It pickles, without a password.

    Attributes:
        config: Where the database is.
        shown: The snapshot that is read.
        file: The file of the query, for messages.
        schema: The columns; none to have as many rows of none.
        order: By what the rows are sorted that are not read by their places.
        cuts: Which rows they are.
    """

    config: PoolConfig
    shown: Shown
    file: SqlFile
    schema: pa.Schema
    order: tuple[str, ...]
    cuts: tuple[Cut, ...]

    def tables(self) -> Generator[pa.Table, None, None]:
        """Give the rows, on a connection of its own, with a bounded number of them in memory.

        Raises:
            SnapshotLost: The snapshot is gone.
            InexactValue: A value has no equal in its column.
            ConnectionLost: The server stays away for longer than the config's ``retry_timeout``.
        """
        return pumped(self._tables if self.schema.names else self._counted)

    async def _tables(self) -> AsyncGenerator[pa.Table, None]:
        some: list[pa.RecordBatch] = []
        rows = 0
        gave = False
        async with aclosing(self._batches(self.schema)) as batches:
            async for batch in batches:
                some.append(batch)
                rows += batch.num_rows
                while rows >= _ROWS:
                    table = pa.Table.from_batches(some, self.schema)
                    yield table.slice(0, _ROWS).combine_chunks()
                    some = table.slice(_ROWS).to_batches()
                    rows -= _ROWS
                    gave = True
        if rows or not gave:
            yield pa.Table.from_batches(some, self.schema).combine_chunks()

    async def _counted(self) -> AsyncGenerator[pa.Table, None]:
        counts = pa.schema([pa.field("rows", pa.int64())])
        rows = 0
        async with aclosing(self._batches(counts)) as batches:
            async for batch in batches:
                rows += sum(n for n in arrays_of(batch)[0].to_pylist() if isinstance(n, int))
        yield table_of([nulls(rows, pa.null())], names=[STUB])

    async def _batches(self, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """Give all rows once; when the connection is lost, go on behind those that were given."""
        # `repeated` of quantdb.retries makes a call again as a whole, and none after a PoolTimeout.
        # This goes on in the midst of a stream that stays open between its batches, has its time
        # anew with each, and waits for a server that has no connection to spare, too.
        clock = asyncio.get_running_loop().time
        taken, until, pause = 0, 0.0, _FIRST_PAUSE
        while True:
            skipped = taken
            try:
                async with aclosing(self._once(schema)) as batches:
                    async for batch in batches:
                        if skipped >= batch.num_rows:
                            skipped -= batch.num_rows
                            continue
                        rest = batch.slice(skipped)
                        skipped = 0
                        taken += rest.num_rows
                        until, pause = 0.0, _FIRST_PAUSE
                        yield rest
            except CommitUnknown:  # all is read, and there was nothing to commit
                return
            except (ConnectionLost, PoolTimeout):
                until = until or clock() + self.config.retry_timeout
                if clock() + pause >= until:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return

    async def _once(self, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        async with joined(self.config, self.shown) as connection:
            for cut in self.cuts:
                await datasets.STEADY.one(connection, cut.by_place)
                text, args = self._statement(cut, schema.names)
                statement = as_statement(self.file, text, len(args))
                wanted = Wanted(statement, args, schema, None)
                async with aclosing(streamed(connection, wanted)) as batches:
                    async for batch in batches:
                        yield batch

    def _statement(self, cut: Cut, names: Sequence[str]) -> tuple[str, Sequence[object]]:
        if not self.schema.names:
            return texts.counting(cut.origin, cut.conditions)
        order = () if cut.by_place else self.order
        return texts.selecting(cut.origin, names, cut.conditions, order)
