"""A TCP proxy before PostgreSQL that reads its protocol, counts round trips and injects faults.

    async with FaultProxy.before(dsn) as proxy:
        proxy.once(says("COMMIT"), "hole after")     # COMMIT reaches the server, nothing comes back
        pool = quantdb.create_pool(proxy.dsn)

A fault is tied to a message: the proxy takes each message of either side apart and asks its rules,
in order, what to do with it. What has no rule is passed on, after `latency`, in `slices`.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit, urlunsplit

import attrs

Side = Literal["client", "server"]
Act = Literal[
    "pass",
    "drop",  # this message only
    "hole",  # this message and all after it, both ways; the sockets stay open
    "hole after",  # the same, but this message is passed on
    "deafen",  # nothing that the server says comes back, from this message on
    "deafen after",
    "mute",  # nothing that the client says goes on, from this message on
    "mute after",
    "reset",  # RST to both, this message is lost
    "reset after",
    "close",  # FIN to both, this message is lost
    "close after",
]

_SSL: Final = 80877103
_GSS: Final = 80877104
_CANCEL: Final = 80877102


class Message(NamedTuple):
    """One message of the protocol.

    ``kind`` is its letter, or ``"startup"``, ``"cancel"``, ``"ssl"``, ``"answer"`` (to the latter)
    or ``"opaque"`` (inside TLS).
    """

    side: Side
    kind: str
    raw: bytes


When = Callable[["Link", Message], bool]


def says(word: str, *, side: Side = "client") -> When:
    """Match a message that sends a statement with *word* in it, or reports one."""
    kinds = {"Q", "P"} if side == "client" else {"C", "E"}
    sought = word.encode()
    return lambda _link, message: (
        message.side == side and message.kind in kinds and sought in message.raw
    )


def kind(letter: str, *, side: Side = "client") -> When:
    """Match a message by its letter (``"startup"``, ``"Z"``)."""
    return lambda _link, message: message.side == side and message.kind == letter


def anything(_link: "Link", message: Message) -> bool:
    """Match whatever the client sends."""
    return message.side == "client"


@attrs.define(eq=False)
class Rule:
    """What to do with the messages that match, and how often."""

    when: When
    act: Act
    left: int | None
    hits: int = 0


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy: "FaultProxy", number: int) -> None:
        self.number: Final = number
        self.round_trips = 0
        self.sent: list[str] = []
        """The text of each statement that the client sent, for messages of a failing test."""
        self.is_cancel = False
        self.is_open = True
        self.holed: set[Side] = set()
        self._proxy = proxy
        self._last: Side = "server"
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def run(
        self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter], address: "_Address"
    ) -> None:
        """Pass messages on until either side ends."""
        self._writers.append(client[1])
        proxy = self._proxy
        if proxy.accept_delay:
            await asyncio.sleep(proxy.accept_delay)
        if proxy.greeting == "reset":
            self.cut(reset=True)
            return
        if proxy.greeting == "hole":
            self.holed = {"client", "server"}
        server = await address.connect()
        self._writers.append(server[1])
        frames = _Framing()
        both = (
            self._pump("client", client[0], server[1], frames),
            self._pump("server", server[0], client[1], frames),
        )
        self._tasks = [asyncio.create_task(pump) for pump in both]
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut(reset=False)

    async def _pump(
        self,
        side: Side,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frames: "_Framing",
    ) -> None:
        pipe = _Pipe(self._proxy, writer)
        try:
            while data := await reader.read(65_536):
                for message in frames.messages(side, data):
                    self._count(message)
                    await self._handle(message, pipe)
        except (ConnectionError, OSError):
            pass
        finally:
            await pipe.end()
            # A hole keeps its sockets open: nobody is told that the other side went.
            if not self.holed:
                self._end_soon()

    def _end_soon(self) -> None:
        for writer in self._writers:
            with suppress(Exception):
                writer.close()

    def _count(self, message: Message) -> None:
        if message.kind == "cancel":
            self.is_cancel = True
        if message.side == "client" and self._last == "server":
            self.round_trips += 1
        if message.side == "client" and message.kind in "QP":
            self.sent.append(message.raw[5:].strip(b"\0").decode(errors="replace"))
        self._last = message.side

    async def _handle(self, message: Message, pipe: "_Pipe") -> None:
        if message.side in self.holed:
            return
        act = self._proxy.act_for(self, message)
        verb, after = act.removesuffix(" after"), act.endswith(" after")
        # A side is silenced from this message on: one of the other side still passes.
        silenced = {"deafen": "server", "mute": "client"}.get(verb, message.side)
        if verb == "pass" or after or silenced != message.side:
            await pipe.send(message.raw)
        match verb:
            case "hole":
                self.holed |= {"client", "server"}
            case "deafen":
                self.holed.add("server")
            case "mute":
                self.holed.add("client")
            case "reset" | "close":
                # An answer that comes meanwhile is not passed on.
                self.holed |= {"client", "server"}
                await pipe.flushed()
                self.cut(reset=verb == "reset")
            case _:
                pass

    def cut(self, *, reset: bool) -> None:
        """End both connections: by RST, or by FIN."""
        self.is_open = False
        for writer in self._writers:
            with suppress(OSError, ValueError):  # uvloop's socket of a closed connection
                if reset:
                    plain: socket.socket | None = writer.get_extra_info("socket")
                    if plain is not None:
                        linger = struct.pack("ii", 1, 0)
                        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                else:
                    writer.close()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()

    def hole(self) -> None:
        """Pass nothing on any more."""
        self.holed |= {"client", "server"}


class _Pipe:
    """One direction: messages leave in order, each after the proxy's latency."""

    def __init__(self, proxy: "FaultProxy", writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writer = writer
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._task = asyncio.create_task(self._drained())

    async def send(self, data: bytes) -> None:
        due = asyncio.get_running_loop().time() + self._proxy.latency
        if self._proxy.latency == 0 and self._queue.empty() and not self._proxy.slices:
            self._writer.write(data)
            await self._writer.drain()
        else:
            self._queue.put_nowait((due, data))

    async def _drained(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while True:
                due, data = await self._queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                size = self._proxy.slices or len(data)
                for start in range(0, len(data), size):
                    self._writer.write(data[start : start + size])
                    await self._writer.drain()
                    if self._proxy.slices:
                        await asyncio.sleep(0)
                self._queue.task_done()

    async def flushed(self) -> None:
        with suppress(OSError):
            await asyncio.wait_for(self._queue.join(), timeout=5)
            await self._writer.drain()

    async def end(self) -> None:
        with suppress(TimeoutError, asyncio.CancelledError):
            await self.flushed()
        self._task.cancel()


class _Framing:
    """Takes the streams of one connection apart into messages."""

    def __init__(self) -> None:
        self._buffers: dict[Side, bytearray] = {"client": bytearray(), "server": bytearray()}
        self._started = False
        self._asked_for_tls = False
        self._opaque = False

    def messages(self, side: Side, data: bytes) -> Iterator[Message]:
        buffer = self._buffers[side]
        buffer += data
        while buffer:
            message = self._next(side, buffer)
            if message is None:
                return
            del buffer[: len(message.raw)]
            yield message

    def _next(self, side: Side, buffer: bytearray) -> Message | None:
        if self._opaque:
            return Message(side, "opaque", bytes(buffer))
        if side == "server" and self._asked_for_tls:
            self._asked_for_tls = False
            self._opaque = bytes(buffer[:1]) == b"S"
            return Message(side, "answer", bytes(buffer[:1]))
        head = 0 if side == "client" and not self._started else 1
        if len(buffer) < head + 4:
            return None
        length: int = struct.unpack_from("!i", buffer, head)[0]
        if len(buffer) < head + length:
            return None
        raw = bytes(buffer[: head + length])
        return Message(side, raw[:1].decode("latin-1") if head else self._first(raw), raw)

    def _first(self, raw: bytes) -> str:
        code: int = struct.unpack_from("!i", raw, 4)[0]
        if code in {_SSL, _GSS}:
            self._asked_for_tls = True
            return "ssl"
        self._started = True
        return "cancel" if code == _CANCEL else "startup"


class _Address:
    """Where the real server is."""

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self._query = parse_qs(self._parts.query)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "host" in self._query:
            port = self._query.get("port", ["5432"])[0]
            return await asyncio.open_unix_connection(
                f"{self._query['host'][0]}/.s.PGSQL.{port}", limit=1 << 20
            )
        return await asyncio.open_connection(self._parts.hostname, self._parts.port or 5432)

    def through(self, port: int) -> str:
        account = self._parts.netloc.rpartition("@")[0] or "postgres"
        return urlunsplit(("postgresql", f"{account}@127.0.0.1:{port}", self._parts.path, "", ""))


class FaultProxy:
    """A proxy before one server.

    Attributes:
        latency: Seconds that each message waits, each way.
        slices: Bytes that are written at once; 0 is as they come.
        accept_delay: Seconds before a new connection is served.
        greeting: What a new connection meets: ``"reset"`` cuts it, ``"hole"`` answers nothing.
        links: Every connection so far, oldest first.
    """

    def __init__(self, dsn: str) -> None:
        self.latency = 0.0
        self.slices = 0
        self.accept_delay = 0.0
        self.greeting: Literal["pass", "reset", "hole"] = "pass"
        self.links: list[Link] = []
        self._rules: list[Rule] = []
        self._address = _Address(dsn)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, dsn: str) -> AsyncGenerator["FaultProxy"]:
        """Give a proxy that listens."""
        proxy = cls(dsn)
        await proxy.listen()
        try:
            yield proxy
        finally:
            await proxy.stop()

    @property
    def dsn(self) -> str:
        """The address of the database through the proxy."""
        return self._address.through(self._port)

    def redirect(self, dsn: str) -> None:
        """Lead new connections to another server; those that there are stay where they are."""
        self._address = _Address(dsn)

    async def listen(self) -> None:
        """Take connections (again), on the same port."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, limit=1 << 20, reuse_address=True
        )
        port: int = self._server.sockets[0].getsockname()[1]
        self._port = port

    async def refuse(self) -> None:
        """Take no connections: they are refused. Those that there are go on."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """End everything."""
        await self.refuse()
        for link in self.links:
            link.cut(reset=True)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def always(self, when: When, act: Act) -> Rule:
        """Do *act* with every message that matches."""
        return self.once(when, act, times=None)

    def once(self, when: When, act: Act, *, times: int | None = 1) -> Rule:
        """Do *act* with the next *times* messages that match."""
        rule = Rule(when, act, times)
        self._rules.append(rule)
        return rule

    def act_for(self, link: Link, message: Message) -> Act:
        """Return what the first rule that matches says."""
        for rule in self._rules:
            if rule.left != 0 and rule.when(link, message):
                rule.hits += 1
                if rule.left is not None:
                    rule.left -= 1
                return rule.act
        return "pass"

    def heal(self) -> None:
        """Forget every rule; connections that were holed stay so."""
        self._rules.clear()
        self.greeting, self.latency, self.slices, self.accept_delay = "pass", 0.0, 0, 0.0

    def hole(self) -> None:
        """Pass nothing on any more, over connections old and new."""
        self.greeting = "hole"
        for link in self.links:
            link.hole()

    def cut(self, *, reset: bool = True) -> None:
        """End every connection; new ones are taken."""
        for link in self.links:
            if link.is_open:
                link.cut(reset=reset)

    @property
    def round_trips(self) -> int:
        """How often the client has spoken after the server, over all connections."""
        return sum(link.round_trips for link in self.links)

    @contextmanager
    def counting(self) -> Generator[Callable[[], int]]:
        """Give what tells the round trips since."""
        before = self.round_trips
        yield lambda: self.round_trips - before

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        link = Link(self, len(self.links))
        self.links.append(link)
        try:
            await link.run((reader, writer), self._address)
        except (OSError, asyncio.CancelledError):
            link.cut(reset=True)
        finally:
            self._serving.discard(task)
