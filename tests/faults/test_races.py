"""A connection that is lost at the very moment when nothing is asked of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from proxy import FaultProxy, Link, Message, kind, says
from support import a_trade, fresh, ids_of, look_once, query

import quantdb
from quantdb import (
    CommitUnknown,
    ConfigError,
    Conflict,
    ConnectionLost,
    Contention,
    PoolConfig,
    ReadOnly,
    StatementTimeout,
    Trade,
    TradeRepo,
    retrying,
)
from quantdb.blocks import ended
from quantdb.connection import pooled
from quantdb.outcomes import fail
from quantdb.transaction import lent

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


async def run_prepared(tx: quantdb.Connection) -> object:
    return await (await tx.prepare("SELECT 1")).fetchval()


async def run_cursor(tx: quantdb.Connection) -> object:
    return await tx.cursor("SELECT 1")


STATEMENTS: list[Callable[[quantdb.Connection], Awaitable[object]]] = [
    lambda tx: tx.execute("INSERT INTO users (name) VALUES ($1)", "x"),
    lambda tx: tx.execute("INSERT INTO users (name) VALUES ('x')"),
    lambda tx: tx.fetchval("SELECT 1"),
    lambda tx: tx.executemany("INSERT INTO users (name) VALUES ($1)", [("x",)]),
    run_prepared,
    run_cursor,
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=[*"efvmpc"])
async def test_a_statement_of_one_s_own_into_a_hole_is_a_lost_connection(
    statement: Callable[[quantdb.Connection], Awaitable[object]], proxy: FaultProxy
) -> None:
    """A unit of work that is made of such statements is therefore repeated."""
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, command_timeout=0.5)
    attempts = 0

    async def work(tx: quantdb.Connection) -> None:
        nonlocal attempts
        attempts += 1
        await statement(tx)

    def at_the_statement(_link: Link, message: Message) -> bool:
        return message.side == "client" and (
            message.kind == "B" or (message.kind == "Q" and b"INSERT" in message.raw)
        )

    async with quantdb.create_pool(config) as own:
        await retrying(own, work)
        attempts = 0
        proxy.once(at_the_statement, "hole")
        await retrying(own, work)
        assert attempts == 2
        proxy.once(at_the_statement, "hole")
        with pytest.raises(ConnectionLost) as lost:
            async with quantdb.transaction(own) as tx:
                await statement(tx)
        assert lost.value.outcome == "not_applied"


async def test_a_statement_of_one_s_own_that_is_slow_is_ended(dsn: str) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1, command_timeout=0.3)
    async with quantdb.create_pool(config) as own:
        with pytest.raises(StatementTimeout):
            async with quantdb.transaction(own) as tx:
                await tx.fetchval("SELECT pg_sleep(20)")
        # Outside of a transaction it commits itself, and nothing is claimed.
        async with own.acquire() as connection:
            with pytest.raises(TimeoutError) as ended:
                await connection.execute("SELECT pg_sleep(20)")
            assert not isinstance(ended.value, StatementTimeout)
        # A time-out of the caller's own stays his.
        with pytest.raises(TimeoutError) as his:
            async with quantdb.transaction(own) as tx, asyncio.timeout(0.1):
                await tx.fetchval("SELECT pg_sleep(0.2)")
        assert not isinstance(his.value, StatementTimeout)


FORGOTTEN: list[Callable[[quantdb.Connection], Awaitable[object]]] = [
    run_cursor,
    lambda tx: tx.fetchval("SELECT 2"),
    lambda tx: TradeRepo(tx).latest("x"),
]


async def test_a_statement_that_is_forgotten_while_it_is_prepared_is_prepared_again(
    dsn: str,
) -> None:
    """Another connection learns of a change of the schema; the driver lets all of them forget."""
    async with FaultProxy.before(dsn) as slow:
        slow.latency = 0.02
        config = PoolConfig(
            slow.dsn, min_size=0, max_size=2, command_timeout=5, statement_cache_size=1
        )
        async with quantdb.create_pool(config) as own:
            async with own.acquire() as first, own.acquire() as other:
                inner = pooled(first)
                assert inner is not None
                for statement in FORGOTTEN:
                    async with first.transaction():
                        await first.fetchval("SELECT 0")
                        closing = slow.once(kind("C"), "pass")
                        work = asyncio.ensure_future(statement(first))
                        async with asyncio.timeout(5):
                            while not closing.hits and not work.done():  # noqa: ASYNC110
                                await asyncio.sleep(0.001)
                        await other.reload_schema_state()
                        await work
                        # The driver's count is wrong now; what comes next does not notice.
                        assert await first.fetchval("SELECT 3") == 3
                        assert await first.fetchval("SELECT 4") == 4
                assert inner.retired
            assert await own.fetchval("SELECT 1") == 1


def test_a_time_out_of_the_server_is_one_in_any_language() -> None:
    for said, meaning in {
        "canceling statement due to statement timeout": StatementTimeout,
        "storniere Anfrage wegen Zeitüberschreitung der Anfrage": StatementTimeout,
        "canceling statement due to user request": asyncpg.QueryCanceledError,
    }.items():
        with pytest.raises(meaning):
            fail(asyncpg.QueryCanceledError(said))


async def test_a_reply_that_never_came_is_looked_for_though_the_time_for_repeats_is_over(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    trade = a_trade(fresh())
    config = PoolConfig(
        proxy.dsn, min_size=0, max_size=1, command_timeout=1, acquire_timeout=5, retry_timeout=0.5
    )
    async with quantdb.create_pool(config) as own:
        await TradeRepo(own).latest("x")
        rule = proxy.once(says("COMMIT", side="server"), "hole")
        assert trade == await TradeRepo(own).insert(trade)
        assert rule.hits
    assert await ids_of(pool, trade.symbol) == [trade.id]


async def test_what_selects_a_function_that_writes_is_not_repeated_as_a_read(
    proxy: FaultProxy, pool: quantdb.Pool, tmp_path: Path
) -> None:
    name = f"t{fresh()}"
    await pool.execute(f"CREATE TABLE {name} (n int)")
    await pool.execute(
        f"CREATE FUNCTION f{name}() RETURNS int LANGUAGE sql AS "
        f"'INSERT INTO {name} VALUES (1) RETURNING n'"
    )
    writes = query(tmp_path, f"SELECT f{name}()", int)
    reads = query(tmp_path, f"SELECT count(*) FROM {name}", int)
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, command_timeout=5)
    async with quantdb.create_pool(config) as own:
        for count in (1, 2):  # the first call is also the one by which it is learnt
            proxy.once(says("COMMIT", side="server"), "reset")
            with pytest.raises(CommitUnknown):
                await writes.one(own)
            assert await look_once(pool, f"SELECT count(*) FROM {name}") == count
            proxy.heal()
            proxy.once(kind("B"), "reset")
            assert await writes.one(own) == 1
            assert await look_once(pool, f"SELECT count(*) FROM {name}") == count + 1
            await pool.execute(
                f"DELETE FROM {name} WHERE ctid IN (SELECT ctid FROM {name} LIMIT 1)"
            )
            proxy.heal()
        proxy.once(says("COMMIT", side="server"), "reset", times=2)
        assert await reads.one(own) == 2
        sessions = {await own.fetchval("SELECT pg_backend_pid()")}
        assert await writes.one(own) == 1
        assert {await own.fetchval("SELECT pg_backend_pid()")} == sessions


async def some_and_then_none() -> AsyncIterator[Trade]:
    for _ in range(5_000):
        yield a_trade("x")
    await asyncio.Event().wait()


async def without_end() -> AsyncIterator[Trade]:
    while True:
        yield a_trade("x")


async def bulk_that_waits(own: quantdb.Pool) -> object:
    return await TradeRepo(own).insert_many(some_and_then_none())


async def bulk_without_end(own: quantdb.Pool) -> object:
    return await TradeRepo(own).insert_many(without_end())


async def copy_that_waits(own: quantdb.Pool) -> object:
    # As many as the driver gathers before it sends some, and more.
    rows = ((trade.symbol * 1_000,) async for trade in some_and_then_none())
    return await own.copy_records_to_table("users", records=rows, columns=["name"])


@pytest.mark.parametrize("silent", [False, True], ids=["at once", "after silence"])
@pytest.mark.parametrize("bulk", [bulk_that_waits, bulk_without_end, copy_that_waits])
async def test_a_bulk_does_not_wait_for_its_rows_when_its_connection_is_gone(
    bulk: Callable[[quantdb.Pool], Awaitable[object]],
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    *,
    silent: bool,
) -> None:
    """Nor for room to write: the transport of a lost connection never says that there is some."""
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, retry_timeout=0)
    async with quantdb.create_pool(config) as own:
        await TradeRepo(own).latest("x")
        sent = proxy.once(kind("d"), "hole" if silent else "pass")
        task = asyncio.ensure_future(bulk(own))
        async with asyncio.timeout(10):
            while not sent.hits:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert not task.done()
        proxy.cut()
        async with asyncio.timeout(3):
            with pytest.raises((ConnectionLost, CommitUnknown)):
                await task
        assert await own.fetchval("SELECT 1") == 1
    assert not [record for record in caplog.records if record.name == "asyncio"]


@pytest.mark.parametrize("bulk", [bulk_that_waits, bulk_without_end, copy_that_waits])
async def test_a_bulk_is_told_when_its_pool_is_closed(
    bulk: Callable[[quantdb.Pool], Awaitable[object]],
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, close_timeout=0.2)
    async with quantdb.create_pool(config) as own:
        sent = proxy.once(kind("d"), "pass")
        task = asyncio.ensure_future(bulk(own))
        async with asyncio.timeout(10):
            while not sent.hits:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
    async with asyncio.timeout(3):
        with pytest.raises((ConnectionLost, CommitUnknown, ConfigError)):
            await task
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_a_bulk_that_is_cancelled_while_its_connection_goes_is_cancelled(
    proxy: FaultProxy,
) -> None:
    config = PoolConfig(proxy.dsn, min_size=0, max_size=1, retry_timeout=0)
    async with quantdb.create_pool(config) as own:
        for pauses in range(4):
            sent = proxy.once(kind("d"), "pass")
            task = asyncio.ensure_future(bulk_that_waits(own))
            async with asyncio.timeout(10):
                while not sent.hits:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            proxy.cut()
            for _ in range(pauses):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                async with asyncio.timeout(3):
                    await task
        assert await own.fetchval("SELECT 1") == 1


async def test_a_call_of_the_pool_s_own_raises_what_a_transaction_would(
    own: quantdb.Pool, pool: quantdb.Pool
) -> None:
    name = f"t{fresh()}"
    await own.execute(f"CREATE TABLE {name} (n int PRIMARY KEY)")
    insert = f"INSERT INTO {name} VALUES (1)"
    await own.execute(insert)
    with pytest.raises(Conflict) as refused:
        await own.execute(insert)
    assert refused.value.constraint == f"{name}_pkey"
    assert isinstance(refused.value.__cause__, asyncpg.UniqueViolationError)
    with pytest.raises(asyncpg.UndefinedTableError):
        await own.fetch(f"SELECT 1 FROM no{name}")
    async with quantdb.transaction(pool) as tx:
        await tx.execute(f"LOCK TABLE {name}")
        with pytest.raises(Contention):
            await own.execute(f"SET lock_timeout = '50ms'; LOCK TABLE {name}")
    with pytest.raises(ReadOnly):
        await own.execute(f"BEGIN READ ONLY; DELETE FROM {name}; COMMIT")
    assert await own.fetchval(f"SELECT count(*) FROM {name}") == 1
