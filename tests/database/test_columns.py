"""Rows as columns of Arrow: the same values, types that do not depend on them, one transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import asyncpg
import attrs
import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import DAY, EVER, MICROSECOND, MINUTE, NOON, a_trade, few, fresh, some

import quantdb
from quantdb import InexactValue, Price, PriceRepo, Query, ShapeMismatch, Trade, TradeRepo

# 20 digits before the point and 18 after it.
FITTING = st.decimals(
    min_value=-(10**20) + 1, max_value=10**20 - 1, allow_nan=False, places=18
) | st.integers(-(10**20) + 1, 10**20 - 1).map(Decimal)
NAIVE = [end.replace(tzinfo=None) for end in EVER]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FILLED = TEXTS.filter(lambda text: bool(text) and not text.isspace())


@st.composite
def fitting_trades(draw: st.DrawFn, symbol: str) -> Trade:
    return Trade(
        symbol,
        draw(st.sampled_from(["buy", "sell"])),
        draw(FITTING.filter(lambda number: number > 0)),
        draw(FITTING),
        draw(st.datetimes(*NAIVE, timezones=st.just(UTC))),
        draw(FILLED),
        draw(st.none() | FILLED),
        None,
        draw(st.none() | FILLED),
        draw(FITTING),
        draw(FILLED),
        uuid4(),  # others that are drawn stay in the table, too
    )


def as_rows(trades: list[Trade]) -> list[dict[str, object]]:
    return [attrs.asdict(trade) for trade in trades]


async def rows_of(db: quantdb.Database, symbol: str) -> list[dict[str, object]]:
    table = await TradeRepo(db).table(symbol, *EVER)
    table.validate(full=True)
    return [dict(row) for row in table.to_pylist()]


@given(data=st.data())
@few
async def test_a_table_holds_what_the_rows_hold(pool: quantdb.Pool, data: st.DataObject) -> None:
    symbol = data.draw(FILLED) + fresh()
    drawn = data.draw(st.lists(fitting_trades(symbol), max_size=8))
    trades = list({(t.venue, t.venue_trade_id or t.id): t for t in drawn}.values())
    await TradeRepo(pool).insert_many(trades)

    assert as_rows(await TradeRepo(pool).between(symbol, *EVER)) == await rows_of(pool, symbol)


async def test_every_kind_of_database_gives_the_same_table(db: quantdb.Database) -> None:
    symbol = fresh()
    trades = [a_trade(symbol, executed_at=NOON + n * MINUTE, strategy="s") for n in range(5)]
    await TradeRepo(db).insert_many(trades)
    table = await TradeRepo(db).table(symbol, NOON, NOON + DAY)
    batches = [batch async for batch in TradeRepo(db).batches(symbol, NOON, NOON + DAY)]

    assert as_rows(trades) == table.to_pylist()
    assert as_rows(trades) == pa.Table.from_batches(batches).to_pylist()


async def test_the_schema_does_not_depend_on_the_rows(pool: quantdb.Pool) -> None:
    symbol = fresh()
    labels, money = pa.dictionary(pa.int32(), pa.string()), pa.decimal128(38, 18)
    expected = pa.schema(
        [
            pa.field("symbol", labels, nullable=False),
            pa.field("side", labels, nullable=False),
            pa.field("quantity", money, nullable=False),
            pa.field("price", money, nullable=False),
            pa.field("executed_at", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("venue", labels, nullable=False),
            pa.field("venue_trade_id", pa.string()),
            pa.field("user_id", pa.int64()),
            pa.field("strategy", labels),
            pa.field("fee", money, nullable=False),
            pa.field("currency", labels, nullable=False),
            pa.field("id", pa.uuid(), nullable=False),
        ]
    )
    assert expected == (await TradeRepo(pool).table(symbol, NOON, NOON + DAY)).schema
    await TradeRepo(pool).insert(a_trade(symbol))
    assert expected == (await TradeRepo(pool).table(symbol, NOON, NOON + DAY)).schema


async def test_bars_are_columns_too(pool: quantdb.Pool) -> None:
    symbol = fresh()
    bars = [
        Price(symbol, span, NOON, *map(Decimal, ("1", "2.50", "-0.25", "1", "0")))
        for span in (MICROSECOND, MINUTE, 3 * DAY + MICROSECOND)
    ]
    await PriceRepo(pool).upsert_many(bars)
    for bar in bars:
        table = await PriceRepo(pool).table(symbol, bar.interval, NOON, NOON + MINUTE)
        assert [attrs.asdict(bar)] == table.to_pylist()
        assert pa.duration("us") in table.schema.types


AWKWARD = [
    "'); DROP TABLE trades; --",
    "a'b",
    'a"b,c',
    "a\\b",
    "\\.",
    "\\N",
    "NULL",
    "$1",
    "$$",
    "line\nline",
    "line\r\nline",
    "\n",
    ",",
    '""',
    "é𝄞",
    "NaN",
    " a ",
]


@pytest.mark.parametrize("text", AWKWARD)
async def test_no_text_is_mistaken_for_anything_else(db: quantdb.Database, text: str) -> None:
    symbol = text + fresh()
    trade = a_trade(symbol, venue=text + "x", venue_trade_id=text if text.strip() else None)
    await TradeRepo(db).insert(trade)
    assert [attrs.asdict(trade)] == (
        await TradeRepo(db).table(symbol, NOON, NOON + DAY)
    ).to_pylist()


@attrs.frozen
class Many:
    n: int
    number: Decimal | None
    real: float | None
    single: float | None
    flag: bool | None
    day: date | None
    clock: time | None
    span: timedelta | None
    at: datetime | None
    local: datetime | None
    key: UUID | None
    raw: bytes | None
    word: str | None
    kind: Literal["a", "b"] | None


EVERYTHING = """-- name: everything :many
SELECT
    1::int AS n, $1::numeric AS number, $2::float8 AS real, $3::float4 AS single, $4::bool AS flag,
    $5::date AS day, $6::time AS clock, $7::interval AS span, $8::timestamptz AS at,
    $9::timestamp AS local, $10::uuid AS key, $11::bytea AS raw, $12::text AS word,
    $13::varchar AS kind; -- the end
"""


def many(**values: object) -> list[object]:
    names = [field.name for field in attrs.fields(Many)][1:]
    return [values.get(name) for name in names]


@given(
    st.tuples(
        st.none() | FITTING,
        st.none() | st.floats(allow_nan=False),
        st.none() | st.floats(allow_nan=False, width=32),
        st.none() | st.booleans(),
        st.none() | st.dates(date(1, 1, 2), date(9999, 12, 30)),
        st.none() | st.times(),
        st.none() | st.timedeltas(-timedelta(100_000), timedelta(100_000)),
        st.none() | st.datetimes(*NAIVE, timezones=st.just(UTC)),
        st.none() | st.datetimes(*NAIVE),
        st.none() | st.uuids(),
        st.none() | st.binary(max_size=9),
        st.none() | TEXTS,
        st.none() | st.sampled_from(["a", "b"]),
    )
)
@some
async def test_every_type_comes_back_as_it_went_in(
    pool: quantdb.Pool, odd_pool: asyncpg.Pool, tmp_folder: Path, values: tuple[object, ...]
) -> None:
    query = Query(tmp_folder / "everything.sql", Many)
    for db in (pool, odd_pool):
        table = await query.table(db, *values)
        assert [1, *values] == list(table.to_pylist()[0].values())
        assert query.schema is not None
        assert query.schema.names == table.schema.names


@pytest.fixture(scope="module")
def tmp_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sql")
    (folder / "everything.sql").write_text(EVERYTHING)
    return folder


@pytest.fixture(scope="module")
async def odd_pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """Sessions that write every value in another way than usual."""
    odd = {
        "DateStyle": "SQL, DMY",
        "IntervalStyle": "sql_standard",
        "TimeZone": "America/St_Johns",
        "extra_float_digits": "-3",
        "bytea_output": "escape",
    }
    async with asyncpg.create_pool(dsn, min_size=0, server_settings=odd) as pool:
        yield pool


async def test_a_session_has_its_own_settings_afterwards(
    odd_pool: asyncpg.Pool, tmp_folder: Path
) -> None:
    query = Query(tmp_folder / "everything.sql", Many)
    async with odd_pool.acquire() as connection, connection.transaction():
        await query.table(connection, *many(span=DAY))
        assert await connection.fetchval("SHOW DateStyle") == "SQL, DMY"
        assert await connection.fetchval("SHOW IntervalStyle") == "sql_standard"
        assert await connection.fetchval("SHOW TimeZone") == "America/St_Johns"


def written(folder: Path, statement: str) -> Path:
    file = folder / "it.sql"
    file.write_text(f"-- name: it :many\n{statement}\n")
    return file


UNFIT = [
    ("'NaN'::numeric", "NaN"),
    ("'Infinity'::numeric", "Infinity"),
    ("'-Infinity'::numeric", "Infinity"),
    ("123456789012345678901234567890::numeric", "more than 20 digits"),
    ("1e20::numeric", "more than 20 digits"),
    ("-1e20::numeric", "more than 20 digits"),
    ("1e131071::numeric", "more than 20 digits"),
    ("0.1234567890123456789::numeric", "more than 18 decimals"),
    ("1e-16383::numeric", "more than 18 decimals"),
    ("'infinity'::timestamptz", "infinity"),
    ("'-infinity'::timestamptz", "infinity"),
    ("'0044-03-15 BC'::timestamptz", "BC"),
    ("'10000-01-01'::timestamptz", "10000"),
    ("'infinity'::date", "infinity"),
    ("'24:00'::time", "24:00"),
    ("'1 month'::interval", "months"),
    ("'-1 year'::interval", "months"),
    ("'9223372036854775807 microseconds 1 day'::interval", "too long"),
]


@pytest.mark.parametrize(("value", "said"), UNFIT)
@pytest.mark.parametrize("row", [1, 2, 30_001])
async def test_a_value_without_an_equal_is_named_by_column_and_row(
    pool: quantdb.Pool, tmp_path: Path, value: str, said: str, row: int
) -> None:
    kind = value.rpartition("::")[2]
    usual = {"numeric": "1.5", "date": "2024-01-01", "time": "12:00", "interval": "2 days"}
    other = usual.get(kind, "2024-01-01 12:00Z")
    query: Query[tuple[object, ...]] = Query(
        written(
            tmp_path,
            f"SELECT n, CASE WHEN n < {row} THEN '{other}'::{kind} ELSE {value} END AS it "
            f"FROM generate_series(1, {row + 3}) AS n",
        ),
        lambda *columns: columns,
    )
    async with quantdb.transaction(pool) as tx:
        with pytest.raises(InexactValue, match=said) as caught:
            await query.table(tx)
        assert await tx.fetchval("SELECT 1") == 1
    assert ("it", row) == (caught.value.field, caught.value.row)


FIT = [
    ("99999999999999999999.999999999999999999", 1),
    ("-99999999999999999999.999999999999999999", 1),
    ("1.50000000000000000000000000000000000000000000000", 1),
    ("0.000000000000000001", 1),
    ("0", 1),
    ("0.0000000000000000000000", 1),
    ("-0.5", 1),
]


@pytest.mark.parametrize(("number", "_row"), FIT)
async def test_a_number_with_zeros_at_its_end_fits(
    pool: quantdb.Pool, tmp_path: Path, number: str, _row: int
) -> None:
    query = Query(written(tmp_path, f"SELECT {number}::numeric AS it"), Decimal)
    assert [Decimal(number)] == (await query.table(pool)).column("it").to_pylist()


@attrs.frozen
class Wide:
    it: Decimal = attrs.field(metadata={"arrow": pa.decimal256(76, 38)})


async def test_a_field_may_have_a_type_of_its_own(pool: quantdb.Pool, tmp_path: Path) -> None:
    number = "12345678901234567890123456789012345678." + "1" * 38
    query = Query(written(tmp_path, f"SELECT {number}::numeric AS it"), Wide)
    table = await query.table(pool)
    assert [pa.decimal256(76, 38)] == table.schema.types
    assert [Decimal(number)] == table.column("it").to_pylist()
    with pytest.raises(InexactValue, match="more than 38 digits"):
        await Query(written(tmp_path, f"SELECT 1{number}::numeric AS it"), Wide).table(pool)


@attrs.frozen
class Renamed:
    other: Decimal


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1.5 AS it", "the fields are other"),
        ("SELECT 1.5 AS other, 2 AS more", "the fields are other"),
        ("SELECT 'x'::text AS other", "other is text"),
        ("SELECT 1.5::float8 AS other", "other is float8"),
        ("SELECT ARRAY[1.5] AS other", "no column of Arrow"),
    ],
)
async def test_columns_that_are_not_the_fields_are_refused(
    pool: quantdb.Pool, tmp_path: Path, statement: str, said: str
) -> None:
    with pytest.raises(ShapeMismatch, match=said):
        await Query(written(tmp_path, statement), Renamed).table(pool)


async def test_a_null_in_a_field_that_is_not_optional_is_named(
    pool: quantdb.Pool, tmp_path: Path
) -> None:
    statement = "SELECT nullif(n, 3)::numeric AS other FROM generate_series(1, 5) AS n"
    with pytest.raises(InexactValue, match="row 3: other: is NULL"):
        await Query(written(tmp_path, statement), Renamed).table(pool)


async def test_a_parameter_is_replaced_only_where_it_is_one(
    db: quantdb.Database, tmp_path: Path
) -> None:
    statement = """SELECT '$1' AS a, $1::text AS b, $$ $1 $$ AS c,
        $2::int[] || 3 = '{1,2,3}' AS "$1" /* $2 ; */ -- $1"""
    query: Query[tuple[object, ...]] = Query(written(tmp_path, statement), lambda *columns: columns)
    table = await query.table(db, "it's \\ $2", [1, 2])
    assert [column.to_pylist() for column in table.columns] == [
        ["$1"],
        ["it's \\ $2"],
        [" $1 "],
        [True],
    ]


async def test_an_argument_obeys_the_boundary(pool: quantdb.Pool) -> None:
    with pytest.raises(InexactValue, match="start"):
        await TradeRepo(pool).table("AAPL", datetime(2024, 1, 1), NOON)  # noqa: DTZ001


async def test_a_stream_left_early_leaves_the_transaction_usable(
    db: quantdb.Database, tmp_path: Path
) -> None:
    statement = "SELECT n, repeat('x', 100) AS it FROM generate_series(1, 500000) AS n"
    query: Query[tuple[object, ...]] = Query(written(tmp_path, statement), lambda *columns: columns)
    async with quantdb.transaction(db) as tx:
        async with aclosing(query.batches(tx)) as batches:
            async for batch in batches:
                assert batch.num_rows > 0
                break
        assert await tx.fetchval("SELECT 1") == 1


async def test_a_stream_gives_every_row_in_order(pool: quantdb.Pool, tmp_path: Path) -> None:
    statement = "SELECT n, repeat('x', 100) AS it FROM generate_series(1, 300000) AS n"
    query: Query[tuple[object, ...]] = Query(written(tmp_path, statement), lambda *columns: columns)
    numbers: list[object] = []
    async for batch in query.batches(pool):
        await asyncio.sleep(0.01)
        numbers += batch.column("n").to_pylist()
    assert list(range(1, 300_001)) == numbers


async def test_an_error_in_a_stream_reaches_whoever_reads_it(
    pool: quantdb.Pool, tmp_path: Path
) -> None:
    statement = "SELECT 1 / (400000 - n) AS it FROM generate_series(1, 500000) AS n"
    query = Query(written(tmp_path, statement), int)
    with pytest.raises(asyncpg.DivisionByZeroError) as caught:
        async for _batch in query.batches(pool):
            pass
    assert "it.sql" in caught.value.__notes__[0]


async def test_a_read_sees_what_its_transaction_wrote(db: quantdb.Database) -> None:
    symbol = fresh()
    async with quantdb.transaction(db) as tx:
        await TradeRepo(tx).insert(a_trade(symbol))
        assert (await TradeRepo(tx).table(symbol, NOON, NOON + DAY)).num_rows == 1


async def test_a_replica_of_a_read_only_transaction_is_enough(pool: quantdb.Pool) -> None:
    async with quantdb.transaction(pool, readonly=True) as tx:
        assert (await TradeRepo(tx).table(fresh(), NOON, NOON + DAY)).num_rows == 0


async def test_polars_pandas_and_duckdb_take_it(pool: quantdb.Pool) -> None:
    symbol = fresh()
    trade = a_trade(symbol, price=Decimal("1.000000000000000001"))
    await TradeRepo(pool).insert(trade)
    table = await TradeRepo(pool).table(symbol, NOON, NOON + DAY)

    frame = pl.DataFrame(table)
    assert [trade.price] == frame["price"].to_list()
    assert [trade.executed_at] == frame["executed_at"].to_list()
    in_pandas: Callable[[], Mapping[str, Iterable[Decimal]]] = getattr(table, "to_pandas")  # noqa: B009
    assert [trade.price] == list(in_pandas()["price"])
    rows = duckdb.from_arrow(table).select("price", "id").fetchall()
    assert [(trade.price, trade.id)] == rows


async def test_a_silent_server_is_not_waited_for(pool: quantdb.Pool, tmp_path: Path) -> None:
    query = Query(written(tmp_path, "SELECT pg_sleep(30)::text AS it"), str)
    with pytest.raises(quantdb.StatementTimeout):
        await query.table(pool, timeout=0.3)
    assert await pool.fetchval("SELECT 1") == 1


LONG = "SELECT n, repeat('x', 100) AS it FROM generate_series(1, 20000000) AS n"


async def test_a_read_that_is_cancelled_midway_leaves_the_connection_usable(
    db: quantdb.Database, tmp_path: Path
) -> None:
    query: Query[tuple[object, ...]] = Query(written(tmp_path, LONG), lambda *columns: columns)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await query.table(db)
    async with quantdb.transaction(db) as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_a_value_that_is_refused_midway_leaves_the_transaction_usable(
    db: quantdb.Database, tmp_path: Path
) -> None:
    statement = (
        "SELECT CASE n WHEN 150000 THEN 'NaN' ELSE 1.5 END::numeric AS it, repeat('x', 100) "
        "FROM generate_series(1, 2000000) AS n"
    )
    query: Query[tuple[object, ...]] = Query(written(tmp_path, statement), lambda *columns: columns)
    async with quantdb.transaction(db) as tx:
        with pytest.raises(InexactValue) as caught:
            await query.table(tx)
        assert (caught.value.field, caught.value.row) == ("it", 150_000)
        assert await tx.fetchval("SELECT 1") == 1
