"""Writers and readers that never stop, through one pool, each call timed and entered."""

import asyncio
import random
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID, uuid4

import quantdb
from quantdb import QuantDBError, Trade, TradeRepo, retrying
from soak.ledger import Ledger, Unit
from soak.record import Call, Outcome, Record

T = TypeVar("T")

SYMBOLS: Final = ("AAPL", "BTC-USD", "CL", "SPY")
INSERT: Final = "INSERT INTO soak_entries (id, unit) VALUES ($1, $2)"
EVER: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
SLACK: Final = 1.0
"""Seconds that a call may take beyond its deadline."""


def trade_of(key: UUID, rng: random.Random) -> Trade:
    """Return a trade with an id of the ledger's."""
    return Trade(
        rng.choice(SYMBOLS),
        rng.choice(("buy", "sell")),
        Decimal(rng.randint(1, 10_000)),
        Decimal(rng.randint(-500, 90_000_000)).scaleb(-4),
        datetime.now(UTC),
        "XNAS",
        id=key,
    )


class Load:
    """What is done with a pool.

    Attributes:
        unresolved: Trades whose outcome nobody was told; a writer sends them again, by id.
    """

    def __init__(
        self, pool: quantdb.Pool, ledger: Ledger, record: Record, rng: random.Random
    ) -> None:
        self.unresolved: Final[list[tuple[Trade, Unit]]] = []
        self._pool = pool
        self._ledger = ledger
        self._record = record
        self._rng = rng
        self._stopping = asyncio.Event()
        config = pool.config
        self.deadline: Final = config.acquire_timeout + config.command_timeout
        self.pause = 0.004

    @asynccontextmanager
    async def running(self, times: int = 1) -> AsyncGenerator[None]:
        """Have all workers at work during the block; at its end each ends its call."""
        self._stopping.clear()
        work = [*WRITERS * times, *READERS * times]
        tasks = [
            asyncio.create_task(self._worker(number, one), name=f"{one.__name__} {number}")
            for number, one in enumerate(work)
        ]
        try:
            yield
        finally:
            self._stopping.set()
            late = (await asyncio.wait(tasks, timeout=4 * self.deadline))[1]
            for task in late:
                self._record.problems.append(f"the worker {task.get_name()} does not end")
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    self._record.problems.append("".join(traceback.format_exception(result)))

    @property
    def workers(self) -> int:
        """How many workers there are for each of `times`."""
        return len(WRITERS) + len(READERS)

    async def _worker(self, number: int, work: Callable[["Load", int], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            await work(self, number)
            await asyncio.sleep(self._rng.uniform(0, 2 * self.pause))

    async def timed(
        self,
        kind: str,
        call: Callable[[], Awaitable[T]],
        unit: Unit | None = None,
        *,
        worker: int = -1,
        limit: float | None = None,
    ) -> T | Exception:
        """Return what a call gives or raises; it is timed, entered and judged."""
        began = self._record.now()
        error = ""
        outcome: Outcome = "acked"
        result: T | Exception
        try:
            result = await call()
        except QuantDBError as failure:
            error, outcome, result = type(failure).__name__, failure.outcome, failure
            if unit is not None:
                unit.told(failure.outcome)
        except asyncio.CancelledError:
            if unit is not None:
                unit.told("unknown")
            raise
        except Exception as failure:
            error, outcome, result = type(failure).__name__, "unknown", failure
            said = "".join(traceback.format_exception(failure))
            self._record.problems.append(f"{kind} raised what is no error of ours: {said}")
            if unit is not None:
                unit.told("unknown")
        else:
            if unit is not None:
                unit.acked()
        ended = self._record.now()
        allowed = self.deadline if limit is None else limit
        if ended - began > allowed + SLACK:
            self._record.problems.append(
                f"{kind} took {ended - began:.1f} s where {allowed:g} s are its deadline: {error}"
            )
        self._record.enter(Call(kind, worker, began, ended, error, outcome))
        return result

    async def insert(self, worker: int) -> None:
        """Store a trade, or send one again whose outcome is unknown."""
        if self.unresolved:
            trade, unit = self.unresolved.pop()
        else:
            trade = trade_of(uuid4(), self._rng)
            unit = self._ledger.unit("trades", trade.id)
        await self.send(trade, unit, worker)

    async def send(self, trade: Trade, unit: Unit, worker: int = -1) -> None:
        """Store a trade; remember it if nobody knows whether it is stored."""
        await self.timed("insert", lambda: TradeRepo(self._pool).insert(trade), unit, worker=worker)
        if unit.fate == "unknown":
            self.unresolved.append((trade, unit))

    async def unit(self, worker: int) -> None:
        """Store three rows without a key in one unit of work."""
        name = uuid4()
        unit = self._ledger.unit("soak_entries", *(uuid4() for _ in range(3)))

        async def work(tx: quantdb.Connection) -> None:
            for key in unit.keys:
                await tx.execute(INSERT, key, name)

        await self.timed("unit", lambda: retrying(self._pool, work), unit, worker=worker)

    async def transaction(self, worker: int) -> None:
        """Store two rows without a key in a transaction that nobody repeats."""
        unit = self._ledger.unit("soak_entries", uuid4(), uuid4())

        async def work() -> None:
            async with quantdb.transaction(self._pool) as tx:
                for key in unit.keys:
                    await tx.execute(INSERT, key, None)
                    await asyncio.sleep(0)

        await self.timed("transaction", work, unit, worker=worker)

    async def raw(self, worker: int) -> None:
        """Store a row without a key by a statement that commits itself."""
        unit = self._ledger.unit("soak_entries", uuid4())
        [key] = unit.keys
        await self.timed("raw", lambda: self._pool.execute(INSERT, key, None), unit, worker=worker)

    async def bulk(self, worker: int) -> None:
        """Store forty trades by COPY, or those again whose outcome is unknown."""
        trades = [trade_of(uuid4(), self._rng) for _ in range(40)]
        unit = self._ledger.unit("trades", *(trade.id for trade in trades))
        for _attempt in range(3):
            await self.timed(
                "bulk",
                lambda: TradeRepo(self._pool).insert_many(trades),
                unit,
                worker=worker,
                # An attempt of its own may begin when the first one's time is nearly over.
                limit=2 * self.deadline + self._pool.config.retry_timeout,
            )
            if unit.fate == "acked":
                break

    async def read(self, worker: int) -> None:
        """Read the newest trades of a symbol."""
        symbol = self._rng.choice(SYMBOLS)
        await self.timed("read", lambda: TradeRepo(self._pool).latest(symbol, 20), worker=worker)

    async def fetch(self, worker: int) -> None:
        """Read by a statement of one's own."""
        await self.timed(
            "fetch", lambda: self._pool.fetchval("SELECT count(*) FROM soak_entries"), worker=worker
        )

    async def stream(self, worker: int) -> None:
        """Begin to read by a cursor and leave it."""

        async def work() -> None:
            trades = TradeRepo(self._pool).stream(self._rng.choice(SYMBOLS), *EVER)
            async with aclosing(trades):
                async for _trade in trades:
                    if self._rng.random() < 0.01:
                        break

        await self.timed("stream", work, worker=worker)


WRITERS: Final = (Load.insert, Load.insert, Load.unit, Load.transaction, Load.raw, Load.bulk)
READERS: Final = (Load.read, Load.read, Load.fetch, Load.stream)
