"""A relay before the server, in this process, that holds back every byte for a while: a longer way.

Each side's bytes leave in order, ``delay`` seconds after they came; nothing is parsed.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

__all__ = ["relayed"]


@runtime_checkable
class _Transport(Protocol):
    """What is used of a transport; uvloop's are no subclass of asyncio's."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def is_closing(self) -> bool: ...


class _Side(asyncio.Protocol):
    """One end of a connection; what it receives leaves at the other end."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.transport: _Transport | None = None
        self.other: _Side | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, _Transport)
        self.transport = transport
        for data in self._early:
            transport.write(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.other.send, data)
        else:
            self.other.send(data)

    def send(self, data: bytes) -> None:
        if self.transport is None:
            self._early.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Front(_Side):
    """The client's end: it connects to the server."""

    def __init__(self, delay: float, host: str, port: int, tasks: set[asyncio.Task[None]]) -> None:
        super().__init__(delay)
        self._host, self._port, self._tasks = host, port, tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        back = _Side(self.delay)
        self.other, back.other = back, self
        task = asyncio.create_task(self._connect(back))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, back: _Side) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: back, self._host, self._port)


@asynccontextmanager
async def relayed(dsn: str, delay: float) -> AsyncGenerator[str]:
    """Give the address of the database by way of a relay; *delay* is in seconds, each way."""
    parts = urlsplit(dsn)
    host, port = parts.hostname or "127.0.0.1", parts.port or 5432
    tasks: set[asyncio.Task[None]] = set()
    listener = await asyncio.get_running_loop().create_server(
        lambda: _Front(delay, host, port, tasks), "127.0.0.1", 0
    )
    try:
        account = parts.netloc.rpartition("@")[0]
        here = f"{account}@127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        yield urlunsplit(parts._replace(netloc=here))
    finally:
        listener.close()
