"""A store that is one statement and commits itself: only where nothing can change what is sent."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import attrs
import pytest
from proxy import FaultProxy

import quantdb
from quantdb import (
    Conflict,
    InexactValue,
    NotFound,
    PoolConfig,
    Query,
    ShapeMismatch,
    StoredInexact,
)


@attrs.frozen
class Fill:
    id: int
    price: Decimal


@attrs.frozen
class Note:
    id: int
    price: Decimal
    at: datetime | None = None


@pytest.fixture
async def pool(proxy: FaultProxy) -> AsyncIterator[quantdb.Pool]:
    config = PoolConfig(proxy.dsn, min_size=0, max_size=2, transactions="statement")
    async with quantdb.create_pool(config) as pool:
        yield pool


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the pool, and no table of an earlier test."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP TABLE IF EXISTS fills CASCADE")
    yield connection
    await connection.execute("DROP TABLE IF EXISTS fills CASCADE")
    await connection.close()


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[str], Query[Fill]]:
    def query(tail: str = "RETURNING id, price", values: str = "$1, $2") -> Query[Fill]:
        path = tmp_path / "store.sql"
        text = f"INSERT INTO fills (id, price) VALUES ({values}) {tail};"
        path.write_text(f"-- name: store :one\n{text}\n")
        return Query(path, Fill)

    return query


async def trips(proxy: FaultProxy, pool: quantdb.Pool, query: Query[Fill], n: int) -> int:
    with proxy.counting() as counted:
        await query.store(pool, Fill(n, Decimal("1.50")))
        return counted()


UPPER = """
CREATE FUNCTION round_price() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN NEW.price := round(NEW.price); RETURN NEW; END$$
"""
TRIGGER = "CREATE TRIGGER t BEFORE INSERT ON fills FOR EACH ROW EXECUTE FUNCTION round_price()"


@pytest.fixture
async def function(db: asyncpg.Connection) -> None:
    await db.execute("DROP FUNCTION IF EXISTS round_price CASCADE")
    await db.execute(UPPER)


async def test_a_table_that_keeps_what_it_is_given_costs_one_round_trip(
    proxy: FaultProxy,
    pool: quantdb.Pool,
    db: asyncpg.Connection,
    stored: Callable[[], Query[Fill]],
) -> None:
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric)")
    query = stored()
    assert await trips(proxy, pool, query, 1) > 1

    assert [await trips(proxy, pool, query, n) for n in (2, 3)] == [1, 1]
    with pytest.raises(Conflict):
        await query.store(pool, Fill(3, Decimal(1)))
    assert await db.fetchval("SELECT count(*) FROM fills") == 3


async def test_without_prepared_statements_it_costs_two(
    proxy: FaultProxy, db: asyncpg.Connection, stored: Callable[[], Query[Fill]]
) -> None:
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric)")
    query = stored()
    config = PoolConfig(
        proxy.dsn, min_size=0, max_size=1, transactions="statement", statement_cache_size=0
    )
    async with quantdb.create_pool(config) as pool:
        assert await trips(proxy, pool, query, 1) > 2

        assert [await trips(proxy, pool, query, n) for n in (2, 3)] == [2, 2]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE fills (id int, price numeric(10, 1))",
        "CREATE TABLE fills (id int, price numeric) PARTITION BY LIST (id); "
        "CREATE TABLE fills_1 PARTITION OF fills DEFAULT; "
        + TRIGGER.replace("ON fills", "ON fills_1"),
        f"CREATE TABLE fills (id int, price numeric); {TRIGGER}",
    ],
)
@pytest.mark.usefixtures("function")
async def test_a_table_that_may_change_it_stores_nothing_that_is_changed(
    pool: quantdb.Pool, db: asyncpg.Connection, stored: Callable[[], Query[Fill]], table: str
) -> None:
    await db.execute(table)
    query = stored()

    for _ in range(2):
        with pytest.raises(InexactValue) as caught:
            await query.store(pool, Fill(1, Decimal("1.55")))
        assert not isinstance(caught.value, StoredInexact)
    assert await db.fetchval("SELECT count(*) FROM fills") == 0


@pytest.mark.usefixtures("function")
async def test_a_trigger_that_comes_later_is_met_once(
    pool: quantdb.Pool, db: asyncpg.Connection, stored: Callable[[], Query[Fill]]
) -> None:
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric)")
    query = stored()
    for n in (1, 2):
        await query.store(pool, Fill(n, Decimal("1.5")))
    await db.execute(TRIGGER)

    with pytest.raises(StoredInexact, match=r"price: the database made .*2.* of .*1\.5") as caught:
        await query.store(pool, Fill(3, Decimal("1.5")))
    assert (caught.value.outcome, caught.value.field) == ("applied", "price")
    for _ in range(2):
        with pytest.raises(InexactValue) as again:
            await query.store(pool, Fill(4, Decimal("1.5")))
        assert again.value.outcome == "not_applied"
    rows = await db.fetch("SELECT id, price FROM fills WHERE id > 2")
    assert [tuple(row) for row in rows] == [(3, Decimal(2))]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (("RETURNING id, price + 1 AS price", "$1, $2"), InexactValue),
        (("RETURNING id, price", "$1, $2 + 1"), InexactValue),
        (("RETURNING id", "$1, $2"), ShapeMismatch),
        (("RETURNING price, id", "$1, $2"), ShapeMismatch),
    ],
)
async def test_a_statement_that_does_more_is_rolled_back_each_time(
    pool: quantdb.Pool,
    db: asyncpg.Connection,
    stored: Callable[[str, str], Query[Fill]],
    statement: tuple[str, str],
    error: type[Exception],
) -> None:
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric)")
    query = stored(*statement)

    for _ in range(3):
        with pytest.raises(error):
            await query.store(pool, Fill(1, Decimal("1.5")))
    assert await db.fetchval("SELECT count(*) FROM fills") == 0


async def test_another_model_is_looked_at_by_itself(
    pool: quantdb.Pool, db: asyncpg.Connection, stored: Callable[[], Query[Fill]]
) -> None:
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric, at timestamptz)")
    query = stored()
    await query.store(pool, Fill(1, Decimal("1.5")))
    await query.store(pool, Fill(2, Decimal("1.5")))

    for _ in range(2):
        with pytest.raises((TypeError, asyncpg.InterfaceError)):
            await query.store(pool, Note(3, Decimal(1), datetime.now(UTC)))
    assert await db.fetchval("SELECT count(*) FROM fills") == 2


async def test_what_stores_nothing_is_not_found(
    pool: quantdb.Pool, db: asyncpg.Connection, stored: Callable[[str], Query[Fill]]
) -> None:
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric)")
    query = stored("ON CONFLICT DO NOTHING RETURNING id, price")

    for n in (1, 2):
        await query.store(pool, Fill(n, Decimal("1.5")))
        with pytest.raises(NotFound):
            await query.store(pool, Fill(n, Decimal("1.5")))


async def test_a_column_that_is_narrowed_meanwhile_refuses_what_it_would_round(
    pool: quantdb.Pool, db: asyncpg.Connection, stored: Callable[[], Query[Fill]]
) -> None:
    """The statement that the driver has prepared goes by the old type, and the server rounds."""
    await db.execute("CREATE TABLE fills (id int PRIMARY KEY, price numeric)")
    query = stored()
    for n in (1, 2):
        await query.store(pool, Fill(n, Decimal("1.5")))
    await db.execute("ALTER TABLE fills ALTER price TYPE numeric(10, 0)")

    with pytest.raises(InexactValue):
        await query.store(pool, Fill(3, Decimal("1.5")))
    with pytest.raises(InexactValue) as caught:
        await query.store(pool, Fill(4, Decimal("1.5")))
    assert caught.value.outcome == "not_applied"
    assert await db.fetchval("SELECT count(*) FROM fills WHERE id = 4") == 0
