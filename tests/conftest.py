"""A real server for every test: one database a module, one rolled-back transaction a test."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, Literal, get_args
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from proxy import FaultProxy
from rights import shipped_roles
from support import fresh

import quantdb
from quantdb.embedded import EmbeddedPostgres

os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"  # it is read when ray.data is imported

Kind = Literal[
    "quantdb pool",
    "quantdb pool by statement",
    "plain pool",
    "connection of quantdb's pool",
    "plain connection",
    "quantdb transaction",
    "asyncpg transaction",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_LONGEST: Final = (
    "test_bounded",
    "test_lost",
    "test_data_read",
    "test_kills",
    "test_data_nodes",
    "test_embedded",
    "test_ingest",
    "test_random_rows",
    "test_testing_plugin",
    "test_tables",
    "test_cli_check",
    "test_check_server",
    "test_soak",
    "test_cli_new",
    "test_budget",
    "test_data_write",
    "test_races",
    "test_actors",
)
"""The files that take longest run first: no process has one left when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files run first; each stays whole, and in its order."""
    rank = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The server that QUANTDB_TEST_DSN names, or an embedded one."""
    given = os.environ.get("QUANTDB_TEST_DSN")
    if given:
        yield given
        return
    with EmbeddedPostgres() as server:
        yield server.dsn


@asynccontextmanager
async def fresh_database(server_dsn: str) -> AsyncGenerator[str]:
    """Make an empty database on the server, give its DSN, and drop it."""
    name = f"quantdb_test_{fresh()}"
    admin = await asyncpg.connect(server_dsn)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def empty_dsn(server_dsn: str) -> AsyncIterator[str]:
    """An empty database of the test's own."""
    async with fresh_database(server_dsn) as dsn:
        yield dsn


@pytest.fixture
async def owner(empty_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner of a database from which nobody else has a right, and the shipped roles in it."""
    async with shipped_roles(empty_dsn) as owner:
        yield owner


@pytest.fixture(scope="module")
async def dsn(server_dsn: str) -> AsyncIterator[str]:
    """A database with quantdb's schema, shared by a module's tests."""
    async with fresh_database(server_dsn) as dsn:
        async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
            await quantdb.migrate(pool)
        yield dsn


@pytest.fixture(scope="module")
async def pool(dsn: str) -> AsyncIterator[quantdb.Pool]:
    """quantdb's pool; what a test writes through it stays for the module."""
    async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0, max_size=8)) as pool:
        yield pool


@pytest.fixture(scope="module")
async def statement_pool(dsn: str) -> AsyncIterator[quantdb.Pool]:
    """quantdb's pool, on which a method of one statement is that statement and nothing else."""
    config = quantdb.PoolConfig(dsn, min_size=0, max_size=8, transactions="statement")
    async with quantdb.create_pool(config) as pool:
        yield pool


@pytest.fixture(scope="module")
async def plain_pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """asyncpg's own pool; what a test writes through it stays for the module."""
    async with asyncpg.create_pool(dsn, min_size=0, max_size=8) as pool:
        yield pool


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection in a transaction that is rolled back after the test."""
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


@asynccontextmanager
async def database(
    kind: Kind,
    pool: quantdb.Pool,
    statement_pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    dsn: str,
) -> AsyncGenerator[quantdb.Database]:
    """Give the database as one of the things that a repository takes."""
    match kind:
        case "quantdb pool":
            yield pool
        case "quantdb pool by statement":
            yield statement_pool
        case "plain pool":
            yield plain_pool
        case "connection of quantdb's pool":
            async with pool.acquire() as connection:
                yield connection
        case "plain connection":
            plain = await asyncpg.connect(dsn)
            try:
                yield plain
                assert not plain.is_in_transaction()
            finally:
                await plain.close()
        case "quantdb transaction":
            async with quantdb.transaction(pool) as tx:
                yield tx
        case "asyncpg transaction":
            async with plain_pool.acquire() as connection, connection.transaction():
                yield connection


@pytest.fixture(params=KINDS)
async def db(
    request: pytest.FixtureRequest,
    pool: quantdb.Pool,
    statement_pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    dsn: str,
) -> AsyncIterator[quantdb.Database]:
    """The database as each thing that a repository takes; what is written may stay."""
    kind: Kind = request.param
    async with database(kind, pool, statement_pool, plain_pool, dsn) as db:
        yield db


@pytest.fixture(autouse=True)
def no_connection_is_kept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever borrows a connection of the session's pools gives it back."""
    pools: list[quantdb.Pool | asyncpg.Pool] = [
        request.getfixturevalue(name)
        for name in ("pool", "statement_pool", "plain_pool")
        if name in request.fixturenames
    ]
    yield
    for pool in pools:
        assert pool.get_idle_size() == pool.get_size()


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    """A Ray with two workers; its environment must be prepared before Ray is imported."""
    from quantdb.demo.cluster import local_ray  # noqa: PLC0415 - most tests need no Ray

    with local_ray(2):
        yield


# Faults


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the database that the module shares."""
    async with FaultProxy.before(dsn) as proxy:
        yield proxy


@pytest.fixture
async def nothing_is_left_behind(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No task is destroyed, no exception is never retrieved."""
    yield
    await asyncio.sleep(0)
    gc.collect()
    said = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "asyncio" and record.levelno >= logging.ERROR
    ]
    assert said == []


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What the pools of a test have logged so far: filled in when the test ends its block."""
    caplog.set_level(logging.INFO, "quantdb")
    caplog.set_level(logging.INFO, "stamina")
    found: list[str] = []
    handler = _Keeping(found)
    logger = logging.getLogger("quantdb")
    other = logging.getLogger("stamina")
    logger.addHandler(handler)
    other.addHandler(handler)
    yield found
    logger.removeHandler(handler)
    other.removeHandler(handler)


class _Keeping(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.INFO)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append(f"{record.levelname} {record.getMessage()}")
