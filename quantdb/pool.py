"""A pool of connections with limits on everything, over asyncpg's own.

asyncpg's pool makes, checks and retires the connections. Here they get exact codecs, an answer
when COMMIT was a ROLLBACK, a bounded wait, and a reset only after hands that could dirty a session.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Self, TypeGuard

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from quantdb.config import PoolConfig
from quantdb.connection import PooledConnection, pooled
from quantdb.database import Connection, FullConnection, Record
from quantdb.errors import PoolTimeout
from quantdb.opening import Opener
from quantdb.outcomes import fail
from quantdb.secrecy import secretive

__all__ = ["Pool", "create_pool"]

_log: Final = logging.getLogger(__name__)

# RESET ALL leaves the role and temporary tables of whoever had the session before.
_RESET: Final = "RESET SESSION AUTHORIZATION; RESET ROLE; DISCARD TEMP;"


class Lease(AbstractAsyncContextManager[FullConnection]):
    """A connection to be borrowed: ``async with`` gives it back, ``await`` leaves that to you."""

    __slots__ = ("_clean", "_connection", "_pool", "_timeout")

    def __init__(self, pool: "Pool", timeout: float | None, *, clean: bool) -> None:
        self._pool = pool
        self._timeout = timeout
        self._clean = clean
        self._connection: FullConnection | None = None

    async def __aenter__(self) -> FullConnection:
        self._connection = await self._pool.borrow(self._timeout, clean=self._clean)
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.release(connection)

    def __await__(self) -> Generator[object, None, FullConnection]:
        return self._pool.borrow(self._timeout, clean=self._clean).__await__()


class Pool:
    """Connections to one database, lent one at a time.

    Made by `create_pool`; it has asyncpg's interface.

    Attributes:
        config: Its limits.
    """

    __slots__ = ("__weakref__", "_driver", "_opener", "_opening", "_waiting", "config")

    def __init__(self, config: PoolConfig) -> None:
        self.config: Final = config
        self._driver: asyncpg.Pool | None = None
        self._opener = Opener(config)
        self._opening = asyncio.Lock()
        self._waiting = 0

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
        return Lease(self, timeout, clean=False)

    def lend(self) -> Lease:
        """Borrow a connection for statements that leave nothing behind in the session."""
        return Lease(self, None, clean=True)

    async def borrow(self, timeout: float | None, *, clean: bool) -> FullConnection:
        """Return a connection; the one who gets it releases it."""
        driver = self._opened()
        limit = self.config.acquire_timeout if timeout is None else timeout
        self._waiting += 1
        try:
            connection = await driver.acquire(timeout=limit)
        except PoolTimeout as error:  # the server's connections are used up, or it is silent
            error.size, error.waiting = driver.get_size(), self._waiting
            error.in_use = error.size - driver.get_idle_size()
            raise
        except TimeoutError:
            size, idle = driver.get_size(), driver.get_idle_size()
            what = "became free" if size >= self.config.max_size else "could be opened"
            raise PoolTimeout(
                f"no connection {what} within {limit:g} s: {size} open of at most "
                f"{self.config.max_size}, {size - idle} in use, {self._waiting} waiting"
                + (f"; {self._opener.trouble}" if self._opener.trouble else ""),
                size,
                size - idle,
                self._waiting,
            ) from None
        finally:
            self._waiting -= 1
        ours = pooled(connection)
        assert ours is not None  # noqa: S101 - the pool makes no others
        ours.clean = clean
        return connection

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
        limit = self.config.close_timeout if timeout is None else timeout
        if not _is_lent(connection):
            raise asyncpg.InterfaceError("the connection is not of this pool")
        try:
            await self._opened().release(connection, timeout=limit)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _log.warning("a connection could not be reset and was closed: %s", error)

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement on a pooled connection and return its status."""
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
        async with self.acquire() as connection:
            await connection.executemany(command, args, timeout=timeout)

    async def fetch(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,
    ) -> Sequence[Record]:
        """Run a statement on a pooled connection and return its rows."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *args, timeout=timeout)

    async def fetchrow(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,
    ) -> Record | None:
        """Run a statement on a pooled connection and return its first row."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> object:
        """Run a statement on a pooled connection and return the first value of its first row."""
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
        async with self.acquire() as connection:
            return await connection.copy_records_to_table(
                table_name,
                records=records,
                columns=columns,
                schema_name=schema_name,
                timeout=timeout,
                where=where,
            )

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
        try:
            async with asyncio.timeout(self.config.close_timeout):
                await driver.close()
        except TimeoutError:
            driver.terminate()

    def terminate(self) -> None:
        """Close at once; work under way is lost."""
        self._opened().terminate()

    async def expire_connections(self) -> None:
        """Have every connection replaced when it is next borrowed."""
        await self._opened().expire_connections()

    def _opened(self) -> asyncpg.Pool:
        if self._driver is None:
            raise asyncpg.InterfaceError("the pool is not open: await it, or use async with")
        return self._driver

    async def _open(self) -> Self:
        async with self._opening:
            if self._driver is None:
                self._driver = await self._connected()
        if self._driver.is_closing():
            raise asyncpg.InterfaceError("the pool is closed; make another one")
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
        await ours.begin_session(self.config.codecs)


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
    # Behind a pooler, RESET would undo a stranger's settings, and the pooler take them for ours.
    if not getattr(connection, "clean", False) and not getattr(connection, "behind_pooler", False):
        await connection.execute(f"{connection.get_reset_query()}\n{_RESET}")
