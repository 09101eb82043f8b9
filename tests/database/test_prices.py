"""Prices: upserts, no look-ahead, wider bars and gaps, on every kind of database."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    DAWN,
    DAY,
    DUSK,
    EVER,
    HOUR,
    MICROSECOND,
    MINUTE,
    NOON,
    SECOND,
    ZONES,
    a_price,
    a_trade,
    few,
    fresh,
    look,
    look_once,
    minutes,
    some,
    zoned,
)

import quantdb
from quantdb import (
    Coverage,
    Gap,
    InexactValue,
    Ingest,
    NotFound,
    Page,
    Price,
    PriceRepo,
    TradeRepo,
)

# One bar


async def test_a_bar_is_stored_as_it_was_given(db: quantdb.Database) -> None:
    interval = timedelta(days=2, seconds=3, microseconds=4)
    bar = Price(
        fresh(),
        interval,
        NOON + MICROSECOND,
        Decimal("-1.50"),
        Decimal("1E+3"),
        Decimal("-37.6300"),
        Decimal(0),
        Decimal("0.0000000001"),
    )
    assert bar == await PriceRepo(db).upsert(bar)
    assert [
        (
            interval,
            "2024-03-10 12:00:00.000001",
            "-1.50",
            "1000",
            "-37.6300",
            "0",
            "0.0000000001",
        )
    ] == await look(
        db,
        """
        SELECT interval, (start AT TIME ZONE 'UTC')::text, open::text, high::text, low::text,
            close::text, volume::text
        FROM prices WHERE symbol = $1
        """,
        bar.symbol,
    )


async def test_a_bar_takes_the_place_of_the_one_with_its_key(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    await prices.upsert(a_price(symbol, price=1))
    beside = [
        a_price(symbol, price=2, start=NOON + MICROSECOND),
        a_price(symbol, price=3, interval=HOUR),
        a_price(f"{symbol}x", price=4),
    ]
    for bar in beside:
        await prices.upsert(bar)
    new = a_price(symbol, price=5, volume=7)
    assert new == await prices.upsert(new)
    assert new == await prices.upsert(new)
    assert new == await prices.get(symbol, MINUTE, NOON)
    assert [(1,), (2,), (3,), (4,), (5,)][1:] == await look(
        db,
        "SELECT close::int FROM prices WHERE symbol = ANY($1) ORDER BY close",
        [symbol, f"{symbol}x"],
    )
    for bar in beside:
        assert bar == await prices.get(bar.symbol, bar.interval, bar.start)


async def test_a_bar_that_is_not_there_is_none_or_not_found(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    await prices.upsert(a_price(symbol))
    for key in (
        (fresh(), MINUTE, NOON),
        (symbol, HOUR, NOON),
        (symbol, MINUTE, NOON + MICROSECOND),
    ):
        assert await prices.find(*key) is None
        with pytest.raises(NotFound):
            await prices.get(*key)


async def test_a_day_and_24_hours_are_one_interval(db: quantdb.Database) -> None:
    symbol = fresh()
    await look(
        db,
        "INSERT INTO prices SELECT $1, v::interval, $2, 1, 1, 1, 1, 1"
        " FROM unnest('{24 hours,36 hours}'::text[]) AS v",
        symbol,
        NOON,
    )
    prices = PriceRepo(db)
    assert a_price(symbol, price=1, interval=DAY) == await prices.find(symbol, DAY, NOON)
    assert Ingest(inserted=0, existing=1) == await prices.upsert_many(
        [a_price(symbol, price=1, interval=DAY)]
    )
    bar = await prices.get(symbol, timedelta(days=1, hours=12), NOON)
    assert timedelta(hours=36) == bar.interval
    assert bar == (await prices.latest([symbol], timedelta(hours=36)))[symbol]


async def test_a_bar_that_was_read_can_be_written_again(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    await prices.upsert_many(minutes(symbol, range(3)))
    read = await prices.between(symbol, MINUTE, *EVER)
    assert Ingest(inserted=0, existing=3) == await prices.upsert_many(read)
    assert read[0] == await prices.upsert(read[0])


# Lists, pages, streams


async def test_a_span_begins_with_its_start_and_stops_before_its_end(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    bars = minutes(symbol, range(5))
    await prices.upsert_many(reversed(bars))
    await prices.upsert(a_price(symbol, interval=HOUR))
    span = (NOON + MINUTE, NOON + 3 * MINUTE)
    assert bars[1:3] == await prices.between(symbol, MINUTE, *span)
    assert bars[1:3] == [bar async for bar in prices.stream(symbol, MINUTE, *span)]
    assert bars == await prices.between(symbol, MINUTE, *EVER)
    assert await prices.between(symbol, MINUTE, *reversed(span)) == []
    assert bars[2:3] == await prices.between(
        symbol, MINUTE, NOON + MINUTE + MICROSECOND, NOON + 2 * MINUTE + MICROSECOND
    )


async def test_the_pages_together_are_the_list(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    assert Page([], None) == await prices.page(symbol, MINUTE)
    bars = minutes(symbol, range(10))
    await prices.upsert_many(bars)
    for limit in (1, 3, 9, 10, 11):
        seen: list[Price] = []
        cursor = None
        while True:
            page = await prices.page(symbol, MINUTE, limit, cursor)
            seen += page.items
            cursor = page.next
            if cursor is None:
                break
            assert limit == len(page.items)
            assert len(seen) < 100
        assert bars == seen


async def test_a_cursor_of_another_series_is_refused(pool: quantdb.Pool) -> None:
    prices, symbol = PriceRepo(pool), fresh()
    await prices.upsert_many(minutes(symbol, range(5)))
    await TradeRepo(pool).insert_many(a_trade(symbol) for _ in range(5))
    cursor = (await prices.page(symbol, MINUTE, 2)).next
    theirs = (await TradeRepo(pool).page(symbol, 2)).next
    assert cursor is not None
    assert theirs is not None
    for other, interval, after in (
        (fresh(), MINUTE, cursor),
        (symbol, HOUR, cursor),
        (symbol, MINUTE, theirs),
        (symbol, MINUTE, ""),
        (symbol, MINUTE, "nonsense"),
    ):
        with pytest.raises(InexactValue) as caught:
            await prices.page(other, interval, 2, after)
        assert caught.value.field == "after"


async def test_a_stream_of_bars_is_the_list(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    bars = minutes(symbol, range(2_100))
    await prices.upsert_many(bars)
    assert bars == [bar async for bar in prices.stream(symbol, MINUTE, *EVER)]
    async with aclosing(prices.stream(symbol, MINUTE, *EVER)) as stream:
        assert bars[0] == await anext(stream)


async def test_the_latest_bars_are_by_symbol(db: quantdb.Database) -> None:
    prices, one, two, none = PriceRepo(db), fresh(), fresh(), fresh()
    bars = [*minutes(one, range(5)), *minutes(two, range(7))]
    await prices.upsert_many(bars)
    await prices.upsert(a_price(one, NOON + DAY, interval=HOUR))
    expected = {one: bars[4], two: bars[-1]}
    assert expected == await prices.latest([one, two, none], MINUTE)
    assert expected == await prices.latest(iter([two, one, two, none]), MINUTE)
    assert expected == await prices.latest({one, two}, MINUTE)
    assert await prices.latest([], MINUTE) == {}
    assert await prices.latest([none], MINUTE) == {}


async def test_one_symbol_is_no_list_of_symbols(pool: quantdb.Pool) -> None:
    with pytest.raises(InexactValue, match="symbols"):
        await PriceRepo(pool).latest("AAPL", MINUTE)


# No look-ahead


async def test_a_bar_is_known_from_its_end_on(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    bars = minutes(symbol, [0, 1, 3])
    await prices.upsert_many(bars)
    for at, expected in (
        (NOON, None),
        (NOON + MINUTE - MICROSECOND, None),
        (NOON + MINUTE, bars[0]),
        (NOON + 2 * MINUTE - MICROSECOND, bars[0]),
        (NOON + 2 * MINUTE, bars[1]),
        (NOON + 4 * MINUTE - MICROSECOND, bars[1]),
        (NOON + 4 * MINUTE, bars[2]),
        (EVER[1], bars[2]),
        (EVER[0], None),
    ):
        assert expected == await prices.as_of(symbol, MINUTE, at)
        assert [expected] == await prices.as_of_many(MINUTE, [(symbol, at)])
        local = at.astimezone(ZoneInfo("Asia/Kathmandu"))
        assert expected == await prices.as_of(symbol, MINUTE, local)
    assert await prices.as_of(symbol, HOUR, EVER[1]) is None
    assert await prices.as_of(fresh(), MINUTE, EVER[1]) is None


async def test_a_tolerance_is_inclusive(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    [bar] = minutes(symbol, [0])
    await prices.upsert(bar)
    end = NOON + MINUTE
    for at, tolerance, expected in (
        (end, timedelta(0), bar),
        (end + MICROSECOND, timedelta(0), None),
        (end + MICROSECOND, MICROSECOND, bar),
        (end + DAY, DAY, bar),
        (end + DAY + MICROSECOND, DAY, None),
        (end + DAY, timedelta.max, bar),
        (end - MICROSECOND, DAY, None),
    ):
        assert expected == await prices.as_of(symbol, MINUTE, at, tolerance)
        assert [expected] == await prices.as_of_many(MINUTE, [(symbol, at)], tolerance)


async def test_as_of_refuses_what_means_nothing(pool: quantdb.Pool) -> None:
    prices = PriceRepo(pool)
    for interval, at, tolerance in (
        (timedelta(0), NOON, None),
        (-MINUTE, NOON, None),
        (MINUTE, NOON.replace(tzinfo=None), None),
        (MINUTE, NOON, -MICROSECOND),
    ):
        with pytest.raises(InexactValue):
            await prices.as_of("x", interval, at, tolerance)
        with pytest.raises(InexactValue):
            await prices.as_of_many(interval, [("x", at)], tolerance)


async def test_the_first_and_the_last_bar_of_all_time_are_known_at_their_ends(
    pool: quantdb.Pool,
) -> None:
    prices, symbol = PriceRepo(pool), fresh()
    first, last = a_price(symbol, DAWN), a_price(symbol, DUSK - MINUTE)
    await prices.upsert_many([first, last])
    for at, expected in (
        (DAWN, None),
        (DAWN + MINUTE - MICROSECOND, None),
        (DAWN + MINUTE, first),
        (DUSK - MICROSECOND, first),
        (DUSK, last),
    ):
        assert expected == await prices.as_of(symbol, MINUTE, at)
        assert [expected] == await prices.as_of_many(MINUTE, [(symbol, at)])
    for at, expected in ((DAWN + MINUTE, first), (DUSK - MICROSECOND, None), (DUSK, last)):
        assert expected == await prices.as_of(symbol, MINUTE, at, timedelta(0))
        assert expected == await prices.as_of(symbol, MINUTE, at, timedelta(seconds=1))
    assert await prices.as_of(symbol, timedelta.max, DUSK) is None


@pytest.mark.parametrize("year", [1, 9999])
async def test_bars_of_the_first_and_the_last_year_are_known_at_their_ends(
    db: quantdb.Database, year: int
) -> None:
    prices, symbol = PriceRepo(db), fresh()
    start = EVER[0] if year == 1 else EVER[1] - MINUTE
    bar = await prices.upsert(a_price(symbol, start))
    for at, expected in (
        (start, None),
        (start + MINUTE - MICROSECOND, None),
        (start + MINUTE, bar),
        (start + HOUR, bar),
    ):
        assert expected == await prices.as_of(symbol, MINUTE, at)
        assert [expected] == await prices.as_of_many(MINUTE, [(symbol, at)], HOUR)


@some
@given(
    numbers=st.sets(st.integers(0, 12), max_size=8),
    asked=st.lists(st.tuples(st.integers(0, 2), st.integers(-2, 30)), max_size=12),
    tolerance=st.one_of(st.none(), st.integers(0, 20)),
)
async def test_many_questions_have_the_answers_of_each_in_order(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    numbers: set[int],
    asked: list[tuple[int, int]],
    tolerance: int | None,
) -> None:
    symbols = [fresh() for _ in range(3)]  # of which the last has no bars
    interval = 2 * MINUTE
    bars = {
        symbol: [a_price(symbol, NOON + n * MINUTE, n, interval) for n in sorted(numbers)]
        for symbol in symbols[:2]
    }
    await PriceRepo(pool).upsert_many(bar for series in bars.values() for bar in series)
    questions = [(symbols[which], NOON + n * MINUTE) for which, n in asked]
    limit = None if tolerance is None else tolerance * MINUTE

    def expected(symbol: str, at: datetime) -> Price | None:
        complete = [bar for bar in bars.get(symbol, []) if bar.start + interval <= at]
        last = complete[-1] if complete else None
        if last is None or (limit is not None and last.start + interval < at - limit):
            return None
        return last

    model = [expected(*question) for question in questions]
    for db in (pool, plain_pool):
        prices = PriceRepo(db)
        assert model == await prices.as_of_many(interval, iter(questions), limit)
        assert model == [await prices.as_of(s, interval, at, limit) for s, at in questions]


async def test_thousands_of_questions_are_one_statement(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    bars = minutes(symbol, range(1_000))
    await prices.upsert_many(bars)
    questions = [(symbol, NOON + (n + 1) * MINUTE) for n in range(1_000)]
    assert bars == await prices.as_of_many(MINUTE, questions)
    assert [*bars[::-1], *bars] == await prices.as_of_many(MINUTE, questions[::-1] + questions)
    assert await prices.as_of_many(MINUTE, []) == []


# Wider bars


def widened(bars: Iterable[Price], into: timedelta, start: datetime, end: datetime) -> list[Price]:
    """Return wider bars as the documentation has them."""
    binned: dict[int, list[Price]] = defaultdict(list)
    for bar in sorted(bars, key=lambda bar: bar.start):
        if start <= bar.start < end:
            binned[(bar.start - start) // into].append(bar)
    return [
        Price(
            inside[0].symbol,
            into,
            start + number * into,
            inside[0].open,
            max(bar.high for bar in inside),
            min(bar.low for bar in inside),
            inside[-1].close,
            Decimal(sum((bar.volume for bar in inside), Decimal(0))),
        )
        for number, inside in sorted(binned.items())
    ]


@st.composite
def series(draw: st.DrawFn, interval: timedelta = MINUTE, start: datetime = NOON) -> list[Price]:
    """Give up to 15 bars of one symbol from *start*, with holes, now and then off the grid."""
    symbol = fresh()
    starts = draw(st.sets(st.integers(0, 40), max_size=15))
    step = draw(st.sampled_from([interval, interval, interval / 2]))
    bars: list[Price] = []
    for number in sorted(starts):
        low, *middle, high = sorted(draw(st.tuples(*[st.integers(-500, 500)] * 4)))
        first, last = draw(st.permutations(middle))
        volume = draw(st.integers(0, 1_000))
        numbers = [Decimal(n).scaleb(-2) for n in (first, high, low, last, volume)]
        bars.append(Price(symbol, interval, start + number * step, *numbers))
    return bars


@some
@given(
    bars=series(),
    span=st.tuples(st.integers(-90, 2_500), st.integers(-90, 2_500)),
    times=st.sampled_from([1, 2, 3, 7, 60, 10_000_000]),
)
async def test_wider_bars_are_those_of_a_model(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    bars: list[Price],
    span: tuple[int, int],
    times: int,
) -> None:
    symbol = bars[0].symbol if bars else fresh()
    start, end = (NOON + seconds * SECOND for seconds in span)
    await PriceRepo(pool).upsert_many(bars)
    expected = widened(bars, times * MINUTE, start, end)
    for db in (pool, plain_pool):
        assert expected == await PriceRepo(db).resample(symbol, MINUTE, times * MINUTE, start, end)


async def test_a_wider_bar_is_a_multiple_of_the_narrower(pool: quantdb.Pool) -> None:
    prices = PriceRepo(pool)
    for interval, into in (
        (MINUTE, 90 * SECOND),
        (MINUTE, SECOND),
        (MINUTE, timedelta(0)),
        (MINUTE, -HOUR),
        (timedelta(0), HOUR),
        (-MINUTE, HOUR),
    ):
        with pytest.raises(InexactValue):
            await prices.resample("x", interval, into, NOON, NOON + DAY)


@pytest.mark.parametrize("zone", ZONES)
async def test_days_of_24_hours_are_made_of_hours_whatever_the_session_s_zone(
    dsn: str, pool: quantdb.Pool, zone: str
) -> None:
    symbol = fresh()
    start = datetime(2024, 3, 9, 5, tzinfo=UTC)  # midnight in New York, before the clock changes
    hours = [a_price(symbol, start + n * HOUR, n, HOUR) for n in range(96)]
    await PriceRepo(pool).upsert_many(hours)
    async with zoned(dsn, zone) as there:
        days = await PriceRepo(there).resample(symbol, HOUR, DAY, start, start + 4 * DAY)
        assert widened(hours, DAY, start, start + 4 * DAY) == days
        assert [start + n * DAY for n in range(4)] == [day.start for day in days]
        assert [day.volume for day in days] == [24] * 4
        await PriceRepo(there).upsert_many(days)
        for n, day in enumerate(days):
            end = start + (n + 1) * DAY
            assert day == await PriceRepo(there).as_of(symbol, DAY, end)
            assert day != await PriceRepo(there).as_of(symbol, DAY, end - MICROSECOND)


# Gaps


def holes(bars: Iterable[Price], interval: timedelta, start: datetime, end: datetime) -> list[Gap]:
    """Return the spans of [start, end) that no bar covers, by walking along them."""
    found: list[Gap] = []
    reached = start
    for bar in sorted(bars, key=lambda bar: bar.start):
        if bar.start >= end:
            break
        if bar.start > reached:
            found.append(Gap(reached, bar.start))
        reached = max(reached, bar.start + interval)
    if reached < end:
        found.append(Gap(reached, end))
    return found


@some
@given(bars=series(), span=st.tuples(st.integers(-90, 2_500), st.integers(-90, 2_500)))
async def test_gaps_are_those_of_a_model(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    bars: list[Price],
    span: tuple[int, int],
) -> None:
    symbol = bars[0].symbol if bars else fresh()
    start, end = (NOON + seconds * SECOND for seconds in span)
    await PriceRepo(pool).upsert_many(bars)
    for db in (pool, plain_pool):
        assert holes(bars, MINUTE, start, end) == await PriceRepo(db).gaps(
            symbol, MINUTE, start, end
        )


@few
@given(
    bars=series(interval=timedelta(days=1), start=datetime(2024, 2, 28, 5, tzinfo=UTC)),
    span=st.tuples(st.integers(-30, 1_000), st.integers(-30, 1_000)),
)
async def test_gaps_between_days_are_the_same_in_every_zone_of_the_session(
    dsn: str, pool: quantdb.Pool, bars: list[Price], span: tuple[int, int]
) -> None:
    symbol = bars[0].symbol if bars else fresh()
    start, end = (datetime(2024, 2, 28, tzinfo=UTC) + hours * HOUR for hours in span)
    await PriceRepo(pool).upsert_many(bars)
    expected = holes(bars, DAY, start, end)
    for zone in ZONES:
        async with zoned(dsn, zone) as there:
            assert expected == await PriceRepo(there).gaps(symbol, DAY, start, end)
        async with quantdb.transaction(pool) as tx:
            await tx.execute(f"SET LOCAL TIME ZONE '{zone}'")
            assert expected == await PriceRepo(tx).gaps(symbol, DAY, start, end)


async def test_a_bar_over_an_edge_of_the_span_covers_its_part(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    await prices.upsert_many(a_price(symbol, NOON + n * HOUR, interval=HOUR) for n in (0, 1, 3))
    half = HOUR / 2
    for start, end, expected in (
        (NOON + half, NOON + HOUR + half, []),
        (NOON + half, NOON + 3 * HOUR + half, [Gap(NOON + 2 * HOUR, NOON + 3 * HOUR)]),
        (NOON - half, NOON + half, [Gap(NOON - half, NOON)]),
        (NOON + 2 * HOUR, NOON + 3 * HOUR, [Gap(NOON + 2 * HOUR, NOON + 3 * HOUR)]),
        (NOON + 2 * HOUR - MICROSECOND, NOON + 2 * HOUR, []),
        (NOON + 4 * HOUR, NOON + 5 * HOUR, [Gap(NOON + 4 * HOUR, NOON + 5 * HOUR)]),
        (NOON, NOON, []),
        (NOON + 9 * HOUR, NOON, []),
    ):
        assert expected == await prices.gaps(symbol, HOUR, start, end)


async def test_where_there_is_nothing_all_is_a_gap(db: quantdb.Database) -> None:
    assert [Gap(NOON, NOON + DAY)] == await PriceRepo(db).gaps(fresh(), MINUTE, NOON, NOON + DAY)


@pytest.mark.parametrize("interval", [MINUTE, 1_000_000 * DAY, 2_000_000 * DAY])
async def test_gaps_of_all_time_are_told(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, interval: timedelta
) -> None:
    for db in (pool, plain_pool):
        assert [Gap(*EVER)] == await PriceRepo(db).gaps(fresh(), interval, *EVER)
    assert [Gap(DAWN, DUSK)] == await PriceRepo(pool).gaps(fresh(), interval, DAWN, DUSK)


@pytest.mark.parametrize("interval", [timedelta(0), -MINUTE])
async def test_gaps_need_an_interval_longer_than_nothing(
    pool: quantdb.Pool, interval: timedelta
) -> None:
    with pytest.raises(InexactValue, match="interval"):
        await PriceRepo(pool).gaps(fresh(), interval, NOON, NOON + DAY)


# What there is


async def test_coverage_tells_the_first_the_last_and_how_many(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    await prices.upsert_many(minutes(symbol, [0, 1, 5]))
    await prices.upsert(a_price(symbol, interval=HOUR))
    await prices.upsert(a_price(f"{symbol}x", interval=DAY))
    found = await prices.coverage()
    assert [
        Coverage(symbol, MINUTE, NOON, NOON + 5 * MINUTE, 3),
        Coverage(symbol, HOUR, NOON, NOON, 1),
        Coverage(f"{symbol}x", DAY, NOON, NOON, 1),
    ] == [one for one in found if one.symbol.startswith(symbol)]
    assert sorted(found, key=lambda one: (one.symbol, one.interval)) == found
    assert await look_once(db, "SELECT count(*) FROM prices") == sum(one.bars for one in found)


async def test_symbols_are_sorted_as_python_sorts_them(db: quantdb.Database) -> None:
    prices, prefix = PriceRepo(db), fresh()
    symbols = [f"{prefix}{end}" for end in ("a", "B", "_", "é", "株", "\U0001f4c8", "Z", "10", "9")]
    await prices.upsert_many(a_price(symbol) for symbol in symbols)
    found = [one.symbol for one in await prices.coverage() if one.symbol.startswith(prefix)]
    assert sorted(symbols) == found
    assert sorted(symbols) == list(await prices.latest(symbols, MINUTE))


# Figures of upserts


Batch = list[tuple[int, int]]


@some
@given(batches=st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2))), max_size=4))
async def test_the_figures_of_upserts_are_those_of_a_dict(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, batches: list[Batch]
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        model: dict[int, int] = {}
        for batch in batches:
            given_first: dict[int, int] = {}
            wrong: int | None = None
            for n, (key, value) in enumerate(batch, 1):
                if given_first.setdefault(key, value) != value:
                    wrong = n
                    break
            bars = [a_price(symbol, NOON + key * MINUTE, value) for key, value in batch]
            if wrong is not None:
                with pytest.raises(quantdb.Conflict) as caught:
                    await PriceRepo(db).upsert_many(bars)
                assert wrong == caught.value.row
                assert caught.value.constraint == "prices_pkey"
                continue
            inserted = sum(key not in model for key in given_first)
            updated = sum(key in model and model[key] != v for key, v in given_first.items())
            assert Ingest(
                inserted=inserted, updated=updated, existing=len(batch) - inserted - updated
            ) == await PriceRepo(db).upsert_many(bars)
            model |= given_first
        assert sorted(model.items()) == await look(
            db,
            "SELECT extract(epoch FROM start - $2)::int / 60, close::int FROM prices"
            " WHERE symbol = $1 ORDER BY 1",
            symbol,
            NOON,
        )


async def test_a_bar_that_is_there_as_given_is_not_written_again(db: quantdb.Database) -> None:
    prices, symbol = PriceRepo(db), fresh()
    bar = a_price(symbol, price=Decimal("1.50"))
    await prices.upsert_many([bar])
    sql = "SELECT ctid::text, close::text FROM prices WHERE symbol = $1"
    before = await look(db, sql, symbol)
    other = attrs.evolve(bar, open=Decimal("1.5"), close=Decimal("1.500"), volume=Decimal("1.0"))
    assert Ingest(inserted=0, existing=1) == await prices.upsert_many([other])
    assert before == await look(db, sql, symbol)
