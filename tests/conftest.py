"""A real server for every test: one database a session, one rolled-back transaction a test."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

import quantdb
from quantdb.embedded import EmbeddedPostgres


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
async def fresh_database(server_dsn: str) -> AsyncIterator[str]:
    """Make an empty database on the server, give its DSN, and drop it."""
    name = f"quantdb_test_{uuid4().hex}"
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


@pytest.fixture(scope="session")
async def dsn(server_dsn: str) -> AsyncIterator[str]:
    """A database with quantdb's schema, shared by the session."""
    async with fresh_database(server_dsn) as dsn:
        async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
            await quantdb.migrate(pool)
        yield dsn


@pytest.fixture(scope="session")
async def pool(dsn: str) -> AsyncIterator[quantdb.Pool]:
    """quantdb's pool; what a test writes through it stays for the session."""
    async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0, max_size=8)) as pool:
        yield pool


@pytest.fixture(scope="session")
async def plain_pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """asyncpg's own pool; what a test writes through it stays for the session."""
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
