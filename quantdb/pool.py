"""A pool of connections with limits on everything, over asyncpg's own.

asyncpg's pool makes, checks and retires the connections. Here they get exact codecs, an answer
when COMMIT was a ROLLBACK, a bounded wait, and a reset only after hands that could dirty a session.
"""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from types import TracebackType
from typing import Final, Self, TypeGuard
from weakref import WeakSet

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from quantdb.config import PoolConfig
from quantdb.connection import GRACE, PooledConnection, pooled
from quantdb.database import Connection, FullConnection, Record
from quantdb.errors import ConfigError, PoolTimeout, QuantDBError
from quantdb.health import Health
from quantdb.opening import Opener
from quantdb.outcomes import fail, is_lost, out_of_time
from quantdb.secrecy import secretive
from quantdb.settings import Settings, checked_settings
from quantdb.waits import Holders

__all__ = ["BoundPool", "Pool", "create_pool"]

_log: Final = logging.getLogger(__name__)

# DISCARD ALL would also drop what the driver has prepared; and RESET ALL leaves the role, temporary
# tables and sequences of whoever had the session before, and the statements that he prepared by
# PREPARE. The rights to do all this come back first.
_RESET: Final = """
RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;
SELECT pg_catalog.pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *;
DISCARD TEMP; DISCARD SEQUENCES;
DO LANGUAGE plpgsql $quantdb$
DECLARE
    prepared record;
BEGIN
    FOR prepared IN SELECT s.name FROM pg_catalog.pg_prepared_statements AS s WHERE s.from_sql LOOP
        EXECUTE pg_catalog.format('DEALLOCATE %I', prepared.name);
    END LOOP;
END
$quantdb$;
"""
_READING: Final = re.compile(r"\s*(?:SELECT|VALUES|TABLE|SHOW|EXPLAIN)\b", re.IGNORECASE)
_WRITING: Final = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
# The last is what the driver raises when the connection is lost between its look and its reset.
_UNRESETTABLE: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_OF_CALLS: Final = (TimeoutError, *_UNRESETTABLE)
"""What a call of the driver's raises that ends in trouble with its connection."""
_DEADLOCKED: Final = 0.1
"""Seconds that a task waits for a connection that cannot become free: it might be lost."""
_BETWEEN_DROPS: Final = 1.0
"""Seconds before the sessions are dropped once more, if new ones are no better."""


def _not_of_ours(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], QuantDBError)


# The driver logs each attempt to restore ``min_size``; of ours, `Opener` has said that they fail.
logging.getLogger("asyncpg.pool").addFilter(_not_of_ours)


class Lease(AbstractAsyncContextManager[FullConnection]):
    """A connection to be borrowed: ``async with`` gives it back, ``await`` leaves that to you."""

    __slots__ = ("_block", "_connection", "_pool", "_timeout")

    def __init__(self, pool: "Pool", timeout: float | None, *, block: bool = True) -> None:
        self._pool = pool
        self._timeout = timeout
        self._block = block
        self._connection: FullConnection | None = None

    async def __aenter__(self) -> FullConnection:
        self._connection = await self._pool.borrow(self._timeout, block=self._block)
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        ours = pooled(connection)
        if ours is not None and isinstance(error, asyncio.CancelledError | TimeoutError):
            ours.hurry()
        if ours is not None and isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            ours.retired = True  # a standby's, be the others dropped just before or not
        await self._pool.release(connection)

    def __await__(self) -> Generator[object, None, FullConnection]:
        return self._pool.borrow(self._timeout, block=False).__await__()


class Pool:
    """Connections to one database, lent one at a time.

    Made by `create_pool`; it has asyncpg's interface.

    Attributes:
        config: Its limits.
        health: Whether the database answers.
    """

    __slots__ = (
        "__weakref__",
        "_driver",
        "_dropped_at",
        "_holders",
        "_home",
        "_opener",
        "_opening",
        "_sessions",
        "_waiting",
        "config",
        "health",
    )

    def __init__(self, config: PoolConfig) -> None:
        self.config: Final = config
        self.health: Final = Health()
        self._driver: asyncpg.Pool | None = None
        self._dropped_at = 0.0
        self._holders = Holders()
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._opener = Opener(config)
        self._opening = asyncio.Lock()
        self._sessions: WeakSet[PooledConnection] = WeakSet()
        self._waiting: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        return f"Pool({self.config!r})"

    def __await__(self) -> Generator[object, None, Self]:
        return self._open().__await__()

    async def __aenter__(self) -> Self:
        return await self._open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def acquire(self, *, timeout: float | None = None) -> Lease:
        """Borrow a connection, with ``async with`` or by ``await`` and `release`.

        Args:
            timeout: Seconds to wait for a free one; ``acquire_timeout`` if None.

        Raises:
            PoolTimeout: None became free in time.
        """
        return Lease(self, timeout)

    def lend(self) -> Lease:
        """Borrow a connection for a block that may be forgotten: an iterator's."""
        return Lease(self, None, block=False)

    def bound(self, settings: Settings) -> "BoundPool":
        """Return this pool for transactions that all have the same *settings*.

        A repository on it, ``TradeRepo(pool.bound({"app.tenant": "7"}))``, sees what those show.

        Raises:
            ConfigError: A name is none of a setting, or a value is not a text.
        """
        return BoundPool(self, settings)

    async def borrow(self, timeout: float | None, *, block: bool) -> FullConnection:
        """Return a connection; the one who gets it releases it, at the end of a *block* or not."""
        driver = self._usable()
        limit = self.config.acquire_timeout if timeout is None else timeout
        hopeless = self._is_hopeless(driver)
        if hopeless:
            limit = min(limit, _DEADLOCKED)
        clock = asyncio.timeout(limit)
        self._waiting.add(clock)
        self._holders.asks()
        try:
            async with clock:
                connection, ours = await self._found(driver)
        except PoolTimeout as error:  # the server's connections are used up, or it is silent
            error.size, error.waiting = driver.get_size(), len(self._waiting)
            error.in_use = error.size - driver.get_idle_size()
            raise
        except (TimeoutError, asyncpg.InterfaceError) as error:
            if self.is_closing():
                raise ConfigError("the pool was closed meanwhile; make another one") from error
            if isinstance(error, TimeoutError):
                raise self._exhausted(driver, limit, hopeless=hopeless) from None
            fail(error)
        except Exception as error:
            fail(error)
        finally:
            self._waiting.discard(clock)
            self._holders.got()
        ours.hurried_until = None
        self._holders.hold(ours, block=block)
        return connection

    async def _found(self, driver: asyncpg.Pool) -> tuple[FullConnection, PooledConnection]:
        while True:
            connection = await driver.acquire()
            ours = pooled(connection)
            if ours is None:  # it was lost just now
                continue
            if not ours.retired:
                return connection, ours
            ours.terminate()

    def _is_hopeless(self, driver: asyncpg.Pool) -> bool:
        """Tell whether this task would wait for itself."""
        return (
            len(self._holders) >= self.config.max_size
            and self._holders.is_hopeless()
            # One that was lost can be opened anew.
            and driver.get_size() >= self.config.max_size
            and not driver.get_idle_size()
        )

    def _exhausted(self, driver: asyncpg.Pool, limit: float, *, hopeless: bool) -> PoolTimeout:
        size, idle = driver.get_size(), driver.get_idle_size()
        what = "became free" if size >= self.config.max_size else "could be opened"
        said = f"no connection {what} within {limit:g} s"
        why = f"; {self._opener.trouble}" if self._opener.trouble else ""
        if hopeless:
            said = "no connection can ever become free"
            why = (
                f"; {self._holders.own()} are held by the very task that asks, and the others by "
                "tasks that wait for it, or for a connection too: hand on the connection that is "
                "held, or raise max_size"
            )
        return PoolTimeout(
            f"{said}: {size} open of at most {self.config.max_size}, {size - idle} in use, "
            f"{len(self._waiting)} waiting{why}",
            size,
            size - idle,
            len(self._waiting),
        )

    async def release(
        self,
        connection: Connection,
        *,
        timeout: float | None = None,
    ) -> None:
        """Give a connection back; its session is reset unless only repositories had it.

        One that cannot be reset is closed, and that is no concern of the one who gives it back:
        what was committed is committed.
        """
        limit = min(self.config.close_timeout, self.config.command_timeout)
        if timeout is not None:
            limit = timeout
        if not _is_lent(connection):
            raise asyncpg.InterfaceError("the connection is not of this pool")
        ours = pooled(connection)
        driver = self._opened()
        if ours is not None:
            if ours not in self._sessions:
                raise asyncpg.InterfaceError("the connection is not of this pool")
            self._holders.let_go(ours)
            if ours.is_cut_short():
                ours.hurry()
            limit = ours.patience(limit)
            if ours.retired or ours.abandoned:
                ours.terminate()
            elif ours.is_dirty():
                await self._cleaned(driver, connection, ours, limit)
                return
        with suppress(*_UNRESETTABLE):
            await driver.release(connection, timeout=limit)

    async def _cleaned(
        self,
        driver: asyncpg.Pool,
        connection: PoolConnectionProxy,
        ours: PooledConnection,
        limit: float,
    ) -> None:
        """Give a connection back whose session has to be reset, whoever is cancelled meanwhile."""

        async def work() -> None:
            with suppress(*_UNRESETTABLE):  # the driver has closed it
                await driver.release(connection, timeout=limit)

        task = asyncio.create_task(work())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                # It goes on by itself, but not for long.
                late = asyncio.get_running_loop().call_later(GRACE, ours.terminate)
                task.add_done_callback(lambda _task: late.cancel())
            raise

    def drop_sessions(self, why: str) -> None:
        """Have every connection replaced before it is used again: those that are free, at once."""
        now = asyncio.get_running_loop().time()
        if now - self._dropped_at < _BETWEEN_DROPS:
            return
        self._dropped_at = now
        _log.warning("every connection is dropped for a new one: %s", why)
        self._retire()

    def _retire(self) -> None:
        for session in list(self._sessions):
            session.retired = True
            if not self._holders.has(session):
                session.terminate()

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement on a pooled connection and return its status."""
        with self._telling(query):
            async with self.acquire() as connection:
                return await connection.execute(query, *args, timeout=timeout)

    async def executemany(
        self,
        command: str,
        args: Sequence[Sequence[object]],
        *,
        timeout: float | None = None,
    ) -> None:
        """Run a statement for each row of arguments, all or nothing."""
        with self._telling(command):
            async with self.acquire() as connection:
                await connection.executemany(command, args, timeout=timeout)

    async def fetch(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,
    ) -> Sequence[Record]:
        """Run a statement on a pooled connection and return its rows."""
        with self._telling(query):
            async with self.acquire() as connection:
                return await connection.fetch(query, *args, timeout=timeout)

    async def fetchrow(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,
    ) -> Record | None:
        """Run a statement on a pooled connection and return its first row."""
        with self._telling(query):
            async with self.acquire() as connection:
                return await connection.fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> object:
        """Run a statement on a pooled connection and return the first value of its first row."""
        with self._telling(query):
            async with self.acquire() as connection:
                value: object = await connection.fetchval(query, *args, timeout=timeout)
                return value

    async def fetchmany(
        self,
        query: str,
        args: Sequence[Sequence[object]],
        *,
        timeout: float | None = None,
    ) -> Sequence[Record]:
        """Run a statement for each row of arguments, all or nothing, and return their rows."""
        with self._telling(query):
            async with self.acquire() as connection:
                return await connection.fetchmany(query, args, timeout=timeout)

    async def copy_records_to_table(  # noqa: PLR0913 - the driver's signature
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]],
        columns: Iterable[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
        where: str | None = None,
    ) -> str:
        """Copy records into a table, all or nothing, and return the status (``"COPY 3"``).

        Raises:
            InexactValue: A value would not be stored as it is; ``row`` is its number, ``field`` its
                column.
        """
        with self._telling("COPY"):
            async with self.acquire() as connection:
                return await connection.copy_records_to_table(
                    table_name,
                    records=records,
                    columns=columns,
                    schema_name=schema_name,
                    timeout=timeout,
                    where=where,
                )

    @contextmanager
    def _telling(self, query: str) -> Generator[None]:
        """Raise what it means that a statement's connection is lost: it may have been applied."""
        began = asyncio.get_running_loop().time()
        try:
            yield
        except QuantDBError:
            raise
        except asyncpg.ReadOnlySQLTransactionError as error:
            self.drop_sessions(f"the server takes no writes: {error}")
            fail(error)
        except _OF_CALLS as error:
            lost = is_lost(error)
            if lost:
                self.health.failed(error)
            elif not isinstance(error, TimeoutError):
                fail(error)
            if _only_reads(query):
                fail(out_of_time(error))
            fail(error, committing=True)
        else:
            self.health.succeeded(began)

    def get_size(self) -> int:
        """Return how many connections are open."""
        return self._opened().get_size()

    def get_idle_size(self) -> int:
        """Return how many of them are free."""
        return self._opened().get_idle_size()

    def get_min_size(self) -> int:
        """Return how many are kept open."""
        return self._opened().get_min_size()

    def get_max_size(self) -> int:
        """Return how many there can be."""
        return self.config.max_size

    def is_closing(self) -> bool:
        """Tell whether the pool is closed or being closed."""
        return self._driver is None or self._driver.is_closing()

    async def close(self) -> None:
        """Wait for what is under way, no longer than ``close_timeout``, and close."""
        driver = self._opened()
        self._turn_away()
        try:
            async with asyncio.timeout(self.config.close_timeout):
                await driver.close()
        except TimeoutError:
            driver.terminate()

    def terminate(self) -> None:
        """Close at once; work under way is lost."""
        driver = self._opened()
        self._turn_away()
        driver.terminate()

    def _turn_away(self) -> None:
        """Have nobody wait for a connection any more."""
        for clock in list(self._waiting):
            clock.reschedule(asyncio.get_running_loop().time())

    async def expire_connections(self) -> None:
        """Have every connection replaced when it is next borrowed."""
        self._opened()
        self._retire()

    def _opened(self) -> asyncpg.Pool:
        if self._driver is None:
            raise ConfigError("the pool is not open: await it, or use async with")
        self._refuse_elsewhere()
        return self._driver

    def _usable(self) -> asyncpg.Pool:
        driver = self._opened()
        if driver.is_closing():
            raise ConfigError("the pool is closed; make another one")
        return driver

    def _refuse_elsewhere(self) -> None:
        """Raise unless this is the process and the event loop in which the pool was opened."""
        if self._home is None:
            return
        process, loop = self._home
        if process != os.getpid():
            raise ConfigError(
                "the pool was opened in another process, before a fork, and its connections are "
                "that process's; hand on the PoolConfig and open a pool here"
            )
        if loop.is_closed():
            raise ConfigError("the event loop of the pool has ended; open another pool in this one")
        with suppress(RuntimeError):  # there is no loop: in a callback of the process's end
            if asyncio.get_running_loop() is not loop:
                raise ConfigError(
                    "the pool was opened in another event loop or thread, and works only there; "
                    "open a pool here"
                )

    async def _open(self) -> Self:
        self._refuse_elsewhere()
        async with self._opening:
            if self._driver is None:
                self._home = os.getpid(), asyncio.get_running_loop()
                self._driver = await self._connected()
        if self._driver.is_closing():
            raise ConfigError("the pool is closed; make another one")
        return self

    async def _connected(self) -> asyncpg.Pool:
        config = self.config
        driver = asyncpg.create_pool(
            connect=self._opener,
            min_size=0 if config.scale_to_zero else config.min_size,
            max_size=config.max_size,
            max_inactive_connection_lifetime=config.idle_lifetime,
            connection_class=PooledConnection,
            init=self._begin_session,
            reset=_reset_session,
        )
        try:
            await driver
        except Exception as error:
            fail(error)
        return driver

    async def _begin_session(self, connection: asyncpg.Connection) -> None:
        ours = pooled(connection)
        assert ours is not None  # noqa: S101 - the pool makes no others
        try:
            await ours.begin_session(self.config.codecs, self.config.command_timeout)
        except BaseException:
            # The driver would say goodbye, and wait for an answer.
            ours.terminate()
            raise
        self._sessions.add(ours)


@secretive
def create_pool(dsn_or_config: str | PoolConfig) -> Pool:
    """Make a pool; ``await`` it, or use it with ``async with``.

    Raises:
        ConfigError: The DSN or a setting cannot work.
    """
    if isinstance(dsn_or_config, PoolConfig):
        return Pool(dsn_or_config)
    return Pool(PoolConfig(dsn_or_config))


def _is_lent(connection: object) -> TypeGuard[PoolConnectionProxy]:
    return isinstance(connection, PoolConnectionProxy)


async def _reset_session(connection: asyncpg.Connection) -> None:
    ours = pooled(connection)
    if ours is None or not ours.is_dirty():
        return
    # Behind a pooler, RESET would undo a stranger's settings, and the pooler take them for ours.
    if not ours.behind_pooler:
        await ours.execute_admitted(_RESET, (), None)
    ours.clean = True


def _only_reads(query: str) -> bool:
    return _READING.match(query) is not None and _WRITING.search(query) is None


class BoundPool:
    """A pool whose every transaction begins with the same settings; made by `Pool.bound`.

    Attributes:
        pool: The pool.
        settings: The settings, by name.
    """

    __slots__ = ("pool", "settings")

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self.pool: Final = pool
        self.settings: Final[Mapping[str, str]] = checked_settings(settings)

    def __repr__(self) -> str:
        return f"{self.pool!r}.bound({sorted(self.settings)})"

    def acquire(
        self, *, timeout: float | None = None
    ) -> AbstractAsyncContextManager[FullConnection]:
        """Refuse: the settings hold in transactions, and a connection would begin without them.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "the settings of a bound pool hold in a transaction: use transaction(pool), or acquire "
            f"from its own pool (timeout={timeout})"
        )
