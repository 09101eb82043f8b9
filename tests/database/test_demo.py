import csv
import gzip
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from uuid import RFC_4122

import asyncpg
import attrs
import pytest
from conftest import fresh_database
from hypothesis import given
from hypothesis import strategies as st
from support import few

import quantdb
from quantdb import Ingest, Price, PriceRepo, Trade, TradeRepo
from quantdb.demo.bars import DAY, FILE, SPLITS, SYMBOLS, bars, midnight
from quantdb.demo.report import read_report
from quantdb.demo.strategy import CAPITAL, STRATEGY, Account, trade_symbol
from quantdb.errors import ConfigError, Conflict

FEE = Decimal("0.005")


@pytest.fixture(scope="module")
async def demo(server_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A database after a run of the demo, without Ray."""
    async with fresh_database(server_dsn) as dsn, quantdb.create_pool(dsn) as pool:
        await quantdb.migrate(pool)
        await PriceRepo(pool).upsert_many(bars())
        for symbol in SYMBOLS:
            await trade_symbol(pool, symbol)
        yield pool


async def test_the_database_has_the_sums_of_the_file(demo: quantdb.Pool) -> None:
    rows, opens, closes, volumes = (
        await demo.fetch("SELECT count(*), sum(open), sum(close), sum(volume) FROM prices")
    )[0]
    assert rows == 12_154
    assert str(opens) == "2007822.1220"
    assert str(closes) == "2007273.9876"
    assert str(volumes) == "309890993650"


def test_every_split_of_the_file_is_known() -> None:
    found: dict[str, list[datetime]] = {}
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        for before, after in pairwise(csv.DictReader(lines)):
            if before["symbol"] != after["symbol"]:
                continue
            factors = [Decimal(row["adj_close"]) / Decimal(row["close"]) for row in (before, after)]
            if factors[1] > factors[0] * Decimal("1.5"):
                day = midnight(date.fromisoformat(after["date"]))
                found.setdefault(after["symbol"], []).append(day)
    assert {symbol: list(days) for symbol, days in SPLITS.items()} == found


# The strategy once more, by PostgreSQL's window functions: the state at the end of each day with 50
# closes since the last split, and out in the week before one; a fill is where the state changes.
AVERAGES = """
WITH splits (symbol, at) AS (SELECT * FROM unnest($1::text[], $2::timestamptz[])),
eras AS (
    SELECT
        p.symbol, p.start, p.start + p.interval AS at, p.close,
        (SELECT count(*) FROM splits s WHERE s.symbol = p.symbol AND s.at <= p.start) AS era,
        EXISTS (
            SELECT FROM splits s
            WHERE s.symbol = p.symbol
            AND p.start + p.interval <= s.at AND s.at < p.start + p.interval + interval '7 days'
        ) AS closing
    FROM prices p
),
averages AS (
    SELECT
        *,
        count(*) OVER long AS n,
        sum(close) OVER short * 50 > sum(close) OVER long * 20 AS above
    FROM eras
    WINDOW
        short AS (PARTITION BY symbol, era ORDER BY start ROWS 19 PRECEDING),
        long AS (PARTITION BY symbol, era ORDER BY start ROWS 49 PRECEDING)
),
states AS (SELECT symbol, at, close, n = 50 AND above AND NOT closing AS invested FROM averages),
changes AS (
    SELECT *, lag(invested, 1, false) OVER (PARTITION BY symbol ORDER BY at) AS was FROM states
)
SELECT symbol, CASE WHEN invested THEN 'buy' ELSE 'sell' END, close, at
FROM changes
WHERE invested <> was
ORDER BY symbol, at
"""


async def test_fills_are_where_the_averages_cross_by_other_sql(demo: quantdb.Pool) -> None:
    splits = [(symbol, at) for symbol, instants in SPLITS.items() for at in instants]
    expected = await demo.fetch(AVERAGES, *map(list, zip(*splits, strict=True)))
    stored = await demo.fetch(
        "SELECT symbol, side, price, executed_at FROM trades ORDER BY symbol, executed_at"
    )
    assert len(stored) > 200
    assert list(map(tuple, expected)) == list(map(tuple, stored))


async def test_each_fill_is_at_the_last_close_that_was_complete(demo: quantdb.Pool) -> None:
    other = await demo.fetchval("""
        SELECT count(*) FROM trades t WHERE t.price <> (
            SELECT p.close FROM prices p
            WHERE p.symbol = t.symbol AND p.start + p.interval <= t.executed_at
            ORDER BY p.start DESC LIMIT 1
        )
    """)
    assert other == 0


def test_the_id_of_a_fill_is_what_it_has_always_been() -> None:
    fill = Account("AAPL").fill("buy", Decimal(100), datetime(2024, 3, 10, tzinfo=UTC))
    assert str(fill.id) == "018e25a8-c000-7c4f-a93b-09c739a62099"


async def test_ids_are_ordered_in_time_and_of_version_7(demo: quantdb.Pool) -> None:
    trades = await TradeRepo(demo).between("IBM", midnight(date(2000, 1, 1)), datetime.now(UTC))
    assert trades == sorted(trades, key=lambda trade: trade.id)
    for trade in trades:
        assert (trade.id.version, trade.id.variant) == (7, RFC_4122)
        assert trade.id.int >> 80 == int(trade.executed_at.timestamp()) * 1000


async def test_a_second_run_changes_nothing(demo: quantdb.Pool) -> None:
    versions = """
        SELECT 'p' || symbol || start, xmin::text, ctid::text FROM prices
        UNION ALL SELECT id::text, xmin::text, ctid::text FROM trades ORDER BY 1
    """
    before = await demo.fetch(versions)
    assert await PriceRepo(demo).upsert_many(bars()) == Ingest(inserted=0, existing=12_154)
    for symbol in SYMBOLS:
        fills = await trade_symbol(demo, symbol)
        assert fills.inserted == fills.updated == 0 < fills.existing
    assert before == await demo.fetch(versions)


async def test_a_run_that_was_broken_off_is_completed(demo: quantdb.Pool) -> None:
    everything = "SELECT * FROM trades ORDER BY id"
    before = await demo.fetch(everything)
    await demo.execute("DELETE FROM trades WHERE symbol = 'AAPL' AND executed_at > '2006-01-01'")
    kept = await demo.fetchval("SELECT count(*) FROM trades WHERE symbol = 'AAPL'")
    fills = await trade_symbol(demo, "AAPL")
    assert fills.existing == kept
    assert fills.inserted > 0
    assert before == await demo.fetch(everything)


async def test_a_fill_that_comes_from_other_prices_is_a_conflict(demo: quantdb.Pool) -> None:
    async with demo.acquire() as connection:
        block = connection.transaction()
        await block.start()
        await connection.execute("UPDATE prices SET close = high WHERE symbol = 'FB'")
        await connection.execute("UPDATE trades SET fee = 0 WHERE symbol = 'FB'")
        with pytest.raises(Conflict):
            await trade_symbol(connection, "FB")
        await block.rollback()


async def test_equity_is_capital_plus_the_profit_of_the_positions(demo: quantdb.Pool) -> None:
    report = await read_report(demo)
    positions = await TradeRepo(demo).positions(strategy=STRATEGY)
    marks = await PriceRepo(demo).latest(SYMBOLS, DAY)
    profit = sum(Fraction(each.pnl(marks[each.symbol].close)) for each in positions)
    assert Fraction(report.equity[-1].equity) == Fraction(CAPITAL) * len(SYMBOLS) + profit
    for line in report.lines:
        curve = report.equities[line.position.symbol]
        assert Fraction(curve[-1].equity) == Fraction(CAPITAL) + Fraction(line.pnl)


async def test_the_figures_are_those_of_other_sql(demo: quantdb.Pool) -> None:
    report = await read_report(demo)
    rows = await demo.fetch("""
        SELECT symbol, count(*), sum(signed), sum(fee),
            sum(quantity * price) FILTER (WHERE signed > 0),
            sum(quantity * price) FILTER (WHERE signed < 0),
            close, sum(signed) * close - sum(signed * price) - sum(fee)
        FROM (SELECT *, CASE side WHEN 'buy' THEN quantity ELSE -quantity END AS signed FROM trades)
            AS t
        JOIN (SELECT DISTINCT ON (symbol) symbol, close FROM prices ORDER BY symbol, start DESC)
            AS p USING (symbol)
        GROUP BY symbol, close ORDER BY symbol
    """)
    assert [tuple(row) for row in rows] == [
        (
            line.position.symbol,
            line.fills,
            line.position.quantity,
            line.position.fees,
            line.position.bought_notional,
            line.position.sold_notional,
            line.mark,
            line.pnl,
        )
        for line in report.lines
    ]
    totals = report.totals
    assert (totals.fills, totals.fees, totals.pnl) == (
        await demo.fetchval("SELECT count(*) FROM trades"),
        await demo.fetchval("SELECT sum(fee) FROM trades"),
        sum((line.pnl for line in report.lines), Decimal(0)),
    )


async def test_the_curve_is_that_of_other_sql_on_every_day(demo: quantdb.Pool) -> None:
    report = await read_report(demo)
    rows = await demo.fetch(
        """
        SELECT days.at, $1::numeric * count(DISTINCT s.symbol) + sum(
            coalesce(f.cash, 0) + coalesce(f.shares, 0) * coalesce(p.close, 0)
        )
        FROM (SELECT DISTINCT start + interval AS at FROM prices) AS days
        CROSS JOIN (SELECT DISTINCT symbol FROM prices) AS s
        LEFT JOIN LATERAL (
            SELECT close FROM prices WHERE symbol = s.symbol AND start + interval <= days.at
            ORDER BY start DESC LIMIT 1
        ) AS p ON true
        LEFT JOIN LATERAL (
            SELECT
                sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END) AS shares,
                sum(CASE side WHEN 'buy' THEN -quantity ELSE quantity END * price - fee) AS cash
            FROM trades WHERE symbol = s.symbol AND executed_at <= days.at
        ) AS f ON true
        GROUP BY days.at ORDER BY days.at
        """,
        CAPITAL,
    )
    assert [tuple(row) for row in rows] == [(point.at, point.equity) for point in report.equity]


async def test_the_table_shows_every_digit(demo: quantdb.Pool) -> None:
    rich = pytest.importorskip("rich.console")
    from quantdb.demo.table import table  # noqa: PLC0415 - needs the extra

    report = await read_report(demo)
    shown = io.StringIO()
    rich.Console(file=shown, width=80).print(table(report))
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for line in report.lines:
        cells = next(each for each in lines if each.startswith(line.position.symbol)).split()
        numbers = [Decimal(cell.replace(",", "")) for cell in cells[1:]]
        position = line.position
        assert [line.fills, position.quantity] == numbers[:2]
        assert [position.fees, line.mark, line.pnl] == numbers[4:]
        averages = [
            position.bought_notional / position.bought,
            position.sold_notional / position.sold,
        ]
        assert all(
            abs(exact - seen) <= Decimal("0.00005")
            for exact, seen in zip(averages, numbers[2:4], strict=True)
        )
    total = next(each for each in lines if each.startswith("total")).split()
    assert total == [
        "total",
        str(report.totals.fills),
        f"{report.totals.fees:,}",
        f"{report.totals.pnl:,}",
    ]


async def test_the_picture_is_a_png(demo: quantdb.Pool, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from quantdb.demo.chart import draw  # noqa: PLC0415 - needs the extra

    picture = tmp_path / "equity.png"
    draw(await read_report(demo), picture)
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    "other",
    [
        Price("IBM", DAY, midnight(date(2000, 3, 1)), *map(Decimal, (1, 1, 1, 1, 1))),
        Price("FB", DAY, midnight(date(2024, 3, 1)), *map(Decimal, (1, 1, 1, 1, 1))),
    ],
    ids=["in place of one of the demo", "beside those of the demo"],
)
async def test_bars_of_somebody_else_are_left_as_they_are(empty_dsn: str, other: Price) -> None:
    pytest.importorskip("ray.exceptions")
    pytest.importorskip("matplotlib")
    from quantdb.demo.run import load  # noqa: PLC0415 - needs the extra

    async with quantdb.create_pool(empty_dsn) as pool:
        await quantdb.migrate(pool)
        await PriceRepo(pool).upsert(other)
        with pytest.raises(ConfigError, match="a database of its own"):
            await load(pool, bars())
        assert await pool.fetchval("SELECT count(*) FROM prices") == 1
        assert await PriceRepo(pool).get(other.symbol, DAY, other.start) == other


async def test_without_bars_there_is_nothing_to_do(empty_dsn: str) -> None:
    async with quantdb.create_pool(empty_dsn) as pool:
        await quantdb.migrate(pool)
        assert await trade_symbol(pool, "AAPL") == Ingest(inserted=0, existing=0)


def series(closes: Sequence[Decimal]) -> list[Price]:
    first = midnight(date(2010, 1, 1))
    return [
        Price("SYN", DAY, first + number * DAY, close, close, close, close, Decimal(1))
        for number, close in enumerate(closes)
    ]


async def fills_of(connection: quantdb.Connection, prices: Sequence[Price]) -> list[Trade]:
    """Return what the strategy does on a database with those bars; the bars go again."""
    block = connection.transaction()
    await block.start()
    await PriceRepo(connection).upsert_many(prices)
    await trade_symbol(connection, "SYN")
    trades = await TradeRepo(connection).between("SYN", prices[0].start, datetime.now(UTC))
    await block.rollback()
    return trades


steps = st.lists(st.integers(-40, 40), min_size=80, max_size=160)


@few
@given(steps=steps, cut=st.integers(0, 159), future=steps)
async def test_other_prices_in_the_future_change_no_fill_of_the_past(
    plain_pool: asyncpg.Pool, steps: list[int], cut: int, future: list[int]
) -> None:
    past = [max(1, level) for level in accumulate(steps, initial=1000)]
    changed = past[:cut] + [max(1, level) for level in accumulate(future, initial=500)]
    async with plain_pool.acquire() as connection:
        fills = await fills_of(connection, series([Decimal(level) / 100 for level in past]))
        others = await fills_of(connection, series([Decimal(level) / 100 for level in changed]))
    known = midnight(date(2010, 1, 1)) + min(cut, len(past)) * DAY
    assert [fill for fill in fills if fill.executed_at <= known] == [
        fill for fill in others if fill.executed_at <= known
    ]


@few
@given(steps=steps)
async def test_money_is_neither_made_nor_lost(plain_pool: asyncpg.Pool, steps: list[int]) -> None:
    closes = [Decimal(max(1, level)) / 100 for level in accumulate(steps, initial=1000)]
    async with plain_pool.acquire() as connection:
        fills = await fills_of(connection, series(closes))
    cash, shares = Fraction(CAPITAL), Fraction(0)
    for number, fill in enumerate(fills):
        assert fill.side == ("sell" if number % 2 else "buy")
        assert fill.quantity == int(fill.quantity)
        assert fill.fee == fill.quantity * FEE
        sign = 1 if fill.side == "buy" else -1
        cash -= sign * Fraction(fill.quantity) * Fraction(fill.price) + Fraction(fill.fee)
        shares += sign * Fraction(fill.quantity)
        assert shares >= 0 <= cash
        if fill.side == "buy":
            assert cash < Fraction(fill.price + FEE)
        else:
            assert shares == 0


def test_ahead_of_a_split_the_strategy_is_out_and_begins_anew() -> None:
    split = SPLITS["MSFT"][0]
    account = Account("MSFT", shares=Decimal(10))
    account.closes.extend([Decimal(1)] * 50)
    week = timedelta(days=7)
    account.decide(split - week, Decimal(2))
    assert len(account.closes) == 50
    assert account.decide(split - week + DAY, Decimal(2)) == "sell"
    assert not account.closes
    assert attrs.evolve(account, shares=Decimal(0)).decide(split, Decimal(2)) is None
    account.decide(split + DAY, Decimal(1))
    assert len(account.closes) == 1


def test_equal_averages_are_no_reason_to_buy() -> None:
    account = Account("IBM")
    first = midnight(date(2010, 1, 1))
    decisions = {account.decide(first + day * DAY, Decimal("9.99")) for day in range(100)}
    assert decisions == {None}
    assert account.decide(first + 100 * DAY, Decimal("10.00")) == "buy"
