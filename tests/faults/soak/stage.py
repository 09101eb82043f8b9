"""What the faults happen on: a server of its own, a proxy, a pool under load, and a ledger."""

import asyncio
import gc
import logging
import random
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import attrs
from proxy import FaultProxy

import quantdb
from quantdb import PoolConfig
from quantdb.embedded import EmbeddedPostgres
from soak.ledger import ENTRIES, Ledger
from soak.load import Load
from soak.record import Gap, Mark, Record

SETTINGS: Final = {"synchronous_commit": "on", "max_connections": "60"}
"""A temporary server does not wait for its log, and a crash would take acknowledged rows."""

RECOVERY: Final = 2.0
"""Seconds in which a call must succeed once the server takes connections."""

_COMMAND: Final = 2.0
_ACQUIRE: Final = 5.0
DEADLINE: Final = _ACQUIRE + _COMMAND
"""Seconds in which a call must end."""

_QUIET: Final = 3.0
"""Seconds in which everything must have come to rest once nobody calls."""


@attrs.define(eq=False)
class Stage:
    """One pool on one database, and what is known of it.

    Attributes:
        server: The server, to be stopped and started.
        dsn: The database, past the proxy.
        scale: How long and how often things are done; 1 is the short form.
    """

    server: EmbeddedPostgres
    dsn: str
    proxy: FaultProxy
    pool: quantdb.Pool
    ledger: Ledger
    load: Load
    record: Record
    rng: random.Random
    scale: float

    async def direct(self) -> asyncpg.Connection:
        """Open a connection past the proxy and the pool."""
        return await asyncpg.connect(self.dsn, timeout=5)

    async def look(self, sql: str, *args: object) -> object:
        """Return the only value of a statement that goes past the proxy and the pool."""
        connection = await self.direct()
        try:
            return await connection.fetchval(sql, *args)
        finally:
            await connection.close()

    async def script(self, sql: str) -> None:
        """Run statements that go past the proxy and the pool."""
        connection = await self.direct()
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def backends(self) -> list[int]:
        """Return the processes of the server that serve the pool."""
        connection = await self.direct()
        try:
            rows = await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'quantdb' ORDER BY pid"
            )
        finally:
            await connection.close()
        return [row["pid"] for row in rows]

    async def busy(self, seconds: float) -> None:
        """Let the load work for a while."""
        await asyncio.sleep(seconds * self.scale)

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncGenerator[None]:
        """Mark the time of a fault."""
        began = self.record.now()
        try:
            yield
        finally:
            self.record.marks.append(Mark(name, began, self.record.now()))

    @asynccontextmanager
    async def outage(self, name: str) -> AsyncGenerator[None]:
        """Mark a fault that ends every connection, and see how soon the pool is back after it."""
        witness = await self.direct()
        began = self.record.now()
        yield
        async with asyncio.timeout(20):
            while not witness.is_closed():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.002)
        await self.recovered(name, began, self.dsn)

    async def recovered(self, name: str, began: float, dsn: str) -> None:
        """Wait until a server takes connections and the pool has noticed; enter both."""
        async with asyncio.timeout(30):
            while not await _accepts(dsn):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        accepting = self.record.now()
        self.record.marks.append(Mark(name, began, accepting))
        until = accepting + 4 * RECOVERY
        while self.record.now() < until:
            found = self.record.successes_since(accepting)
            if len(found) >= self.load.workers:
                break
            await asyncio.sleep(0.01)
        seconds = sorted(at - accepting for at in self.record.successes_since(accepting).values())
        if not seconds:
            self.record.problems.append(f"no call succeeded after: {name}")
            return
        self.record.gaps.append(Gap(name, accepting, seconds[0], seconds[-1]))
        if seconds[0] > RECOVERY:
            self.record.problems.append(
                f"{seconds[0]:.2f} s passed after the server took connections: {name}"
            )

    @asynccontextmanager
    async def under_load(self, times: int = 1) -> AsyncGenerator[None]:
        """Have the load at work during the block, and hold everything to account after it."""
        async with self.load.running(times):
            yield
            self.heal()
        await self.settled()

    def heal(self) -> None:
        """Let the network be well; what hangs in a hole is told so at last."""
        self.proxy.heal()
        for link in self.proxy.links:
            if link.is_open and link.holed:
                link.cut(reset=True)

    async def settled(self) -> None:
        """Resolve what is unknown, and note whatever is not as it must be."""
        self.heal()
        while self.load.unresolved:
            trade, unit = self.load.unresolved.pop()
            await self.load.send(trade, unit)
        for what, is_quiet in {
            "pool slots are not free": self._all_free,
            "tasks are left": self._no_tasks,
            "sessions are left in a transaction": self._no_transactions,
        }.items():
            await self._eventually(what, is_quiet)
        connection = await self.direct()
        try:
            audit = await self.ledger.audit(connection)
        finally:
            await connection.close()
        self.record.problems += audit.problems()
        if self.ledger.count("open"):
            self.record.problems.append("rows are still open")

    async def _eventually(self, what: str, is_quiet: Callable[[], Awaitable[str]]) -> None:
        until = self.record.now() + _QUIET
        while said := await is_quiet():
            if self.record.now() > until:
                self.record.problems.append(f"{what}: {said}")
                return
            await asyncio.sleep(0.02)

    async def _all_free(self) -> str:
        size, idle = self.pool.get_size(), self.pool.get_idle_size()
        return "" if size == idle else f"{idle} of {size}"

    async def _no_tasks(self) -> str:
        return ", ".join(
            task.get_name() for task in asyncio.all_tasks() if _is_of_the_package(task)
        )

    async def _no_transactions(self) -> str:
        count = await self.look(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'quantdb' AND state <> 'idle'"
        )
        return f"{count}" if count else ""


async def _accepts(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=1)
    except (OSError, asyncpg.PostgresError):
        return False
    connection.terminate()
    return True


def _is_of_the_package(task: "asyncio.Task[object]") -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    file = str(getattr(code, "co_filename", ""))
    return "/asyncpg/" in file or "/quantdb/" in file.rpartition("/tests/")[0] + file[-40:]


Mode = Literal["explicit", "statement"]


def config_of(
    dsn: str, mode: Mode = "explicit", *, min_size: int = 0, max_size: int = 6
) -> PoolConfig:
    """Return a configuration whose limits are short, so that faults end soon."""
    return PoolConfig(
        dsn,
        min_size=min_size,
        max_size=max_size,
        command_timeout=_COMMAND,
        connect_timeout=5,
        acquire_timeout=_ACQUIRE,
        retry_timeout=5,
        close_timeout=3,
        transactions=mode,
    )


@asynccontextmanager
async def database_on(server: EmbeddedPostgres) -> AsyncGenerator[str]:
    """Make a database with what the load needs, and drop it."""
    name = f"soak_{uuid4().hex}"
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    dsn = urlunsplit(urlsplit(server.dsn)._replace(path=f"/{name}"))
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        await pool.execute(ENTRIES)
    yield dsn
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@asynccontextmanager
async def staged(  # noqa: PLR0913 - the parts of a stage
    server: EmbeddedPostgres,
    record: Record,
    rng: random.Random,
    *,
    scale: float = 1,
    mode: Mode = "explicit",
    min_size: int = 0,
) -> AsyncGenerator[Stage]:
    """Give a stage on a database of its own."""
    async with (
        database_on(server) as dsn,
        FaultProxy.before(dsn) as proxy,
        staged_before(
            server, dsn, proxy, record, rng, scale=scale, mode=mode, min_size=min_size
        ) as stage,
    ):
        yield stage


@asynccontextmanager
async def staged_before(  # noqa: PLR0913 - the parts of a stage
    server: EmbeddedPostgres,
    dsn: str,
    proxy: FaultProxy,
    record: Record,
    rng: random.Random,
    *,
    scale: float = 1,
    mode: Mode = "explicit",
    min_size: int = 0,
) -> AsyncGenerator[Stage]:
    """Give a stage on a database that there is; nothing of it is left over when it ends."""
    ledger = Ledger()
    with _listening(record):
        async with quantdb.create_pool(config_of(proxy.dsn, mode, min_size=min_size)) as pool:
            load = Load(pool, ledger, record, rng)
            yield Stage(server, dsn, proxy, pool, ledger, load, record, rng, scale)
        gc.collect()
        await asyncio.sleep(0)
    for unit in ledger.units:
        record.rows[unit.fate] += len(unit.keys)
    left = [task.get_name() for task in asyncio.all_tasks() if _is_of_the_package(task)]
    if left:
        record.problems.append(f"tasks outlive their pool: {left}")


@contextmanager
def _listening(record: Record) -> Generator[None]:
    """Enter what asyncio complains of: tasks that nobody looks after, writes to what is closed."""
    handler = _Complaints(record)
    logging.getLogger("asyncio").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("asyncio").removeHandler(handler)


class _Complaints(logging.Handler):
    def __init__(self, record: Record) -> None:
        super().__init__(logging.WARNING)
        self._record = record

    def emit(self, record: logging.LogRecord) -> None:
        where = "".join(traceback.format_stack(limit=12))
        self._record.problems.append(f"asyncio says: {record.getMessage()}\n{where}")
