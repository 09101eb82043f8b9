"""A pool of connections with limits on everything, over asyncpg's own.

asyncpg's pool makes, checks and retires the connections. Here they get exact codecs, an answer
when COMMIT was a ROLLBACK, a bounded wait, and a reset only after hands that could dirty a session.
"""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterable, Awaitable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Final, Self

import asyncpg

from quantdb.config import PoolConfig
from quantdb.connection import PooledConnection, pooled
from quantdb.counters import PoolStatistics
from quantdb.database import Connection, FullConnection, Record
from quantdb.errors import ConfigError, QuantDBError
from quantdb.functions import may_write
from quantdb.health import Health
from quantdb.leases import Leases, Lent
from quantdb.lexer import statements
from quantdb.observe import Observer, observer_of
from quantdb.opening import Opener
from quantdb.outcomes import OF_THE_DRIVER, fail, is_lost, out_of_time
from quantdb.progress import Progress
from quantdb.secrecy import secretive
from quantdb.settings import Settings, checked_settings

__all__ = ["BoundPool", "Pool", "create_pool"]

_log: Final = logging.getLogger(__name__)

_READING: Final = re.compile(r"\s*(?:SELECT|VALUES|TABLE|SHOW|EXPLAIN)\b", re.IGNORECASE)
_BETWEEN_DROPS: Final = 1.0
"""Seconds before the sessions are dropped once more, if new ones are no better."""


def _not_of_ours(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], QuantDBError)


# The driver logs each attempt to restore ``min_size``; of ours, `Opener` has said that they fail.
logging.getLogger("asyncpg.pool").addFilter(_not_of_ours)


class Lease(AbstractAsyncContextManager[FullConnection]):
    """A connection to be borrowed: ``async with`` gives it back, ``await`` leaves that to you."""

    __slots__ = ("_lent", "_pool", "_timeout")

    def __init__(self, pool: "Pool", timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._lent: Lent | None = None

    async def __aenter__(self) -> FullConnection:
        self._lent = Lent(await self._pool.lease(self._timeout, block=True))
        return self._lent

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection = self._lent.taken() if self._lent is not None else None
        if connection is not None:
            await self._pool.take_back(connection, error)

    def __await__(self) -> Generator[object, None, FullConnection]:
        return self._kept().__await__()

    async def _kept(self) -> FullConnection:
        return Lent(await self._pool.lease(self._timeout, block=False))


class Pool:
    """Connections to one database, lent one at a time.

    Made by `create_pool`; it has asyncpg's interface.

    Attributes:
        config: Its limits.
        health: Whether the database answers.
        observer: Who watches its calls; None if nobody does.
        progress: If there is one, whoever waits for a connection waits on while others' work goes
            on; ``acquire_timeout`` seconds after the last of it he waits no more.
    """

    __slots__ = (
        "__weakref__",
        "_dropped_at",
        "_home",
        "_leases",
        "_opener",
        "_opening",
        "config",
        "health",
        "observer",
        "progress",
    )

    def __init__(self, config: PoolConfig, progress: Progress | None = None) -> None:
        self.config: Final = config
        self.health: Final = Health()
        self.observer: Final[Observer | None] = observer_of(config)
        self.progress: Final = progress
        self._dropped_at = 0.0
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._leases: Leases | None = None
        self._opener = Opener(config)
        self._opening = asyncio.Lock()

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

    def bound(self, settings: Settings) -> "BoundPool":
        """Return this pool for transactions that all have the same *settings*.

        A repository on it, ``TradeRepo(pool.bound({"app.tenant": "7"}))``, sees what those show.

        Raises:
            ConfigError: A name is none of a setting, or a value is not a text.
        """
        return BoundPool(self, settings)

    def lease(self, timeout: float | None, *, block: bool) -> Awaitable[PooledConnection]:
        """Begin to borrow a connection for a *block*, or for whoever releases it some time.

        It is bare: who has it can still use it after it was taken back.
        """
        limit = self.config.acquire_timeout if timeout is None else timeout
        return self._usable().borrow(limit, block=block)

    def lease_at_once(self) -> PooledConnection | None:
        """Return a connection for a call that asks for no other one meanwhile, if one is free."""
        leases = self._leases
        if (
            leases is None
            or leases.is_closing
            or self._home != (os.getpid(), asyncio.get_running_loop())
        ):
            leases = self._usable()
        return leases.free_one()

    def took_back_at_once(self, connection: PooledConnection) -> bool:
        """Take a connection back from a call that went well; tell whether, or see to the rest."""
        return (
            not connection.is_changed()
            and self._leases is not None
            and self._leases.give_back_at_once(connection)
        )

    async def take_back(
        self,
        connection: PooledConnection,
        error: BaseException | None,
        timeout: float | None = None,
    ) -> None:
        """Take a connection back from a block that ended so."""
        if isinstance(error, asyncio.CancelledError | TimeoutError):
            connection.hurry()
        elif isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            connection.retired = True  # a standby's, be the others dropped just before or not
        leases = self._opened()
        if connection.is_dirty() or not leases.give_back_at_once(connection):
            limit = min(self.config.close_timeout, self.config.command_timeout)
            await leases.give_back(connection, limit if timeout is None else timeout)

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
        if not isinstance(connection, Lent):
            raise asyncpg.InterfaceError("the connection is not of this pool")
        ours = connection.itself()
        if ours is None:  # it was given back before
            return
        if not self._opened().is_of_this_pool(ours):
            raise asyncpg.InterfaceError("the connection is not of this pool")
        connection.taken()
        await self.take_back(ours, None, timeout)

    def has_proven(self, way: object, statement: str) -> bool:
        """Tell whether a *way* to store a model was seen to store what is sent; see `prove`."""
        return self._leases is not None and self._leases.has_proven(way, statement)

    def prove(self, way: object, statement: str, connection: Connection) -> None:
        """Remember that a *way* to store a model, by that *statement*, stored what was sent.

        It counts for as long as what the *connection* knows of the statement is that it does
        nothing else.
        """
        if self._leases is not None and not self._leases.has_proven(way, statement):
            ours = pooled(connection)
            self._leases.prove(way, ours.knows(statement) if ours is not None else None)

    def disprove(self, way: object) -> None:
        """Forget that a *way* to store a model was seen to store what is sent."""
        if self._leases is not None:
            self._leases.disprove(way)

    def drop_sessions(self, why: str) -> None:
        """Have every connection replaced before it is used again: those that are free, at once."""
        now = asyncio.get_running_loop().time()
        if now - self._dropped_at < _BETWEEN_DROPS:
            return
        self._dropped_at = now
        _log.warning("every connection is dropped for a new one: %s", why)
        self._opened().retire()

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
        except (*OF_THE_DRIVER, RuntimeError) as error:  # the last is uvloop's
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

    def statistics(self) -> PoolStatistics:
        """Return what the pool is at, and what it counted since it was opened.

        Raises:
            ConfigError: It is not open yet, or asked in another process or event loop.
        """
        leases = self._opened()
        counters, size, idle = leases.counters, leases.size, leases.idle
        return PoolStatistics(
            size=size,
            idle=idle,
            in_use=size - idle,
            waiting=leases.waiting,
            min_size=leases.min_size,
            max_size=self.config.max_size,
            opened=counters.opened,
            lost=counters.lost,
            borrowed=counters.borrowed,
            timed_out=counters.timed_out,
            waited=counters.waited,
            longest_wait=counters.longest_wait,
        )

    def get_size(self) -> int:
        """Return how many connections are open."""
        return self._opened().size

    def get_idle_size(self) -> int:
        """Return how many of them are free."""
        return self._opened().idle

    def get_min_size(self) -> int:
        """Return how many are kept open."""
        return self._opened().min_size

    def get_max_size(self) -> int:
        """Return how many there can be."""
        return self.config.max_size

    def is_closing(self) -> bool:
        """Tell whether the pool is closed or being closed."""
        return self._leases is None or self._leases.is_closing

    async def close(self) -> None:
        """Wait for what is under way, no longer than ``close_timeout``, and close."""
        await self._opened().close(self.config.close_timeout)

    def terminate(self) -> None:
        """Close at once; work under way is lost."""
        self._opened().terminate()

    async def expire_connections(self) -> None:
        """Have every connection replaced when it is next borrowed."""
        self._opened().retire()

    def _opened(self) -> Leases:
        if self._leases is None:
            raise ConfigError("the pool is not open: await it, or use async with")
        self._refuse_elsewhere()
        return self._leases

    def _usable(self) -> Leases:
        leases = self._opened()
        if leases.is_closing:
            raise ConfigError("the pool is closed; make another one")
        return leases

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
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:  # there is none: in a callback of the process's end
            running = None
        if running is loop:
            return
        if loop.is_closed():
            raise ConfigError("the event loop of the pool has ended; open another pool in this one")
        if running is not None:
            raise ConfigError(
                "the pool was opened in another event loop or thread, and works only there; "
                "open a pool here"
            )

    async def _open(self) -> Self:
        self._refuse_elsewhere()
        async with self._opening:
            if self._leases is None:
                self._home = os.getpid(), asyncio.get_running_loop()
                leases = Leases(self.config, self._opener, self.observer, self.progress)
                try:
                    await leases.open()
                except Exception as error:
                    fail(error)
                self._leases = leases
        if self._leases.is_closing:
            raise ConfigError("the pool is closed; make another one")
        return self


@secretive
def create_pool(dsn_or_config: str | PoolConfig) -> Pool:
    """Make a pool; ``await`` it, or use it with ``async with``.

    Raises:
        ConfigError: The DSN or a setting cannot work.
    """
    if isinstance(dsn_or_config, PoolConfig):
        return Pool(dsn_or_config)
    return Pool(PoolConfig(dsn_or_config))


def _only_reads(query: str) -> bool:
    if _READING.match(query) is None:
        return False
    try:
        return not any(may_write(tokens) for tokens in statements("the statement", query))
    except ConfigError:  # the server has something to say to it
        return False


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
