"""No call waits longer than it may, whoever has stopped answering."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg
import pytest
from proxy import Act, FaultProxy, When, anything, kind, says
from support import DAWN, DUSK, a_price, a_trade, fresh, held

import quantdb
from quantdb import (
    CommitUnknown,
    ConfigError,
    ConnectionLost,
    PoolConfig,
    PoolTimeout,
    PriceRepo,
    QuantDBError,
    StatementTimeout,
    TradeRepo,
)
from quantdb.embedded import EmbeddedPostgres
from quantdb.session import GRACE

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

LIMIT: Final = 1.0
CUT: Final = 1.5
"""Seconds after which a caller cuts his call short: enough for any that meets no hole."""
SLACK: Final = 1.0
"""Seconds after its deadline at which a call must have ended."""
NOISE: Final = 0.5
"""Seconds that a busy machine adds."""


@contextmanager
def within(seconds: float) -> Generator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + SLACK + NOISE


@asynccontextmanager
async def opened(proxy: FaultProxy, **options: float) -> AsyncGenerator[quantdb.Pool]:
    """Give a pool through the proxy, warm, and see that it ends in time and lets everything go."""
    known = {"command_timeout": LIMIT, "acquire_timeout": LIMIT, "close_timeout": LIMIT, **options}
    config = PoolConfig(
        proxy.dsn,
        min_size=0,
        max_size=2,
        command_timeout=known["command_timeout"],
        acquire_timeout=known["acquire_timeout"],
        close_timeout=known["close_timeout"],
        retry_timeout=known.get("retry_timeout", 0),
    )
    pool = await quantdb.create_pool(config)
    try:
        await TradeRepo(pool).insert(a_trade(fresh()))
        await TradeRepo(pool).latest("x")
        yield pool
        assert pool.get_size() == pool.get_idle_size()
    finally:
        with within(known["close_timeout"]):
            await pool.close()


async def insert(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).insert(a_trade(fresh()))


async def read(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).latest("x")


async def read_what_is_new(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).positions()


async def stream(pool: quantdb.Pool) -> object:
    return [trade async for trade in TradeRepo(pool).stream("x", DAWN, DUSK)]


async def bulk(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).insert_many([a_trade(fresh()) for _ in range(2_000)])


async def upsert_many(pool: quantdb.Pool) -> object:
    return await PriceRepo(pool).upsert_many([a_price(fresh())])


async def raw(pool: quantdb.Pool) -> object:
    return await pool.fetchval("SELECT 1")


async def raw_copy(pool: quantdb.Pool) -> object:
    rows = ((fresh(), 1) for _ in range(20_000))
    async with pool.acquire() as connection:
        await connection.execute("CREATE TEMP TABLE some_rows (a text, n int)")
        return await connection.copy_records_to_table("some_rows", records=rows)


async def unit(pool: quantdb.Pool) -> object:
    async with quantdb.transaction(pool) as tx:
        await TradeRepo(tx).latest("x")
        return await tx.fetchval("SELECT 1")


async def settled(pool: quantdb.Pool) -> object:
    async with quantdb.transaction(pool, settings={"app.tenant": "7"}) as tx:
        return await TradeRepo(tx).latest("x")


async def bulk_in_a_unit(pool: quantdb.Pool) -> object:
    async with quantdb.transaction(pool) as tx:
        return await TradeRepo(tx).insert_many([a_trade(fresh()) for _ in range(2_000)])


async def of_the_driver_alone(pool: quantdb.Pool) -> object:
    async with pool.acquire() as connection, connection.transaction():
        return await connection.fetchval("SELECT 1")


async def with_savepoints(pool: quantdb.Pool) -> object:
    async with quantdb.transaction(pool) as tx, tx.transaction(), tx.transaction():
        return await TradeRepo(tx).latest("x")


async def prepared(pool: quantdb.Pool) -> object:
    async with pool.acquire() as connection, connection.transaction():
        statement = await connection.prepare("SELECT 1")
        return await statement.fetchval()


async def idle(pool: quantdb.Pool) -> object:
    async with pool.acquire() as connection, connection.transaction(), connection.transaction():
        await connection.fetchval("SELECT 1")
        await asyncio.sleep(0.2)
        return await connection.fetchval("SELECT 1")


async def by_hand(pool: quantdb.Pool) -> object:
    connection = await pool.acquire()
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await pool.release(connection)


Call = Callable[[quantdb.Pool], Awaitable[object]]
CALLS: Final[list[Call]] = [
    insert,
    read,
    read_what_is_new,
    stream,
    bulk,
    upsert_many,
    raw,
    raw_copy,
    unit,
    settled,
    bulk_in_a_unit,
    of_the_driver_alone,
    with_savepoints,
    prepared,
    idle,
    by_hand,
]
BEGIN, COMMIT = says("BEGIN"), says("COMMIT;")
STATEMENT: Final[When] = lambda _link, message: (  # noqa: E731
    message.side == "client" and message.kind in "QPB" and b"BEGIN" not in message.raw
)
POINTS: Final[dict[str, tuple[When, Act]]] = {
    "at BEGIN": (BEGIN, "hole"),
    "after BEGIN": (BEGIN, "hole after"),
    "at the statement": (STATEMENT, "hole"),
    "after the statement": (STATEMENT, "deafen"),
    "at COMMIT": (COMMIT, "mute"),
    "after COMMIT": (COMMIT, "hole after"),
    "at the first byte": (anything, "hole"),
    "in the middle of a copy": (kind("d"), "hole"),
    "at the reset": (says("RESET"), "hole"),
}


async def one(dsn: str, call: Call, point: str) -> str:
    """Run a call into a hole and say what is wrong with how it ended."""
    when, act = POINTS[point]
    async with FaultProxy.before(dsn) as proxy, opened(proxy) as pool:
        rule = proxy.always(when, act)
        began = time.monotonic()
        try:
            await call(pool)
        except (QuantDBError, TimeoutError):
            if not rule.hits:
                return "it failed where there was no hole"
        except Exception as error:
            return repr(error)
        if time.monotonic() - began > LIMIT + SLACK + NOISE:
            return f"it took {time.monotonic() - began:.2f} s"
        if pool.get_size() != pool.get_idle_size():
            return "it has kept a connection"
        proxy.heal()
        await pool.expire_connections()
        assert await pool.fetchval("SELECT 1") == 1
    return ""


async def one_cut_short(dsn: str, call: Call, point: str) -> str:
    """Run a call into a hole, under a deadline of the caller's."""
    when, act = POINTS[point]
    long = {"command_timeout": 60, "acquire_timeout": 60, "retry_timeout": 60}
    async with FaultProxy.before(dsn) as proxy, opened(proxy, **long) as pool:
        rule = proxy.always(when, act)
        began = time.monotonic()
        try:
            async with asyncio.timeout(CUT):
                await call(pool)
        except TimeoutError:
            if not rule.hits:
                return "it failed where there was no hole"
        except Exception as error:
            return repr(error)
        if time.monotonic() - began > CUT + SLACK + NOISE:
            return f"it took {time.monotonic() - began:.2f} s"
        await asyncio.sleep(SLACK)
        if pool.get_size() != pool.get_idle_size():
            return "it has kept a connection"
    return ""


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("run", [one, one_cut_short])
async def test_no_call_into_a_black_hole_is_late(
    dsn: str, run: Callable[[str, Call, str], Awaitable[str]], point: str
) -> None:
    wrong: dict[str, str] = {}
    for calls in (CALLS[::2], CALLS[1::2]):
        answers = await asyncio.gather(*(run(dsn, call, point) for call in calls))
        wrong |= {call.__name__: said for call, said in zip(calls, answers, strict=True) if said}
    assert wrong == {}


@pytest.mark.parametrize("how", ["a deadline", "a cancellation"])
async def test_a_block_that_waits_for_something_else_ends_in_a_hole_too(
    proxy: FaultProxy, how: str
) -> None:
    """The network goes while the block is busy elsewhere; its end is a ROLLBACK into the hole."""
    async with opened(proxy, command_timeout=60) as pool:

        async def ours() -> None:
            async with quantdb.transaction(pool) as tx, tx.transaction():
                await TradeRepo(tx).latest("x")
                proxy.hole()
                await asyncio.sleep(60)

        async def the_driver_s() -> None:
            async with pool.acquire() as connection, connection.transaction():
                await connection.fetchval("SELECT 1")
                async with connection.transaction():
                    proxy.hole()
                    await asyncio.sleep(60)

        for block in (ours, the_driver_s):
            proxy.heal()
            if how == "a deadline":
                with within(0.3), pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await block()
            else:
                task = asyncio.create_task(block())
                await asyncio.sleep(0.3)
                with within(0):
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
            await asyncio.sleep(SLACK)
            assert pool.get_size() == pool.get_idle_size()


async def test_a_hole_that_takes_no_bytes_ends_a_copy(proxy: FaultProxy) -> None:
    """Where the other tests' proxy reads what it drops, this one stops reading."""
    async with opened(proxy) as pool:
        async with quantdb.transaction(pool, readonly=True) as tx:
            pid = await tx.fetchval("SELECT pg_backend_pid()")
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGSTOP)
        try:
            with within(LIMIT), pytest.raises((ConnectionLost, CommitUnknown)):
                await TradeRepo(pool).insert_many(a_trade(fresh()) for _ in range(100_000))
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["by command_timeout", "by the caller"])
async def test_a_suspended_server_holds_nobody_up(how: str) -> None:
    with EmbeddedPostgres() as server:
        limit = LIMIT if how == "by command_timeout" else 30.0
        config = PoolConfig(
            server.dsn,
            min_size=0,
            max_size=2,
            command_timeout=limit,
            acquire_timeout=limit,
            connect_timeout=limit,
            close_timeout=LIMIT,
            retry_timeout=0,
        )
        pool = await quantdb.create_pool(config)
        await quantdb.migrate(pool)
        await read(pool)
        admin = await asyncpg.connect(server.dsn)
        rows = await admin.fetch("SELECT pid FROM pg_stat_activity")
        pids = [row["pid"] for row in rows]
        postmaster = int(
            (await admin.fetchval("SELECT pg_read_file('postmaster.pid')")).splitlines()[0]
        )
        await admin.close()
        for pid in (postmaster, *pids):
            _signal(pid, signal.SIGSTOP)
        try:
            for call in (read, insert, bulk, raw, unit, read):
                with within(LIMIT), pytest.raises((QuantDBError, TimeoutError)):
                    async with asyncio.timeout(LIMIT if how == "by the caller" else None):
                        await call(pool)
            with within(LIMIT):
                await pool.close()
        finally:
            for pid in (*pids, postmaster):
                _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


# Acquiring, releasing, closing


async def test_nobody_waits_for_a_saturated_pool_longer_than_he_may(proxy: FaultProxy) -> None:
    async with opened(proxy, acquire_timeout=0.5) as pool, held(pool, 2):
        with within(0.5):
            answers = await asyncio.gather(
                *(read(pool) for _ in range(200)), return_exceptions=True
            )
        errors = [answer for answer in answers if isinstance(answer, PoolTimeout)]
        assert len(errors) == 200
        assert {(error.size, error.in_use) for error in errors} == {(2, 2)}
        assert max(error.waiting for error in errors) == 200
        with within(0.1), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await read(pool)


async def test_connecting_into_a_black_hole_ends_in_time(proxy: FaultProxy) -> None:
    async with opened(proxy) as pool:
        await pool.expire_connections()
        proxy.greeting = "hole"
        for call in (read, raw):
            with within(LIMIT), pytest.raises(PoolTimeout, match="could be opened"):
                await call(pool)
        proxy.heal()
        assert await raw(pool) == 1


async def test_a_session_that_is_begun_in_a_black_hole_ends_in_time(proxy: FaultProxy) -> None:
    """The hole opens after the connection, while its codecs are set."""
    async with opened(proxy) as pool:
        await pool.expire_connections()
        proxy.always(kind("P"), "hole")
        with within(LIMIT), pytest.raises((PoolTimeout, ConnectionLost)):
            await read(pool)
        proxy.heal()
        assert await raw(pool) == 1


async def test_who_connects_gets_through_when_the_network_is_back(proxy: FaultProxy) -> None:
    """What went into the hole stays there, and is not waited for."""
    async with opened(proxy, acquire_timeout=10) as pool:
        await pool.expire_connections()
        proxy.greeting = "hole"
        calls = [asyncio.create_task(raw(pool)) for _ in range(4)]
        await asyncio.sleep(0.5)
        proxy.heal()
        with within(1):
            assert await asyncio.gather(*calls) == [1, 1, 1, 1]
        await asyncio.sleep(0)
        assert pool.get_size() <= 2


@pytest.mark.parametrize("call", [read, raw, insert])
async def test_one_connection_that_is_silent_speaks_for_those_that_lie_free(
    proxy: FaultProxy, call: Call
) -> None:
    async with opened(proxy) as pool:
        async with pool.acquire(), pool.acquire():
            pass
        assert pool.get_size() == 2
        await asyncio.sleep(GRACE)
        proxy.hole()
        with pytest.raises((CommitUnknown, ConnectionLost, StatementTimeout)):
            await call(pool)
        assert pool.get_size() == 0
        proxy.heal()
        with within(0):
            await call(pool)


async def test_a_unit_of_work_that_nobody_answers_is_lost(proxy: FaultProxy) -> None:
    async with opened(proxy) as pool:

        async def ask() -> None:
            async with quantdb.transaction(pool) as tx:
                await tx.fetch("SELECT 1")
                proxy.hole()
                await tx.fetch("SELECT 1")

        with pytest.raises(ConnectionLost, match="stopped answering") as caught:
            await ask()
        assert isinstance(caught.value.__cause__, TimeoutError)
        proxy.heal()


async def test_a_connection_that_is_slow_speaks_for_no_other(proxy: FaultProxy) -> None:
    async with opened(proxy) as pool:
        async with pool.acquire(), pool.acquire():
            pass
        await asyncio.sleep(GRACE)
        with pytest.raises(StatementTimeout):
            await pool.fetch("SELECT pg_sleep(30)")
        assert pool.get_size() == 2


async def test_a_connection_is_given_back_in_time(proxy: FaultProxy) -> None:
    async with opened(proxy) as pool:
        for timeout in (None, 0.2):
            connection = await pool.acquire()
            assert await connection.fetchval("SELECT 1") == 1
            proxy.hole()
            with within(timeout or LIMIT):
                await pool.release(connection, timeout=timeout)
            assert pool.get_size() == pool.get_idle_size()
            proxy.heal()


async def test_a_pool_closes_in_time_whatever_is_stuck(proxy: FaultProxy) -> None:
    config = PoolConfig(proxy.dsn, min_size=2, max_size=2, close_timeout=0.5, command_timeout=60)
    pool = await quantdb.create_pool(config)
    stuck = [
        asyncio.create_task(pool.fetchval("SELECT pg_sleep(60)")),
        asyncio.create_task(unit_asleep(pool)),
        asyncio.create_task(read(pool)),
    ]
    await asyncio.sleep(0.2)
    proxy.hole()
    with within(0.5):
        await pool.close()
    with within(0.5):
        answers = await asyncio.gather(*stuck, return_exceptions=True)
    assert all(isinstance(answer, QuantDBError) for answer in answers), answers
    with pytest.raises(ConfigError, match="closed"):
        await read(pool)


@pytest.mark.parametrize("how", ["cut short", "stuck"])
async def test_two_may_close_a_pool_and_each_for_himself(proxy: FaultProxy, how: str) -> None:
    async with opened(proxy) as pool:
        work = asyncio.create_task(unit_asleep(pool))
        await asyncio.sleep(0.2)
        first, second = asyncio.create_task(pool.close()), asyncio.create_task(pool.close())
        await asyncio.sleep(0.2)
        if how == "cut short":
            first.cancel()
        with within(LIMIT):
            await second
        with pytest.raises((ConnectionLost, TimeoutError)):
            await work
        assert how == "stuck" or first.cancelled()


async def unit_asleep(pool: quantdb.Pool) -> None:
    async with quantdb.transaction(pool) as tx:
        await tx.execute("SELECT pg_sleep(60)")


async def test_closing_is_bounded_by_the_caller_too(proxy: FaultProxy) -> None:
    pool = await quantdb.create_pool(PoolConfig(proxy.dsn, min_size=2, close_timeout=60))
    proxy.hole()
    with within(0.3), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await pool.close()
    assert pool.is_closing()


async def test_the_kernel_is_told_to_look_after_the_peer(proxy: FaultProxy) -> None:
    import socket  # noqa: PLC0415 - for its constants only

    async with opened(proxy) as pool, pool.acquire() as connection:
        transport: asyncio.Transport = getattr(connection, "_transport")  # noqa: B009
        plain: socket.socket = transport.get_extra_info("socket")
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


async def test_a_statement_that_is_dropped_from_the_cache_into_a_black_hole_ends_in_time(
    proxy: FaultProxy,
) -> None:
    """The driver closes what falls out of its cache without any limit of its own."""
    async with opened(proxy) as pool, pool.acquire() as connection:
        statement = await connection.prepare("SELECT 1 AS falls_out")
        del statement
        proxy.hole()
        with within(LIMIT), pytest.raises((TimeoutError, asyncpg.InterfaceError)):
            await connection.fetchval("SELECT 2 AS is_new")


# Waiting for oneself


async def nested(pool: quantdb.Pool) -> None:
    async with pool.acquire(), pool.acquire():
        await read(pool)


async def nested_in_a_unit(pool: quantdb.Pool) -> None:
    async with quantdb.transaction(pool), quantdb.transaction(pool) as tx:
        await TradeRepo(tx).latest("x")
        await insert(pool)


async def gathered(pool: quantdb.Pool) -> None:
    async with pool.acquire(), pool.acquire():
        await asyncio.gather(read(pool), raw(pool))


async def grouped(pool: quantdb.Pool) -> None:
    async with pool.acquire(), pool.acquire(), asyncio.TaskGroup() as group:
        group.create_task(raw(pool))


async def waited_for(pool: quantdb.Pool) -> None:
    async with pool.acquire(), pool.acquire():
        await asyncio.wait_for(raw(pool), timeout=50)


async def each_wants_another(pool: quantdb.Pool) -> None:
    both = asyncio.Barrier(2)

    async def one() -> None:
        async with pool.acquire():
            await both.wait()
            await read(pool)

    answers = await asyncio.gather(one(), one(), return_exceptions=True)
    [error] = [answer for answer in answers if isinstance(answer, Exception)]
    raise error


@pytest.mark.parametrize(
    "wait",
    [nested, nested_in_a_unit, gathered, grouped, waited_for, each_wants_another],
    ids=lambda wait: wait.__name__,
)
async def test_waiting_for_oneself_is_said_at_once(
    proxy: FaultProxy, wait: Callable[[quantdb.Pool], Awaitable[None]]
) -> None:
    async with opened(proxy, acquire_timeout=60) as pool:
        with within(0.1):
            try:
                await wait(pool)
            except* PoolTimeout as group:
                [error] = [e for e in group.exceptions if isinstance(e, PoolTimeout)]
                assert "ever" in str(error)
                assert (error.size, error.in_use) == (2, 2)
            else:
                pytest.fail("it has not waited")
        assert await raw(pool) == 1


async def test_waiting_for_others_is_no_deadlock(proxy: FaultProxy) -> None:
    async with opened(proxy, acquire_timeout=20) as pool:

        async def work(seconds: float) -> None:
            async with quantdb.transaction(pool) as tx:
                await asyncio.sleep(seconds)
                await TradeRepo(tx).latest("x")

        # More tasks than connections, some of which hold one and wait for a task that needs none.
        async def patient() -> None:
            async with pool.acquire():
                await asyncio.gather(asyncio.sleep(0.3), asyncio.sleep(0.2))

        await asyncio.gather(*(work(0.2) for _ in range(6)), patient(), patient())

        # A background task that the block does not wait for.
        async with pool.acquire(), pool.acquire():
            background = asyncio.create_task(read(pool))
            await asyncio.sleep(0.3)
        await background

        # One of the two connections can be given back by somebody else.
        lent = await pool.acquire()
        async with pool.acquire():
            asyncio.get_running_loop().call_later(
                0.3, lambda: tasks.append(asyncio.ensure_future(pool.release(lent)))
            )
            tasks: list[asyncio.Future[None]] = []
            await read(pool)
        await asyncio.gather(*tasks)
