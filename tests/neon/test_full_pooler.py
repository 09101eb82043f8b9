"""A PgBouncer that has no connection to spare, or whose server has none, is waited for."""

import asyncio
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import asyncpg
import attrs
import pytest
from servers import pgbouncer
from support import a_trade, fresh

import quantdb
from quantdb import PoolConfig, TradeRepo
from quantdb.embedded import EmbeddedPostgres
from quantdb.room import ask

FREE = 12 - 3
"""Connections of the small server for all but superusers."""
_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'"
CLIENTS = 100
"""What the PgBouncer takes."""


@attrs.frozen
class Ends:
    """A pooler before a small server, and the server itself, as one who is no superuser."""

    pooled: PoolConfig
    direct: str


@pytest.fixture(scope="module")
async def server() -> AsyncGenerator[EmbeddedPostgres]:
    with EmbeddedPostgres(settings={"max_connections": 12}, tcp=True) as server:
        async with quantdb.create_pool(PoolConfig(server.dsn, min_size=0)) as pool:
            await quantdb.migrate(pool)
            await pool.execute("CREATE ROLE app LOGIN PASSWORD 'x'")
            await pool.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
        yield server


@pytest.fixture
async def ends(server: EmbeddedPostgres) -> AsyncGenerator[Ends]:
    parts = urlsplit(server.dsn)
    direct = parts._replace(netloc=f"app:x@{parts.hostname}:{parts.port}").geturl()
    with pgbouncer(direct, connections=20) as where:
        dsn = f"postgresql://app:x@{where}/quantdb?sslmode=disable"
        yield Ends(PoolConfig(dsn, min_size=0, max_size=30, pooled=True), direct)
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(_END)
    await admin.close()


@pytest.mark.parametrize("known", [True, False])
async def test_calls_outlast_a_full_server_behind_a_pooler(
    server: EmbeddedPostgres, ends: Ends, *, known: bool
) -> None:
    async with quantdb.create_pool(ends.pooled) as pool:
        if known:
            await pool.fetchval("SELECT 1")
            admin = await asyncpg.connect(server.dsn)
            await admin.execute(_END)  # the pooler's connection to the server
            await admin.close()
        others = [await asyncpg.connect(ends.direct) for _ in range(FREE)]
        trades = [a_trade(fresh()) for _ in range(40)]
        calls = [asyncio.create_task(TradeRepo(pool).insert(trade)) for trade in trades]
        await asyncio.sleep(3)
        assert not any(call.done() for call in calls)
        for connection in others:
            await connection.close()
        assert await asyncio.gather(*calls) == trades


async def test_a_pool_goes_on_with_what_the_pooler_gave(ends: Ends) -> None:
    config = attrs.evolve(ends.pooled, max_size=CLIENTS + 30, acquire_timeout=30)
    async with quantdb.create_pool(config) as pool:
        calls = (pool.fetchval("SELECT $1::int FROM pg_sleep(0.02)", n) for n in range(300))
        assert await asyncio.gather(*calls) == list(range(300))
        assert pool.get_size() == CLIENTS


async def test_what_others_hold_is_lent_by_the_pooler_to_us_too(ends: Ends) -> None:
    others = [await asyncpg.connect(ends.direct) for _ in range(4)]
    assert (await asyncio.to_thread(ask, ends.pooled)).connections(pooled=True) == FREE - 3
    for connection in others:
        await connection.close()
