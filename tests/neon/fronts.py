"""What stands before a server and answers in its place: TLS, and Neon's proxy."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
import pytest

from quantdb import dsn

SSL_REQUEST: Final = 80877103
CANCEL_REQUEST: Final = 80877102

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect_to(server_dsn: str) -> Streams:
    """Open a connection to a server of PostgreSQL, by TCP or by a unix socket."""
    parts = urlsplit(server_dsn)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if parts.hostname and not unquote(parts.hostname).startswith("/"):
        return await asyncio.open_connection(parts.hostname, parts.port or 5432)
    folder, port = query.get("host", "/var/run/postgresql"), query.get("port", "5432")
    return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")


async def first_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the code of a packet that has no type, and the packet."""
    length = await reader.readexactly(4)
    packet = length + await reader.readexactly(struct.unpack("!i", length)[0] - 4)
    code: int = struct.unpack("!i", packet[4:8])[0]
    return code, packet


def parameters_of(packet: bytes) -> dict[str, str]:
    """Return the parameters of a startup packet."""
    texts = packet[8:].rstrip(b"\0").decode().split("\0")
    return dict(zip(texts[::2], texts[1::2], strict=True))


def without_endpoint(packet: bytes) -> bytes:
    """Return a startup packet without the option that Neon's proxy keeps for itself."""
    kept = {
        name: value
        for name, value in parameters_of(packet).items()
        if not (name == "options" and value.startswith("endpoint="))
    }
    body = b"".join(text.encode() + b"\0" for pair in kept.items() for text in pair)
    return struct.pack("!i", len(body) + 9) + packet[4:8] + body + b"\0"


def error_response(sqlstate: str, said: str) -> bytes:
    """Return the packet of a FATAL error."""
    fields = b"".join(
        kind + text.encode() + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", sqlstate), (b"M", said))
    )
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"


@attrs.define
class Front:
    """A server before the server.

    Attributes:
        server_dsn: The server behind it.
        context: What it speaks TLS by; None if it speaks none.
        answer: Asked at each start of a session what to say in place of the server, if anything.
        port: Where it listens.
        starts: How often a session was asked for.
        parameters: What the last session asked for.
        seen: What it was sent, unencrypted.
        open: Its connections on either side.
    """

    server_dsn: str = attrs.field(repr=False)
    context: ssl.SSLContext | None = None
    answer: Callable[[], Awaitable[bytes | None]] | None = None
    port: int = 0
    starts: int = 0
    parameters: dict[str, str] = attrs.field(factory=dict[str, str])
    seen: bytes = attrs.field(default=b"", repr=False)
    open: set[asyncio.StreamWriter] = attrs.field(factory=set[asyncio.StreamWriter])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk with one client."""
        self.open.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._session(reader, writer)
        finally:
            self.open.discard(writer)
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        code, packet = await first_packet(reader)
        if code == SSL_REQUEST:
            if self.context is None:
                self.starts += 1
                writer.write(b"N")
                self.seen += await reader.read()
                return
            writer.write(b"S")
            await writer.drain()
            self.starts += 1
            await _begin_tls(writer, self.context)
            code, packet = await first_packet(reader)
        elif code != CANCEL_REQUEST:
            self.starts += 1
        self.seen += packet
        if code != CANCEL_REQUEST:
            self.parameters = parameters_of(packet)
            packet = without_endpoint(packet)
        answer = await self.answer() if self.answer and code != CANCEL_REQUEST else None
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            return
        there, back = await connect_to(self.server_dsn)
        self.open.add(back)
        try:
            back.write(packet)
            await asyncio.gather(self._pump(reader, back, heard=True), self._pump(there, writer))
        finally:
            self.open.discard(back)
            back.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, heard: bool = False
    ) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while data := await source.read(65_536):
                if heard:
                    self.seen += data
                sink.write(data)
                await sink.drain()
        sink.close()

    def hang_up(self) -> None:
        """Close every connection, as a compute that goes to sleep does."""
        for writer in tuple(self.open):
            writer.close()


async def _begin_tls(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    plain = writer.transport
    try:
        await writer.start_tls(context)
    except AttributeError:  # Python loses the transport when the client hangs up
        setattr(writer, "_transport", plain)  # noqa: B010 - it is private
        raise ConnectionResetError from None


@asynccontextmanager
async def listening(front: Front, host: str = "127.0.0.1") -> AsyncGenerator[Front]:
    """Have a front listen on a free port."""
    server = await asyncio.start_server(front.serve, host, 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        front.hang_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)


def tls(certificate: str, key: str) -> ssl.SSLContext:
    """Return the context of a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def leading_here(host: str) -> Generator[None]:
    """Let a name that is not of this machine lead to it."""
    lookup: Callable[..., object] = getattr(socket, "getaddrinfo")  # noqa: B009 - its overloads

    def found(name: object, *args: object, **kwargs: object) -> object:
        return lookup("127.0.0.1" if name == host else name, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", found)
        yield


@contextmanager
def trusting(roots: Path) -> Generator[None]:
    """Let the system trust the certificates of a file."""
    forget: Callable[[], None] = getattr(dsn, "_context").cache_clear  # noqa: B009 - it is private
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(roots))
        forget()
        yield
    forget()
