"""What goes in comes out: every model over its whole domain, by every way in and every way out."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, localcontext
from math import isnan
from pathlib import Path
from typing import TypeGuard
from uuid import UUID, uuid4

import asyncpg
import attrs
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from strategies import (
    dates,
    decimals,
    durations,
    instants,
    int64s,
    naive_datetimes,
    new_users,
    prices,
    texts,
    trades,
)
from support import (
    DAWN,
    DUSK,
    EVER,
    MICROSECOND,
    MINUTE,
    ZONES,
    a_price,
    a_trade,
    fresh,
    look,
    look_once,
    query,
    zoned,
)

import quantdb
from quantdb import (
    Ingest,
    NewUser,
    PoolConfig,
    Price,
    PriceRepo,
    Query,
    Trade,
    TradeRepo,
    UserRepo,
    transaction,
)

# Whatever the caller's own decimals do must not matter.
NARROW = Context(prec=5, traps=[Inexact, InvalidOperation, DivisionByZero])

OURS = ("quantdb's pool", "quantdb's pool by statement")
PLAIN = tuple(f"plain pool in {zone}" for zone in ZONES)
WAYS = st.sampled_from((*OURS, *PLAIN))

many = settings(max_examples=100)


@pytest.fixture(scope="module")
async def ways(dsn: str, pool: quantdb.Pool) -> AsyncIterator[dict[str, quantdb.Database]]:
    """The databases that a value goes through, by name."""
    async with AsyncExitStack() as stack:
        found: dict[str, quantdb.Database] = {OURS[0]: pool}
        config = PoolConfig(dsn, min_size=0, max_size=2, transactions="statement")
        found[OURS[1]] = await stack.enter_async_context(quantdb.create_pool(config))
        for name, zone in zip(PLAIN, ZONES, strict=True):
            found[name] = await stack.enter_async_context(zoned(dsn, zone))
        yield found


def plain_text(value: Decimal) -> str:
    """Return what PostgreSQL makes of a number: no exponent, no sign of zero."""
    return f"{value.copy_abs() if value.is_zero() else value:f}"


def see_that_numbers_are_plain(sent: object, back: object) -> None:
    """See that every Decimal is written out as PostgreSQL has it, with its zeros."""
    assert isinstance(sent, Trade | Price)
    assert isinstance(back, Trade | Price)
    for name in ("quantity", "price", "fee", "open", "high", "low", "close", "volume"):
        one, two = getattr(sent, name, None), getattr(back, name, None)
        if isinstance(one, Decimal) and isinstance(two, Decimal):
            assert plain_text(one) == f"{two:f}"
            assert "E+" not in str(two)


def ends_of_time(*values: date | datetime | None) -> bool:
    """Tell whether one is the first or the last; the driver's binary form confuses these."""
    return any(value in {DAWN, DUSK, date.min, date.max} for value in values)


# Models


@many
@given(way=WAYS, given_=trades(), symbol=st.just("").map(lambda _: fresh()))
async def test_a_trade_comes_back_as_it_went(
    ways: dict[str, quantdb.Database], way: str, given_: Trade, symbol: str
) -> None:
    assume(way in OURS or not ends_of_time(given_.executed_at))
    trade = attrs.evolve(given_, symbol=f"{symbol}{given_.symbol}")
    db = ways[way]
    repo = TradeRepo(db)
    span = (trade.symbol, trade.executed_at, min(trade.executed_at, DUSK - MICROSECOND))
    found: list[Trade | None] = []
    try:
        with localcontext(NARROW):
            found += [await repo.insert(trade), await repo.insert(trade)]
            found += [await repo.get(trade.id), *await repo.latest(trade.symbol)]
            found += (await repo.page(trade.symbol)).items
            if trade.executed_at < DUSK:
                end = span[2] + MICROSECOND
                found += await repo.between(*span[:2], end)
                found += [one async for one in repo.stream(*span[:2], end)]
            if trade.venue_trade_id is not None:
                found.append(
                    await repo.find_by_venue_id(trade.venue, trade.symbol, trade.venue_trade_id)
                )
            assert Ingest(inserted=0, existing=1) == await repo.insert_many([trade])
            await look(db, "DELETE FROM trades WHERE id = $1", trade.id)
            assert Ingest(inserted=1, existing=0) == await repo.insert_many([trade])
            found += [await repo.get(trade.id), await repo.insert(trade)]
    finally:
        await look(db, "DELETE FROM trades WHERE id = $1", trade.id)
    assert len(found) >= 7
    for back in found:
        assert trade == back
        if way in OURS:
            see_that_numbers_are_plain(trade, back)


@many
@given(way=WAYS, given_=prices(), symbol=st.just("").map(lambda _: fresh()))
async def test_a_bar_comes_back_as_it_went(
    ways: dict[str, quantdb.Database], way: str, given_: Price, symbol: str
) -> None:
    end = given_.start + given_.interval
    assume(way in OURS or not ends_of_time(given_.start, end))
    bar = attrs.evolve(given_, symbol=f"{symbol}{given_.symbol}")
    db = ways[way]
    repo = PriceRepo(db)
    key = (bar.symbol, bar.interval, bar.start)
    found: list[Price | None] = []
    with localcontext(NARROW):
        found += [await repo.upsert(bar), await repo.upsert(bar), await repo.get(*key)]
        found += await repo.between(*key, bar.start + MICROSECOND)
        found += [one async for one in repo.stream(*key, bar.start + MICROSECOND)]
        found += (await repo.page(bar.symbol, bar.interval)).items
        found += (await repo.latest([bar.symbol], bar.interval)).values()
        found += [await repo.as_of(bar.symbol, bar.interval, end, timedelta(0))]
        found += await repo.as_of_many(bar.interval, [(bar.symbol, end)])
        found += await repo.resample(
            bar.symbol, bar.interval, bar.interval, bar.start, bar.start + MICROSECOND
        )
        assert await repo.gaps(*key, end) == []
        assert Ingest(inserted=0, existing=1) == await repo.upsert_many([bar])
        await look(db, "DELETE FROM prices WHERE symbol = $1", bar.symbol)
        assert Ingest(inserted=1, existing=0) == await repo.upsert_many([bar])
        found += [await repo.get(*key), await repo.upsert(bar)]
    await look(db, "DELETE FROM prices WHERE symbol = $1", bar.symbol)
    assert len(found) == 12
    for back in found:
        assert bar == back
        if way in OURS:
            see_that_numbers_are_plain(bar, back)


@many
@given(way=WAYS, given_=new_users(), change=new_users(), unique=st.just("").map(lambda _: fresh()))
async def test_a_user_comes_back_as_it_went(
    ways: dict[str, quantdb.Database],
    way: str,
    given_: NewUser,
    change: NewUser,
    unique: str,
) -> None:
    assume(way in OURS or not ends_of_time(given_.born, change.born))

    def own(new: NewUser) -> NewUser:
        return attrs.evolve(new, email=None if new.email is None else f"{unique}{new.email}")

    repo, new, then = UserRepo(ways[way]), own(given_), own(change)
    user = await repo.insert(new)
    assert (new.name, new.email, new.born) == (user.name, user.email, user.born)
    assert user == await repo.get(user.id)
    if new.email is not None:
        assert user == await repo.find_by_email(new.email)
    changed = await repo.update(user, name=then.name, email=then.email, born=then.born)
    assert (then.name, then.email, then.born) == (changed.name, changed.email, changed.born)
    assert changed == await repo.get(user.id)


@settings(max_examples=20)
@given(tape=st.lists(trades(), max_size=12, unique_by=lambda trade: trade.id), way=WAYS)
async def test_a_list_of_trades_comes_back_in_order(
    ways: dict[str, quantdb.Database], way: str, tape: list[Trade]
) -> None:
    assume(way in OURS or not any(ends_of_time(trade.executed_at) for trade in tape))
    symbol = fresh()
    db = ways[way]
    repo = TradeRepo(db)
    mine = [attrs.evolve(t, symbol=symbol, venue_trade_id=None) for t in tape]
    expected = sorted(mine, key=lambda trade: (trade.executed_at, trade.id))
    span = (DAWN, DUSK) if way in OURS else EVER
    inside = [trade for trade in expected if span[0] <= trade.executed_at < span[1]]
    with localcontext(NARROW):
        assert Ingest(inserted=len(mine), existing=0) == await repo.insert_many(mine)
        assert expected[::-1] == await repo.latest(symbol, 100)
        assert inside == await repo.between(symbol, *span)
        assert inside == [trade async for trade in repo.stream(symbol, *span)]
    await look(db, "DELETE FROM trades WHERE symbol = $1", symbol)


# The ends of time, which the driver's binary form cannot tell from infinity: right, or refused


ENDS = pytest.mark.parametrize("at", [DAWN, DUSK], ids=["year 1", "year 9999"])


@asynccontextmanager
async def or_refused(db: quantdb.Database) -> AsyncGenerator[quantdb.Connection]:
    """Give a savepoint to work in; only a plain connection may refuse, and by an error of ours."""
    async with transaction(db) as tx:
        block = tx.transaction()
        await block.start()
        try:
            yield tx
        except quantdb.InexactValue:
            assert not getattr(tx, "tells_aborted_commit", False)
            await block.rollback()
        else:
            await block.commit()


@ENDS
async def test_a_trade_at_an_end_of_time_is_stored_or_refused(
    db: quantdb.Database, at: datetime
) -> None:
    trade = a_trade(fresh(), executed_at=at)
    async with or_refused(db) as tx:
        assert trade == await TradeRepo(tx).insert(trade)
        assert trade == await TradeRepo(tx).get(trade.id)


@ENDS
async def test_trades_at_an_end_of_time_are_on_one_page_each_or_refused(
    db: quantdb.Database, at: datetime
) -> None:
    symbol = fresh()
    made = [a_trade(symbol, executed_at=at) for _ in range(3)]
    async with or_refused(db) as tx:
        await TradeRepo(tx).insert_many(made)
        found: list[UUID] = []
        cursor: str | None = None
        for _ in range(5):
            page = await TradeRepo(tx).page(symbol, 1, cursor)
            found += [trade.id for trade in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert sorted(trade.id for trade in made) == found


@ENDS
async def test_positions_at_an_end_of_time_count_what_was_executed_there_or_are_refused(
    db: quantdb.Database, at: datetime
) -> None:
    strategy = fresh()
    async with or_refused(db) as tx:
        await TradeRepo(tx).insert_many([a_trade(fresh(), executed_at=at, strategy=strategy)])
        assert len(await TradeRepo(tx).positions(strategy=strategy)) == 1
        assert len(await TradeRepo(tx).positions(at, strategy=strategy)) == 1


@pytest.mark.parametrize("question", ["find", "between", "as_of", "as_of_many", "page", "gaps"])
async def test_a_bar_that_begins_with_time_is_found_or_refused(
    db: quantdb.Database, question: str
) -> None:
    symbol = fresh()
    bar = a_price(symbol, DAWN)
    async with or_refused(db) as tx:
        prices_ = PriceRepo(tx)
        await prices_.upsert_many([bar])
        match question:
            case "find":
                assert bar == await prices_.find(symbol, MINUTE, DAWN)
            case "between":
                assert [bar] == await prices_.between(symbol, MINUTE, DAWN, DAWN + MICROSECOND)
            case "as_of":
                assert bar == await prices_.as_of(symbol, MINUTE, DAWN + MINUTE)
            case "as_of_many":
                assert [bar] == await prices_.as_of_many(MINUTE, [(symbol, DAWN + MINUTE)])
            case "page":
                assert [bar] == (await prices_.page(symbol, MINUTE, 1)).items
            case _:
                [gap] = await prices_.gaps(symbol, MINUTE, DAWN, DAWN + 2 * MINUTE)
                assert (gap.start, gap.end) == (DAWN + MINUTE, DAWN + 2 * MINUTE)


@pytest.mark.parametrize("born", [date.min, date.max])
async def test_a_user_who_was_born_at_an_end_of_time_is_stored_or_refused(
    db: quantdb.Database, born: date
) -> None:
    async with or_refused(db) as tx:
        user = await UserRepo(tx).insert(NewUser("Adam", born=born))
        assert born == user.born
        sql = "SELECT born::text FROM users WHERE id = $1"
        assert str(born) == await look_once(tx, sql, user.id)


# Zones of the session, on our own pool


@pytest.mark.parametrize("zone", [*ZONES, "Africa/Monrovia", "Pacific/Apia"])
async def test_the_zone_of_a_transaction_changes_no_instant(pool: quantdb.Pool, zone: str) -> None:
    symbol = fresh()
    moments = [
        datetime(1, 1, 3, tzinfo=UTC),
        datetime(1883, 11, 18, 17, 0, 1, tzinfo=UTC),
        datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC),
        datetime(2011, 12, 30, 10, tzinfo=UTC),
        datetime(2024, 3, 10, 7, tzinfo=UTC),
        datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
        datetime(2024, 11, 3, 6, 30, tzinfo=UTC),
        datetime(9999, 12, 29, tzinfo=UTC),
    ]
    made = [a_trade(symbol, executed_at=moment) for moment in moments]
    bars = [a_price(symbol, moment) for moment in moments]
    async with transaction(pool) as tx:
        await tx.execute(f"SET LOCAL TIME ZONE '{zone}'")
        await TradeRepo(tx).insert_many(made[::2])
        for trade in made[1::2]:
            await TradeRepo(tx).insert(trade)
        await PriceRepo(tx).upsert_many(bars[::2])
        for bar in bars[1::2]:
            await PriceRepo(tx).upsert(bar)
        assert made == await TradeRepo(tx).between(symbol, DAWN, DUSK)
        assert bars == await PriceRepo(tx).between(symbol, MINUTE, DAWN, DUSK)
    assert made == await TradeRepo(pool).between(symbol, DAWN, DUSK)
    assert bars == await PriceRepo(pool).between(symbol, MINUTE, DAWN, DUSK)


@pytest.mark.parametrize(
    "style", ["ISO, DMY", "ISO, YMD", "SQL, DMY", "SQL, MDY", "German", "Postgres, DMY"]
)
async def test_a_style_of_dates_changes_no_instant(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, style: str
) -> None:
    """Read right, or not at all: never day and month exchanged."""
    symbol = fresh()
    trade = a_trade(symbol, executed_at=datetime(2024, 2, 1, 3, 4, 5, 6, tzinfo=UTC))
    other = a_trade(symbol, executed_at=datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    for db in (pool, plain_pool):
        async with transaction(db) as tx:
            await tx.execute(f"SET LOCAL DateStyle = '{style}'")
            await TradeRepo(tx).insert_many([trade, other])
            try:
                assert trade == await TradeRepo(tx).insert(trade)
                assert [other, trade] == await TradeRepo(tx).between(symbol, *EVER)
            except (ValueError, asyncpg.DataError):
                assert not style.startswith("ISO")
    assert [other, trade] == await TradeRepo(pool).between(symbol, DAWN, DUSK)


@pytest.mark.parametrize("style", ["postgres", "sql_standard", "iso_8601", "postgres_verbose"])
async def test_a_style_of_intervals_changes_no_bar(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, style: str
) -> None:
    symbol = fresh()
    bars = [
        a_price(symbol, interval=timedelta(days=d, seconds=s, microseconds=u))
        for d, s, u in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (40, 86399, 999999), (400, 0, 1))
    ]
    for db in (pool, plain_pool):
        async with transaction(db) as tx:
            await tx.execute(f"SET LOCAL IntervalStyle = '{style}'")
            report = await PriceRepo(tx).upsert_many(bars)
            assert report.inserted + report.existing == 5
            for bar in bars:
                assert bar == await PriceRepo(tx).upsert(bar)
                assert bar == await PriceRepo(tx).get(bar.symbol, bar.interval, bar.start)


@pytest.mark.parametrize("value", ["off", "on"])
async def test_the_reading_of_backslashes_changes_no_text(pool: quantdb.Pool, value: str) -> None:
    symbol = fresh()
    trade = a_trade(f"{symbol}\\n\\'x", venue_trade_id="\\N", strategy="'\\\\'")
    async with transaction(pool) as tx:
        await tx.execute(f"SET LOCAL standard_conforming_strings = {value}")
        await TradeRepo(tx).insert_many([trade])
        assert trade == await TradeRepo(tx).insert(trade)


# A class of one's own, of everything


@attrs.frozen
class Everything:
    """A field of each type that has a rule."""

    id: UUID
    yes: bool
    small: int
    whole: int
    exact: Decimal
    double: float
    text: str | None
    raw: bytes
    day: date
    at: datetime
    naive: datetime
    span: timedelta
    numbers: list[Decimal | None]
    moments: list[datetime]
    words: list[str]


EVERYTHING = st.builds(
    Everything,
    id=st.builds(uuid4),
    yes=st.booleans(),
    small=st.integers(-(2**15), 2**15 - 1),
    whole=int64s(),
    exact=decimals(),
    double=st.floats(),
    text=st.none() | texts(),
    raw=st.binary(),
    day=dates(),
    at=instants(),
    naive=naive_datetimes(),
    span=durations(),
    numbers=st.lists(st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=4)),
    moments=st.lists(instants(), max_size=5),
    words=st.lists(texts(), max_size=5),
)


@pytest.fixture(scope="module")
async def everything(
    pool: quantdb.Pool, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Query[Everything]]:
    """A table of every type, and the statements that write and read it."""
    await pool.execute(
        """
        CREATE TABLE everything (
            id uuid PRIMARY KEY, yes boolean, small smallint, whole bigint, exact numeric,
            double double precision, text text, raw bytea, day date, at timestamptz,
            naive timestamp, span interval, numbers numeric[], moments timestamptz[], words text[]
        )
        """
    )
    columns = ", ".join(field.name for field in attrs.fields(Everything))
    folder: Path = tmp_path_factory.mktemp("sql")
    dollars = ", ".join(f"${n}" for n in range(1, 16))
    insert = f"INSERT INTO everything VALUES ({dollars}) RETURNING {columns}"
    return {
        "insert": query(folder, insert, Everything),
        "get": query(folder, f"SELECT {columns} FROM everything WHERE id = $1", Everything),
    }


def alike(one: object, two: object) -> bool:
    """Compare values as numbers and instants; NaN is like NaN."""
    if is_items(one) and is_items(two):
        return len(one) == len(two) and all(map(alike, one, two))
    if isinstance(one, datetime) and isinstance(two, datetime) and one.tzinfo is not None:
        return one.astimezone(UTC) == two.astimezone(UTC)
    if isinstance(one, float) and isinstance(two, float):
        return one == two or (isnan(one) and isnan(two))
    return one == two


def is_items(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list)


@many
@given(way=WAYS, value=EVERYTHING)
@example(
    way=OURS[0],
    value=Everything(
        uuid4(),
        True,
        0,
        0,
        Decimal(0),
        float("nan"),
        None,
        b"",
        date.min,
        DUSK,
        DUSK.replace(tzinfo=None),
        timedelta.max,
        [],
        [DAWN, DUSK],
        [],
    ),
)
async def test_a_class_of_ones_own_comes_back_as_it_went(
    ways: dict[str, quantdb.Database],
    everything: dict[str, Query[Everything]],
    way: str,
    value: Everything,
) -> None:
    ends = [value.day, value.at.astimezone(UTC), value.naive.replace(tzinfo=UTC)]
    ends += [moment.astimezone(UTC) for moment in value.moments]
    assume(way in OURS or not ends_of_time(*ends))
    db = ways[way]
    with localcontext(NARROW):
        stored = await everything["insert"].store(db, value)
        read = await everything["get"].one(db, value.id)
    assert read == stored or isnan(value.double)
    for field in attrs.fields(Everything):
        assert alike(getattr(value, field.name), getattr(read, field.name)), field.name
