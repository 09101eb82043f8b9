"""Columns that are altered under a pool: what is known of a statement on one connection, on all."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from support import fresh

import quantdb
from quantdb import InexactValue, PoolConfig, Query, catalog

Statement = Callable[[str], Query[None]]


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
def statement(tmp_path: Path) -> Statement:
    def query(text: str) -> Query[None]:
        path = tmp_path / "run.sql"
        path.write_text(f"-- name: run :execrows\n{text};\n")
        return Query(path)

    return query


async def on_all(pool: quantdb.Pool, query: Query[None], value: object, n: int) -> None:
    """Run it on so many connections."""
    connections = [await pool.acquire() for _ in range(n)]
    try:
        for connection in connections:
            await query.run(connection, value)
    finally:
        for connection in connections:
            await pool.release(connection)


async def test_a_connection_that_is_opened_later_refuses_what_it_would_cut(
    dsn: str, db: asyncpg.Connection, statement: Statement
) -> None:
    name = f"t{fresh()}"
    await db.execute(f"CREATE TABLE {name} (n numeric)")
    query = statement(f"INSERT INTO {name} VALUES ($1)")
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=3)) as pool:
        await on_all(pool, query, Decimal("1.5"), 1)
        await db.execute(f"ALTER TABLE {name} ALTER n TYPE integer USING 0")

        held = [await pool.acquire() for _ in range(2)]
        with pytest.raises(InexactValue):  # the second was opened just now
            await query.run(held[1], Decimal("1.9"))
        await query.run(held[1], 2)
        for connection in held:  # and now all know
            with pytest.raises(InexactValue):
                await query.run(connection, Decimal("1.9"))
            await pool.release(connection)
    assert [row[0] for row in await db.fetch(f"SELECT n FROM {name} ORDER BY n")] == [0, 2]


@pytest.fixture(params=[100, 0])
async def pool_that_asks(
    request: pytest.FixtureRequest, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[quantdb.Pool]:
    """A pool that keeps prepared statements or none, and trusts for no time what it knows."""
    monkeypatch.setattr(catalog, "_HOLDS", -1.0)
    cached: int = request.param
    config = PoolConfig(dsn, min_size=0, max_size=2, statement_cache_size=cached)
    async with quantdb.create_pool(config) as pool:
        yield pool


@pytest.mark.parametrize(
    ("type_name", "whole"),
    [
        ("integer", 3),
        ("smallint", 3),
        ("numeric(10, 0)", Decimal(3)),
        ("numeric(4, 1)", Decimal(3)),
        ("positive", Decimal(3)),
    ],
)
async def test_what_is_known_is_asked_again_in_time(
    pool_that_asks: quantdb.Pool,
    db: asyncpg.Connection,
    statement: Statement,
    type_name: str,
    whole: object,
) -> None:
    await db.execute("DROP DOMAIN IF EXISTS positive CASCADE; CREATE DOMAIN positive AS numeric(9)")
    name = f"t{fresh()}"
    await db.execute(f"CREATE TABLE {name} (n numeric)")
    query = statement(f"INSERT INTO {name} VALUES ($1)")
    await on_all(pool_that_asks, query, Decimal("1.25"), 2)
    await db.execute(f"ALTER TABLE {name} ALTER n TYPE {type_name} USING 0")

    for _ in range(2):
        with pytest.raises(InexactValue):
            await on_all(pool_that_asks, query, Decimal("1.25"), 2)
    await on_all(pool_that_asks, query, whole, 2)
    assert [row[0] for row in await db.fetch(f"SELECT n FROM {name} ORDER BY n")] == [0, 0, 3, 3]


async def test_a_column_that_is_widened_takes_what_it_refused(
    dsn: str, db: asyncpg.Connection, statement: Statement
) -> None:
    name = f"t{fresh()}"
    await db.execute(f"CREATE TABLE {name} (n integer)")
    query = statement(f"INSERT INTO {name} VALUES ($1)")
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=3)) as pool:
        await on_all(pool, query, 1, 2)
        with pytest.raises(InexactValue):
            await on_all(pool, query, Decimal("1.5"), 1)
        await db.execute(f"ALTER TABLE {name} ALTER n TYPE numeric")
        await on_all(pool, query, Decimal("1.5"), 3)
    assert await db.fetchval(f"SELECT sum(n) FROM {name}") == Decimal("6.5")


async def test_a_long_statement_is_known_without_being_kept(
    dsn: str, db: asyncpg.Connection, statement: Statement
) -> None:
    name = f"t{fresh()}"
    await db.execute(f"CREATE TABLE {name} (n numeric(10, 2))")
    query = statement(f"INSERT INTO {name} VALUES ($1) -- {'x' * 20_000}\n")
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=2)) as pool:
        for _ in range(3):
            await on_all(pool, query, Decimal("1.25"), 2)
            with pytest.raises(InexactValue):
                await on_all(pool, query, Decimal("1.255"), 2)
    assert await db.fetchval(f"SELECT count(*) FROM {name}") == 6
