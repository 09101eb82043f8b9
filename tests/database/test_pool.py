"""The pool: exact codecs, clean sessions, limits on everything."""

import asyncio
import gc
import pickle
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import uuid4

import asyncpg
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    DAWN,
    DUSK,
    MICROSECOND,
    NOON,
    ZONES,
    a_trade,
    fresh,
    held,
    query,
    small_pool,
    some,
    until,
)

import quantdb
from quantdb import (
    ConfigError,
    ConnectionLost,
    PoolConfig,
    PoolTimeout,
    QuantDBError,
    TradeRepo,
    TransactionAborted,
)
from quantdb.codecs import Codec
from quantdb.connection import pooled


def driver_of(connection: object) -> asyncpg.Connection:
    """Give the driver's connection, with all its methods."""
    ours = pooled(connection)
    assert ours is not None
    return ours


@pytest.fixture
async def admin(server_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Another pair of eyes on the server."""
    connection = await asyncpg.connect(server_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def portable_pool(dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A pool whose only connection has met a range, for which there is no text form."""
    async with small_pool(dsn) as pool:
        amounts: asyncpg.Range[Decimal] = asyncpg.Range(Decimal("1.50"), Decimal(2))
        assert amounts == await pool.fetchval("SELECT numrange(1.50, 2)")
        yield pool


async def sessions(admin: asyncpg.Connection, name: str) -> int:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
    count: object = await admin.fetchval(sql, name)
    assert isinstance(count, int)
    return count


# Exact codecs


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("numeric", 0.1),
        ("numeric", float("inf")),
        ("numeric", Decimal("NaN")),
        ("numeric", Decimal("sNaN")),
        ("numeric", Decimal("-Infinity")),
        ("numeric", Decimal("1E+131072")),
        ("numeric", Decimal("1E-16384")),
        ("numeric", True),
        ("numeric", "1"),
        ("numeric[]", [0.1]),
        ("timestamptz", NOON.replace(tzinfo=None)),
        ("timestamptz", NOON.date()),
        ("timestamptz", "2024-01-01Z"),
        ("timestamptz", DUSK.replace(tzinfo=timezone(timedelta(hours=-1)))),
        ("timestamptz", DAWN.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("timestamptz[]", [NOON.replace(tzinfo=None)]),
        ("timestamp", NOON),
        ("timestamp", NOON.date()),
        ("date", NOON),
        ("date", "2024-01-01"),
    ],
)
async def test_a_raw_argument_that_would_be_changed_is_refused(
    pool: quantdb.Pool, portable_pool: quantdb.Pool, sql: str, value: object
) -> None:
    for either in (pool, portable_pool):
        for ask in (
            either.fetch(f"SELECT $1::{sql}", value),
            either.fetchrow(f"SELECT $1::{sql}", value),
            either.fetchval(f"SELECT $1::{sql}", value),
            either.execute(f"SELECT $1::{sql}", value),
            either.executemany(f"SELECT $1::{sql}", [(value,)]),
        ):
            with pytest.raises((asyncpg.DataError, QuantDBError)):
                await ask


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("numeric", Decimal("1.500")),
        ("numeric", Decimal("-0.0000000001")),
        ("numeric", Decimal(10**40)),
        ("numeric", Decimal("9" * 131_072)),
        ("numeric", Decimal(f"0.{'9' * 16_383}")),
        ("timestamptz", NOON + MICROSECOND),
        ("timestamptz", DAWN),
        ("timestamptz", DUSK),
        ("timestamptz", datetime(1, 1, 2, tzinfo=UTC)),
        ("timestamp", DUSK.replace(tzinfo=None)),
        ("timestamp", DAWN.replace(tzinfo=None)),
        ("timestamp", datetime(2024, 2, 29, 1, 2, 3, 4)),  # noqa: DTZ001
        ("date", date.max),
        ("date", date.min),
        ("date", date(2024, 2, 29)),
        ("uuid", uuid4()),
        ("interval", timedelta(days=-1, microseconds=1)),
        ("numeric[]", [Decimal("1.5"), None]),
        ("numeric[]", [[Decimal("1.5")], [Decimal(2)]]),
        ("numeric[]", []),
        ("timestamptz[]", [DUSK, DAWN, None, NOON]),
        ("date[]", [date.max, None]),
        ("bool", True),
        ("text", "株 \\ '\""),
        ("float8", 0.1),
    ],
)
async def test_a_raw_value_comes_back_equal_and_of_its_type(
    pool: quantdb.Pool, portable_pool: quantdb.Pool, sql: str, value: object
) -> None:
    for either in (pool, portable_pool):
        back = await either.fetchval(f"SELECT $1::{sql}", value)
        assert value == back
        assert isinstance(back, type(value))
        if isinstance(value, Decimal):
            assert str(back) == f"{value:f}" or "E-" in str(back)
        if isinstance(back, datetime) and sql == "timestamptz":
            assert back.tzinfo is UTC


async def test_a_raw_number_is_plain_and_keeps_its_scale(
    pool: quantdb.Pool, portable_pool: quantdb.Pool
) -> None:
    for either in (pool, portable_pool):
        for written, text in (
            ("1E+4", "10000"),
            ("1.50E+3", "1500"),
            ("1.50", "1.50"),
            ("-0.0", "0.0"),
            ("0E+5", "0"),
            ("10000.00010000", "10000.00010000"),
            ("-99990000", "-99990000"),
        ):
            assert text == str(await either.fetchval("SELECT $1::numeric", Decimal(written)))
            assert text == await either.fetchval("SELECT $1::numeric::text", Decimal(written))
        assert str(await either.fetchval("SELECT $1::numeric", 7)) == "7"


@pytest.mark.parametrize(
    "sql",
    [
        "timestamptz 'infinity'",
        "timestamptz '-infinity'",
        "timestamptz '10000-01-01Z'",
        "timestamptz '0001-01-01 BC Z'",
        "timestamp 'infinity'",
        "timestamp '4713-01-01 BC'",
        "date 'infinity'",
        "date '10000-01-01'",
        "date '0001-12-31 BC'",
    ],
)
async def test_a_time_that_python_does_not_have_is_an_error(
    pool: quantdb.Pool, portable_pool: quantdb.Pool, sql: str
) -> None:
    for either in (pool, portable_pool):
        with pytest.raises((ValueError, asyncpg.DataError)):
            await either.fetchval(f"SELECT {sql}")
        assert await either.fetchval("SELECT 1") == 1


async def test_instants_are_in_utc_whatever_the_zone_of_the_session(pool: quantdb.Pool) -> None:
    for zone in (*ZONES, "Asia/Kolkata", "Africa/Monrovia"):
        async with quantdb.transaction(pool) as tx:
            await tx.execute(f"SET LOCAL TIME ZONE '{zone}'")
            for value in (
                NOON,
                datetime(1883, 11, 18, 12, 3, 58, 999999, tzinfo=UTC),
                datetime(1900, 1, 1, tzinfo=UTC),
                datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
                datetime(2024, 11, 3, 6, 30, tzinfo=UTC),
                datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC),
            ):
                back = await tx.fetchval("SELECT $1::timestamptz", value)
                assert value == back
                assert isinstance(back, datetime)
                assert back.tzinfo is UTC


@pytest.fixture(scope="module")
async def mixed(pool: quantdb.Pool) -> None:
    """A composite of the types that have codecs."""
    await pool.execute("CREATE TYPE mixed AS (n numeric, t timestamptz, d date, s timestamp)")


@pytest.mark.usefixtures("mixed")
@some
@given(
    number=st.integers(-(10**40), 10**40),
    scale=st.integers(-30, 60),
    moment=st.datetimes(timezones=st.just(UTC)),
    day=st.dates(),
)
async def test_raw_values_come_back_as_they_went(
    pool: quantdb.Pool,
    number: int,
    scale: int,
    moment: datetime,
    day: date,
) -> None:
    value = Decimal(f"{number}E{-scale}")
    naive = moment.replace(tzinfo=None)
    flat = await pool.fetchrow(
        "SELECT $1::numeric, $2::timestamptz, $3::date, $4::timestamp", value, moment, day, naive
    )
    nested = await pool.fetchval("SELECT ROW($1, $2, $3, $4)::mixed", value, moment, day, naive)
    text = await pool.fetchval("SELECT $1::numeric::text", value)
    assert flat is not None
    for row in (flat, nested):
        assert isinstance(row, asyncpg.Record)
        back: object = row[0]
        assert (value, moment, day, naive) == tuple(row)
        assert isinstance(back, Decimal)
        assert text == f"{back:f}"
    assert nested == await pool.fetchval("SELECT $1::mixed", tuple(flat))


@some
@given(
    numbers=st.tuples(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20)),
    scale=st.integers(0, 30),
    moments=st.tuples(st.datetimes(), st.datetimes()),
    bounds=st.sampled_from(["[)", "[]", "(]", "()"]),
)
async def test_ranges_of_exact_values_come_back_as_they_went(
    pool: quantdb.Pool,
    numbers: tuple[int, int],
    scale: int,
    moments: tuple[datetime, datetime],
    bounds: str,
) -> None:
    low, high = (Decimal(f"{number}E-{scale}") for number in sorted(numbers))
    start, end = (moment.replace(tzinfo=UTC) for moment in sorted(moments))
    sql = "SELECT numrange($1, $2, $5), tstzrange($3, $4, $5), upper(tstzrange($3, $4, $5))"
    async with pool.acquire() as connection:
        row = await driver_of(connection).fetchrow(sql, low, high, start, end, bounds)
    assert row is not None
    amounts: asyncpg.Range[Decimal] = row[0]
    times: asyncpg.Range[datetime] = row[1]
    if not amounts.isempty:
        assert (low, high) == (amounts.lower, amounts.upper)
    if not times.isempty:
        assert (start, end) == (times.lower, times.upper)
    again = await pool.fetchrow("SELECT $1::numrange, $2::tstzrange", amounts, times)
    assert again is not None
    assert (amounts, times) == tuple(again)


# Clean sessions


DIRT = {
    "a role": ("SET ROLE pg_monitor", "SELECT current_user = session_user"),
    "another user": (
        "SET SESSION AUTHORIZATION pg_monitor",
        "SELECT session_user <> 'pg_monitor'",
    ),
    "a setting": (
        "SET statement_timeout = 12345",
        "SELECT current_setting('statement_timeout') = '0'",
    ),
    "a zone": ("SET TIME ZONE 'Asia/Kathmandu'", "SELECT current_setting('TimeZone') = 'UTC'"),
    "a style of dates": (
        "SET DateStyle = 'German'",
        "SELECT current_setting('DateStyle') LIKE 'ISO%'",
    ),
    "a search path": (
        "SELECT set_config('search_path', 'pg_catalog', false)",
        "SELECT current_setting('search_path') <> 'pg_catalog'",
    ),
    "a temporary table": (
        "CREATE TEMP TABLE trades (n int)",
        "SELECT to_regclass('pg_temp.trades') IS NULL",
    ),
    "a temporary view": (
        "CREATE TEMP VIEW prices AS SELECT 1 AS n",
        "SELECT to_regclass('pg_temp.prices') IS NULL",
    ),
    "an advisory lock": (
        "SELECT pg_advisory_lock(77)",
        "SELECT count(*) = 0 FROM pg_locks WHERE objid = 77 AND pid = pg_backend_pid()",
    ),
    "a channel": ("LISTEN somewhere", "SELECT count(*) = 0 FROM pg_listening_channels()"),
    "a cursor": (
        "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT",
        "SELECT count(*) = 0 FROM pg_cursors WHERE name = 'c'",
    ),
    "a prepared statement": (
        "PREPARE mine AS SELECT 1",
        "SELECT count(*) = 0 FROM pg_prepared_statements WHERE from_sql",
    ),
    "a prepared statement of a strange name": (
        'PREPARE "it\'s; ""mine""" AS SELECT 1',
        "SELECT count(*) = 0 FROM pg_prepared_statements WHERE from_sql",
    ),
    "a sequence's last value": (
        "CREATE TEMP SEQUENCE s; SELECT nextval('s')",
        "SELECT to_regclass('pg_temp.s') IS NULL",
    ),
    "a function in the way of the reset": (
        """
        CREATE FUNCTION pg_temp.pg_advisory_unlock_all() RETURNS void LANGUAGE sql AS 'SELECT';
        SET search_path = pg_temp, pg_catalog;
        SELECT pg_catalog.pg_advisory_lock(78)
        """,
        "SELECT count(*) = 0 FROM pg_locks WHERE objid = 78 AND pid = pg_backend_pid()",
    ),
    "a transaction's defaults": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SELECT current_setting('default_transaction_read_only') = 'off'",
    ),
    "a setting of one's own": (
        "SET my.setting = 'x'",
        "SELECT coalesce(current_setting('my.setting', true), '') = ''",
    ),
}


@pytest.mark.parametrize("dirt", DIRT)
@pytest.mark.parametrize("how", ["acquire", "execute", "transaction"])
async def test_what_a_borrower_leaves_in_the_session_is_gone_for_the_next(
    dsn: str, dirt: str, how: str
) -> None:
    sql, is_clean = DIRT[dirt]
    if how == "transaction" and dirt == "a cursor":
        sql = "DECLARE c CURSOR WITH HOLD FOR SELECT 1"
    async with small_pool(dsn) as pool:
        pid = await pool.fetchval("SELECT pg_backend_pid()")
        if how == "acquire":
            async with pool.acquire() as connection:
                await connection.execute(sql)
                assert await connection.fetchval(is_clean) is False
        elif how == "execute":
            await pool.execute(sql)
        else:
            async with quantdb.transaction(pool) as tx:
                await tx.execute(sql)
        assert await pool.fetchval(is_clean) is True
        assert pid == await pool.fetchval("SELECT pg_backend_pid()")
        await TradeRepo(pool).insert(a_trade(fresh()))


async def test_what_the_driver_has_prepared_outlives_a_reset(dsn: str) -> None:
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%trades%'"
    async with small_pool(dsn) as pool:
        await TradeRepo(pool).latest("x")
        kept = await pool.fetchval(prepared)
        assert kept
        async with pool.acquire() as connection:
            await connection.execute("PREPARE mine AS SELECT 1; SET work_mem = '65kB'")
        assert kept == await pool.fetchval(prepared)
        await TradeRepo(pool).latest("x")


async def test_codecs_that_a_borrower_sets_are_not_the_next_ones(dsn: str) -> None:
    async with small_pool(dsn) as pool:
        async with pool.acquire() as connection:
            await driver_of(connection).set_type_codec(
                "numeric", schema="pg_catalog", encoder=str, decoder=float, format="text"
            )
            assert isinstance(await connection.fetchval("SELECT 1.5"), float)
        assert isinstance(await pool.fetchval("SELECT 1.5"), Decimal)


async def test_a_borrower_who_does_nothing_pays_for_no_reset(
    dsn: str, admin: asyncpg.Connection
) -> None:
    name = fresh()
    config = PoolConfig(dsn, min_size=0, max_size=1, application_name=name)
    async with quantdb.create_pool(config) as pool:
        async with pool.acquire() as connection:
            await TradeRepo(connection).latest("x")
        assert (await last_statement(admin, name)).startswith("COMMIT")
        async with quantdb.transaction(pool) as tx:
            await TradeRepo(tx).insert(a_trade(fresh()))
            await TradeRepo(tx).insert_many([a_trade(fresh())])
            block = tx.transaction()
            await block.start()
            await block.rollback()
        assert (await last_statement(admin, name)).startswith("COMMIT")


async def test_a_query_that_leaves_something_behind_is_cleaned_up_after(
    dsn: str, tmp_path: Path
) -> None:
    setting = query(tmp_path, "SELECT set_config('work_mem', '66kB', false)", str)
    table = query(tmp_path, "CREATE TEMP TABLE lingers ()")
    shown = "SELECT current_setting('work_mem') <> '66kB' AND to_regclass('lingers') IS NULL"
    async with small_pool(dsn) as pool:
        await setting.one(pool)
        assert await pool.fetchval(shown) is True
        await table.run(pool)
        assert await pool.fetchval(shown) is True
        async with quantdb.transaction(pool) as tx:
            await setting.one(tx)
        async with pool.acquire() as connection:
            assert await connection.fetchval(shown) is True
        async with pool.acquire() as connection:
            await table.run(connection)
        assert await pool.fetchval(shown) is True


async def test_a_transaction_that_a_borrower_leaves_open_is_rolled_back(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    trade = a_trade(fresh())
    async with small_pool(dsn) as pool:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
            await TradeRepo(connection).insert(trade)
        assert await TradeRepo(pool).find(trade.id) is None
        assert "active transaction" in caplog.text


async def last_statement(admin: asyncpg.Connection, name: str) -> str:
    row = await admin.fetchrow(
        "SELECT query, state FROM pg_stat_activity WHERE application_name = $1", name
    )
    assert row is not None
    assert row["state"] == "idle"
    return str(row["query"])


async def test_repositories_send_no_reset_and_raw_borrowers_do(
    dsn: str, admin: asyncpg.Connection
) -> None:
    name = fresh()
    config = PoolConfig(dsn, min_size=0, max_size=1, application_name=name)
    async with quantdb.create_pool(config) as pool:
        for _ in range(3):
            await TradeRepo(pool).insert(a_trade(fresh()))
            assert (await last_statement(admin, name)).startswith("COMMIT")
            await TradeRepo(pool).insert_many([a_trade(fresh())])
            assert (await last_statement(admin, name)).startswith("COMMIT")
            assert [trade async for trade in TradeRepo(pool).stream("x", DAWN, DUSK)] == []
            assert (await last_statement(admin, name)).startswith("COMMIT")
            await pool.fetchval("SELECT 1")
            assert "RESET" in await last_statement(admin, name)
            async with quantdb.transaction(pool) as tx:
                await tx.fetchval("SELECT 1")
            assert "RESET" in await last_statement(admin, name)


async def test_a_repository_method_is_three_round_trips(
    dsn: str, admin: asyncpg.Connection
) -> None:
    """BEGIN, the statement, COMMIT: counted by the server's own statistics."""
    name, symbol = fresh(), fresh()
    config = PoolConfig(dsn, min_size=0, max_size=1, application_name=name)
    async with quantdb.create_pool(config) as pool:
        await TradeRepo(pool).count(symbol, DAWN, DUSK)
        seen: list[str] = []
        async with pool.acquire() as connection:
            driver_of(connection).add_query_logger(lambda record: seen.append(record.query))
            async with quantdb.transaction(connection):
                seen.clear()
                await TradeRepo(connection).count(symbol, DAWN, DUSK)
                assert len(seen) == 1
            seen.clear()
            await TradeRepo(connection).count(symbol, DAWN, DUSK)
            assert len(seen) == 3
    assert await sessions(admin, name) == 0


# Limits


async def test_a_pool_that_is_exhausted_does_not_keep_one_waiting(dsn: str) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1, acquire_timeout=0.2)
    async with quantdb.create_pool(config) as pool:
        errors: list[PoolTimeout] = []
        async with held(pool, 1) as [connection]:
            for timeout in (None, 0.1, 0.3):
                began = time.monotonic()
                with pytest.raises(PoolTimeout, match="1 in use") as caught:
                    await pool.acquire(timeout=timeout)
                waited = time.monotonic() - began
                assert (timeout or 0.2) * 0.9 < waited < (timeout or 0.2) + 1
                errors.append(caught.value)
            assert await connection.fetchval("SELECT 1") == 1
        copies: list[PoolTimeout] = pickle.loads(pickle.dumps(errors))
        assert [(e.size, e.in_use, e.waiting) for e in (*errors, *copies)] == [(1, 1, 1)] * 6
        assert await pool.fetchval("SELECT 1") == 1


async def test_a_borrower_who_is_cancelled_while_waiting_takes_nothing(dsn: str) -> None:
    async with small_pool(dsn) as pool:
        async with held(pool, 1):
            waiting = asyncio.create_task(TradeRepo(pool).latest("x"))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert pool.get_idle_size() == pool.get_size() == 1


async def test_a_connection_may_be_awaited_and_given_back(dsn: str) -> None:
    async with small_pool(dsn) as pool:
        connection = await pool.acquire()
        assert pool.get_idle_size() == 0
        assert await connection.fetchval("SELECT 1") == 1
        await pool.release(connection)
        assert pool.get_idle_size() == 1
        await pool.release(connection)
        assert pool.get_idle_size() == 1


async def test_a_stuck_statement_does_not_hold_up_the_end(dsn: str) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=2, close_timeout=0.3)
    pool = await quantdb.create_pool(config)
    stuck = asyncio.create_task(pool.fetchval("SELECT pg_sleep(60)"))
    in_block = asyncio.create_task(_sleep_in_block(pool))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await pool.close()
    assert time.monotonic() - began < 5
    assert pool.is_closing()
    answers = await asyncio.wait_for(
        asyncio.gather(stuck, in_block, return_exceptions=True), timeout=10
    )
    assert all(isinstance(answer, Exception) for answer in answers)
    assert isinstance(answers[1], ConnectionLost)


async def _sleep_in_block(pool: quantdb.Pool) -> None:
    async with quantdb.transaction(pool) as tx:
        await tx.execute("SELECT pg_sleep(60)")


async def test_the_end_waits_for_work_under_way(dsn: str) -> None:
    trade = a_trade(fresh())
    pool = await quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1))

    async def work() -> None:
        async with quantdb.transaction(pool) as tx:
            await tx.execute("SELECT pg_sleep(0.3)")
            await TradeRepo(tx).insert(trade)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    await pool.close()
    await task
    async with small_pool(dsn) as other:
        assert trade == await TradeRepo(other).get(trade.id)


async def test_a_closed_pool_lends_nothing(dsn: str) -> None:
    pool = await quantdb.create_pool(PoolConfig(dsn, min_size=0))
    assert not pool.is_closing()
    await pool.close()
    await pool.close()
    assert pool.is_closing()
    for ask in (pool.fetchval("SELECT 1"), TradeRepo(pool).latest("x")):
        with pytest.raises((asyncpg.InterfaceError, QuantDBError)):
            await ask


async def test_a_pool_that_was_never_opened_says_so(dsn: str) -> None:
    pool = quantdb.create_pool(PoolConfig(dsn, min_size=0))
    assert pool.is_closing()
    with pytest.raises((asyncpg.InterfaceError, QuantDBError), match="not open"):
        await pool.fetchval("SELECT 1")


async def test_terminating_ends_at_once(dsn: str, admin: asyncpg.Connection) -> None:
    name = fresh()
    pool = await quantdb.create_pool(PoolConfig(dsn, min_size=0, application_name=name))
    task = asyncio.create_task(pool.fetchval("SELECT pg_sleep(60)"))
    await asyncio.sleep(0.2)
    pool.terminate()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError, QuantDBError)):
        await asyncio.wait_for(task, timeout=5)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name
    )


async def test_as_many_connections_are_kept_open_as_asked(
    dsn: str, admin: asyncpg.Connection
) -> None:
    name = fresh()
    config = PoolConfig(dsn, min_size=2, max_size=4, application_name=name, idle_lifetime=0.2)
    async with quantdb.create_pool(config) as pool:
        assert (pool.get_min_size(), pool.get_max_size()) == (2, 4)
        assert 2 == pool.get_size() == pool.get_idle_size() == await sessions(admin, name)
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.1)") for _ in range(9)))
        assert 4 == pool.get_size() == pool.get_idle_size()
        await asyncio.sleep(1)
        assert 2 == pool.get_size() == await sessions(admin, name)
    assert await sessions(admin, name) == 0


async def test_a_connection_that_is_reset_is_lent_again(dsn: str) -> None:
    """Several come back at once, and those who wait borrow them before all are back."""
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=4)) as pool:
        for _ in range(20):
            await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(16)))
        assert (pool.statistics().opened, pool.get_size()) == (4, 4)


async def test_scaling_to_zero_keeps_no_connection(dsn: str, admin: asyncpg.Connection) -> None:
    name = fresh()
    config = PoolConfig(dsn, application_name=name, scale_to_zero=True, idle_lifetime=0.2)
    async with quantdb.create_pool(config) as pool:
        assert 0 == pool.get_size() == await sessions(admin, name)
        await TradeRepo(pool).latest("x")
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.05)") for _ in range(5)))
        assert pool.get_size() >= 1
        await asyncio.sleep(1)
        assert 0 == pool.get_size() == await sessions(admin, name)
        await TradeRepo(pool).latest("x")


async def test_connections_that_expire_are_replaced(dsn: str) -> None:
    async with small_pool(dsn) as pool:
        first = await pool.fetchval("SELECT pg_backend_pid()")
        assert first == await pool.fetchval("SELECT pg_backend_pid()")
        await pool.expire_connections()
        assert first != await pool.fetchval("SELECT pg_backend_pid()")


async def test_a_dead_connection_is_replaced(dsn: str, admin: asyncpg.Connection) -> None:
    async with small_pool(dsn) as pool:
        pid = await pool.fetchval("SELECT pg_backend_pid()")
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(0.2)
        assert pid != await pool.fetchval("SELECT pg_backend_pid()")
        await TradeRepo(pool).latest("x")


async def test_a_pool_is_named_after_its_application(dsn: str) -> None:
    async with small_pool(dsn) as pool:
        assert await pool.fetchval("SHOW application_name") == "quantdb"
        assert await pool.fetchval("SHOW TimeZone") == "UTC"


async def test_a_pool_opens_with_a_dsn_alone(dsn: str) -> None:
    async with quantdb.create_pool(dsn) as pool:
        assert pool.get_size() == 5
        assert await pool.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(
    "dsn_", ["mysql://x/y", "", "postgresql://u:p@h:notaport/d", "postgresql://h/d?sslmode=maybe"]
)
def test_a_dsn_that_cannot_work_is_refused_before_connecting(dsn_: str) -> None:
    with pytest.raises(ConfigError):
        quantdb.create_pool(dsn_)


async def test_the_dsn_of_a_console_is_taken_as_it_is(dsn: str) -> None:
    query = "channel_binding=require&connect_timeout=10&pgbouncer=true&keepalives=1&sslmode=disable"
    spelt = dsn.replace("postgresql://", "postgresql+asyncpg://")
    spelt += f"{'&' if '?' in spelt else '?'}{query}"
    async with quantdb.create_pool(PoolConfig(spelt, min_size=0)) as pool:
        assert await pool.fetchval("SELECT 1") == 1


async def test_without_a_statement_cache_everything_works(dsn: str) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1, statement_cache_size=0)
    symbol = fresh()
    async with quantdb.create_pool(config) as pool:
        trades = TradeRepo(pool)
        made = [a_trade(symbol, executed_at=NOON + n * MICROSECOND) for n in range(5)]
        await trades.insert_many(made)
        assert made[0] == await trades.insert(made[0])
        assert made == await trades.between(symbol, DAWN, DUSK)
        assert made == [trade async for trade in trades.stream(symbol, DAWN, DUSK)]
        assert (
            await pool.fetchval(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%trades%'"
            )
            == 0
        )


async def test_all_or_nothing_of_many_raw_statements(pool: quantdb.Pool) -> None:
    name = f"t{fresh()}"
    await pool.execute(f"CREATE TABLE {name} (n int CHECK (n < 3))")
    await pool.executemany(f"INSERT INTO {name} VALUES ($1)", [(1,), (2,)])
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.executemany(f"INSERT INTO {name} VALUES ($1)", [(1,), (3,)])
    assert await pool.fetchval(f"SELECT count(*) FROM {name}") == 2


async def test_a_commit_that_is_a_rollback_is_an_error_for_raw_users_too(
    pool: quantdb.Pool,
) -> None:
    async def work() -> None:
        async with pool.acquire() as connection, connection.transaction():
            with pytest.raises(asyncpg.DivisionByZeroError):
                await connection.execute("SELECT 1 / 0")

    with pytest.raises(TransactionAborted):
        await work()


async def test_what_is_borrowed_and_forgotten_is_not_lost_to_the_block(dsn: str) -> None:
    async with small_pool(dsn) as pool:
        lease = pool.acquire()
        del lease
        gc.collect()
        assert pool.get_size() == pool.get_idle_size()
        assert await pool.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("transactions", ["explicit", "statement"])
async def test_both_kinds_of_transactions_store_alike(dsn: str, transactions: str) -> None:
    config = PoolConfig(
        dsn,
        min_size=0,
        max_size=1,
        transactions="statement" if transactions == "statement" else "explicit",
    )
    trade = a_trade(fresh(), venue_trade_id="1")
    async with quantdb.create_pool(config) as pool:
        seen: list[str] = []
        connection = await pool.acquire()
        driver_of(connection).add_query_logger(lambda record: seen.append(record.query))
        await pool.release(connection)
        trades = TradeRepo(pool)
        assert trade == await trades.insert(trade) == await trades.insert(trade)
        with pytest.raises(quantdb.Conflict):
            await trades.insert(a_trade(trade.symbol, venue_trade_id="1"))
        await trades.count(trade.symbol, DAWN, DUSK)
        seen.clear()
        assert await trades.count(trade.symbol, DAWN, DUSK) == 1
        assert (1 if transactions == "statement" else 3) == len(seen)


class Mood(Enum):
    OK = "ok"
    SAD = "sad"


@attrs.frozen
class Leg:
    symbol: str
    quantity: Decimal


def label_of(mood: Mood) -> str:
    return mood.value


def leg_of(parts: tuple[str, Decimal]) -> Leg:
    return Leg(*parts)


async def test_codecs_of_ones_own_stand_in_for_the_strict_ones(empty_dsn: str) -> None:
    admin = await asyncpg.connect(empty_dsn)
    await admin.execute("CREATE TYPE mood AS ENUM ('ok', 'sad')")
    await admin.execute("CREATE TYPE leg AS (symbol text, quantity numeric)")
    await admin.close()
    exact = PoolConfig(
        empty_dsn,
        min_size=0,
        codecs=(
            Codec("mood", label_of, Mood, schema="public"),
            Codec("leg", attrs.astuple, leg_of, "tuple", schema="public"),
        ),
    )
    leg = Leg("A", Decimal("1.50"))
    async with quantdb.create_pool(exact) as pool:
        assert await pool.fetchval("SELECT $1::mood", Mood.SAD) is Mood.SAD
        assert await pool.fetchval("SELECT $1::leg", leg) == leg
        assert await pool.fetchval("SELECT $1::leg[]", [leg, None]) == [leg, None]
        assert str(await pool.fetchval("SELECT $1::numeric", Decimal("1.50"))) == "1.50"
        with pytest.raises(quantdb.InexactValue):
            await pool.fetchval("SELECT $1::numeric", 1.5)
    research = PoolConfig(empty_dsn, min_size=0, codecs=(Codec("numeric", str, float),))
    async with quantdb.create_pool(research) as pool:
        assert await pool.fetchval("SELECT $1::numeric", 1.25) == 1.25
        with pytest.raises(quantdb.InexactValue):
            await pool.fetchval("SELECT $1::int", 1.25)


@pytest.mark.parametrize("value", [Decimal("1.9"), 1.9, True])
async def test_prepared_statements_and_cursors_obey_the_boundary_too(
    pool: quantdb.Pool, value: object
) -> None:
    sql = "SELECT $1::int"
    async with pool.acquire() as connection, connection.transaction():
        statement = await connection.prepare(sql)
        for refused in (
            lambda: statement.fetchval(value),
            lambda: statement.fetch(value),
            lambda: connection.cursor(sql, value),
        ):
            with pytest.raises(quantdb.InexactValue, match=r"\$1: must be an int"):
                await refused()
        assert await statement.fetchval(7) == 7
        assert [tuple(row) for row in await (await connection.cursor(sql, 7)).fetch(5)] == [(7,)]
        assert [tuple(row) async for row in driver_of(connection).cursor(sql, 7)] == [(7,)]


async def test_a_transaction_is_of_no_use_after_its_connection_was_given_back(
    dsn: str,
) -> None:
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1)) as own:
        async with own.acquire() as connection:
            kept = connection.transaction()
        # Another has the connection now.
        async with quantdb.transaction(own) as tx:
            with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
                await kept.start()
            assert await tx.fetchval("SELECT 1") == 1
        async with own.acquire() as connection, connection.transaction():
            assert connection.is_in_transaction()


async def test_who_listens_to_the_servers_log_listens_no_more_once_he_has_given_it_back(
    dsn: str,
) -> None:
    heard: list[object] = []
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1)) as pool:
        connection = await pool.acquire()
        ours = pooled(connection)
        assert ours is not None
        ours.add_log_listener(lambda _connection, message: heard.append(message))
        await connection.execute("DO $$BEGIN RAISE NOTICE 'one'; END$$")
        with pytest.warns(asyncpg.InterfaceWarning, match="1 active log listener"):
            await pool.release(connection)
        await pool.execute("DO $$BEGIN RAISE NOTICE 'two'; END$$")
    await asyncio.sleep(0)

    assert len(heard) == 1


async def test_who_is_given_a_connection_that_the_pool_then_closes_waits_for_no_other(
    dsn: str,
) -> None:
    pool = await quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1))
    connection = await pool.acquire()

    async def borrow() -> None:
        async with pool.acquire():
            pass

    waiting = asyncio.create_task(borrow())
    await until(lambda: pool.statistics().waiting == 1)
    await pool.release(connection)
    pool.terminate()

    async with asyncio.timeout(5):
        with pytest.raises(ConfigError, match="closed"):
            await waiting
