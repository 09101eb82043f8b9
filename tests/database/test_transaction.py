"""Transactions: kept or dropped as a whole, and never silently the wrong one of the two."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal
from uuid import UUID

import asyncpg
import pytest
from support import NOON, SECOND, a_trade, fresh, held, ids_of, look, look_once, small_pool

import quantdb
from quantdb import (
    CommitUnknown,
    ConfigError,
    Conflict,
    ConnectionLost,
    Contention,
    NewUser,
    PoolTimeout,
    QuantDBError,
    ReadOnly,
    TradeRepo,
    TransactionAborted,
    UserRepo,
    transaction,
)


class Unwelcome(Exception):
    """An error of the caller's own."""


async def stored(db: quantdb.Database, symbol: str) -> int:
    return len(await ids_of(db, symbol))


# Kept or dropped


async def test_a_block_that_ends_is_kept(pool: quantdb.Pool, plain_pool: asyncpg.Pool) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        async with transaction(db) as tx:
            assert tx.is_in_transaction()
            await TradeRepo(tx).insert(a_trade(symbol))
            assert await stored(tx, symbol) == 1
            assert await stored(plain_pool, symbol) == 0
        assert await stored(plain_pool, symbol) == 1


async def test_a_block_that_fails_is_dropped_with_its_error(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()

        async def work(db: quantdb.Database, symbol: str) -> None:
            async with transaction(db) as tx:
                await UserRepo(tx).insert(NewUser(symbol))
                await TradeRepo(tx).insert(a_trade(symbol))
                raise Unwelcome(symbol)

        with pytest.raises(Unwelcome, match=symbol):
            await work(db, symbol)
        assert await stored(pool, symbol) == 0
        assert await look_once(pool, "SELECT count(*) FROM users WHERE name = $1", symbol) == 0


ERRORS: list[BaseException] = [
    Unwelcome("mine"),
    KeyError("mine"),
    ValueError("mine"),
    RuntimeError("mine"),
    TimeoutError("mine"),
    OSError("mine"),
    ConnectionError("mine"),
    ConnectionResetError("mine"),
    ConnectionRefusedError("mine"),
    BrokenPipeError("mine"),
    EOFError("mine"),
    asyncio.IncompleteReadError(b"", 7),
    asyncio.CancelledError("mine"),
    Conflict("mine", "constraint"),
    ExceptionGroup("mine", [ValueError("mine")]),
]


@asynccontextmanager
async def begun(
    kind: Literal["pool", "plain pool", "plain connection", "joined"],
    dsn: str,
) -> AsyncGenerator[quantdb.Database]:
    """Give a database of one connection, and see that it is left usable and in no transaction."""
    if kind == "pool":
        async with small_pool(dsn) as pool:
            yield pool
            assert await pool.fetchval("SELECT 1") == 1
    elif kind == "plain pool":
        async with asyncpg.create_pool(dsn, min_size=0, max_size=1) as plain:
            yield plain
            assert await plain.fetchval("SELECT 1") == 1
            assert plain.get_idle_size() == plain.get_size()
    else:
        connection = await asyncpg.connect(dsn)
        try:
            block = connection.transaction()
            if kind == "joined":
                await block.start()
            yield connection
            if kind == "joined":
                await block.rollback()
            assert not connection.is_in_transaction()
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()


@pytest.mark.parametrize("kind", ["pool", "plain pool", "plain connection", "joined"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_of_the_callers_own_passes_unchanged(
    dsn: str,
    kind: Literal["pool", "plain pool", "plain connection", "joined"],
    error: BaseException,
    caplog: pytest.LogCaptureFixture,
) -> None:
    symbol = fresh()

    async def work(db: quantdb.Database) -> None:
        async with transaction(db) as tx:
            await TradeRepo(tx).insert(a_trade(symbol))
            raise error

    async with begun(kind, dsn) as db:
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - it is told below
            await work(db)
        if kind != "joined":
            assert await stored(db, symbol) == 0
    assert caught.value is error
    assert getattr(error, "__notes__", []) == []
    assert caplog.text == ""


FOREIGN: list[Exception] = [
    asyncpg.ConnectionDoesNotExistError("of another database"),
    asyncpg.AdminShutdownError("of another database"),
    asyncpg.InterfaceError("connection is closed (another one)"),
    asyncpg.UniqueViolationError("of another database"),
    asyncpg.DeadlockDetectedError("of another database"),
    asyncpg.InFailedSQLTransactionError("of another database"),
    ConnectionLost("of another database"),
]


@pytest.mark.parametrize("kind", ["pool", "plain pool", "plain connection", "joined"])
@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
async def test_an_error_of_another_database_leaves_no_transaction_open(
    dsn: str,
    kind: Literal["pool", "plain pool", "plain connection", "joined"],
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    symbol = fresh()

    async def work(db: quantdb.Database) -> None:
        async with transaction(db) as tx:
            await TradeRepo(tx).insert(a_trade(symbol))
            raise error

    async with begun(kind, dsn) as db:
        with pytest.raises(Exception, match="another") as caught:
            await work(db)
        if kind != "joined":
            assert await stored(db, symbol) == 0
    assert error in {caught.value, caught.value.__cause__}
    assert caplog.text == ""


async def test_an_error_of_the_server_keeps_its_type(db: quantdb.Database) -> None:
    async def work() -> None:
        async with transaction(db) as outer:
            block = outer.transaction()
            await block.start()
            try:
                async with transaction(outer) as tx:
                    await tx.execute("SELECT 1 / 0")
            finally:
                await block.rollback()

    with pytest.raises(asyncpg.DivisionByZeroError):
        await work()


async def test_a_duplicate_by_raw_sql_is_a_conflict(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    name = f"t{fresh()}"
    await pool.execute(f"CREATE TABLE {name} (n int CONSTRAINT once{name} UNIQUE)")

    async def work(db: quantdb.Database) -> None:
        async with transaction(db) as tx:
            await tx.execute(f"INSERT INTO {name} VALUES (1), (1)")

    for db in (pool, plain_pool):
        with pytest.raises(Conflict) as caught:
            await work(db)
        assert caught.value.constraint == f"once{name}"


# A swallowed error


Swallow = Callable[[quantdb.Connection], Awaitable[object]]


async def swallow(tx: quantdb.Connection) -> None:
    """Do what fails, and go on."""
    try:
        await tx.execute("SELECT 1 / 0")
    except asyncpg.DivisionByZeroError:
        return


@pytest.mark.parametrize("kind", ["pool", "plain pool", "plain connection"])
async def test_a_block_that_swallowed_an_error_says_so(
    dsn: str, kind: Literal["pool", "plain pool", "plain connection"]
) -> None:
    symbol = fresh()

    async def work(db: quantdb.Database) -> None:
        async with transaction(db) as tx:
            await TradeRepo(tx).insert(a_trade(symbol))
            await swallow(tx)

    async with begun(kind, dsn) as db:
        with pytest.raises(TransactionAborted) as caught:
            await work(db)
        assert caught.value.outcome == "not_applied"
        assert await stored(db, symbol) == 0


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("kind", ["pool", "plain pool", "plain connection"])
async def test_a_joined_block_that_swallowed_an_error_says_so_in_the_end(
    dsn: str, kind: Literal["pool", "plain pool", "plain connection"], depth: int
) -> None:
    symbol = fresh()

    async def work(db: quantdb.Database, depth: int) -> None:
        async with transaction(db) as tx:
            await TradeRepo(tx).insert(a_trade(symbol))
            if depth:
                await work(tx, depth - 1)
            else:
                await swallow(tx)

    async with begun(kind, dsn) as db:
        with pytest.raises(TransactionAborted):
            await work(db, depth)
        assert await stored(db, symbol) == 0


async def test_asyncpg_s_own_block_on_a_pooled_connection_says_so_too(pool: quantdb.Pool) -> None:
    symbol = fresh()

    async def work() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await TradeRepo(connection).insert(a_trade(symbol))
            await swallow(connection)

    with pytest.raises(TransactionAborted):
        await work()
    assert await stored(pool, symbol) == 0


@pytest.mark.parametrize(
    "sql", ["COMMIT", "commit;", "  Commit", "END", "COMMIT WORK", "/**/COMMIT"]
)
async def test_a_commit_by_hand_on_a_pooled_connection_says_so_too(
    pool: quantdb.Pool, sql: str
) -> None:
    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
        await swallow(connection)
        with pytest.raises(TransactionAborted):
            await connection.execute(sql)
        assert not connection.is_in_transaction()


async def test_a_rollback_by_hand_is_no_error(pool: quantdb.Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("BEGIN")
        await swallow(connection)
        assert await connection.execute("ROLLBACK") == "ROLLBACK"


async def test_a_statement_after_a_swallowed_error_says_so(db: quantdb.Database) -> None:
    async def work() -> None:
        async with transaction(db) as outer:
            block = outer.transaction()
            await block.start()
            try:
                await swallow(outer)
                await TradeRepo(outer).insert(a_trade(fresh()))
            finally:
                await block.rollback()

    with pytest.raises(TransactionAborted):
        await work()


async def test_a_savepoint_takes_back_a_swallowed_error(db: quantdb.Database) -> None:
    symbol = fresh()
    async with transaction(db) as tx:
        await TradeRepo(tx).insert(a_trade(symbol))
        block = tx.transaction()
        await block.start()
        await TradeRepo(tx).insert(a_trade(symbol))
        await swallow(tx)
        await block.rollback()
        await TradeRepo(tx).insert(a_trade(symbol))
    assert await stored(db, symbol) == 2


async def test_a_savepoint_is_kept_or_dropped_alone(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        async with transaction(db) as tx:
            for kept in (True, False, True):
                block = tx.transaction()
                await block.start()
                await TradeRepo(tx).insert(a_trade(symbol))
                await (block.commit() if kept else block.rollback())
        assert await stored(pool, symbol) == 2


async def test_a_conflict_of_a_repository_is_no_swallowed_error(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        trade = a_trade(fresh())
        async with transaction(db) as tx:
            await TradeRepo(tx).insert(trade)
            with pytest.raises(Conflict):
                await TradeRepo(tx).insert(a_trade(trade.symbol, price=7, id=trade.id))
        assert await stored(pool, trade.symbol) == 1


# Joining


async def test_a_joined_block_leaves_the_end_to_its_owner(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for kept in (True, False):
        symbol = fresh()
        async with plain_pool.acquire() as connection:
            block = connection.transaction()
            await block.start()
            async with transaction(connection) as tx:
                await TradeRepo(tx).insert(a_trade(symbol))
            assert connection.is_in_transaction()
            assert await stored(pool, symbol) == 0
            await (block.commit() if kept else block.rollback())
        assert await stored(pool, symbol) == kept


async def test_a_connection_in_no_transaction_gets_one_for_the_block(dsn: str) -> None:
    symbol = fresh()
    connection = await asyncpg.connect(dsn)
    async with transaction(connection) as tx:
        assert tx is connection
        assert connection.is_in_transaction()
        await TradeRepo(connection).insert(a_trade(symbol))
    assert not connection.is_in_transaction()
    assert await stored(connection, symbol) == 1
    await connection.close()


SETTINGS = (
    "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
)


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("isolation", [None, "read_committed", "repeatable_read", "serializable"])
@pytest.mark.parametrize("kind", ["pool", "plain pool", "plain connection"])
async def test_isolation_and_readonly_are_as_asked(
    dsn: str,
    kind: Literal["pool", "plain pool", "plain connection"],
    isolation: Literal["read_committed", "repeatable_read", "serializable"] | None,
    *,
    readonly: bool,
) -> None:
    level = (isolation or "read_committed").replace("_", " ")
    async with begun(kind, dsn) as db:
        async with transaction(db, isolation=isolation, readonly=readonly) as tx:
            expected = [(level, "on" if readonly else "off")]
            assert expected == await look(tx, SETTINGS)
            async with transaction(tx, isolation=isolation, readonly=readonly) as inner:
                assert expected == await look(inner, SETTINGS)
        async with transaction(db) as tx:
            assert await look(tx, SETTINGS) == [("read committed", "off")]


async def test_what_is_read_only_takes_no_writes(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()

    async def work(db: quantdb.Database) -> None:
        async with transaction(db, readonly=True) as tx:
            await TradeRepo(tx).insert(a_trade(symbol))

    for db in (pool, plain_pool):
        with pytest.raises(ReadOnly):
            await work(db)
    assert await stored(pool, symbol) == 0


async def test_another_isolation_than_that_of_the_open_transaction_is_refused(
    db: quantdb.Database,
) -> None:
    async def join(
        isolation: Literal["read_committed", "repeatable_read", "serializable"] | None,
        *,
        readonly: bool,
    ) -> None:
        async with transaction(db) as tx, transaction(tx, isolation=isolation, readonly=readonly):
            pytest.fail("joined")

    with pytest.raises(ConfigError, match="read committed, not serializable"):
        await join("serializable", readonly=False)
    with pytest.raises(ConfigError, match="not read-only"):
        await join(None, readonly=True)
    async with transaction(db) as tx, transaction(tx, isolation="read_committed"):
        pass


async def test_of_two_writers_of_one_snapshot_one_must_try_again(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    user = await UserRepo(pool).insert(NewUser("Ada"))

    async def work(db: quantdb.Database) -> None:
        async with transaction(db, isolation="repeatable_read") as tx:
            await UserRepo(tx).get(user.id)
            await look(pool, "UPDATE users SET born = now() WHERE id = $1", user.id)
            await tx.execute("UPDATE users SET name = 'Eve' WHERE id = $1", user.id)

    for db in (pool, plain_pool):
        with pytest.raises(Contention) as caught:
            await work(db)
        assert caught.value.retryable
        assert caught.value.outcome == "not_applied"


async def test_of_two_that_wait_for_each_other_one_must_try_again(pool: quantdb.Pool) -> None:
    users = UserRepo(pool)
    ada, eve = [(await users.insert(NewUser(name))).id for name in ("Ada", "Eve")]
    both = asyncio.Barrier(2)

    async def work(first: int, second: int) -> None:
        async with transaction(pool) as tx:
            await tx.execute("UPDATE users SET name = 'x' WHERE id = $1", first)
            await both.wait()
            await tx.execute("UPDATE users SET name = 'x' WHERE id = $1", second)

    answers = await asyncio.gather(work(ada, eve), work(eve, ada), return_exceptions=True)
    assert answers.count(None) == 1
    assert sum(isinstance(answer, Contention) for answer in answers) == 1


async def test_an_insert_into_an_older_snapshot_is_contention_or_the_trade(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        trade = a_trade(fresh())

        async def work(db: quantdb.Database, id_: UUID, symbol: str) -> None:
            async with transaction(db, isolation="repeatable_read") as tx:
                await tx.execute("SELECT 1")
                await TradeRepo(plain_pool).insert(a_trade(symbol, id=id_))
                await TradeRepo(tx).insert(a_trade(symbol, id=id_))

        with pytest.raises(Contention):
            await work(db, trade.id, trade.symbol)
        assert await stored(pool, trade.symbol) == 1


# Exhaustion, cancellation, loss


async def test_an_exhausted_pool_says_how_it_stands(dsn: str) -> None:
    config = quantdb.PoolConfig(dsn, min_size=0, max_size=2, acquire_timeout=0.2)
    async with quantdb.create_pool(config) as pool:
        async with held(pool, 2):
            answers = await asyncio.gather(
                TradeRepo(pool).count("x", NOON, NOON),
                TradeRepo(pool).insert(a_trade(fresh())),
                pool.fetchval("SELECT 1"),
                return_exceptions=True,
            )
        errors = [answer for answer in answers if isinstance(answer, PoolTimeout)]
        assert len(errors) == 3
        assert [(error.size, error.in_use) for error in errors] == [(2, 2)] * 3
        assert sorted(error.waiting for error in errors) == [1, 2, 3]
        assert all(error.retryable and error.outcome == "not_applied" for error in errors)
        assert all("2 open of at most 2, 2 in use" in str(error) for error in errors)
        assert await pool.fetchval("SELECT 1") == 1


async def test_whoever_waits_gets_the_connection_that_comes_free(dsn: str) -> None:
    async with small_pool(dsn) as pool:

        async def work(n: int) -> int:
            async with transaction(pool) as tx:
                await asyncio.sleep(0.01)
                value = await tx.fetchval("SELECT $1::int", n)
                assert isinstance(value, int)
                return value

        assert list(range(20)) == await asyncio.gather(*(work(n) for n in range(20)))


async def test_a_cancelled_statement_leaves_the_pool_whole(dsn: str) -> None:
    symbol = fresh()
    async with small_pool(dsn) as pool:

        async def work() -> None:
            async with transaction(pool) as tx:
                await TradeRepo(tx).insert(a_trade(symbol))
                await tx.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(work())
        await asyncio.sleep(0.15)
        assert pool.get_idle_size() == 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.get_idle_size() == pool.get_size()
        assert await stored(pool, symbol) == 0


async def test_a_statement_that_is_cancelled_twice_leaves_the_pool_whole(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with small_pool(dsn) as pool:
        for pause in (0.0, 0.0001, 0.001, 0.01):
            symbol = fresh()

            async def work(symbol: str) -> None:
                async with transaction(pool) as tx:
                    await TradeRepo(tx).insert(a_trade(symbol))
                    await tx.execute("SELECT pg_sleep(30)")

            task = asyncio.create_task(work(symbol))
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(100):
                if pool.get_idle_size() == pool.get_size():
                    break
                await asyncio.sleep(0.01)
            assert pool.get_idle_size() == pool.get_size()
            assert await stored(pool, symbol) == 0
    assert "never" not in caplog.text


async def test_work_that_is_cancelled_at_any_moment_is_whole_or_absent(dsn: str) -> None:
    chance = random.Random(7)
    async with small_pool(dsn, max_size=4) as pool:
        symbols = [fresh() for _ in range(200)]

        async def work(symbol: str) -> None:
            async with transaction(pool) as tx:
                await TradeRepo(tx).insert(a_trade(symbol))
                await TradeRepo(tx).insert_many(a_trade(symbol) for _ in range(3))
                await TradeRepo(tx).insert(a_trade(symbol))

        async def cut_short(symbol: str) -> bool:
            task = asyncio.create_task(work(symbol))
            await asyncio.sleep(chance.uniform(0, 0.05))
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                return False
            return True

        done: list[bool] = []
        for n in range(0, 200, 8):
            done += await asyncio.gather(*(cut_short(symbol) for symbol in symbols[n : n + 8]))
        for symbol, finished in zip(symbols, done, strict=True):
            assert await stored(pool, symbol) in ({5} if finished else {0, 5})
        for _ in range(100):
            if pool.get_idle_size() == pool.get_size():
                break
            await asyncio.sleep(0.01)


async def kill(connection: quantdb.Connection, admin: quantdb.Pool) -> None:
    """End the server's side of a connection, and let the client notice."""
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    assert await admin.fetchval("SELECT pg_terminate_backend($1)", pid)
    there = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
    for _ in range(500):
        if await admin.fetchval(there, pid) == 0:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["pool", "plain pool", "plain connection"])
@pytest.mark.parametrize("after", ["a statement", "the end", "an error", "a bulk write"])
async def test_a_connection_that_is_killed_in_the_block_is_lost(
    dsn: str,
    pool: quantdb.Pool,
    kind: Literal["pool", "plain pool", "plain connection"],
    after: str,
) -> None:
    symbol = fresh()

    async def work(db: quantdb.Database) -> None:
        async with transaction(db) as tx:
            await TradeRepo(tx).insert(a_trade(symbol))
            await kill(tx, pool)
            match after:
                case "a statement":
                    await TradeRepo(tx).insert(a_trade(symbol))
                case "a bulk write":
                    await TradeRepo(tx).insert_many([a_trade(symbol)])
                case "an error":
                    raise Unwelcome
                case _:
                    pass

    async with mortal(kind, dsn) as db:
        if after == "an error":
            with pytest.raises(Unwelcome):
                await work(db)
        elif after == "the end":
            # COMMIT goes to a connection that is closed: lost for sure, or unknown.
            with pytest.raises((ConnectionLost, CommitUnknown)):
                await work(db)
        else:
            with pytest.raises(ConnectionLost) as caught:
                await work(db)
            assert caught.value.retryable
            assert caught.value.outcome == "not_applied"
        if kind != "plain connection":
            assert await stored(db, symbol) == 0
    assert await stored(pool, symbol) == 0


@asynccontextmanager
async def mortal(
    kind: Literal["pool", "plain pool", "plain connection"], dsn: str
) -> AsyncGenerator[quantdb.Database]:
    """Give a database of one connection, which may be killed."""
    if kind == "pool":
        async with small_pool(dsn) as pool:
            yield pool
    elif kind == "plain pool":
        async with asyncpg.create_pool(dsn, min_size=0, max_size=1) as plain:
            yield plain
    else:
        connection = await asyncpg.connect(dsn)
        yield connection
        await connection.close(timeout=5)


async def test_a_joined_transaction_that_is_killed_is_lost(dsn: str, pool: quantdb.Pool) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("BEGIN")
    await kill(connection, pool)
    with pytest.raises(ConnectionLost):
        await TradeRepo(connection).insert(a_trade(fresh()))
    await connection.close(timeout=5)


async def test_a_statement_that_is_killed_is_lost(dsn: str, pool: quantdb.Pool) -> None:
    async with small_pool(dsn) as own:
        name = fresh()

        async def work() -> None:
            async with transaction(own) as tx:
                await tx.execute(f"SET LOCAL application_name = 'x{name}'")
                await tx.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(work())
        killed = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
        )
        for _ in range(100):
            await asyncio.sleep(0.02)
            if await pool.fetchval(killed, f"x{name}"):
                break
        with pytest.raises(ConnectionLost):
            await task
        assert await own.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("kind", ["pool", "plain pool"])
async def test_a_server_that_is_not_there_is_no_bare_socket_error(kind: str) -> None:
    nowhere = "postgresql://postgres@127.0.0.1:1/postgres"
    if kind == "pool":
        async with quantdb.create_pool(quantdb.PoolConfig(nowhere, min_size=0)) as pool:
            with pytest.raises(QuantDBError) as caught:
                await TradeRepo(pool).latest("x")
    else:
        async with asyncpg.create_pool(nowhere, min_size=0) as plain:
            with pytest.raises(QuantDBError) as caught:
                await TradeRepo(plain).latest("x")
    assert isinstance(caught.value, ConnectionLost)
    assert caught.value.retryable


async def test_a_connection_that_was_given_back_says_so(pool: quantdb.Pool) -> None:
    async with pool.acquire() as connection:
        pass
    with pytest.raises((asyncpg.InterfaceError, QuantDBError)):
        await TradeRepo(connection).latest("x")


async def test_two_tasks_cannot_share_a_connection_unnoticed(pool: quantdb.Pool) -> None:
    async with transaction(pool) as tx:
        answers = await asyncio.gather(
            tx.fetchval("SELECT 1 FROM pg_sleep(0.1)"),
            TradeRepo(tx).count("x", NOON, NOON + SECOND),
            return_exceptions=True,
        )
    assert answers[0] == 1
    assert isinstance(answers[1], asyncpg.InterfaceError)


async def test_a_method_on_a_pool_is_a_transaction_of_its_own(pool: quantdb.Pool) -> None:
    symbol = fresh()
    async with transaction(pool) as tx:
        await TradeRepo(pool).insert(a_trade(symbol))
        assert await stored(tx, symbol) == 1
        await TradeRepo(tx).insert(a_trade(symbol))
        assert await TradeRepo(pool).count(symbol, NOON, NOON + timedelta(seconds=1)) == 1
