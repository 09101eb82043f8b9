"""What stands before a server and answers in its place: TLS, and Neon's proxy."""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

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
        port: Where it listens, on every address of this machine that was asked for.
        starts: How often a session was asked for.
        seen: What it was sent, unencrypted.
    """

    server_dsn: str = attrs.field(repr=False)
    context: ssl.SSLContext | None = None
    port: int = 0
    starts: int = 0
    seen: bytes = attrs.field(default=b"", repr=False)
    answer: Callable[[], Awaitable[bytes | None]] | None = None
    on_traffic: Callable[[], None] | None = None
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
                    if self.on_traffic:
                        self.on_traffic()
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
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)


def tls(certificate: str, key: str) -> ssl.SSLContext:
    """Return the context of a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
