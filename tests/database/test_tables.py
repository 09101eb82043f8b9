"""Columns into tables: exactly or not at all, idempotent, all or nothing, with a report."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from uuid import UUID, uuid4

import asyncpg
import attrs
import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import DAY, EVER, MINUTE, NOON, a_price, a_trade, few, fresh, ids_of, minutes

import quantdb
from quantdb import Conflict, InexactValue, Ingest, Price, PriceRepo, Trade, TradeRepo

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FILLED = TEXTS.filter(lambda text: bool(text) and not text.isspace())
NAIVE = [end.replace(tzinfo=None) for end in EVER]


def columns_of(models: list[Trade] | list[Price], **changes: object) -> dict[str, list[object]]:
    names = [field.name for field in attrs.fields(type(models[0]))]
    columns: dict[str, list[object]] = {
        name: [getattr(model, name) for model in models] for name in names
    }
    if "id" in columns:
        columns["id"] = [key.bytes if isinstance(key, UUID) else key for key in columns["id"]]
    return columns | {name: [value] * len(models) for name, value in changes.items()}


def table_of(models: list[Trade] | list[Price], **changes: object) -> pa.Table:
    """Return models as columns of the types that they would have by default."""
    money = pa.decimal128(38, 12)
    types: dict[str, pa.DataType] = dict.fromkeys(
        ("quantity", "price", "fee", "open", "high", "low", "close", "volume"), money
    )
    types |= {"id": pa.binary(16), "user_id": pa.int64(), "interval": pa.duration("us")}
    types |= dict.fromkeys(("executed_at", "start"), pa.timestamp("us", "UTC"))
    arrays = {
        name: pa.array(values, types.get(name, pa.string()))
        for name, values in columns_of(models).items()
    }
    made: Callable[..., pa.Table] = pa.table
    return made(arrays | changes)


def trades_of(symbol: str, count: int) -> list[Trade]:
    return [
        a_trade(symbol, executed_at=NOON + n * MINUTE, venue_trade_id=str(n)) for n in range(count)
    ]


async def stored(db: quantdb.Database, symbol: str) -> list[Trade]:
    return await TradeRepo(db).between(symbol, *EVER)


@pytest.mark.parametrize("count", [0, 1, 2, 16_384, 16_385])
async def test_as_many_rows_as_there_are_go_in_once(db: quantdb.Database, count: int) -> None:
    symbol = fresh()
    trades = trades_of(symbol, max(count, 1))
    table = table_of(trades).slice(0, count)
    assert Ingest(inserted=count, existing=0) == await TradeRepo(db).insert_table(table)
    assert trades[:count] == await stored(db, symbol)
    assert Ingest(inserted=0, existing=count) == await TradeRepo(db).insert_table(table)
    assert trades[:count] == await stored(db, symbol)


@given(
    numbers=st.lists(
        st.tuples(
            st.decimals(min_value=Decimal("1e-12"), max_value=10**15, places=12),
            st.decimals(min_value=-(10**15), max_value=10**15, places=12),
            st.datetimes(*NAIVE, timezones=st.just(UTC)),
            FILLED,
            st.none() | FILLED,
            FILLED,
        ),
        min_size=1,
        max_size=6,
    )
)
@few
async def test_a_table_comes_back_as_it_went_in(
    pool: quantdb.Pool,
    numbers: list[tuple[Decimal, Decimal, datetime, str, str | None, str]],
) -> None:
    symbol = fresh()
    trades = [
        Trade(symbol, "sell", size, price, at, venue, fresh(), None, strategy, price, currency)
        for size, price, at, venue, strategy, currency in numbers
    ]
    await TradeRepo(pool).insert_table(table_of(trades))
    ordered = sorted(trades, key=lambda trade: (trade.executed_at, trade.id))
    assert ordered == await stored(pool, symbol)
    table = await TradeRepo(pool).table(symbol, *EVER)
    assert Ingest(inserted=0, existing=len(trades)) == await TradeRepo(pool).insert_table(table)


@given(
    st.lists(st.integers(-(10**38) + 1, 10**38 - 1), min_size=1, max_size=5),
    st.integers(0, 38),
)
@few
async def test_decimals_of_every_scale_are_exact(
    pool: quantdb.Pool, numbers: list[int], scale: int
) -> None:
    symbol = fresh()
    values = [Decimal(f"{number}e-{scale}") for number in numbers]
    trades = trades_of(symbol, len(values))
    prices = pa.array(values, pa.decimal128(38, scale))
    table = table_of(trades).set_column(3, "price", prices)
    await TradeRepo(pool).insert_table(table)
    assert values == [trade.price for trade in await stored(pool, symbol)]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (pa.int64(), [2**63 - 1, -(2**63)]),
        (pa.uint64(), [2**64 - 1, 0]),
        (pa.int8(), [-128, 127]),
        (pa.decimal32(9, 2), [Decimal("-1234567.89"), Decimal("0.01")]),
        (pa.decimal64(18, 0), [Decimal(10**17), Decimal(-1)]),
        (pa.decimal256(76, 20), [Decimal("123456789012345678.9"), Decimal("1e-20")]),
    ],
)
async def test_other_exact_numbers_go_in(
    pool: quantdb.Pool, kind: pa.DataType, numbers: list[Decimal | int]
) -> None:
    symbol = fresh()
    table = table_of(trades_of(symbol, 2)).set_column(3, "price", pa.array(numbers, kind))
    await TradeRepo(pool).insert_table(table)
    assert numbers == [trade.price for trade in await stored(pool, symbol)]


def in_pandas(table: pa.Table) -> object:
    make: Callable[..., object] = getattr(table, "to_pandas")  # noqa: B009 - its types
    return make(types_mapper=import_module("pandas").ArrowDtype)


STREAMS: dict[str, Callable[[pa.Table], object]] = {
    "pyarrow": lambda table: table,
    "a batch": lambda table: table.to_batches()[0],
    "a reader": lambda table: table.to_reader(),
    "polars": pl.DataFrame,
    "pandas": in_pandas,
    "duckdb": duckdb.from_arrow,
    "dictionaries": lambda table: table.set_column(
        0, "symbol", table.column("symbol").dictionary_encode()
    ),
    "slices": lambda table: pa.concat_tables([table.slice(0, 3), table.slice(3)]),
    "another order": lambda table: table.select(table.column_names[::-1]),
    "another zone": lambda table: table.set_column(
        4, "executed_at", table.column("executed_at").cast(pa.timestamp("s", "Asia/Tokyo"))
    ),
    "nanoseconds": lambda table: table.set_column(
        4, "executed_at", table.column("executed_at").cast(pa.timestamp("ns", "UTC"))
    ),
    "large text": lambda table: table.set_column(
        5, "venue", table.column("venue").cast(pa.large_string())
    ),
    "no optional columns": lambda table: table.drop_columns(
        ["user_id", "strategy", "fee", "currency"]
    ),
    "ids as text": lambda table: table.set_column(
        table.column_names.index("id"),
        "id",
        pa.array([str(UUID(bytes=key)) for key in table.column("id").to_pylist()]),
    ),
    "ids as UUIDs": lambda table: table.set_column(
        table.column_names.index("id"), "id", table.column("id").cast(pa.uuid())
    ),
}


@pytest.mark.parametrize("form", STREAMS)
async def test_anything_with_a_stream_goes_in(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, form: str
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        trades = trades_of(symbol, 7)
        table = table_of(trades)
        first = await TradeRepo(db).insert_table(STREAMS[form](table))
        assert Ingest(inserted=7, existing=0) == first
        assert trades == await stored(db, symbol)
        again = await TradeRepo(db).insert_table(STREAMS[form](table))
        assert Ingest(inserted=0, existing=7) == again


async def test_rows_without_ids_get_one_each_whatever_becomes_of_the_first_try(
    pool: quantdb.Pool,
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 20_000)
    await TradeRepo(pool).insert(trades[-1])
    # The last row's venue key is taken by itself: it is another trade, because its id is another.
    table = table_of(trades).drop_columns(["id"])
    with pytest.raises(Conflict) as caught:
        await TradeRepo(pool).insert_table(table)
    assert (caught.value.constraint, caught.value.row) == ("trades_venue_key", 20_000)
    await TradeRepo(pool).insert_table(table.slice(0, 19_999))
    keys = await ids_of(pool, symbol)
    assert len(set(keys)) == 20_000


def replaced(table: pa.Table, name: str, array: object) -> pa.Table:
    put: Callable[..., pa.Table] = table.set_column
    return put(table.column_names.index(name), name, array)


def cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    return replaced(table, name, table.column(name).cast(kind))


def with_value(name: str, value: object, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """Return what gives row 3 another value."""

    def change(table: pa.Table) -> pa.Table:
        values = table.column(name).to_pylist()
        values[2] = value
        return replaced(table, name, pa.array(values, kind))

    return change


MONEY, INSTANT = pa.decimal128(38, 12), pa.timestamp("us", "UTC")
NANO = pa.timestamp("ns", "UTC")


REFUSED_ROWS = [
    ("quantity", with_value("quantity", Decimal(0), MONEY), "greater than zero"),
    ("quantity", with_value("quantity", Decimal(-1), MONEY), "greater than zero"),
    ("quantity", with_value("quantity", None, MONEY), "null"),
    ("side", with_value("side", "hold", pa.string()), "'buy', 'sell'"),
    ("side", with_value("side", "Buy", pa.string()), "'buy', 'sell'"),
    ("symbol", with_value("symbol", "", pa.string()), "blank"),
    ("venue", with_value("venue", " \t", pa.string()), "blank"),
    ("strategy", with_value("strategy", "", pa.string()), "blank"),
    ("venue_trade_id", with_value("venue_trade_id", "\u2003", pa.string()), "blank"),
    ("strategy", with_value("strategy", "a\0b", pa.string()), "NUL"),
    ("executed_at", with_value("executed_at", None, INSTANT), "null"),
    ("executed_at", with_value("executed_at", 253_402_300_800_000_000, INSTANT), "9999"),
    ("executed_at", with_value("executed_at", -62_135_596_800_000_001, INSTANT), "1 to 9999"),
    ("user_id", with_value("user_id", 2**63, pa.uint64()), "out of range"),
    ("user_id", with_value("user_id", 987_654_321, pa.int64()), "no user"),
    ("id", with_value("id", b"x", pa.binary()), "16 bytes"),
    ("id", with_value("id", None, pa.binary(16)), "null"),
    (
        "price",
        with_value("price", Decimal(10**40), pa.decimal256(76, 2)),
        "38 digits",
    ),
]


@pytest.mark.parametrize(("field", "change", "said"), REFUSED_ROWS)
async def test_a_row_that_may_not_enter_is_named(
    db: quantdb.Database, field: str, change: Callable[[pa.Table], pa.Table], said: str
) -> None:
    symbol = fresh()
    table = change(table_of(trades_of(symbol, 5)))
    with pytest.raises(InexactValue, match=said) as caught:
        await TradeRepo(db).insert_table(table)
    assert (field, 3) == (caught.value.field, caught.value.row)
    assert await ids_of(db, symbol) == []


async def test_nanoseconds_that_would_be_cut_off_are_named(pool: quantdb.Pool) -> None:
    symbol = fresh()
    table = table_of(trades_of(symbol, 5))
    instants = [1_000 * number + (number == 2) for number in range(5)]
    table = replaced(table, "executed_at", pa.array(instants, pa.int64()).cast(NANO))
    with pytest.raises(InexactValue, match="finer than a microsecond") as caught:
        await TradeRepo(pool).insert_table(table)
    assert (caught.value.field, caught.value.row) == ("executed_at", 3)


REFUSED_COLUMNS: list[tuple[str, Callable[[pa.Table], object], str]] = [
    (
        "price",
        lambda t: replaced(t, "price", t.column("price").cast(pa.float64())),
        "never a float",
    ),
    ("price", lambda t: cast(t, "price", pa.string()), "never a float"),
    ("user_id", lambda t: replaced(t, "user_id", pa.array([1.0] * 5)), "int64"),
    ("user_id", lambda t: replaced(t, "user_id", pa.array([True] * 5)), "int64"),
    (
        "executed_at",
        lambda t: cast(t, "executed_at", pa.timestamp("us")),
        "zone",
    ),
    ("executed_at", lambda t: replaced(t, "executed_at", pa.array(["x"] * 5)), "zone"),
    ("executed_at", lambda t: replaced(t, "executed_at", pa.nulls(5)), "null"),
    ("symbol", lambda t: replaced(t, "symbol", pa.array([1] * 5)), "text"),
    ("id", lambda t: replaced(t, "id", pa.array([1] * 5)), "16 bytes"),
    ("note", lambda t: t.append_column("note", pa.array(["x"] * 5)), "no such field"),
    ("price", lambda t: t.append_column("price", t.column("price")), "two columns"),
    ("venue", lambda t: t.drop_columns(["venue"]), "no column for venue"),
    ("", lambda _t: [1, 2, 3], "Arrow C stream"),
    ("", lambda t: t.to_pylist(), "Arrow C stream"),
]


@pytest.mark.parametrize(("field", "change", "said"), REFUSED_COLUMNS)
async def test_a_column_that_may_not_enter_is_named_before_anything_is_sent(
    pool: quantdb.Pool, field: str, change: Callable[[pa.Table], object], said: str
) -> None:
    symbol = fresh()
    with pytest.raises(InexactValue, match=said) as caught:
        await TradeRepo(pool).insert_table(change(table_of(trades_of(symbol, 5))))
    assert (field, None) == (caught.value.field, caught.value.row)
    assert await ids_of(pool, symbol) == []


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("row", [2, 16_385, 20_000])
async def test_a_conflict_names_its_row(pool: quantdb.Pool, row: int, *, before: bool) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 20_000)
    if before:
        await TradeRepo(pool).insert(trades[0])
    trades[row - 1] = attrs.evolve(trades[0], price=Decimal(7))
    for form in (table_of(trades), table_of(trades).to_reader()):
        with pytest.raises(Conflict) as caught:
            await TradeRepo(pool).insert_table(form)
        assert ("trades_pkey", row) == (caught.value.constraint, caught.value.row)
        assert int(before) == len(await ids_of(pool, symbol))


async def test_what_comes_twice_and_what_is_there_is_counted(db: quantdb.Database) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 10)
    await TradeRepo(db).insert_many(trades[:3])
    report = await TradeRepo(db).insert_table(table_of([*trades, trades[5]]))
    assert Ingest(inserted=7, existing=4) == report
    assert trades == await stored(db, symbol)


async def test_a_refusal_leaves_the_transaction_usable(db: quantdb.Database) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 3)
    bad = with_value("quantity", Decimal(0), MONEY)(table_of(trades))
    async with quantdb.transaction(db) as tx:
        with pytest.raises(InexactValue):
            await TradeRepo(tx).insert_table(bad)
        await TradeRepo(tx).insert_table(table_of(trades))
    assert trades == await stored(db, symbol)


async def test_bars_are_inserted_replaced_and_left(db: quantdb.Database) -> None:
    symbol = fresh()
    bars = minutes(symbol, range(5))
    repo = PriceRepo(db)
    assert Ingest(inserted=5, existing=0) == await repo.upsert_table(table_of(bars))
    changed = [attrs.evolve(bars[0], volume=Decimal(9)), *bars[1:]]
    expected = Ingest(inserted=0, updated=1, existing=4)
    assert expected == await repo.upsert_table(table_of(changed))
    assert changed == await repo.between(symbol, MINUTE, NOON, NOON + DAY)


async def test_an_interval_is_stored_as_by_other_ways(pool: quantdb.Pool) -> None:
    for span in (timedelta(days=3, microseconds=1), timedelta(hours=25), timedelta(microseconds=1)):
        symbols = [fresh(), fresh()]
        bars = [a_price(symbol, interval=span) for symbol in symbols]
        await PriceRepo(pool).upsert(bars[0])
        await PriceRepo(pool).upsert_table(table_of(bars[1:]))
        written = await pool.fetch(
            "SELECT interval::text FROM prices WHERE symbol = ANY($1::text[])", symbols
        )
        assert len({row["interval"] for row in written}) == 1


BAD_BARS = [
    ("open", Decimal(200), MONEY, "between low"),
    ("close", Decimal(-200), MONEY, "between low"),
    ("volume", Decimal(-1), MONEY, "negative"),
    ("interval", timedelta(0), pa.duration("us"), "longer than zero"),
    ("interval", timedelta(-1), pa.duration("us"), "longer than zero"),
    ("interval", timedelta(2_920_000), pa.duration("us"), "after the year 9999"),
]


@pytest.mark.parametrize(("field", "value", "kind", "said"), BAD_BARS)
async def test_a_bar_that_is_none_is_named(
    pool: quantdb.Pool, field: str, value: object, kind: pa.DataType, said: str
) -> None:
    symbol = fresh()
    table = with_value(field, value, kind)(table_of(minutes(symbol, range(5))))
    with pytest.raises(InexactValue, match=said) as caught:
        await PriceRepo(pool).upsert_table(table)
    assert (field, 3) == (caught.value.field, caught.value.row)


async def test_columns_of_several_scales_are_compared(pool: quantdb.Pool) -> None:
    symbol = fresh()
    bars = minutes(symbol, range(3))
    table = table_of(bars)
    for name, kind in (("open", pa.decimal128(38, 30)), ("high", pa.decimal128(38, 0))):
        table = cast(table, name, kind)
    table = cast(table, "volume", pa.decimal128(38, 36))
    await PriceRepo(pool).upsert_table(table)
    assert bars == await PriceRepo(pool).between(symbol, MINUTE, NOON, NOON + DAY)


async def test_a_narrowed_column_refuses_the_row_that_it_would_round(empty_dsn: str) -> None:
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        await pool.execute("ALTER TABLE trades ALTER price TYPE numeric(10, 2)")
        table = table_of([a_trade("A", price=Decimal(p)) for p in ("1.25", "1.255", "1.1")])
        with pytest.raises(InexactValue) as caught:
            await TradeRepo(pool).insert_table(table)
        assert (caught.value.field, caught.value.row) == ("price", 2)
        report = await TradeRepo(pool).insert_table(table.slice(2))
        assert Ingest(inserted=1, existing=0) == report


async def test_a_database_read_and_written_is_the_same(pool: quantdb.Pool, empty_dsn: str) -> None:
    symbol = fresh()
    await TradeRepo(pool).insert_many(
        a_trade(symbol, quantity=n + 1, strategy="s" if n % 2 else None, id=uuid4())
        for n in range(100)
    )
    table = await TradeRepo(pool).table(symbol, *EVER)
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as other:
        await quantdb.migrate(other)
        await TradeRepo(other).insert_table(table)
        assert table.equals(await TradeRepo(other).table(symbol, *EVER))
