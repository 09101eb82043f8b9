"""Who has which connection of a pool: those that are free are lent last in, first out.

The driver's pool makes, checks and retires the connections. To have one of it and to give it back
costs a task and two timers each time. So a connection that comes back clean is kept here for the
next borrower; it goes back to the driver's pool when it has to be reset or closed, when nobody has
wanted it for a while, and once in a while anyhow.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from time import monotonic
from typing import Final
from weakref import WeakSet

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from quantdb.catalog import Learnt
from quantdb.config import PoolConfig
from quantdb.connection import PooledConnection, pooled
from quantdb.counters import Counters
from quantdb.crowding import is_full
from quantdb.deadlines import Deadlines
from quantdb.errors import ConfigError, PoolTimeout
from quantdb.observe import Observer
from quantdb.opening import Opener
from quantdb.outcomes import OF_THE_DRIVER, fail
from quantdb.progress import Progress
from quantdb.session import GRACE
from quantdb.waiters import TimeUp, Waiters
from quantdb.waits import Holders

__all__ = ["Leases", "Lent"]

_DEADLOCKED: Final = 0.1
"""Seconds that a task waits for a connection that cannot become free: it might be lost."""
_KEPT: Final = 60.0
"""Seconds after which a connection in use passes through the driver's pool, which may retire it."""
_CLOSED: Final = "the pool was closed meanwhile; make another one"


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


class Lent(PoolConnectionProxy):
    """A connection in the hands of a borrower; to use it after it was given back is an error."""

    __slots__ = ()

    def __init__(self, connection: PooledConnection) -> None:
        # The driver's own proxy stays with the connection, for as long as it is kept here.
        self._con: PooledConnection | None = connection

    def itself(self) -> PooledConnection | None:
        """Return the connection, if it was not given back."""
        return self._con

    def taken(self) -> PooledConnection | None:
        """Take the connection out of the borrower's hands; None if it was given back before."""
        connection, self._con = self._con, None
        if connection is not None:
            connection.disown()
        return connection


class _Kept:
    """A connection that the driver's pool has lent to ours."""

    __slots__ = ("connection", "free_since", "proxy", "since")

    def __init__(
        self, connection: PooledConnection, proxy: PoolConnectionProxy, now: float
    ) -> None:
        self.connection: Final = connection
        self.proxy: Final = proxy
        self.since: Final = now
        self.free_since = now


class Leases:
    """The connections of one pool, and those who have or want them.

    Whoever wants one and finds none free waits in line; meanwhile new connections are opened, as
    many as wait and as there may be, and whatever becomes free first is his.

    Attributes:
        counters: What they count of themselves.
        is_closing: Whether they are closed, or being closed.
        known: What is known of statements.
    """

    __slots__ = (
        "_config",
        "_deadlines",
        "_driver",
        "_ending",
        "_free",
        "_holders",
        "_kept",
        "_loop",
        "_observer",
        "_opener",
        "_opening",
        "_progress",
        "_proven",
        "_sessions",
        "_tasks",
        "_timer",
        "_unwanted_after",
        "_waiters",
        "counters",
        "is_closing",
        "known",
    )

    def __init__(
        self,
        config: PoolConfig,
        opener: Opener,
        observer: Observer | None,
        progress: Progress | None = None,
    ) -> None:
        self.counters: Final = Counters()
        self.known: Final[dict[str, Learnt]] = {}
        self._config: Final = config
        self._observer: Final = observer
        self._opener: Final = opener
        self._loop: Final = asyncio.get_running_loop()
        self._unwanted_after: Final = config.idle_lifetime / 10
        self._ending: Final = asyncio.Lock()
        self._free: Final[list[_Kept]] = []
        self._holders: Final = Holders()
        self.is_closing = False
        self._kept: Final[dict[PooledConnection, _Kept]] = {}
        self._opening: Final[dict[asyncio.Task[None], None]] = {}  # in order
        self._progress: Final = progress
        self._proven: Final[dict[object, Learnt]] = {}
        self._sessions: Final[WeakSet[PooledConnection]] = WeakSet()
        self._deadlines: Final = Deadlines(self._sessions, config.command_timeout)
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: Final[Waiters[PooledConnection]] = Waiters(progress)
        self._driver: Final = asyncpg.create_pool(
            connect=opener,
            min_size=0 if config.scale_to_zero else config.min_size,
            max_size=config.max_size,
            max_inactive_connection_lifetime=config.idle_lifetime,
            connection_class=PooledConnection,
            init=self._begin_session,
            reset=_reset_session,
        )

    @property
    def size(self) -> int:
        """How many connections are open."""
        return self._driver.get_size()

    @property
    def idle(self) -> int:
        """How many of them are free."""
        free = sum(not kept.connection.is_closed() for kept in self._free)
        return self._driver.get_idle_size() + free

    @property
    def min_size(self) -> int:
        """How many are kept open."""
        return self._driver.get_min_size()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiters)

    async def open(self) -> None:
        """Open the first connections."""
        await self._driver

    async def _begin_session(self, connection: asyncpg.Connection) -> None:
        ours = pooled(connection)
        assert ours is not None  # noqa: S101 - the pool makes no others
        try:
            await ours.begin_session(self._config.codecs, self._config.command_timeout, self.known)
        except BaseException:
            # The driver would say goodbye, and wait for an answer.
            ours.terminate()
            raise
        ours.time_by(self._deadlines)
        ours.observer = self._observer
        ours.add_termination_listener(lambda _connection: self._ended(ours))
        self._sessions.add(ours)
        self.counters.opened += 1

    def _ended(self, connection: PooledConnection) -> None:
        if not connection.told_to_end:
            self.counters.lost += 1

    def has_proven(self, way: object, statement: str) -> bool:
        """Tell whether a *way* to store a model holds by what is known of its *statement* now."""
        proven = self._proven.get(way)
        if proven is None:
            return False
        known = self.known.get(statement)
        # Of what the driver does not keep prepared, each connection knows by itself.
        return known is proven or (known is None and proven.until >= monotonic())

    def prove(self, way: object, known: Learnt | None) -> None:
        """Remember that a *way* was seen to hold, if what is *known* of its statement allows it."""
        if known is not None and known.stores_as_sent:
            self._proven[way] = known

    def disprove(self, way: object) -> None:
        """Forget that a *way* was seen to hold."""
        self._proven.pop(way, None)

    # Borrowing

    def free_one(self) -> PooledConnection | None:
        """Return a connection that is free, for a call that asks for no other one meanwhile.

        None if there is none; then `borrow` waits for one.
        """
        free = self._free
        while free:
            connection = free.pop().connection
            if not connection.retired and connection.is_up():
                return self._borrowed(connection)
            self._drop(connection)
        return None

    async def borrow(self, limit: float, *, block: bool) -> PooledConnection:
        """Return a connection, to be given back at the end of a *block* or whenever.

        Raises:
            PoolTimeout: None became free, or could be opened, within *limit* seconds.
            ConfigError: The pool is closed.
        """
        until = self._loop.time() + limit
        while (connection := self.free_one()) is None:
            given = await self._waited(max(0.0, until - self._loop.time()))
            if given.is_up() and not given.retired:
                connection = self._borrowed(given)
                break
            self._drop(given)  # it was lost, or retired, on the way to its borrower
            if self.is_closing:
                raise ConfigError(_CLOSED)
        self._holders.hold(connection, block=block)
        return connection

    def _borrowed(self, connection: PooledConnection) -> PooledConnection:
        connection.hurried_until = None
        self.counters.borrowed += 1
        if self._progress is not None:
            self._progress.note()
        return connection

    async def _waited(self, limit: float) -> PooledConnection:
        hopeless = self._is_hopeless()
        if hopeless:
            limit = min(limit, _DEADLOCKED)
        began = self._loop.time()
        waiter, has_it = self._waiters.join(limit, renewable=not hopeless), False
        try:
            self._open_more()
            connection = await waiter
            has_it = True
        except PoolTimeout as error:  # the server's connections are used up, or it is silent
            error.size, error.in_use, error.waiting = self.size, self._in_use, self.waiting + 1
            self.counters.timed_out += 1
            raise
        except TimeUp:
            self.counters.timed_out += 1
            raise self._exhausted(limit, hopeless=hopeless) from None
        except Exception as error:
            fail(error)
        finally:
            self.counters.has_waited(self._loop.time() - began)
            if not has_it:
                self._leave(waiter)
        return connection

    def _leave(self, waiter: asyncio.Future[PooledConnection]) -> None:
        """Take one who waits no more out of the line, and from him what came too late."""
        late = self._waiters.leave(waiter)
        if late is not None:
            self._pass_on(late)
        # Nobody asks for what he waited for; it may be stuck, and would stand in another's way.
        surplus = len(self._opening) - len(self._waiters)
        for task in list(self._opening)[: max(surplus, 0)]:
            task.cancel()

    @property
    def _in_use(self) -> int:
        return self.size - self.idle

    def _is_hopeless(self) -> bool:
        """Tell whether this task would wait for itself."""
        return (
            len(self._holders) >= self._config.max_size
            and self._holders.is_hopeless(self._waiters.tasks())
            # One that was lost can be opened anew.
            and self.size >= self._config.max_size
            and not self.idle
        )

    def _exhausted(self, limit: float, *, hopeless: bool) -> PoolTimeout:
        size, in_use, waiting = self.size, self._in_use, self.waiting
        what = "became free" if size >= self._config.max_size else "could be opened"
        said = f"no connection {what} within {round(limit, 3):g} s"
        why = f"; {self._opener.trouble}" if self._opener.trouble else ""
        if hopeless:
            said = "no connection can ever become free"
            why = (
                f"; {self._holders.own()} are held by the very task that asks, and the others by "
                "tasks that wait for it, or for a connection too: hand on the connection that is "
                "held, or raise max_size"
            )
        return PoolTimeout(
            f"{said}: {size} open of at most {self._config.max_size}, {in_use} in use, "
            f"{waiting} waiting{why}",
            size,
            in_use,
            waiting,
        )

    # Opening

    def _open_more(self) -> None:
        """Have a connection made, or lent by the driver, for each who waits, as far as allowed."""
        while len(self._opening) < len(self._waiters) and self._may_open():
            self._open_another()

    def _may_open(self) -> bool:
        opened = len(self._opening) + len(self._kept)
        return opened < self._config.max_size and not self.is_closing

    def _open_another(self) -> None:
        task = self._loop.create_task(self._open_one())
        self._opening[task] = None
        task.add_done_callback(self._opened_one)

    async def _open_one(self) -> None:
        try:
            proxy = await self._driver.acquire()
        except Exception as error:
            # Of a full server those that there are come back: whoever waits, waits for them.
            if not (self._kept and is_full(error.__cause__)):
                self._waiters.disappoint(error)
            return
        connection = pooled(proxy)
        if connection is None:  # it was lost just now
            return
        self._kept[connection] = _Kept(connection, proxy, self._loop.time())
        if connection.retired:
            self._drop(connection)
        else:
            self._pass_on(connection)

    def _opened_one(self, task: asyncio.Task[None]) -> None:
        del self._opening[task]
        self._open_more()

    # Giving back

    def give_back_at_once(self, connection: PooledConnection) -> bool:
        """Take a connection back that needs no reset; tell whether, or `give_back` has to do it."""
        kept, now = self._kept.get(connection), self._loop.time()
        if (
            kept is None
            or connection.retired
            or self.is_closing
            or now - kept.since > _KEPT
            or not connection.is_up()
        ):
            return False
        self._holders.let_go(connection)
        if not self._waiters.serve(connection):
            self._set_free(kept, now)
        return True

    async def give_back(self, connection: PooledConnection, limit: float) -> None:
        """Take a connection back, within *limit* seconds; it is reset if it has to be."""
        self._holders.let_go(connection)
        kept = self._kept.get(connection)
        if connection.abandoned:
            self._doubt()
        if kept is None or connection.is_closed() or connection.retired or connection.abandoned:
            self._drop(connection)
            self._open_more()
            return
        if connection.is_cut_short():
            connection.hurry()
        if connection.is_dirty() or self.is_closing:
            await self._cleaned(kept, connection.patience(limit))
        else:
            self._spawn(self._returned(kept, limit))

    def is_of_this_pool(self, connection: PooledConnection) -> bool:
        """Tell whether a connection is one of these."""
        return connection in self._sessions

    def _pass_on(self, connection: PooledConnection) -> None:
        """Give a connection to whoever waits longest, or keep it for whoever comes next."""
        if self._waiters.serve(connection):
            return
        kept = self._kept[connection]
        if self.is_closing:
            self._spawn(self._returned(kept, self._config.close_timeout))
            return
        self._set_free(kept, self._loop.time())

    def _set_free(self, kept: _Kept, now: float) -> None:
        kept.free_since = now
        self._free.append(kept)
        if self._timer is None:
            self._watch_the_free()

    async def _cleaned(self, kept: _Kept, limit: float) -> None:
        """Have a session reset and given back, whoever is cancelled meanwhile."""
        task = self._spawn(self._returned(kept, limit))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                # It goes on by itself, but not for long.
                late = self._loop.call_later(GRACE, kept.connection.terminate)
                task.add_done_callback(lambda _task: late.cancel())
            raise

    async def _returned(self, kept: _Kept, limit: float) -> None:
        """Give a connection back to the driver's pool, which resets it, or closes it."""
        try:
            with suppress(*OF_THE_DRIVER):  # which has closed what it could not reset
                try:
                    await self._driver.release(kept.proxy, timeout=limit)
                except TimeoutError:
                    self._doubt()
        finally:
            # It may have been borrowed from there again by now.
            if self._kept.get(kept.connection) is kept:
                del self._kept[kept.connection]
            # The driver has it to lend, while those being opened may be refused by a full server.
            if self._waiters and self._may_open():
                self._open_another()
            self._open_more()

    def _drop(self, connection: PooledConnection) -> None:
        """Close a connection; the driver's pool hears of it."""
        self._kept.pop(connection, None)
        connection.terminate()

    def _doubt(self) -> None:
        """Close what nobody has heard of since a connection fell silent: it is silent as well.

        Else each would be found out by a borrower of its own, who waits until his time is up.
        """
        since = self._loop.time() - GRACE
        for kept in self._free:
            if kept.free_since <= since:
                kept.connection.terminate()
        for session in list(self._sessions):
            if session not in self._kept:  # the driver's pool has it, for longer
                session.terminate()

    def _watch_the_free(self) -> None:
        if self._free and self._timer is None:
            when = self._free[0].free_since + self._unwanted_after
            self._timer = self._loop.call_at(when, self._return_unwanted)

    def _return_unwanted(self) -> None:
        """Give back to the driver's pool what nobody has wanted for a while."""
        self._timer = None
        since = self._loop.time() - self._unwanted_after
        while self._free and self._free[0].free_since <= since:
            self._spawn(self._returned(self._free.pop(0), self._config.close_timeout))
        self._watch_the_free()

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Ending

    def retire(self) -> None:
        """Have every connection replaced before it is used again: those that are free, at once."""
        free = {kept.connection for kept in self._free}
        for session in list(self._sessions):
            session.retired = True
            if session in free or session not in self._kept:
                session.terminate()

    async def close(self, limit: float) -> None:
        """Wait for what is under way, no longer than *limit* seconds, and close."""
        self._turn_away()
        try:
            # One at a time: to cut one short would cancel what the others wait for, in the driver.
            async with asyncio.timeout(limit), self._ending:
                await self._driver.close()
        except TimeoutError:
            self._driver.terminate()

    def terminate(self) -> None:
        """Close at once."""
        self._turn_away()
        self._driver.terminate()

    def _turn_away(self) -> None:
        """Have nobody wait for a connection any more, and no connection wait for anybody."""
        self.is_closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._opening:
            task.cancel()
        while self._waiters.disappoint(ConfigError(_CLOSED)):
            pass
        self._waiters.close()
        while self._free:
            self._spawn(self._returned(self._free.pop(), self._config.close_timeout))


async def _reset_session(connection: asyncpg.Connection) -> None:
    ours = pooled(connection)
    if ours is None or not ours.is_dirty():
        return
    # Behind a pooler, RESET would undo a stranger's settings, and the pooler take them for ours.
    if not ours.behind_pooler:
        await ours.execute_admitted(_RESET, (), None)
    ours.clean = True
