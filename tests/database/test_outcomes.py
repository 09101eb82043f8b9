"""What a caller is told when the server or the network lets a call down."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
import pytest
from support import a_trade, fresh

import quantdb
from quantdb import CommitUnknown, ConfigError, ConnectionLost, PoolConfig, TradeRepo, UserRepo


class Proxy:
    """Passes bytes to the server and back; once it is told, no answer to COMMIT comes back."""

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self.swallows = False
        self._silent = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = parse_qs(self._parts.query)
        if "host" in query:
            socket = f"{query['host'][0]}/.s.PGSQL.{query.get('port', ['5432'])[0]}"
            up, down = await asyncio.open_unix_connection(socket)
        else:
            up, down = await asyncio.open_connection(self._parts.hostname, self._parts.port or 5432)
        for coroutine in (self._pass(reader, down), self._answer(up, writer)):
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, down: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(65_536):
                    if self.swallows and b"COMMIT" in data:
                        self._silent = True
                    down.write(data)
                    await down.drain()
        finally:
            down.close()

    async def _answer(self, up: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await up.read(65_536):
                    if not self._silent:
                        writer.write(data)
                        await writer.drain()
        finally:
            writer.close()

    def through(self, port: int) -> str:
        account = self._parts.netloc.rpartition("@")[0] or "postgres"
        return urlunsplit(("postgresql", f"{account}@127.0.0.1:{port}", self._parts.path, "", ""))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(dsn: str) -> AsyncGenerator[tuple[Proxy, str]]:
    proxy = Proxy(dsn)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, proxy.through(port)
    finally:
        server.close()
        await proxy.close()


async def test_a_commit_that_is_not_answered_is_unknown_and_found_by_its_id(
    dsn: str, pool: quantdb.Pool
) -> None:
    trade = a_trade(fresh())
    async with proxied(dsn) as (proxy, address):
        config = PoolConfig(address, min_size=0, max_size=1, command_timeout=1.0, close_timeout=1.0)
        async with quantdb.create_pool(config) as slow:
            await UserRepo(slow).page(1)
            proxy.swallows = True
            with pytest.raises(CommitUnknown) as caught:
                await TradeRepo(slow).insert(trade)
    assert caught.value.outcome == "unknown"
    assert await TradeRepo(pool).find(trade.id) == trade
    assert await TradeRepo(pool).insert(trade) == trade


async def test_a_server_that_is_not_there_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost):
        await quantdb.create_pool("postgresql://postgres@127.0.0.1:1/nowhere")


async def test_a_pool_that_is_open_is_not_opened_again(dsn: str) -> None:
    config = PoolConfig(dsn, min_size=2, max_size=2, application_name=f"once {fresh()[:8]}")
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
    pool = quantdb.create_pool(config)
    await asyncio.gather(*(_opened(pool) for _ in range(3)))
    async with pool:
        assert await pool.fetchval(count, config.application_name) == 2
    watcher = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(30):
            while await watcher.fetchval(count, config.application_name):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
    finally:
        await watcher.close()
    with pytest.raises(ConfigError, match="closed"):
        await pool


async def _opened(pool: quantdb.Pool) -> quantdb.Pool:
    return await pool


async def test_migrations_at_once_are_safe_whatever_the_default_isolation(empty_dsn: str) -> None:
    admin = await asyncpg.connect(empty_dsn)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"
    )
    await admin.close()

    async def migrated() -> list[str]:
        async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
            return await quantdb.migrate(pool)

    applied = await asyncio.gather(*(migrated() for _ in range(4)))
    assert sorted(map(bool, applied)) == [False, False, False, True]
