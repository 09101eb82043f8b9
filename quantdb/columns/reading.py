"""What a statement returns, by COPY, as columns.

The fastest way out of the server that keeps to one connection, and so to one transaction: its lines
are handed over many at a time, and Arrow reads them beside the event loop.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import attrs
import pyarrow as pa

from quantdb.columns import settings
from quantdb.columns.batches import Batches
from quantdb.columns.copying import Copying, Deliver
from quantdb.columns.spelled import quoting, spelled
from quantdb.columns.types import schema_of_result
from quantdb.connection import pooled
from quantdb.database import Connection, Prepared
from quantdb.lexer import statements
from quantdb.outcomes import out_of_time
from quantdb.statement import Statement

__all__ = ["Wanted", "copied", "streamed", "tabled"]

_READY: Final = 2
"""Batches that wait for whoever takes them."""

_OF_OTHERS: Final = 30.0
"""Seconds that a server behind a connection of another pool may be silent."""


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
    try:
        await Copying(Batches(schema), deliver, limit).run(connection, text)
    except Exception as error:
        statement.fail(out_of_time(error))
    if before:
        await Statement(settings.SETTLE).fetch(connection, before)
    return schema


async def _settled(connection: Connection) -> Sequence[object]:
    """Have texts written as they are read here, and return the settings before, if others."""
    _sent, rows = await Statement(settings.SETTINGS).fetch(connection, ())
    before = tuple(rows[0])
    if all(fits(str(value)) for fits, value in zip(_FITS, before, strict=True)):
        return ()
    await Statement(settings.SETTLE).fetch(connection, settings.AS_READ)
    return before


_FITS: Final[Sequence[Callable[[str], bool]]] = (
    lambda style: style.startswith("ISO"),  # the order of day and month does not matter to it
    settings.AS_READ[1].__eq__,
    lambda zone: zone in {"UTC", "Etc/UTC"},
    lambda digits: int(digits) > 0,
    settings.AS_READ[4].__eq__,
)


async def _spelled(
    connection: Connection, statement: Statement, prepared: Prepared, sent: Sequence[object]
) -> str:
    text, types = statement.text, prepared.get_parameters()
    tokens = next(statements(statement.file.path, text))
    if not sent:
        return spelled(text, tokens, types, ())
    ours, ask = pooled(connection), quoting(types)
    try:
        if ours is not None:
            rows = await ours.fetch_admitted(ask, sent, None)
            return spelled(text, tokens, types, tuple(rows[0]))
        return spelled(text, tokens, types, tuple((await connection.fetch(ask, *sent))[0]))
    except Exception as error:
        statement.fail(error)


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
