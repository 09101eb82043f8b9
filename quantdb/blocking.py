"""A pool for code that has no event loop: scripts, notebooks, plain functions.

::

    with blocking_pool(dsn) as db:
        trades = TradeRepo(db.pool)
        trade = db.run(trades.insert(trade))
        for old in db.iterate(trades.stream("AAPL", start, end)): ...

The repositories are the same ones; what is awaited elsewhere is handed to `BlockingPool.run`. The
pool lives on an event loop in a thread of its own, so it works in a notebook too, whose own thread
has a loop that is running already.
"""

import asyncio
import threading
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future, wait
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Final, Generic, NoReturn, TypeVar

from quantdb.config import PoolConfig
from quantdb.database import Connection, Isolation, Record
from quantdb.loopthread import LoopThread
from quantdb.pool import Pool, create_pool
from quantdb.secrecy import secretive
from quantdb.transaction import transaction

__all__ = ["BlockingPool", "blocking_pool"]

R = TypeVar("R")
T = TypeVar("T")


class BlockingPool:
    """A pool whose work is waited for; made by `blocking_pool`, or given to a plain Ray task.

    Attributes:
        pool: The pool, for repositories: ``TradeRepo(db.pool)``.
    """

    def __init__(self, pool: Pool, thread: LoopThread) -> None:
        self.pool: Final = pool
        self._thread: Final = thread
        self._blocks: Final[list[tuple[int, _Block]]] = []
        """The transactions that are open, and in which thread."""

    def __repr__(self) -> str:
        return f"BlockingPool({self.pool.config!r})"

    if not TYPE_CHECKING:  # they would take every name for one that it has

        def __getattr__(self, name: str) -> NoReturn:
            """Say who has it."""
            raise AttributeError(
                f"a BlockingPool has no {name!r}; what is awaited takes its pool, and db.run waits "
                "for it: db.run(TradeRepo(db.pool).insert(trade))",
                name=name,
                obj=self,
            )

    def run(self, work: Awaitable[R]) -> R:
        """Return what ``await work`` gives: ``db.run(trades.insert(trade))``."""
        me = threading.get_ident()
        block = next((block for thread, block in reversed(self._blocks) if thread == me), None)
        return self._thread.run(block.doing(work) if block is not None else work)

    def gather(self, *work: Awaitable[R]) -> list[R]:
        """Return what all of *work* gives, done at once; if one fails, the others are cancelled.

        Raises:
            Exception: The first one that failed.
        """
        return self.run(_gathered(work))

    def iterate(self, items: AsyncIterable[R], ahead: int = 256) -> Generator[R]:
        """Iterate over what ``async for`` gives: ``db.iterate(trades.stream(…))``.

        Nothing is read while the loop's body runs, so the body may use the same connection. Whoever
        may leave it early closes it with `contextlib.closing`.

        Args:
            items: What is iterated over.
            ahead: Most items that are taken before the first of them is given; 1 for a source that
                waits between them.
        """
        reader = _Reader(aiter(items), ahead)
        reading = self._thread.start(reader.read())
        try:
            while chunk := self._thread.result(self._thread.start(reader.more()), reading):
                yield from chunk
        finally:
            if not reading.cancelled():
                self._thread.run(reader.end())
                self._thread.result(reading)

    @contextmanager
    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> Generator[Connection]:
        """Give a connection inside a transaction, as `quantdb.transaction` does.

        ::

            with db.transaction() as tx:
                user = db.run(UserRepo(tx).insert(new))
                db.run(TradeRepo(tx).insert(evolve(trade, user_id=user.id)))
        """
        block = _Block(
            transaction(self.pool, isolation=isolation, readonly=readonly, settings=settings)
        )
        over = self._thread.start(block.hold())
        connection = self._thread.result(block.begun, over)
        opened = threading.get_ident(), block
        self._blocks.append(opened)
        try:
            yield connection
        except BaseException as error:
            self._blocks.remove(opened)
            self._thread.run(block.leave(error))
            if isinstance(error, Exception):
                self._thread.result(over)
            else:
                wait([over])
            raise
        self._blocks.remove(opened)
        self._thread.run(block.leave(None))
        self._thread.result(over)

    def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement on a pooled connection and return its status."""
        return self.run(self.pool.execute(query, *args, timeout=timeout))

    def fetch(self, query: str, *args: object, timeout: float | None = None) -> Sequence[Record]:
        """Run a statement on a pooled connection and return its rows."""
        return self.run(self.pool.fetch(query, *args, timeout=timeout))

    def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Record | None:
        """Run a statement on a pooled connection and return its first row."""
        return self.run(self.pool.fetchrow(query, *args, timeout=timeout))

    def fetchval(self, query: str, *args: object, timeout: float | None = None) -> object:
        """Run a statement on a pooled connection and return the first value of its first row."""
        return self.run(self.pool.fetchval(query, *args, timeout=timeout))


class _Block:
    """A transaction that one task of the loop begins and ends, whoever works in it."""

    def __init__(self, scope: AbstractAsyncContextManager[Connection]) -> None:
        self.begun: Final[Future[Connection]] = Future()
        self._scope: Final = scope
        self._heard: Final[asyncio.Queue[asyncio.Task[object] | BaseException | None]] = (
            asyncio.Queue()
        )

    async def hold(self) -> None:
        """Begin, wait for those who work in it, and end as the block ended."""
        try:
            async with self._scope as connection:
                self.begun.set_result(connection)
                while (heard := await self._heard.get()) is not None:
                    await _heeded(heard)
        except BaseException as error:
            if not self.begun.done():
                self.begun.set_exception(error)
            raise

    async def doing(self, work: Awaitable[R]) -> R:
        """Do *work*, and be seen by the pool to do it for whoever holds the transaction."""
        me = asyncio.current_task()
        if me is not None:
            self._heard.put_nowait(me)
            await asyncio.sleep(0)
        return await work

    async def leave(self, error: BaseException | None) -> None:
        """End the block, by an error or well."""
        # An interrupt would end the loop; there it is a cancellation.
        interrupt = error is not None and not isinstance(error, Exception)
        self._heard.put_nowait(asyncio.CancelledError() if interrupt else error)


async def _heeded(heard: "asyncio.Task[object] | BaseException") -> None:
    """Raise an error, or wait until a task is done."""
    if isinstance(heard, BaseException):
        raise heard
    # Not asyncio.wait: the pool sees who waits for whom by what is awaited.
    try:
        await heard
    except BaseException:
        if not heard.done():
            raise


class _Reader(Generic[T]):
    """An iteration that one task of the loop begins and ends."""

    def __init__(self, items: AsyncIterator[T], ahead: int) -> None:
        self._items: Final = items
        self._ahead: Final = ahead
        self._asked: Final[asyncio.Queue[asyncio.Future[list[T]] | None]] = asyncio.Queue()

    async def read(self) -> None:
        """Read as much as is asked for, until nobody wants more."""
        failed: Exception | None = None
        try:
            while (asked := await self._asked.get()) is not None:
                chunk: list[T] = []
                if failed is None:
                    failed = await self._read_into(chunk)
                if chunk or failed is None:
                    asked.set_result(chunk)
                else:
                    asked.set_exception(failed)
        finally:
            # An iterator need not be a generator.
            close: Callable[[], Awaitable[None]] | None = getattr(self._items, "aclose", None)
            if close is not None:
                await close()

    async def _read_into(self, chunk: list[T]) -> Exception | None:
        """Add the next items to *chunk*, and return the error that came after them."""
        try:
            while len(chunk) < self._ahead:
                chunk.append(await anext(self._items))
        except StopAsyncIteration:
            pass
        except Exception as error:
            return error
        return None

    async def more(self) -> list[T]:
        """Ask for the next items; none are the end."""
        asked: asyncio.Future[list[T]] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(asked)
        return await asked

    async def end(self) -> None:
        """Say that no more are wanted."""
        self._asked.put_nowait(None)


async def _gathered(work: Sequence[Awaitable[R]]) -> list[R]:
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


@contextmanager
@secretive
def blocking_pool(dsn_or_config: str | PoolConfig) -> Generator[BlockingPool]:
    """Open a pool for a ``with`` block of code that has no event loop.

    Raises:
        ConfigError: The DSN or a setting cannot work.
    """
    pool = create_pool(dsn_or_config)
    thread = LoopThread("quantdb-blocking")
    try:
        thread.run(pool)
        try:
            yield BlockingPool(pool, thread)
        finally:
            thread.run(pool.close())
    finally:
        thread.stop()
