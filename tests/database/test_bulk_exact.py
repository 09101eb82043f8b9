"""A bulk write stores what it was given, or says which row and field the database would change."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
import attrs
import pytest

import quantdb
from quantdb import Conflict, InexactValue, Price, PriceRepo, Trade, TradeRepo

NOON: Final = datetime(2024, 7, 1, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


@pytest.fixture
async def own_pool(empty_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A database of the test's own, because it alters tables."""
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        yield pool


def fill(number: int, **changes: object) -> Trade:
    plain = Trade(
        "AAPL",
        "buy",
        Decimal(number),
        Decimal("180.25"),
        NOON + number * MINUTE,
        "XNAS",
        venue_trade_id=f"v{number}",
        strategy="mean",
        id=UUID(int=number),
    )
    fields = attrs.asdict(plain)
    fields.update(changes)
    return Trade(**fields)


def bar(number: int, close: str = "100.5") -> Price:
    high, low = max(Decimal(101), Decimal(close)), min(Decimal(99), Decimal(close))
    return Price(
        "AAPL", MINUTE, NOON + number * MINUTE, Decimal(100), high, low, Decimal(close), Decimal(7)
    )


ROUNDING: Final = [
    ("ALTER TABLE trades ALTER price TYPE numeric(10, 2)", "price", Decimal("180.255")),
    ("ALTER TABLE trades ALTER price TYPE numeric(5, 2)", "price", Decimal("18000.25")),
    ("ALTER TABLE trades ALTER fee TYPE numeric(6, 1)", "fee", Decimal("0.05")),
    (
        "ALTER TABLE trades ALTER executed_at TYPE timestamptz(3)",
        "executed_at",
        NOON.replace(microsecond=1),
    ),
    ("ALTER TABLE trades ALTER strategy TYPE varchar(4)", "strategy", "mean "),
    ("ALTER TABLE trades ALTER strategy TYPE varchar(4)", "strategy", "means"),
    ("ALTER TABLE trades ALTER strategy TYPE name", "strategy", "m" * 64),
    ("ALTER TABLE trades ALTER user_id TYPE integer", "user_id", 2**31),
    (
        "CREATE DOMAIN cents AS numeric(12, 2); ALTER TABLE trades ALTER fee TYPE cents",
        "fee",
        Decimal("0.005"),
    ),
]


@pytest.mark.parametrize(("altered", "field", "value"), ROUNDING)
async def test_a_narrowed_column_refuses_the_row_that_it_would_round(
    own_pool: quantdb.Pool, altered: str, field: str, value: object
) -> None:
    await own_pool.execute(altered)
    trades = TradeRepo(own_pool)

    with pytest.raises(InexactValue, match="row 2") as caught:
        await trades.insert_many([fill(1), fill(2, **{field: value}), fill(3)])

    assert (2, field) == (caught.value.row, caught.value.field)
    assert await own_pool.fetchval("SELECT count(*) FROM trades") == 0
    stored = await trades.insert_many([fill(1), fill(2)])
    assert (stored.inserted, stored.existing) == (2, 0)
    assert fill(2) == await trades.get(UUID(int=2))


TRIGGERS: Final = [
    ("NEW.price := round(NEW.price); RETURN NEW;", "price"),
    ("NEW.venue := upper(NEW.venue || 'x'); RETURN NEW;", "venue"),
    ("NEW.strategy := NULL; RETURN NEW;", "strategy"),
    ("NEW.executed_at := NEW.executed_at + interval '1 microsecond'; RETURN NEW;", "executed_at"),
    ("RETURN NULL;", ""),
    ("NEW.id := md5(NEW.id::text)::uuid; RETURN NEW;", ""),
]


async def _trigger(pool: quantdb.Pool, table: str, body: str, when: str) -> None:
    await pool.execute(
        f"""
        CREATE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} END$$;
        CREATE TRIGGER changes {when} ON {table} FOR EACH ROW EXECUTE FUNCTION changes();
        """
    )


@pytest.mark.parametrize(("body", "field"), TRIGGERS)
async def test_a_trigger_that_changes_a_row_is_found(
    own_pool: quantdb.Pool, body: str, field: str
) -> None:
    await TradeRepo(own_pool).insert(fill(1))
    body = f"IF NEW.quantity = 3 THEN {body} END IF; RETURN NEW;"
    await _trigger(own_pool, "trades", body, "BEFORE INSERT")

    with pytest.raises(InexactValue, match="row 3") as caught:
        await TradeRepo(own_pool).insert_many([fill(1), fill(2), fill(3), fill(4)])

    assert (3, field) == (caught.value.row, caught.value.field)
    assert await own_pool.fetchval("SELECT count(*) FROM trades") == 1
    stored = await TradeRepo(own_pool).insert_many([fill(1), fill(2)])
    assert (stored.inserted, stored.existing) == (1, 1)


async def test_a_trigger_that_changes_the_row_afterwards_is_found(own_pool: quantdb.Pool) -> None:
    body = "UPDATE trades SET fee = fee + 1 WHERE id = NEW.id AND quantity = 2; RETURN NULL;"
    await _trigger(own_pool, "trades", body, "AFTER INSERT")

    with pytest.raises(InexactValue, match="row 2: fee: the database made") as caught:
        await TradeRepo(own_pool).insert_many([fill(1), fill(2)])

    assert (caught.value.row, caught.value.field) == (2, "fee")
    assert await own_pool.fetchval("SELECT count(*) FROM trades") == 0


async def test_a_trigger_on_a_partition_is_found(own_pool: quantdb.Pool) -> None:
    await own_pool.execute(
        """
        ALTER TABLE trades RENAME TO old;
        ALTER TABLE old RENAME CONSTRAINT trades_pkey TO old_pkey;
        CREATE TABLE trades (LIKE old INCLUDING DEFAULTS, CONSTRAINT trades_pkey PRIMARY KEY (id))
            PARTITION BY HASH (id);
        CREATE TABLE part PARTITION OF trades FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        """
    )
    await _trigger(own_pool, "part", "NEW.fee := 9; RETURN NEW;", "BEFORE INSERT")

    with pytest.raises(InexactValue, match="row 1") as caught:
        await TradeRepo(own_pool).insert_many([fill(1)])

    assert caught.value.field == "fee"


@pytest.mark.parametrize("same", ["id", "venue_trade_id"])
@pytest.mark.parametrize("where", ["stored", "staged"])
async def test_a_conflict_stays_a_conflict_where_a_trigger_looks_on(
    own_pool: quantdb.Pool, same: str, where: str
) -> None:
    await _trigger(own_pool, "trades", "RETURN NEW;", "BEFORE INSERT")
    trades = TradeRepo(own_pool)
    other = fill(2, **{same: getattr(fill(1), same)})
    given = [fill(3), other] if where == "stored" else [fill(3), fill(1), other]
    if where == "stored":
        await trades.insert(fill(1))

    with pytest.raises(Conflict) as caught:
        await trades.insert_many(given)

    assert len(given) == caught.value.row
    assert ("trades_pkey" if same == "id" else "trades_venue_key") == caught.value.constraint


async def test_a_joined_transaction_stays_usable_after_a_refusal(own_pool: quantdb.Pool) -> None:
    await _trigger(own_pool, "trades", "NEW.fee := 1; RETURN NEW;", "BEFORE INSERT")

    async with quantdb.transaction(own_pool) as tx:
        with pytest.raises(InexactValue):
            await TradeRepo(tx).insert_many([fill(1)])
        await TradeRepo(tx).insert_many([fill(1, fee=Decimal(1))])

    assert await own_pool.fetchval("SELECT fee FROM trades") == 1


@pytest.mark.parametrize("again", [False, True], ids=["new", "replaced"])
async def test_bars_are_compared_with_what_is_stored(
    own_pool: quantdb.Pool, *, again: bool
) -> None:
    prices = PriceRepo(own_pool)
    if again:
        await prices.upsert_many([bar(1, "99.5"), bar(2, "99.5"), bar(3, "99.5")])
    body = "NEW.close := CASE WHEN NEW.close > 100.7 THEN 100 ELSE NEW.close END; RETURN NEW;"
    await _trigger(own_pool, "prices", body, "BEFORE INSERT OR UPDATE")

    with pytest.raises(InexactValue, match="row 2: close: the database made") as caught:
        await prices.upsert_many([bar(1), bar(2, "100.8"), bar(3)])

    assert (caught.value.row, caught.value.field) == (2, "close")
    stored = await prices.between("AAPL", MINUTE, NOON, NOON + timedelta(hours=1))
    assert ([Decimal("99.5")] * 3 if again else []) == [each.close for each in stored]
    done = await prices.upsert_many([bar(1), bar(1), bar(3)])
    assert done.inserted + done.updated + done.existing == 3


async def test_a_narrowed_price_refuses_the_bar_that_it_would_round(own_pool: quantdb.Pool) -> None:
    await own_pool.execute("ALTER TABLE prices ALTER volume TYPE numeric(10, 0)")
    odd = attrs.evolve(bar(2), volume=Decimal("0.5"))

    with pytest.raises(InexactValue, match=r"row 2: volume: has more decimals") as caught:
        await PriceRepo(own_pool).upsert_many([bar(1), odd])

    assert (caught.value.row, caught.value.field) == (2, "volume")
    assert await own_pool.fetchval("SELECT count(*) FROM prices") == 0


COPIED: Final = [
    ("numeric(10, 2)", Decimal("1.25"), Decimal("1.005")),
    ("numeric(4, -2)", Decimal(1200), Decimal(1250)),
    ("numeric(3, 5)", Decimal("0.00123"), Decimal("0.01")),
    ("numeric", Decimal("1E-16383"), 0.1),
    ("integer", 2**31 - 1, Decimal(1)),
    ("integer", -(2**31), 2**31),
    ("boolean", True, 1),
    ("varchar(3)", "abc", "abc "),
    ("timestamptz", NOON, NOON.replace(tzinfo=None)),
    ("timestamptz(0)", NOON, NOON.replace(microsecond=1)),
    ("date", NOON.date(), NOON),
    ("interval", MINUTE, "1 minute"),
    ("interval(0)", MINUTE, timedelta(microseconds=1)),
    ("interval day", timedelta(days=2), timedelta(days=2, hours=1)),
    ("jsonb", {"a": [Decimal("1.10"), None]}, {"a": 1.1}),
    ("uuid", UUID(int=1), str(UUID(int=1))),
    ("numeric(4, 1)[]", [[Decimal("1.5"), None]], [[Decimal("1.55")]]),
    ("legs", (Decimal("1.50"), 2), (Decimal("1.505"), 2)),
    ("numrange", asyncpg.Range(Decimal(1), Decimal(2)), asyncpg.Range(0.5, 1.5)),
    ("mood", "calm", "angry"),
    ("bit(3)", asyncpg.BitString.from_int(5, 3), asyncpg.BitString.from_int(5, 4)),
]


@pytest.mark.parametrize(("kind", "good", "bad"), COPIED)
async def test_records_are_copied_unchanged_or_not_at_all(
    own_pool: quantdb.Pool, kind: str, good: object, bad: object
) -> None:
    await own_pool.execute(
        "CREATE TYPE legs AS (price numeric(10, 2), size integer);"
        "CREATE TYPE mood AS ENUM ('calm', 'wild');"
        f"CREATE TABLE kept (n integer, value {kind})"
    )
    with pytest.raises(InexactValue, match="row 3: value") as caught:
        await own_pool.copy_records_to_table("kept", records=[(1, good), (2, None), (3, bad)])

    assert (caught.value.row, caught.value.field) == (3, "value")
    assert await own_pool.fetchval("SELECT count(*) FROM kept") == 0
    status = await own_pool.copy_records_to_table("kept", records=[(1, good), (2, None)])
    assert status == "COPY 2"
    stored = await own_pool.fetch("SELECT value FROM kept ORDER BY n")
    assert [good, None] == [
        tuple(value) if isinstance(value, asyncpg.Record) else value for (value,) in stored
    ]


async def test_a_record_of_another_length_is_named(own_pool: quantdb.Pool) -> None:
    await own_pool.execute("CREATE TABLE kept (a integer, b integer)")

    with pytest.raises(InexactValue, match="row 2: has 1 values for 2 columns"):
        await own_pool.copy_records_to_table("kept", records=[(1, 2), (1,)])

    with pytest.raises(asyncpg.UndefinedColumnError):
        await own_pool.copy_records_to_table("kept", records=[(1,)], columns=["c"])
    assert await own_pool.fetchval("SELECT count(*) FROM kept") == 0


async def test_the_columns_may_be_named_in_any_order(own_pool: quantdb.Pool) -> None:
    await own_pool.execute(
        'CREATE SCHEMA "Odd"; CREATE TABLE "Odd"."the table" ("B" numeric(4, 1), a text, '
        "twice integer GENERATED ALWAYS AS (length(a)) STORED)"
    )
    await own_pool.copy_records_to_table(
        "the table", records=[("x", Decimal("1.5"))], columns=["a", "B"], schema_name="Odd"
    )
    await own_pool.copy_records_to_table(
        "the table", records=[(Decimal("2.5"), "yy")], schema_name="Odd"
    )

    rows = await own_pool.fetch('SELECT a, "B", twice FROM "Odd"."the table" ORDER BY a')
    assert [("x", Decimal("1.5"), 1), ("yy", Decimal("2.5"), 2)] == [tuple(row) for row in rows]


async def test_a_connection_reads_as_before_after_it_copied(own_pool: quantdb.Pool) -> None:
    await own_pool.execute("CREATE TABLE kept (a numeric)")
    async with own_pool.acquire() as connection:
        await connection.copy_records_to_table("kept", records=[(Decimal("1.50"),)])
        assert str(await connection.fetchval("SELECT a FROM kept")) == "1.50"
        with pytest.raises(InexactValue):
            await connection.execute("INSERT INTO kept VALUES ($1)", 0.5)


async def test_many_executions_name_the_row_that_is_refused(own_pool: quantdb.Pool) -> None:
    await own_pool.execute("CREATE TABLE kept (a integer)")
    statement = "INSERT INTO kept VALUES ($1)"

    with pytest.raises(InexactValue, match=r"row 2: \$1: must be an int") as caught:
        await own_pool.executemany(statement, [(1,), (True,)])
    assert caught.value.row == 2
    async with own_pool.acquire() as connection:
        with pytest.raises(InexactValue, match=r"row 3: \$1"):
            await connection.fetchmany(statement, [(1,), (2,), (2**31,)])
    assert await own_pool.fetchval("SELECT count(*) FROM kept") == 0
