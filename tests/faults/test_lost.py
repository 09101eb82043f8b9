"""What a caller is told of a connection that is lost, and what is done again without him."""

import asyncio
import os
import pickle
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import asyncpg
import pytest
from proxy import Act, FaultProxy, When, anything, kind, says
from support import DAWN, DUSK, a_price, a_trade, fresh, ids_of, look_once, query

import quantdb
from quantdb import (
    CommitUnknown,
    Conflict,
    ConnectionLost,
    Contention,
    NewUser,
    NotFound,
    PoolConfig,
    PoolTimeout,
    PriceRepo,
    QuantDBError,
    ReadOnly,
    StatementTimeout,
    TradeRepo,
    UserRepo,
    retrying,
)
from quantdb.connection import PooledConnection, pooled
from quantdb.embedded import EmbeddedPostgres
from quantdb.outcomes import fail, is_lost

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

Mode = Literal["explicit", "statement"]


def config_of(
    dsn: str,
    *,
    retry: float = 0,
    mode: Mode = "explicit",
    max_size: int = 2,
    command_timeout: float = 1,
) -> PoolConfig:
    return PoolConfig(
        dsn,
        min_size=0,
        max_size=max_size,
        command_timeout=command_timeout,
        acquire_timeout=5,
        close_timeout=1,
        retry_timeout=retry,
        transactions=mode,
    )


@asynccontextmanager
async def opened(
    dsn: str,
    *,
    retry: float = 0,
    mode: Mode = "explicit",
    max_size: int = 2,
    command_timeout: float = 1,
) -> AsyncGenerator[quantdb.Pool]:
    config = config_of(
        dsn, retry=retry, mode=mode, max_size=max_size, command_timeout=command_timeout
    )
    async with quantdb.create_pool(config) as pool:
        await TradeRepo(pool).insert(a_trade(fresh()))
        await TradeRepo(pool).find(a_trade("x").id)
        await PriceRepo(pool).upsert(a_price(fresh()))
        yield pool
        assert pool.get_size() == pool.get_idle_size()


# The faces of a lost connection


FACES: Final[list[Exception]] = [
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InterfaceError(
        "cannot call Transaction.__aexit__(): the underlying connection is closed"
    ),
    asyncpg.InterfaceError(
        "cannot call Connection.fetch(): connection has been released back to the pool"
    ),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.CrashShutdownError("terminating connection because of crash"),
    asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
    ConnectionResetError(104, "Connection reset by peer"),
    ConnectionRefusedError(111, "Connect call failed"),
    BrokenPipeError(32, "Broken pipe"),
    TimeoutError(110, "Connection timed out"),
    OSError(113, "No route to host"),
    asyncio.IncompleteReadError(b"", 5),
    RuntimeError(
        "unable to perform operation on <TCPTransport closed=True>; the handler is closed"
    ),
]


@pytest.mark.parametrize("face", FACES, ids=lambda face: type(face).__name__)
def test_each_face_of_a_lost_connection_is_one_of_two_errors(face: Exception) -> None:
    assert is_lost(face)
    meanings: dict[bool, type[QuantDBError]] = {False: ConnectionLost, True: CommitUnknown}
    for committing, meaning in meanings.items():
        with pytest.raises(meaning) as caught:
            fail(face, committing=committing)
        assert caught.value.__cause__ is face
        assert caught.value.outcome == ("unknown" if committing else "not_applied")


# What is known, and what is not


BEGIN, COMMIT = says("BEGIN"), says("COMMIT;")
EXECUTE: Final[When] = kind("B")
ANSWER: Final[When] = says("COMMIT", side="server")
CUTS: Final[list[Act]] = ["reset", "close"]


@pytest.mark.parametrize("act", CUTS)
@pytest.mark.parametrize("when", [BEGIN, EXECUTE, COMMIT, ANSWER], ids=["BEGIN", "B", "C", "A"])
async def test_an_insert_that_is_cut_is_known_as_far_as_it_can_be(
    proxy: FaultProxy, pool: quantdb.Pool, when: When, act: Act
) -> None:
    trade = a_trade(fresh())
    async with opened(proxy.dsn) as own:
        proxy.once(when, act)
        with pytest.raises((ConnectionLost, CommitUnknown)) as caught:
            await TradeRepo(own).insert(trade)
        assert isinstance(
            caught.value, CommitUnknown if when in {COMMIT, ANSWER} else ConnectionLost
        )
        assert caught.value.__cause__ is not None
        stored = await TradeRepo(pool).find(trade.id)
        assert (stored == trade) is (when is ANSWER)
        assert trade == await TradeRepo(own).insert(trade)
    assert await ids_of(pool, trade.symbol) == [trade.id]


@pytest.mark.parametrize("mode", ["explicit", "statement"])
@pytest.mark.parametrize("act", CUTS)
@pytest.mark.parametrize("when", [BEGIN, EXECUTE, COMMIT, ANSWER], ids=["BEGIN", "B", "C", "A"])
async def test_an_insert_by_id_is_repeated_and_stored_once(
    proxy: FaultProxy, pool: quantdb.Pool, when: When, act: Act, mode: Mode
) -> None:
    trade, bars = a_trade(fresh()), [a_price(fresh()), a_price(fresh())]
    async with opened(proxy.dsn, retry=10, mode=mode) as own:
        for times in (1, 3):
            proxy.heal()
            rule = proxy.once(when, act, times=times)
            assert trade == await TradeRepo(own).insert(trade)
            # By statement the first has neither BEGIN nor COMMIT; the second looks what is there.
            alone = mode == "statement" and when is not EXECUTE and times == 1
            assert rule.hits == (0 if alone else times)
            proxy.once(when, act, times=times)
            assert bars[0] == await PriceRepo(own).upsert(bars[0])
            proxy.once(when, act, times=times)
            assert (await PriceRepo(own).upsert_many(bars)).inserted <= 1
            proxy.once(when, act, times=times)
            assert trade == await TradeRepo(own).get(trade.id)
            assert [trade] == await TradeRepo(own).between(trade.symbol, DAWN, DUSK)
    assert await ids_of(pool, trade.symbol) == [trade.id]


async def test_an_answer_that_is_only_silence_is_asked_for_again(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    trade = a_trade(fresh())
    async with opened(proxy.dsn, retry=10, command_timeout=0.5) as own:
        proxy.once(COMMIT, "hole after")
        assert trade == await TradeRepo(own).insert(trade)
    assert await ids_of(pool, trade.symbol) == [trade.id]


async def test_a_time_out_after_an_unknown_outcome_leaves_it_unknown(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    """COMMIT hangs on its way: the server still holds the row, and the second attempt waits."""
    trade = a_trade(fresh())
    async with opened(proxy.dsn, retry=10, command_timeout=0.5) as own:
        proxy.once(COMMIT, "mute")
        with pytest.raises(CommitUnknown, match="tried 2 times") as caught:
            await TradeRepo(own).insert(trade)
        assert isinstance(caught.value.__cause__, StatementTimeout)
        proxy.links[0].cut(reset=True)
        async with asyncio.timeout(10):
            while await look_once(pool, "SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        assert trade == await TradeRepo(own).insert(trade)
    assert await ids_of(pool, trade.symbol) == [trade.id]


async def test_an_error_of_the_work_s_own_says_what_came_before_it(proxy: FaultProxy) -> None:
    attempts = 0

    async def work(_tx: quantdb.Connection) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            raise KeyError("mine")

    async with opened(proxy.dsn, retry=10) as own:
        proxy.once(COMMIT, "reset")
        with pytest.raises(KeyError, match="mine") as caught:
            await retrying(own, work, idempotent=True)
        assert "may have been applied" in caught.value.__notes__[0]


async def test_a_conflict_after_an_unknown_outcome_is_a_conflict(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    trade = a_trade(fresh())
    await TradeRepo(pool).insert(trade)
    async with opened(proxy.dsn, retry=5) as own:
        proxy.once(COMMIT, "reset")
        with pytest.raises(Conflict):
            await TradeRepo(own).insert(a_trade(trade.symbol, price=7, id=trade.id))


async def test_what_stays_lost_says_how_often_it_was_tried_and_what_is_unknown(
    proxy: FaultProxy, lines: list[str]
) -> None:
    async with opened(proxy.dsn, retry=0.7) as own:
        proxy.always(BEGIN, "reset")
        with pytest.raises(ConnectionLost, match=r"tried \d+ times in") as lost:
            await TradeRepo(own).latest("x")
        assert lost.value.__cause__ is not None
        proxy.heal()
        await TradeRepo(own).latest("x")
        # Once unknown, it stays so, whatever the last attempt met.
        own_trade = a_trade(fresh())
        rule = proxy.once(COMMIT, "reset")
        proxy.always(lambda _link, message: bool(rule.hits) and BEGIN(_link, message), "reset")
        with pytest.raises(CommitUnknown, match=r"tried \d+ times") as unknown:
            await TradeRepo(own).insert(own_trade)
        assert isinstance(unknown.value.__cause__, ConnectionLost | CommitUnknown)
        proxy.heal()
        await TradeRepo(own).latest("x")
    assert len([line for line in lines if line.startswith("WARNING")]) == 2, lines
    assert len([line for line in lines if "answers again" in line]) == 2, lines


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.31, 0.37, 0.5])
async def test_repeating_ends_when_the_caller_s_time_is_up(
    proxy: FaultProxy, seconds: float
) -> None:
    async with opened(proxy.dsn, retry=60, command_timeout=60) as own:
        proxy.always(BEGIN, "reset")
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await TradeRepo(own).latest("x")
        task = asyncio.create_task(TradeRepo(own).latest("x"))
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - began < 2 * seconds + 2
        proxy.heal()


async def test_inside_a_transaction_nothing_is_repeated(proxy: FaultProxy) -> None:
    async with opened(proxy.dsn, retry=10) as own:
        rule = proxy.always(EXECUTE, "reset")

        async def work() -> None:
            async with quantdb.transaction(own) as tx:
                await TradeRepo(tx).latest("x")

        with pytest.raises(ConnectionLost):
            await work()
        assert rule.hits == 1
        proxy.heal()


# A user's insert has no key that would tell a second one from the first.


async def test_an_insert_without_a_key_is_repeated_only_if_it_was_not_applied(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    users = "SELECT count(*) FROM users WHERE name = $1"
    async with opened(proxy.dsn, retry=10) as own:
        for when in (BEGIN, EXECUTE):
            name = fresh()
            proxy.once(when, "reset", times=2)
            await UserRepo(own).insert(NewUser(name))
            assert await look_once(pool, users, name) == 1
        for when, stored in ((COMMIT, 0), (ANSWER, 1)):
            name = fresh()
            proxy.once(when, "reset")
            with pytest.raises(CommitUnknown):
                await UserRepo(own).insert(NewUser(name))
            assert await look_once(pool, users, name) == stored


@pytest.mark.parametrize("mode", ["explicit", "statement"])
async def test_a_write_of_a_query_is_repeated_only_if_it_was_not_applied(
    proxy: FaultProxy, pool: quantdb.Pool, tmp_path: Path, mode: Mode
) -> None:
    name = f"t{fresh()}"
    await pool.execute(f"CREATE TABLE {name} (n int)")
    write = query(tmp_path, f"INSERT INTO {name} VALUES (1)")
    read = query(tmp_path, f"SELECT count(*) FROM {name}", int)
    async with opened(proxy.dsn, retry=10, mode=mode) as own:
        assert await read.one(own) == 0
        proxy.once(ANSWER if mode == "explicit" else says("INSERT", side="server"), "reset")
        with pytest.raises(CommitUnknown):
            await write.run(own)
        stored = await read.one(pool)
        assert stored == 1
        if mode == "explicit":
            proxy.once(BEGIN, "reset", times=2)
            assert await write.run(own) == 1
            assert await read.one(pool) == stored + 1
        proxy.once(EXECUTE, "reset", times=3)
        assert await read.one(own) == await read.one(pool)


# Bulk writes


async def test_a_bulk_write_from_a_list_is_repeated(proxy: FaultProxy, pool: quantdb.Pool) -> None:
    symbol = fresh()
    trades = [a_trade(symbol) for _ in range(5_000)]
    async with opened(proxy.dsn, retry=10) as own:
        for when in (kind("d"), COMMIT, ANSWER):
            proxy.once(when, "reset")
            report = await TradeRepo(own).insert_many(trades)
            assert report.inserted + report.existing == 5_000
            assert len(await ids_of(pool, symbol)) == 5_000


async def test_a_bulk_write_from_an_iterator_is_not(proxy: FaultProxy, pool: quantdb.Pool) -> None:
    symbol = fresh()

    async def rows() -> AsyncIterator[quantdb.Trade]:
        for _ in range(5_000):
            yield a_trade(symbol)

    async with opened(proxy.dsn, retry=10) as own:
        proxy.once(kind("d"), "reset")
        with pytest.raises(ConnectionLost):
            await TradeRepo(own).insert_many(a_trade(symbol) for _ in range(5_000))
        assert await ids_of(pool, symbol) == []
        proxy.once(COMMIT, "reset")
        with pytest.raises(CommitUnknown):
            await TradeRepo(own).insert_many(rows())
        assert await ids_of(pool, symbol) == []
        # What was not begun to be read is there still.
        proxy.once(BEGIN, "reset", times=2)
        assert (await TradeRepo(own).insert_many(rows())).inserted == 5_000


# Units of work


async def count_up(tx: quantdb.Connection, name: str) -> int:
    value = await tx.fetchval(f"SELECT n FROM {name}")
    assert isinstance(value, int)
    await tx.execute(f"UPDATE {name} SET n = $1", value + 1)
    return value + 1


async def test_units_of_work_that_contend_are_repeated_until_each_is_done(
    dsn: str, pool: quantdb.Pool
) -> None:
    name = f"t{fresh()}"
    await pool.execute(f"CREATE TABLE {name} (n int)")
    await pool.execute(f"INSERT INTO {name} VALUES (0)")
    async with opened(dsn, max_size=8, command_timeout=30) as own:
        answers = await asyncio.gather(
            *(
                retrying(
                    own,
                    lambda tx: count_up(tx, name),
                    isolation="serializable",
                    timeout=30,
                )
                for _ in range(24)
            )
        )
    assert sorted(answers) == list(range(1, 25))
    assert await pool.fetchval(f"SELECT n FROM {name}") == 24


async def test_a_unit_of_work_is_repeated_after_a_deadlock(dsn: str, pool: quantdb.Pool) -> None:
    users = UserRepo(pool)
    ada, eve = [(await users.insert(NewUser(name))).id for name in ("Ada", "Eve")]
    both, attempts = asyncio.Barrier(2), 0

    async def swap(tx: quantdb.Connection, first: int, second: int, *, wait: bool) -> None:
        await tx.execute("UPDATE users SET name = 'x' WHERE id = $1", first)
        if wait:
            await both.wait()
        await tx.execute("UPDATE users SET name = 'x' WHERE id = $1", second)

    async def work(tx: quantdb.Connection, first: int, second: int) -> None:
        nonlocal attempts
        attempts += 1
        await swap(tx, first, second, wait=attempts <= 2)

    async with opened(dsn, retry=10, command_timeout=10) as own:
        await asyncio.gather(
            retrying(own, lambda tx: work(tx, ada, eve)),
            retrying(own, lambda tx: work(tx, eve, ada)),
        )
    assert attempts == 3


async def test_a_unit_of_unknown_outcome_is_repeated_only_if_that_is_harmless(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    trade = a_trade(fresh())
    attempts = 0

    async def work(tx: quantdb.Connection) -> quantdb.Trade:
        nonlocal attempts
        attempts += 1
        return await TradeRepo(tx).insert(trade)

    async with opened(proxy.dsn, retry=10) as own:
        proxy.once(ANSWER, "reset")
        with pytest.raises(CommitUnknown):
            await retrying(own, work)
        assert attempts == 1
        proxy.once(ANSWER, "reset", times=2)
        assert trade == await retrying(own, work, idempotent=True)
        assert attempts == 4
        proxy.once(BEGIN, "reset", times=2)
        assert trade == await retrying(own, work)
        assert attempts == 5
    assert await ids_of(pool, trade.symbol) == [trade.id]


async def test_an_error_of_the_work_s_own_is_not_repeated(pool: quantdb.Pool) -> None:
    attempts = 0

    async def work(_tx: quantdb.Connection) -> None:
        nonlocal attempts
        attempts += 1
        raise NotFound("mine")

    with pytest.raises(NotFound, match="mine"):
        await retrying(pool, work)
    assert attempts == 1


async def test_contention_that_does_not_end_says_how_often_it_was_met(pool: quantdb.Pool) -> None:
    async def work(_tx: quantdb.Connection) -> None:
        raise Contention("always")

    with pytest.raises(Contention, match=r"always \(tried \d+ times in 0\.\d s\)") as caught:
        await retrying(pool, work, timeout=0.4)
    copied: Contention = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)


# What the server refuses or ends


async def test_time_outs_of_statements_and_locks_are_typed(pool: quantdb.Pool) -> None:
    user = await UserRepo(pool).insert(NewUser(fresh()))

    async def slow(settings: dict[str, str], sql: str) -> None:
        async with quantdb.transaction(pool, settings=settings) as tx:
            await tx.execute(sql)

    with pytest.raises(StatementTimeout) as ended:
        await slow({"statement_timeout": "50ms"}, "SELECT pg_sleep(10)")
    assert isinstance(ended.value.__cause__, asyncpg.QueryCanceledError)
    assert (ended.value.retryable, ended.value.outcome) == (True, "not_applied")
    update = f"UPDATE users SET name = 'x' WHERE id = {user.id}"
    async with quantdb.transaction(pool) as tx:
        await tx.execute(update)
        with pytest.raises(Contention) as locked:
            await slow({"lock_timeout": "50ms"}, update)
    assert isinstance(locked.value.__cause__, asyncpg.LockNotAvailableError)


async def test_a_statement_that_is_too_slow_is_ended_and_its_connection_kept(
    dsn: str, tmp_path: Path
) -> None:
    slow = query(tmp_path, "SELECT 1 FROM pg_sleep(10)", int)
    for mode in ("explicit", "statement"):
        async with opened(dsn, max_size=1, mode=mode) as own:
            pid = await own.fetchval("SELECT pg_backend_pid()")
            with pytest.raises(StatementTimeout) as ended:
                await slow.one(own, timeout=0.2)
            assert isinstance(ended.value, TimeoutError)
            assert "q" in "".join(ended.value.__notes__)
            with pytest.raises(StatementTimeout):
                await own.fetchval("SELECT pg_sleep(10)", timeout=0.2)
            assert pid == await own.fetchval("SELECT pg_backend_pid()")


async def test_a_session_that_idles_in_its_transaction_is_lost(pool: quantdb.Pool) -> None:
    async def idle(*, then: Literal["work", "commit"]) -> None:
        settings = {"idle_in_transaction_session_timeout": "100ms"}
        async with quantdb.transaction(pool, settings=settings) as tx:
            await asyncio.sleep(0.5)
            if then == "work":
                await TradeRepo(tx).latest("x")

    for then in ("work", "commit"):
        with pytest.raises(ConnectionLost) as caught:
            await idle(then=then)
        assert caught.value.retryable
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_backend_that_is_killed_is_replaced_and_reads_do_not_notice(
    dsn: str, pool: quantdb.Pool
) -> None:
    async with opened(dsn, retry=10) as own:
        pid = await own.fetchval("SELECT pg_backend_pid()")
        assert isinstance(pid, int)
        asleep = asyncio.create_task(own.fetchval("SELECT pg_sleep(10) IS NULL"))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGTERM)
        answers = await asyncio.gather(
            asleep, *(TradeRepo(own).latest("x") for _ in range(20)), return_exceptions=True
        )
        assert isinstance(answers[0], ConnectionLost)
        assert not [answer for answer in answers[1:] if isinstance(answer, Exception)]
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_server_that_is_restarted_is_waited_for() -> None:
    with EmbeddedPostgres() as server:
        async with quantdb.create_pool(config_of(server.dsn, retry=20, command_timeout=20)) as own:
            await quantdb.migrate(own)
            trades = [a_trade(fresh()) for _ in range(200)]
            done = 0

            async def insert(trade: quantdb.Trade) -> None:
                nonlocal done
                assert trade == await TradeRepo(own).insert(trade)
                done += 1

            async def all_of(part: list[quantdb.Trade]) -> None:
                for trade in part:
                    await insert(trade)
                    await asyncio.sleep(0.005)

            work = asyncio.gather(*(all_of(trades[n::4]) for n in range(4)))
            await asyncio.sleep(0.1)
            killed = await own.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            assert killed
            await work
            assert done == 200
            assert await own.fetchval("SELECT count(*) FROM trades") == 200


async def test_what_is_cancelled_is_found_by_its_id(proxy: FaultProxy, pool: quantdb.Pool) -> None:
    symbol = fresh()
    proxy.latency = 0.003
    async with opened(proxy.dsn, max_size=8, command_timeout=10) as own:
        trades = [a_trade(symbol) for _ in range(120)]
        unknown: list[quantdb.Trade] = []

        async def cut_short(n: int, trade: quantdb.Trade) -> None:
            try:
                async with asyncio.timeout(0.0005 * (n % 60)):
                    await TradeRepo(own).insert(trade)
            except TimeoutError:
                unknown.append(trade)

        for start in range(0, 120, 8):
            part = list(enumerate(trades))[start : start + 8]
            await asyncio.gather(*(cut_short(n, trade) for n, trade in part))
        assert unknown
        stored = set(await ids_of(pool, symbol))
        assert {trade.id for trade in trades} - {trade.id for trade in unknown} <= stored
        for trade in unknown:
            assert trade == await TradeRepo(own).insert(trade)
        assert set(await ids_of(pool, symbol)) == {trade.id for trade in trades}
        assert len(await ids_of(pool, symbol)) == 120


# A standby


async def test_what_a_borrower_made_read_only_himself_drops_no_sessions(
    dsn: str, lines: list[str]
) -> None:
    async with opened(dsn, max_size=1) as own:
        pids = {await own.fetchval("SELECT pg_backend_pid()")}
        async with own.acquire() as connection:
            await connection.execute("SET default_transaction_read_only = on")
            with pytest.raises(ReadOnly):
                await TradeRepo(connection).insert(a_trade(fresh()))
        # Nothing was dropped for what a borrower did to his own session.
        assert {await own.fetchval("SELECT pg_backend_pid()")} == pids

        # Nor for a transaction that was asked to be read-only.
        with pytest.raises(ReadOnly):
            async with quantdb.transaction(own, readonly=True) as tx:
                await TradeRepo(tx).insert(a_trade(fresh()))
        assert {await own.fetchval("SELECT pg_backend_pid()")} == pids
    assert not [line for line in lines if "dropped" in line]


async def test_a_pool_goes_on_when_its_standby_is_promoted(
    empty_dsn: str, lines: list[str]
) -> None:
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as admin:
        await quantdb.migrate(admin)
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        trade = a_trade(fresh())
        async with quantdb.create_pool(config_of(empty_dsn)) as own:
            await TradeRepo(own).latest("x")
            with pytest.raises(ReadOnly):
                await TradeRepo(own).insert(trade)
            assert own.get_size() == 0
            await admin.execute(
                f'BEGIN READ WRITE; ALTER DATABASE "{name}" RESET default_transaction_read_only; '
                "COMMIT"
            )
            assert trade == await TradeRepo(own).insert(trade)
    assert len([line for line in lines if "dropped" in line]) == 1


# Faults of raw statements


@pytest.mark.parametrize("when", [EXECUTE, anything], ids=["B", "anything"])
async def test_a_raw_statement_that_is_cut_is_typed_too(proxy: FaultProxy, when: When) -> None:
    calls: list[tuple[Callable[[quantdb.Pool], Awaitable[object]], type[QuantDBError]]] = [
        (lambda own: own.fetchval("SELECT 1"), ConnectionLost),
        (lambda own: own.fetch("SELECT 1"), ConnectionLost),
        (lambda own: own.execute("SELECT $1::int", 1), ConnectionLost),
        (lambda own: own.execute("UPDATE users SET name = $1", "x"), CommitUnknown),
        (lambda own: own.executemany("UPDATE users SET name = $1", [("x",)]), CommitUnknown),
        (
            lambda own: own.fetchrow("INSERT INTO users (name) VALUES ($1) RETURNING id", "x"),
            CommitUnknown,
        ),
    ]
    async with opened(proxy.dsn) as own:
        for call, meaning in calls:
            await own.fetchval("SELECT 1")
            proxy.once(when, "reset")
            with pytest.raises(meaning) as caught:
                await call(own)
            assert caught.value.__cause__ is not None
            proxy.heal()


async def test_a_saturated_pool_is_not_asked_again(dsn: str) -> None:
    async with opened(dsn, retry=10, max_size=1) as own:
        lent = await own.acquire()
        with pytest.raises(PoolTimeout):
            async with own.acquire(timeout=0.1):
                pytest.fail("lent twice")
        await own.release(lent)


@pytest.mark.parametrize("how", ["ended", "expired"])
async def test_a_connection_that_is_lost_on_its_way_to_who_waits_is_replaced(
    pool: quantdb.Pool, dsn: str, how: str
) -> None:
    async with opened(dsn, max_size=1) as own:

        async def unit() -> object:
            async with quantdb.transaction(own) as tx:
                return await tx.fetchval("SELECT 1")

        async def statement() -> object:
            return await own.execute(f"INSERT INTO users (name) VALUES ('{name}')")

        name = fresh()
        for call in (unit, statement):
            async with own.acquire() as held:
                waiting = asyncio.create_task(call())
                await asyncio.sleep(0)
                itself = pooled(held)
            # It is his, and he does not know it yet.
            if how == "expired":
                await own.expire_connections()
            elif itself is not None:
                itself.terminate()
            assert await waiting in {1, "INSERT 0 1"}
        assert await look_once(pool, "SELECT count(*) FROM users WHERE name = $1", name) == 1


async def test_a_raw_statement_on_a_session_that_is_ending_is_typed(
    pool: quantdb.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has said that it ends the session, and the socket is still open."""

    async def refuse(*_args: object, **_options: object) -> None:
        raise asyncpg.InternalClientError(
            "cannot switch to state 12; another operation (2) is in progress"
        )

    monkeypatch.setattr(PooledConnection, "fetch", refuse)
    with pytest.raises(ConnectionLost):
        await pool.fetch("SELECT 1")
    with pytest.raises(CommitUnknown):
        await pool.fetch("INSERT INTO users (name) VALUES ('x') RETURNING id")


async def test_a_row_of_its_own_is_no_conflict_that_tells_the_outcome(
    proxy: FaultProxy, pool: quantdb.Pool, tmp_path: Path
) -> None:
    """The first attempt has stored it, and nobody heard: the second one meets it."""
    table = f"t{fresh()}"
    await pool.execute(f"CREATE TABLE {table} (key text PRIMARY KEY)")
    once = query(
        tmp_path, f"INSERT INTO {table} VALUES ($1) ON CONFLICT DO NOTHING RETURNING key", str
    )

    async def insert(tx: quantdb.Connection) -> None:
        await tx.execute(f"INSERT INTO {table} VALUES ($1)", "insert")

    async def insert_or_nothing(tx: quantdb.Connection) -> None:
        await once.one(tx, "nothing")

    async with opened(proxy.dsn, retry=10) as own:
        for work, key, cause in (
            (insert, "insert", Conflict),
            (insert_or_nothing, "nothing", NotFound),
        ):
            proxy.once(ANSWER, "reset")
            with pytest.raises(CommitUnknown, match="tried 2 times") as caught:
                await retrying(own, work, idempotent=True)
            assert isinstance(caught.value.__cause__, cause)
            assert await look_once(pool, f"SELECT count(*) FROM {table} WHERE key = $1", key) == 1


@pytest.mark.parametrize("mode", ["explicit", "statement"])
async def test_a_function_that_writes_is_no_read(
    proxy: FaultProxy, pool: quantdb.Pool, tmp_path: Path, mode: Mode
) -> None:
    name = f"t{fresh()}"
    await pool.execute(
        f"CREATE TABLE {name} (n int); CREATE FUNCTION put_{name}(n int) RETURNS int LANGUAGE sql "
        f"AS 'INSERT INTO {name} VALUES (n) RETURNING n'"
    )
    put = query(tmp_path, f"SELECT put_{name}($1)", int)
    async with opened(proxy.dsn, retry=10, mode=mode, max_size=1) as own:
        assert await put.one(own, 1) == 1
        raw = f"SELECT put_{name}($1)"
        await own.fetch(raw, 1)
        for key, call in ((2, put.one(own, 2)), (3, own.fetch(raw, 3))):
            proxy.once(says("COMMIT" if key == 2 else "SELECT", side="server"), "reset")
            with pytest.raises(CommitUnknown):
                await call
            rows = f"SELECT count(*) FROM {name} WHERE n = $1"
            assert await look_once(pool, rows, key) == 1


async def test_a_copy_on_a_session_that_is_ending_leaves_nothing_behind(
    proxy: FaultProxy, pool: quantdb.Pool
) -> None:
    """The server has said that it ends the session, and the socket is still open."""
    async with opened(proxy.dsn) as own:
        async with own.acquire() as connection:
            proxy.once(says("terminating", side="server"), "deafen after")
            await pool.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
            async with asyncio.timeout(10):
                while not any(link.holed for link in proxy.links):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            with pytest.raises(asyncpg.InternalClientError):
                await connection.copy_to_table("users", source=_nothing())
            itself = pooled(connection)
            assert itself is not None
            itself.terminate()
            del itself
        assert await own.fetchval("SELECT 1") == 1


async def _nothing() -> AsyncIterator[bytes]:
    yield b""
