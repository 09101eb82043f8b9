"""What a statement returns, by COPY, as columns.

The fastest way out of the server that keeps to one connection, and so to one transaction: its lines
are handed over many at a time, and Arrow reads them beside the event loop.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import attrs
import pyarrow as pa
from asyncpg.protocol import NO_TIMEOUT

from quantdb import sqlfile
from quantdb.columns.batches import Batches
from quantdb.columns.spelled import SETTINGS, quoting, spelled
from quantdb.columns.types import schema_of_result
from quantdb.connection import pooled
from quantdb.database import Connection, Prepared
from quantdb.errors import InexactValue
from quantdb.lexer import statements
from quantdb.outcomes import out_of_time
from quantdb.statement import Statement

__all__ = ["Deliver", "Wanted", "copied", "streamed", "tabled"]

_AT_ONCE: Final = 8 << 20
"""Bytes of lines that become one batch: some 60 000 trades."""

_READY: Final = 2
"""Batches that wait for whoever takes them."""

_OF_OTHERS: Final = 30.0
"""Seconds that a server behind a connection of another pool may be silent."""

with sqlfile.mistakes_deferred():
    _FOLDER: Final = sqlfile.sql_folder() / "columns"
    _ASK: Final = sqlfile.read(_FOLDER / "settings.sql")
    _SETTLE: Final = sqlfile.read(_FOLDER / "settle.sql")

Deliver = Callable[[pa.RecordBatch], Awaitable[None]]


@attrs.frozen
class Wanted:
    """What is to be read.

    Attributes:
        statement: The statement.
        args: Its arguments.
        schema: The columns of its model; None to take them from the server.
        timeout: Seconds that the server may be silent; None for those of the connection.
    """

    statement: Statement
    args: Sequence[object]
    schema: pa.Schema | None
    timeout: float | None


async def copied(connection: Connection, wanted: Wanted, deliver: Deliver) -> pa.Schema:
    """Deliver what a statement returns, batch by batch, and return the schema of it.

    Raises:
        InexactValue: A value has no equal in its column.
        ShapeMismatch: The columns are not those of the model.
    """
    statement = wanted.statement
    sent = await statement.admitted(connection, wanted.args, wanted.timeout)
    prepared = await statement.described(connection, wanted.timeout)
    columns = prepared.get_attributes()
    schema = schema_of_result(columns, wanted.schema, statement.file.path)
    before = await _settled(connection)
    text = await _spelled(connection, statement, prepared, sent)
    ours = pooled(connection)
    limit = wanted.timeout or (_OF_OTHERS if ours is None else ours.command_timeout)
    sink = _Sink(Batches(schema), deliver, limit)
    try:
        await sink.fed(connection, text)
    except Exception as error:
        statement.fail(out_of_time(error))
    if before:
        await connection.fetch(_SETTLE.text, *before)
    return schema


async def _settled(connection: Connection) -> Sequence[object]:
    """Have texts written as they are read here, and return the settings before, if others."""
    before = tuple((await connection.fetch(_ASK.text))[0])
    if all(fits(str(value)) for fits, value in zip(_FITS, before, strict=True)):
        return ()
    await connection.fetch(_SETTLE.text, *SETTINGS)
    return before


_FITS: Final[Sequence[Callable[[str], bool]]] = (
    lambda style: style.startswith("ISO"),  # the order of day and month does not matter to it
    SETTINGS[1].__eq__,
    lambda zone: zone in {"UTC", "Etc/UTC"},
    lambda digits: int(digits) > 0,
    SETTINGS[4].__eq__,
)


async def _spelled(
    connection: Connection, statement: Statement, prepared: Prepared, sent: Sequence[object]
) -> str:
    text, types = statement.file.text, prepared.get_parameters()
    tokens = next(statements(statement.file.path, text))
    quoted: Sequence[object] = ()
    if sent:
        quoted = tuple((await connection.fetch(quoting(types), *sent))[0])
    return spelled(text, tokens, types, quoted)


class _Sink:
    """Takes the lines of COPY, which come whole, and delivers them as batches."""

    def __init__(self, batches: Batches, deliver: Deliver, limit: float) -> None:
        self._batches = batches
        self._deliver = deliver
        self._limit = limit
        self._lines: list[bytes] = []
        self._size = 0
        self._pending: asyncio.Future[pa.RecordBatch] | None = None
        self._loop = asyncio.get_running_loop()

    async def fed(self, connection: Connection, query: str) -> None:
        """Copy what *query* returns.

        Raises:
            TimeoutError: The server was silent for longer than it may.
        """
        ours = pooled(connection)
        async with asyncio.timeout(self._limit) as clock:

            async def take(data: bytes) -> None:
                self._lines.append(data)
                self._size += len(data)
                if self._size >= _AT_ONCE:
                    clock.reschedule(None)  # how long the batches are looked at does not count
                    await self._flush()
                clock.reschedule(self._loop.time() + self._limit)

            try:
                if ours is not None:
                    await ours.copied_out(query, take)
                else:
                    # As a connection of ours does.
                    plainly: Callable[..., Awaitable[str]] = getattr(connection, "copy_from_query")  # noqa: B009
                    await plainly(query, output=take, format="csv", timeout=NO_TIMEOUT)
                clock.reschedule(None)
                if self._lines:
                    await self._flush()
                await self._hand_over()
            finally:
                await self._forget()

    async def _flush(self) -> None:
        data = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        await self._hand_over()
        self._pending = self._loop.run_in_executor(None, self._batches.batch, data)

    async def _forget(self) -> None:
        """Wait for the batch that is being made and that nobody takes any more."""
        if self._pending is not None:
            await asyncio.wait([self._pending])
            with suppress(InexactValue, pa.ArrowInvalid):
                self._pending.result()

    async def _hand_over(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            await self._deliver(await pending)


async def streamed(connection: Connection, wanted: Wanted) -> AsyncGenerator[pa.RecordBatch, None]:
    """Give what a statement returns, batch by batch; a few at most wait to be taken."""
    ready: asyncio.Queue[pa.RecordBatch | None] = asyncio.Queue(_READY)

    async def copy() -> None:
        try:
            await copied(connection, wanted, ready.put)
        except asyncio.CancelledError:  # nobody takes any more
            raise
        except BaseException:
            await ready.put(None)
            raise
        await ready.put(None)

    copying = asyncio.create_task(copy())
    try:
        while (batch := await ready.get()) is not None:
            yield batch
        await copying
    finally:
        copying.cancel()
        await asyncio.wait([copying])
        if not copying.cancelled():
            copying.exception()  # who left early is not told


async def tabled(connection: Connection, wanted: Wanted) -> pa.Table:
    """Return what a statement returns as one table."""
    found: list[pa.RecordBatch] = []

    async def deliver(batch: pa.RecordBatch) -> None:
        found.append(batch)

    schema = await copied(connection, wanted, deliver)
    # Each batch has a dictionary of its own.
    return pa.Table.from_batches(found, schema).unify_dictionaries()
