"""COPY of what a query returns, which can be stopped midway without harm to its connection.

The driver's own way to stop it, an error in what takes the lines, leaves the protocol in disorder:
the lines that are on their way already pass for the answer to the cancellation, and the statement
after it fails ("cannot switch to state", asyncpg 0.32). So the server is asked to stop, and what it
has sent until then is taken and thrown away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import asyncpg
import pyarrow as pa
from asyncpg.protocol import NO_TIMEOUT

from quantdb.columns.batches import Batches
from quantdb.connection import pooled
from quantdb.database import Connection
from quantdb.session import GRACE

__all__ = ["Copying", "Deliver"]

_AT_ONCE: Final = 8 << 20
"""Bytes of lines that become one batch: some 60 000 trades."""

Deliver = Callable[[pa.RecordBatch], Awaitable[None]]


class Copying:
    """Takes the lines of COPY, which come whole, and delivers them as batches.

    Args:
        batches: What makes batches of them.
        deliver: Takes each batch; while it does, no more lines are taken.
        limit: Seconds that the server may be silent.
    """

    def __init__(self, batches: Batches, deliver: Deliver, limit: float) -> None:
        self._batches = batches
        self._deliver = deliver
        self._limit = limit
        self._lines: list[bytes] = []
        self._size = 0
        self._making: asyncio.Future[pa.RecordBatch] | None = None
        self._delivering: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._clock = asyncio.timeout(limit)

    async def run(self, connection: Connection, query: str) -> None:
        """Copy what *query* returns.

        Raises:
            TimeoutError: The server was silent for longer than it may.
            InexactValue: A value has no equal in its column.
        """
        copying = asyncio.create_task(self._copied(connection, query))
        try:
            async with self._clock:
                await asyncio.wait([copying])
        except (asyncio.CancelledError, TimeoutError):
            self._stop(connection)
            await _ended(copying)
            raise
        finally:
            await self._all_quiet()
        if self._failure is None:
            copying.result()
            return
        if not copying.cancelled():
            copying.exception()  # that it was stopped
        raise self._failure

    async def _copied(self, connection: Connection, query: str) -> None:
        async def take(data: bytes) -> None:
            if self._stopping is not None:
                return
            self._lines.append(data)
            self._size += len(data)
            if self._size < _AT_ONCE:
                self._wait_for_more()
                return
            self._clock.reschedule(None)  # how long the batches are looked at does not count
            try:
                await self._flush()
            except Exception as error:
                self._failure = error
                self._stop(connection)
            else:
                self._wait_for_more()

        ours = pooled(connection)
        if ours is not None:
            await ours.copied_out(query, take)
        else:  # as a connection of ours does
            plainly: Callable[..., Awaitable[str]] = getattr(connection, "copy_from_query")  # noqa: B009
            await plainly(query, output=take, format="csv", timeout=NO_TIMEOUT)
        if self._stopping is None:
            self._clock.reschedule(None)
            if self._lines:
                await self._flush()
            await self._hand_over()

    def _wait_for_more(self) -> None:
        if not self._clock.expired():
            self._clock.reschedule(asyncio.get_running_loop().time() + self._limit)

    async def _flush(self) -> None:
        data = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        await self._hand_over()
        loop = asyncio.get_running_loop()
        self._making = loop.run_in_executor(None, self._batches.batch, data)

    async def _hand_over(self) -> None:
        if self._making is None:
            return
        making, self._making = self._making, None
        batch = await making
        self._delivering = asyncio.ensure_future(self._deliver(batch))
        await asyncio.wait([self._delivering])
        if not self._delivering.cancelled():
            self._delivering.result()

    def _stop(self, connection: Connection) -> None:
        """Take no more, and have the server send no more."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(_cancel(connection))
            self._lines.clear()
            if self._delivering is not None:
                self._delivering.cancel()

    async def _all_quiet(self) -> None:
        """Wait for what nobody waits for any more."""
        for each in (self._stopping, self._making):
            if each is not None:
                await asyncio.wait([each])
                each.exception()


async def _cancel(connection: Connection) -> None:
    request: Callable[[asyncio.Future[None]], Awaitable[None]] | None = getattr(
        connection, "_cancel", None
    )
    if request is not None:
        # It tells of its end twice, and of its failure by the second way only.
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            async with asyncio.timeout(GRACE):
                await request(sent)
        if sent.done() and not sent.cancelled():
            sent.exception()


async def _ended(copying: "asyncio.Task[None]") -> None:
    """Wait a moment for a copy that was stopped; then leave its connection in disorder."""
    await asyncio.wait([copying], timeout=GRACE)
    if not copying.done():
        copying.cancel()
        await asyncio.wait([copying], timeout=GRACE)
    if copying.done() and not copying.cancelled():
        copying.exception()
