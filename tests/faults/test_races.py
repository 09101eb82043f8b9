"""A connection that is lost at the very moment when nothing is asked of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from proxy import FaultProxy, kind
from support import a_trade

import quantdb
from quantdb import CommitUnknown, ConnectionLost, PoolConfig, TradeRepo
from quantdb.connection import pooled
from quantdb.transaction import ended, lent

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


@pytest.fixture
async def own(proxy: FaultProxy) -> AsyncIterator[quantdb.Pool]:
    """A pool of one connection through the proxy, which repeats nothing."""
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, command_timeout=5, retry_timeout=0)
    async with quantdb.create_pool(config) as own:
        yield own
        assert own.get_size() == own.get_idle_size()


def after_steps(count: int, act: Callable[[], None]) -> None:
    """Do *act* when the event loop has gone round so many times."""
    loop = asyncio.get_running_loop()
    loop.call_soon(act if count == 0 else lambda: after_steps(count - 1, act))


@pytest.mark.parametrize("steps", range(4))
@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
async def test_what_was_done_is_done_if_the_connection_goes_while_it_is_given_back(
    own: quantdb.Pool, *, dirty: bool, steps: int
) -> None:
    connection = await own.acquire()
    inner = pooled(connection)
    assert inner is not None
    if dirty:
        await connection.execute("SELECT 1")
    after_steps(steps, inner.terminate)
    await own.release(connection)
    await asyncio.sleep(0.05)
    assert await own.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("steps", range(4))
async def test_the_same_in_a_plain_pool(plain_pool: asyncpg.Pool, steps: int) -> None:
    async with lent(plain_pool) as connection:
        after_steps(steps, lambda: ended(connection))
    await asyncio.sleep(0.05)
    assert await plain_pool.fetchval("SELECT 1") == 1


CALLS: list[tuple[Callable[[quantdb.Pool], Awaitable[object]], type[Exception]]] = [
    (lambda own: own.fetchval("SELECT 1"), ConnectionLost),
    (lambda own: own.execute("UPDATE users SET name = $1", "x"), CommitUnknown),
    (lambda own: TradeRepo(own).latest("x"), ConnectionLost),
    (lambda own: TradeRepo(own).insert(a_trade("x")), ConnectionLost),
]


@pytest.mark.parametrize(("call", "meaning"), CALLS, ids=["read", "write", "reads", "inserts"])
async def test_a_session_that_was_ended_while_nobody_used_it_is_lost(
    call: Callable[[quantdb.Pool], Awaitable[object]],
    meaning: type[Exception],
    own: quantdb.Pool,
    proxy: FaultProxy,
    pool: quantdb.Pool,
) -> None:
    """The server's farewell has come, the end of the connection has not."""
    await call(own)
    pid = await own.fetchval("SELECT pg_backend_pid()")
    rule = proxy.once(kind("E", side="server"), "hole after")
    await pool.fetchval("SELECT pg_terminate_backend($1)", pid)
    async with asyncio.timeout(5):
        while not rule.hits:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    with pytest.raises(meaning):
        await call(own)
    await call(own)
