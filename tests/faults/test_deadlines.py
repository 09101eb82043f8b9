"""One timer times the steps of all calls of a pool, and each has its own time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import pytest
from proxy import FaultProxy
from support import a_trade, fresh, query

import quantdb
from quantdb import (
    ConnectionLost,
    PoolConfig,
    Query,
    StatementTimeout,
    TradeRepo,
    TransactionAborted,
    transaction,
)

LIMIT: Final = 1.0
SLACK: Final = 2.5
"""Seconds that a busy machine adds."""


@pytest.fixture
def nap(tmp_path: Path) -> Query[int]:
    path = tmp_path / "nap.sql"
    path.write_text("-- name: nap :one\nSELECT 1 AS rested FROM pg_sleep($1);\n")
    return Query(path, int)


@pytest.fixture
async def through(proxy: FaultProxy) -> AsyncIterator[quantdb.Pool]:
    """A pool of one connection, which goes through the proxy and knows `latest`."""
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, command_timeout=LIMIT, retry_timeout=0)
    async with quantdb.create_pool(config) as pool:
        await TradeRepo(pool).latest("x")
        yield pool


async def seconds(call: Awaitable[object]) -> float:
    began = time.monotonic()
    with pytest.raises(StatementTimeout):
        await call
    return time.monotonic() - began


@pytest.mark.parametrize("transactions", ["explicit", "statement"])
async def test_a_call_sets_no_timer_of_its_own(
    dsn: str, transactions: Literal["explicit", "statement"], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    later: Callable[..., asyncio.TimerHandle] = loop.call_later
    at: Callable[..., asyncio.TimerHandle] = loop.call_at
    timers: list[float] = []

    def count(plain: Callable[..., asyncio.TimerHandle]) -> Callable[..., asyncio.TimerHandle]:
        def counted(when: float, *args: object, **kwargs: object) -> asyncio.TimerHandle:
            timers.append(when)
            return plain(when, *args, **kwargs)

        return counted

    async with quantdb.create_pool(PoolConfig(dsn, transactions=transactions)) as pool:
        trades = TradeRepo(pool)
        for _ in range(3):
            trade = await trades.insert(a_trade(fresh()))
            await trades.get(trade.id)
        monkeypatch.setattr(loop, "call_later", count(later))
        monkeypatch.setattr(loop, "call_at", count(at))
        for _ in range(50):
            trade = await trades.insert(a_trade(fresh()))
            await trades.get(trade.id)
        monkeypatch.undo()

    assert len(timers) <= 2


async def test_each_call_has_its_own_time(dsn: str, nap: Query[int]) -> None:
    async with quantdb.create_pool(
        PoolConfig(dsn, min_size=0, max_size=3, command_timeout=LIMIT)
    ) as pool:
        await asyncio.gather(*(nap.one(pool, 0.1) for _ in range(3)))

        async def late(after: float) -> float:
            await asyncio.sleep(after)
            return await seconds(nap.one(pool, 30))

        took = await asyncio.gather(late(0), late(0.4), late(0.8))

        assert all(LIMIT <= each < LIMIT + SLACK for each in took), took
        asleep = """
            SELECT count(*) FROM pg_stat_activity
            WHERE query LIKE '%pg_sleep($1)%' AND state = 'active' AND pid <> pg_backend_pid()
        """
        left: object = None
        for _ in range(30):
            left = await pool.fetchval(asleep)
            if not left:
                break
            await asyncio.sleep(0.05)
        assert not left, "they were cancelled"
        assert await nap.one(pool, 0.1) == 1


async def test_the_time_of_a_step_is_not_that_of_the_next(dsn: str, nap: Query[int]) -> None:
    async with quantdb.create_pool(PoolConfig(dsn, command_timeout=LIMIT)) as pool:
        async with transaction(pool) as tx:
            for _ in range(3):
                assert await nap.one(tx, 0.6 * LIMIT) == 1
            await asyncio.sleep(LIMIT + 0.2)
            assert await nap.one(tx, 0.1) == 1
        assert await nap.one(pool, 1.5 * LIMIT, timeout=9) == 1


async def test_what_waits_for_a_cancellation_that_nobody_answers_ends_in_time(
    proxy: FaultProxy, through: quantdb.Pool
) -> None:
    async def work() -> None:
        async with transaction(through) as tx:
            await TradeRepo(tx).latest("x")
            proxy.hole()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await TradeRepo(tx).latest("x")
            await TradeRepo(tx).latest("x")

    began = time.monotonic()
    with pytest.raises(ConnectionLost):
        await work()
    assert time.monotonic() - began < 2 * LIMIT + SLACK
    proxy.heal()
    assert await TradeRepo(through).latest("x") == []


async def cut_short(call: Awaitable[object]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await call


async def test_a_call_that_is_cancelled_leaves_no_deadline_behind(
    dsn: str, nap: Query[int]
) -> None:
    async with quantdb.create_pool(
        PoolConfig(dsn, min_size=0, max_size=1, command_timeout=LIMIT)
    ) as pool:
        await nap.one(pool, 0)
        async with pool.acquire() as connection:
            await cut_short(nap.one(connection, 30))
            slow = "SELECT 1 FROM pg_sleep($1)"
            assert await connection.fetchval(slow, 1.5 * LIMIT, timeout=30) == 1
        backend = await pool.fetchval("SELECT pg_backend_pid()")

        async def work() -> None:
            async with transaction(pool) as tx:
                await cut_short(nap.one(tx, 30))
                await tx.execute("ROLLBACK")

        with pytest.raises(TransactionAborted):
            await work()
        await asyncio.sleep(1.3 * LIMIT)

        assert await pool.fetchval("SELECT pg_backend_pid()") == backend
        assert pool.statistics().opened == 1


async def test_who_uses_a_busy_connection_takes_no_deadline_from_another(
    proxy: FaultProxy, through: quantdb.Pool
) -> None:
    async with through.acquire() as connection:
        trades = TradeRepo(connection)
        await connection.execute("BEGIN")
        proxy.hole()
        async with asyncio.timeout(2 * LIMIT + SLACK):
            first, second = await asyncio.gather(
                trades.latest("x"), trades.latest("x"), return_exceptions=True
            )
    assert isinstance(first, StatementTimeout)
    assert "another operation is in progress" in str(second)
    proxy.heal()


@pytest.mark.parametrize("transactions", ["explicit", "statement"])
async def test_what_was_answered_while_the_loop_was_held_up_is_not_late(
    dsn: str, transactions: Literal["explicit", "statement"]
) -> None:
    config = PoolConfig(
        dsn, min_size=0, max_size=1, command_timeout=LIMIT / 2, transactions=transactions
    )
    async with quantdb.create_pool(config) as pool:
        trades = TradeRepo(pool)
        for _ in range(2):  # the first learns
            await trades.insert(a_trade(fresh()))
        for steps in range(1, 7):
            task = asyncio.ensure_future(trades.insert(a_trade(fresh())))
            for _ in range(steps):
                await asyncio.sleep(0)
            time.sleep(0.7 * LIMIT)  # noqa: ASYNC251 - it is what holds the loop up
            await task
        statistics = pool.statistics()

        assert (statistics.opened, statistics.lost) == (1, 0)


async def test_a_connection_that_goes_before_commit_leaves_nothing_unknown(
    dsn: str, tmp_path: Path
) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1, retry_timeout=0)
    async with quantdb.create_pool(config) as pool:
        ending: list[quantdb.Pool] = []

        def row(number: int) -> int:
            for each in ending:
                each.terminate()
            return number

        numbers = query(tmp_path, "SELECT 1 AS number", row)
        assert await numbers.all(pool) == [1]
        ending.append(pool)
        with pytest.raises(ConnectionLost, match="before COMMIT"):
            await numbers.all(pool)
