"""A real PgBouncer in transaction mode, which is what stands behind a pooled endpoint of Neon's."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import asyncpg
import pytest
from conftest import fresh_database
from methods import every_method
from servers import pgbouncer
from support import HOUR, NOON, SECOND, a_price, a_trade, fresh

import quantdb
from quantdb import ConfigError, Ingest, PoolConfig, PriceRepo, TradeRepo
from quantdb.embedded import EmbeddedPostgres

TASKS = 8
SERVER_CONNECTIONS = 2


@pytest.fixture(scope="module")
def tcp_dsn() -> Iterator[str]:
    """A server that a pooler can reach."""
    with EmbeddedPostgres(tcp=True) as server:
        yield server.dsn


@pytest.fixture(scope="module")
def pooler(tcp_dsn: str) -> Iterator[str]:
    """Host and port of a PgBouncer with two server connections."""
    with pgbouncer(tcp_dsn, connections=SERVER_CONNECTIONS) as address:
        yield address


@pytest.fixture(scope="module")
async def direct_dsn(tcp_dsn: str) -> AsyncIterator[str]:
    """A database with quantdb's schema, past the pooler, where little is as quantdb wants it."""
    async with fresh_database(tcp_dsn) as dsn:
        name = urlsplit(dsn).path[1:]
        admin = await asyncpg.connect(dsn)
        try:
            await admin.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'")
            await admin.execute(f"ALTER DATABASE {name} SET datestyle = 'SQL, DMY'")
        finally:
            await admin.close()
        async with quantdb.create_pool(PoolConfig(dsn, min_size=0)) as pool:
            await quantdb.migrate(pool)
        yield dsn


@pytest.fixture(scope="module")
def pooled_dsn(direct_dsn: str, pooler: str) -> str:
    """The same database, by way of the pooler."""
    parts = urlsplit(direct_dsn)
    return parts._replace(netloc=f"{parts.username}:unused@{pooler}", query="").geturl()


@pytest.fixture(scope="module", params=["explicit", "statement"])
async def pooled(request: pytest.FixtureRequest, pooled_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A pool with nothing said of the pooler: port 6432 tells."""
    config = PoolConfig(pooled_dsn, max_size=TASKS, transactions=request.param)
    async with quantdb.create_pool(config) as pool:
        yield pool
        assert pool.get_idle_size() == pool.get_size()


async def test_every_method_works_for_eight_tasks_on_two_server_connections(
    pooled: quantdb.Pool, direct_dsn: str
) -> None:
    async def work() -> None:
        for _ in range(3):
            await every_method(pooled, fresh())

    assert pooled.config.target().pooled
    await asyncio.gather(*(work() for _ in range(TASKS)))

    admin = await asyncpg.connect(direct_dsn)
    try:
        servers: object = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        left: object = await admin.fetchval(
            "SELECT count(*) FROM pg_class WHERE relpersistence = 't'"
        )
    finally:
        await admin.close()
    assert servers == SERVER_CONNECTIONS
    assert left == 0


async def test_both_bulk_paths_store_all_of_it_once(pooled: quantdb.Pool) -> None:
    rows = 2_000

    async def work() -> None:
        symbol = fresh()
        trades = [a_trade(symbol, executed_at=NOON + n * SECOND) for n in range(rows)]
        prices = [a_price(symbol, NOON + n * SECOND, n, SECOND) for n in range(rows)]
        for fresh_ones, known in ((rows, 0), (0, rows)):
            report = Ingest(inserted=fresh_ones, existing=known)
            assert report == await TradeRepo(pooled).insert_many(trades)
            assert report == await PriceRepo(pooled).upsert_many(prices)
        assert trades == [
            trade async for trade in TradeRepo(pooled).stream(symbol, NOON, NOON + HOUR)
        ]
        assert prices == await PriceRepo(pooled).between(symbol, SECOND, NOON, NOON + HOUR)

    await asyncio.gather(*(work() for _ in range(TASKS)))


async def test_a_unit_of_work_stays_in_one_session(pooled: quantdb.Pool) -> None:
    async def work() -> tuple[object, ...]:
        async with quantdb.transaction(pooled) as tx:
            await tx.execute("SET LOCAL application_name = 'mine'")
            backends = [await tx.fetchval("SELECT pg_backend_pid()") for _ in range(5)]
            assert await tx.fetchval("SHOW application_name") == "mine"
            return tuple(set(backends))

    for backends in await asyncio.gather(*(work() for _ in range(TASKS))):
        assert len(backends) == 1
    assert await pooled.fetchval("SHOW application_name") == "quantdb"


async def test_sessions_speak_utc_and_iso_whatever_the_server_and_raw_borrowers_do(
    pooled: quantdb.Pool,
) -> None:
    async def seen() -> tuple[object, object]:
        async with quantdb.transaction(pooled) as tx:
            style: object = await tx.fetchval("SHOW datestyle")
            return await tx.fetchval("SHOW timezone"), str(style).partition(",")[0]

    async with pooled.acquire() as connection:
        await connection.execute("SELECT 1")

    assert {("UTC", "ISO")} == set(await asyncio.gather(*(seen() for _ in range(TASKS))))


# With the wrong settings forced, the error names the setting.


async def test_prepared_statements_that_vanish_name_the_setting(pooled_dsn: str) -> None:
    config = PoolConfig(pooled_dsn, max_size=TASKS, pooled=False, statement_cache_size=100)
    failures: list[Exception] = []

    async def work(pool: quantdb.Pool) -> None:
        for _ in range(20):
            try:
                await TradeRepo(pool).insert(a_trade("AAPL"))
                await TradeRepo(pool).latest("AAPL")
            except Exception as error:
                failures.append(error)

    async with quantdb.create_pool(config) as pool:
        await asyncio.gather(*(work(pool) for _ in range(TASKS)))

    assert failures
    assert {ConfigError} == {type(error) for error in failures}
    for error in failures:
        assert "pooled=True" in str(error)
        assert "statement_cache_size=0" in str(error)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SET statement_timeout = '1s'", "SET LOCAL statement_timeout"),
        ("set SESSION search_path TO public", "SET LOCAL search_path"),
        ("SELECT 1; SET geqo = off", "SET LOCAL geqo"),
        ("LISTEN trades", "LISTEN"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("CREATE TEMP TABLE t (a int)", "ON COMMIT DROP"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "WITH HOLD"),
        ("SELECT pg_advisory_lock(1)", "use pg_advisory_xact_lock"),
        ("SELECT pg_try_advisory_lock_shared(1)", "use pg_try_advisory_xact_lock_shared"),
        ("SELECT set_config('geqo', 'off', false)", "pass true"),
    ],
)
async def test_what_belongs_to_a_session_is_refused_and_said(
    pooled: quantdb.Pool, query: str, names: str
) -> None:
    async with pooled.acquire() as connection:
        for send in (connection.execute, connection.fetch, connection.fetchval):
            with pytest.raises(ConfigError, match=r"PoolConfig\.pooled") as caught:
                await send(query)
            assert names in str(caught.value)
        async with quantdb.transaction(connection) as tx:
            with pytest.raises(ConfigError, match=r"PoolConfig\.pooled"):
                await tx.execute(query)


@pytest.mark.parametrize(
    "query",
    [
        "SET LOCAL statement_timeout = '10s'",
        "SET TRANSACTION READ ONLY",
        "SET CONSTRAINTS ALL DEFERRED",
        "SELECT set_config('quantdb.tenant', 'a', true)",
        "SELECT pg_advisory_xact_lock(1)",
        "CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1 AS a",
        "SELECT 'SET geqo = off' AS said -- LISTEN",
        "UPDATE users SET name = name WHERE false",
        "RESET geqo",
    ],
)
async def test_what_ends_with_its_transaction_is_let_through(
    pooled: quantdb.Pool, query: str
) -> None:
    async with quantdb.transaction(pooled) as tx:
        await tx.execute(query)


async def test_a_direct_connection_keeps_its_session(direct_dsn: str) -> None:
    async with (
        quantdb.create_pool(PoolConfig(direct_dsn, min_size=0)) as pool,
        pool.acquire() as connection,
    ):
        await connection.execute("SET statement_timeout = '7s'")
        assert await connection.fetchval("SHOW statement_timeout") == "7s"


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        ("statement_timeout=1000", "statement_timeout"),
        ("search_path=public", "search_path"),
        ("options=-c%20geqo%3Doff", "options"),
    ],
)
async def test_a_startup_parameter_that_the_pooler_refuses_is_named(
    pooled_dsn: str, parameter: str, name: str
) -> None:
    with pytest.raises(ConfigError, match="startup parameter") as caught:
        await quantdb.create_pool(PoolConfig(f"{pooled_dsn}?{parameter}"))

    assert name in str(caught.value)
    assert not caught.value.retryable


async def test_a_database_that_the_pooler_cannot_open_is_said(pooled_dsn: str) -> None:
    dsn = urlsplit(pooled_dsn)._replace(path=f"/{fresh()}").geturl()

    with pytest.raises(
        (ConfigError, asyncpg.InvalidCatalogNameError), match=r"does not exist|no such"
    ):
        await quantdb.create_pool(PoolConfig(dsn))


async def test_a_primary_may_be_asked_for_through_the_pooler(pooled_dsn: str) -> None:
    async with quantdb.create_pool(f"{pooled_dsn}?target_session_attrs=read-write") as pool:
        assert Decimal("1.50") == await pool.fetchval("SELECT 1.50")
