"""What a pool says of itself, without a question to the server."""

import asyncio

import attrs
import pytest
from proxy import FaultProxy
from support import small_pool

import quantdb
from quantdb import ConfigError, PoolConfig, PoolStatistics, PoolTimeout, TradeRepo

REST = PoolStatistics(
    size=0,
    idle=0,
    in_use=0,
    waiting=0,
    min_size=0,
    max_size=2,
    opened=0,
    lost=0,
    borrowed=0,
    timed_out=0,
    waited=0.0,
    longest_wait=0.0,
)


def counted(pool: quantdb.Pool) -> PoolStatistics:
    """Return the figures that do not depend on the clock."""
    return attrs.evolve(pool.statistics(), waited=0.0, longest_wait=0.0)


async def test_it_counts_what_is_open_lent_and_waited_for(dsn: str) -> None:
    async with small_pool(dsn, 2) as pool:
        assert pool.statistics() == REST
        async with pool.acquire(), pool.acquire():
            waits = asyncio.create_task(TradeRepo(pool).latest("x"))
            await asyncio.sleep(0.1)
            full = attrs.evolve(REST, size=2, in_use=2, waiting=1, opened=2, borrowed=2)
            assert full == counted(pool)
        await waits
        done = pool.statistics()
        assert attrs.evolve(full, idle=2, in_use=0, waiting=0, borrowed=3) == counted(pool)
        assert 0.1 <= done.longest_wait <= done.waited


async def test_it_counts_who_waited_in_vain(dsn: str) -> None:
    async with small_pool(dsn, 1) as pool:
        holder = await pool.acquire()
        for _ in range(2):
            with pytest.raises(PoolTimeout):
                async with pool.acquire(timeout=0.05):
                    pass
        figures = pool.statistics()
        assert (figures.timed_out, figures.borrowed, figures.waiting) == (2, 1, 0)
        assert figures.waited >= 0.1
        await pool.release(holder)


async def test_it_counts_what_the_server_ended_and_not_what_the_pool_did(
    proxy: FaultProxy,
) -> None:
    config = PoolConfig(proxy.dsn, min_size=0, max_size=3)
    async with quantdb.create_pool(config) as pool:
        async with pool.acquire(), pool.acquire():
            pass
        await pool.expire_connections()
        assert (pool.statistics().opened, pool.statistics().lost) == (2, 0)
        await TradeRepo(pool).latest("x")
        async with pool.acquire() as connection:
            pid = connection.get_server_pid()
            async with pool.acquire() as other:
                await other.execute("SELECT pg_terminate_backend($1)", pid)
        async with asyncio.timeout(10):
            while not pool.statistics().lost:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
    assert pool.statistics().lost == 1


async def test_to_read_it_asks_the_server_nothing(proxy: FaultProxy) -> None:
    async with quantdb.create_pool(PoolConfig(proxy.dsn, min_size=1)) as pool:
        await TradeRepo(pool).latest("x")
        with proxy.counting() as trips:
            for _ in range(100):
                pool.statistics()
            await asyncio.sleep(0.05)
            assert trips() == 0


async def test_of_a_pool_that_is_not_open_there_is_nothing_to_say(dsn: str) -> None:
    with pytest.raises(ConfigError, match="not open"):
        quantdb.create_pool(dsn).statistics()


def test_the_figures_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(REST, "size", 1)  # noqa: B010 - type checkers refuse it
