"""One state of the database for many readers: an exported snapshot, and who holds it."""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future, wait
from threading import Thread
from types import TracebackType
from typing import Final, Self, TypeVar

import asyncpg
import attrs

from quantdb import datasets
from quantdb.blocks import begun
from quantdb.config import PoolConfig
from quantdb.database import Connection
from quantdb.datasets import Shown
from quantdb.errors import CommitUnknown, ConnectionLost, QuantDBError
from quantdb.pool import create_pool
from quantdb.ray.data import texts
from quantdb.ray.data.single import one_connection
from quantdb.transaction import transaction

__all__ = ["Snapshot", "SnapshotLost", "joined"]

T = TypeVar("T")

_TICK: Final = 0.1
"""Seconds until it is seen that the keeper has ended."""

_CONNECTION_LOST: Final = "the snapshot is gone: who held it has lost its connection"


_error = attrs.define(slots=False, eq=False)  # as in quantdb.errors


@_error
class SnapshotLost(QuantDBError):
    """The state that a dataset reads is gone, because who held it ended or lost its connection.

    No block is ever read from another state. Make the dataset anew.
    """


class Snapshot:
    """One state of the database, for several datasets; a context manager.

    A transaction of its own connection holds it until `close`, or until nothing refers to it any
    more: neither the block, nor a dataset. Meanwhile the server removes no row that it shows, so do
    not keep it for days. It is read in this process's cluster; a copy that is unpickled elsewhere
    refers to the same state, and holds nothing.

    Args:
        config: Where the database is.

    Raises:
        ConnectionLost: The server cannot be reached.
    """

    def __init__(self, config: PoolConfig) -> None:
        self.config: Final = config
        self._keeper: _Keeper | None = _Keeper(config)
        self._shown = self._keeper.shown()
        # It must not wait: what is collected may be collected by the keeper's own thread.
        self._finalizer = weakref.finalize(self, self._keeper.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Snapshot({self._shown.name!r})"

    def __reduce__(self) -> "tuple[Callable[..., Snapshot], tuple[object, ...]]":
        return _elsewhere, (self.config, self._shown)

    @property
    def shown(self) -> Shown:
        """What its readers ask the server for."""
        return self._shown

    def close(self) -> None:
        """Let it go; a dataset that was not read yet cannot be read any more."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            self._finalizer.detach()
            keeper.end()
            keeper.join()

    def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what *work* gives in the transaction that holds it.

        Raises:
            SnapshotLost: It is closed, or held by another process.
        """
        if self._keeper is None:
            raise SnapshotLost("the snapshot is closed")
        return self._keeper.run(work)


def _elsewhere(config: PoolConfig, shown: Shown) -> Snapshot:
    """Return a snapshot that another process holds."""
    snapshot = Snapshot.__new__(Snapshot)
    vars(snapshot).update(config=config, _keeper=None, _shown=shown)
    return snapshot


class _Keeper:
    """A thread with a transaction that exports its snapshot and waits."""

    def __init__(self, config: PoolConfig) -> None:
        self._config: Final = one_connection(config)
        self._exported: Final[Future[Shown]] = Future()
        self._jobs: asyncio.Queue[Callable[[Connection], Awaitable[None]] | None] = asyncio.Queue()
        self._thread = Thread(target=self._run, name="quantdb-snapshot", daemon=True)
        self._thread.start()

    def shown(self) -> Shown:
        return self._exported.result()

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._jobs.put_nowait, None)

    def join(self) -> None:
        self._thread.join()

    def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        answer: Future[T] = Future()

        async def job(connection: Connection) -> None:
            try:
                # An error takes back its own work only, not the snapshot.
                async with begun(connection, None, readonly=False, settings={}):
                    result = await work(connection)
            except (CommitUnknown, ConnectionLost) as error:
                lost = SnapshotLost(_CONNECTION_LOST)
                lost.__cause__ = error
                answer.set_exception(lost)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        try:
            self._loop.call_soon_threadsafe(self._jobs.put_nowait, job)
        except RuntimeError:
            raise SnapshotLost("the snapshot is gone: who held it has ended") from None
        while not wait([answer], timeout=_TICK).done:
            if not self._thread.is_alive():
                raise SnapshotLost(_CONNECTION_LOST)
        return answer.result()

    def _run(self) -> None:
        try:
            asyncio.run(self._keep())
        except BaseException as error:
            if not self._exported.done():
                self._exported.set_exception(error)
            # Later it has a lost connection to tell of, which every reader is told by the server.

    async def _keep(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with (
            create_pool(self._config) as pool,
            transaction(pool, isolation="repeatable_read", readonly=True) as connection,
        ):
            shown = await datasets.EXPORT.one(connection)
            await datasets.PATIENT.all(connection)
            self._exported.set_result(shown)
            while (job := await self._jobs.get()) is not None:
                await job(connection)


@contextlib.asynccontextmanager
async def joined(config: PoolConfig, shown: Shown) -> AsyncGenerator[Connection, None]:
    """Give a connection of its own in a read-only transaction that sees an exported snapshot.

    Raises:
        SnapshotLost: The server does not have it any more.
    """
    async with (
        create_pool(one_connection(config)) as pool,
        transaction(pool, isolation="repeatable_read", readonly=True) as connection,
    ):
        try:
            await connection.execute(texts.joining(shown.name))
        except asyncpg.PostgresError as error:
            if error.sqlstate not in _NOT_THERE:
                raise
            raise SnapshotLost(
                f"the snapshot {shown.name} of this dataset is gone: the process that made the "
                f"dataset ended, or lost its connection, or closed it ({error}); make it anew"
            ) from error
        if await datasets.SHOWS.one(connection) != shown.shows:
            raise SnapshotLost(
                f"the server has another snapshot by the name {shown.name}; make the dataset anew"
            )
        yield connection


_NOT_THERE: Final = frozenset({"22023", "42704", "55000"})
"""No such snapshot; no such file of one (18); its transaction has ended."""
