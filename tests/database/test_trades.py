"""Trades: idempotent inserts, lists, pages, streams and exact sums, on every kind of database."""

import asyncio
import itertools
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import aclosing
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid4

import asyncpg
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    DAY,
    EVER,
    HOUR,
    MICROSECOND,
    MINUTE,
    NOON,
    SECOND,
    a_trade,
    fresh,
    ids_of,
    look,
    look_once,
    small_pool,
    some,
)

import quantdb
from quantdb import (
    Ambiguous,
    Conflict,
    InexactValue,
    Ingest,
    NewUser,
    NotFound,
    Page,
    Position,
    Price,
    PriceRepo,
    Trade,
    TradeRepo,
    UserRepo,
)


def in_order(trades: Iterable[Trade]) -> list[Trade]:
    return sorted(trades, key=lambda trade: (trade.executed_at, trade.id))


async def stored(db: quantdb.Database, symbol: str) -> int:
    """Return how many trades of *symbol* there are, by the tests' own count."""
    count = await look_once(db, "SELECT count(*) FROM trades WHERE symbol = $1", symbol)
    assert isinstance(count, int)
    return count


# One trade


async def test_a_trade_is_stored_as_it_was_given(db: quantdb.Database) -> None:
    user = await UserRepo(db).insert(NewUser("Ada"))
    trade = Trade(
        symbol="BRK.B \\ \t 株",
        side="sell",
        quantity=Decimal("0.0000000001"),
        price=Decimal("-37.6300"),
        executed_at=datetime(2020, 4, 20, 14, 29, 59, 999999, timezone(timedelta(hours=-4))),
        venue="NYMEX",
        venue_trade_id=fresh(),
        user_id=user.id,
        strategy="mean reversion",
        fee=Decimal("-0.25"),
        currency="€",
    )
    assert trade == await TradeRepo(db).insert(trade)
    assert [
        (
            "BRK.B \\ \t 株",
            "sell",
            "0.0000000001",
            "-37.6300",
            "2020-04-20 18:29:59.999999",
            "NYMEX",
            trade.venue_trade_id,
            user.id,
            "mean reversion",
            "-0.25",
            "€",
        )
    ] == await look(
        db,
        """
        SELECT symbol, side, quantity::text, price::text, (executed_at AT TIME ZONE 'UTC')::text,
            venue, venue_trade_id, user_id, strategy, fee::text, currency
        FROM trades WHERE id = $1
        """,
        trade.id,
    )


async def test_a_trade_is_found_by_its_id_and_by_that_of_its_venue(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    trade = await trades.insert(a_trade(symbol, venue_trade_id="7"))
    assert trade == await trades.get(trade.id)
    assert trade == await trades.find(trade.id)
    assert trade == await trades.find_by_venue_id("XNAS", symbol, "7")
    assert await trades.find_by_venue_id("XNYS", symbol, "7") is None
    assert await trades.find_by_venue_id("XNAS", fresh(), "7") is None
    assert await trades.find_by_venue_id("XNAS", symbol, "8") is None


async def test_a_trade_that_is_not_there_is_none_or_not_found(db: quantdb.Database) -> None:
    assert await TradeRepo(db).find(uuid4()) is None
    with pytest.raises(NotFound):
        await TradeRepo(db).get(uuid4())


async def test_a_trade_of_nobody_names_the_file_and_the_line(pool: quantdb.Pool) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError) as caught:
        await TradeRepo(pool).insert(a_trade(fresh(), user_id=2**62))
    assert caught.value.constraint_name == "trades_user_id_fkey"
    assert any("trades/insert.sql, line " in note for note in caught.value.__notes__)


async def test_a_trade_that_was_read_can_be_written_again(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    await trades.insert_many(a_trade(symbol, venue_trade_id=str(n)) for n in range(3))
    read = await trades.between(symbol, *EVER)
    assert read[0] == await trades.insert(read[0])
    assert Ingest(inserted=0, existing=3) == await trades.insert_many(read)


# Idempotence


async def test_the_same_trade_again_changes_nothing(db: quantdb.Database) -> None:
    trades, trade = TradeRepo(db), a_trade(fresh(), venue_trade_id="1")
    for _ in range(3):
        assert trade == await trades.insert(trade)
    assert [trade.id] == await ids_of(db, trade.symbol)


async def test_the_same_numbers_and_instants_written_otherwise_are_the_same_trade(
    db: quantdb.Database,
) -> None:
    trades, symbol = TradeRepo(db), fresh()
    trade = a_trade(symbol, quantity=Decimal("1.0"), price=Decimal(100), fee=Decimal("-0"))
    other = attrs.evolve(
        trade,
        quantity=Decimal("1.00"),
        price=Decimal("1E+2"),
        fee=Decimal("0.000"),
        executed_at=NOON.astimezone(timezone(timedelta(hours=5, minutes=45))),
    )
    first = await trades.insert(trade)
    assert first == await trades.insert(other)
    assert Ingest(inserted=0, existing=2) == await trades.insert_many([other, trade])
    assert await look(
        db, "SELECT quantity::text, price::text FROM trades WHERE symbol = $1", symbol
    ) == [("1.0", "100")]


async def test_the_same_trade_again_is_returned_as_it_is_stored(pool: quantdb.Pool) -> None:
    trade = a_trade(fresh(), quantity=Decimal("1.0"))
    await TradeRepo(pool).insert(trade)
    again = await TradeRepo(pool).insert(attrs.evolve(trade, quantity=Decimal("1.000")))
    assert str(again.quantity) == "1.0"


CHANGES: dict[str, Callable[[Trade], Trade]] = {
    "symbol": lambda trade: attrs.evolve(trade, symbol=f"{trade.symbol}x"),
    "side": lambda trade: attrs.evolve(trade, side="sell"),
    "quantity": lambda trade: attrs.evolve(trade, quantity=Decimal("10.00000000000000001")),
    "price": lambda trade: attrs.evolve(trade, price=Decimal(-100)),
    "executed_at": lambda trade: attrs.evolve(trade, executed_at=NOON + MICROSECOND),
    "venue": lambda trade: attrs.evolve(trade, venue="xnas"),
    "venue_trade_id": lambda trade: attrs.evolve(trade, venue_trade_id="2"),
    "no venue_trade_id": lambda trade: attrs.evolve(trade, venue_trade_id=None),
    "user_id": lambda trade: attrs.evolve(trade, user_id=1),
    "strategy": lambda trade: attrs.evolve(trade, strategy="x"),
    "fee": lambda trade: attrs.evolve(trade, fee=Decimal("1E-30")),
    "currency": lambda trade: attrs.evolve(trade, currency="USd"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_another_trade_under_an_id_is_a_conflict(db: quantdb.Database, change: str) -> None:
    trades, trade = TradeRepo(db), a_trade(fresh(), venue_trade_id="1")
    await trades.insert(trade)
    with pytest.raises(Conflict) as caught:
        await trades.insert(CHANGES[change](trade))
    assert caught.value.constraint == "trades_pkey"
    assert caught.value.row is None
    assert str(trade.id) in str(caught.value)
    assert trade == await trades.get(trade.id)


async def test_another_trade_under_a_venues_id_is_a_conflict(db: quantdb.Database) -> None:
    trades, trade = TradeRepo(db), a_trade(fresh(), venue_trade_id="1")
    await trades.insert(trade)
    with pytest.raises(Conflict) as caught:
        await trades.insert(attrs.evolve(trade, id=uuid4()))
    assert caught.value.constraint == "trades_venue_key"
    assert [trade.id] == await ids_of(db, trade.symbol)


async def test_a_trade_between_two_others_conflicts_by_its_id(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    one = await trades.insert(a_trade(symbol, venue_trade_id="1"))
    await trades.insert(a_trade(symbol, venue_trade_id="2"))
    with pytest.raises(Conflict) as caught:
        await trades.insert(attrs.evolve(one, venue_trade_id="2"))
    assert caught.value.constraint == "trades_pkey"


async def test_a_conflict_leaves_the_transaction_usable(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        trade = await TradeRepo(db).insert(a_trade(fresh(), venue_trade_id="1"))
        later = a_trade(fresh())
        async with quantdb.transaction(db) as tx:
            for bad in (attrs.evolve(trade, id=uuid4()), attrs.evolve(trade, price=Decimal(1))):
                with pytest.raises(Conflict):
                    await TradeRepo(tx).insert(bad)
            await TradeRepo(tx).insert(later)
        assert later == await TradeRepo(db).find(later.id)
        assert await stored(db, trade.symbol) == 1


async def test_a_venue_may_use_an_id_again_for_another_symbol(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    await trades.insert(a_trade(symbol, venue_trade_id="1"))
    await trades.insert(a_trade(symbol, venue_trade_id="1", venue="XNYS"))
    await trades.insert(a_trade(f"{symbol}x", venue_trade_id="1"))
    for _ in range(3):
        await trades.insert(a_trade(symbol))
    assert await stored(db, symbol) == 5


async def test_one_trade_from_eight_tasks_is_stored_once(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        trade = a_trade(fresh(), venue_trade_id="1")
        answers = await asyncio.gather(*(TradeRepo(db).insert(trade) for _ in range(8)))
        assert [trade] * 8 == answers
        assert await stored(db, trade.symbol) == 1


async def test_of_eight_trades_under_one_venues_id_one_is_stored(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        answers = await asyncio.gather(
            *(TradeRepo(db).insert(a_trade(symbol, venue_trade_id="1")) for _ in range(8)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, Trade) for answer in answers) == 1
        lost = [answer for answer in answers if isinstance(answer, Conflict)]
        assert [conflict.constraint for conflict in lost] == ["trades_venue_key"] * 7
        assert await stored(db, symbol) == 1


@pytest.mark.parametrize("kept", [True, False])
async def test_an_insert_waits_for_what_another_transaction_makes_of_its_trade(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, *, kept: bool
) -> None:
    trade = a_trade(fresh())
    async with plain_pool.acquire() as other:
        block = other.transaction()
        await block.start()
        await TradeRepo(other).insert(trade)
        waiting = asyncio.create_task(TradeRepo(pool).insert(trade))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await (block.commit() if kept else block.rollback())
    assert trade == await waiting
    assert await stored(pool, trade.symbol) == 1


# Lists


async def test_a_span_begins_with_its_start_and_stops_before_its_end(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    times = [NOON + n * MICROSECOND for n in (-1, 0, 1, 2)]
    made = [await trades.insert(a_trade(symbol, executed_at=at)) for at in reversed(times)][::-1]
    await trades.insert(a_trade(fresh(), executed_at=NOON))
    assert made[1:3] == await trades.between(symbol, NOON, NOON + 2 * MICROSECOND)
    assert await trades.count(symbol, NOON, NOON + 2 * MICROSECOND) == 2
    assert made == await trades.between(symbol, *EVER)
    assert await trades.count(symbol, *EVER) == 4
    assert await trades.between(symbol, NOON, NOON) == []
    assert await trades.between(symbol, NOON + SECOND, NOON - SECOND) == []
    assert await trades.count(symbol, NOON + SECOND, NOON - SECOND) == 0


async def test_a_span_is_one_of_instants_whatever_their_zone(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    trade = await trades.insert(a_trade(symbol))
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    start, end = NOON.astimezone(kathmandu), (NOON + MICROSECOND).astimezone(kathmandu)
    assert [trade] == await trades.between(symbol, start, end)


async def test_trades_of_one_instant_come_by_id(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    made = [a_trade(symbol) for _ in range(20)]
    await trades.insert_many(made)
    assert in_order(made) == await trades.between(symbol, *EVER)
    assert in_order(made)[::-1][:3] == await trades.latest(symbol, 3)


async def test_the_latest_come_newest_first(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    assert await trades.latest(symbol) == []
    made = [a_trade(symbol, executed_at=NOON + n * SECOND) for n in range(4)]
    await trades.insert_many(made)
    assert [made[3]] == await trades.latest(symbol)
    assert [made[3], made[2]] == await trades.latest(symbol, 2)
    assert made[::-1] == await trades.latest(symbol, 1_000_000)


@pytest.mark.parametrize("limit", [0, -1, True, 1.0, "5", None, 2**63])
async def test_a_limit_of_trades_is_a_whole_number_from_1(pool: quantdb.Pool, limit: int) -> None:
    with pytest.raises(InexactValue, match="limit"):
        await TradeRepo(pool).latest(fresh(), limit)
    with pytest.raises(InexactValue, match="limit"):
        await TradeRepo(pool).page(fresh(), limit)


@pytest.mark.parametrize("moment", [datetime(2024, 1, 1), "2024-01-01", NOON.date()])  # noqa: DTZ001
async def test_what_is_no_instant_is_refused(db: quantdb.Database, moment: datetime) -> None:
    trades, symbol = TradeRepo(db), fresh()
    for ask in (trades.between, trades.count, trades.vwap):
        with pytest.raises(InexactValue) as caught:
            await ask(symbol, moment, NOON)
        assert caught.value.field == "start"
        assert any(".sql" in note for note in caught.value.__notes__)
    with pytest.raises(InexactValue):
        await trades.positions(at=moment)
    with pytest.raises(InexactValue):
        await anext(trades.stream(symbol, NOON, moment))


# Pages


async def pages(
    db: quantdb.Database, symbol: str, limit: int, cursor: str | None = None
) -> list[Page[Trade]]:
    """Return every page, and see to it that all but the last are full."""
    found: list[Page[Trade]] = []
    while True:
        page = await TradeRepo(db).page(symbol, limit, cursor)
        found.append(page)
        cursor = page.next
        if cursor is None:
            return found
        assert len(page.items) == limit
        assert len(found) < 1_000


def joined(found: Iterable[Page[Trade]]) -> list[Trade]:
    return [trade for page in found for trade in page.items]


async def test_the_pages_together_are_the_list(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    assert [Page([], None)] == await pages(db, symbol, 3)
    made = [a_trade(symbol, executed_at=NOON + n // 3 * SECOND) for n in range(12)]
    await trades.insert_many(made)
    for limit in (1, 3, 5, 11, 12, 13, 1_000_000):
        found = await pages(db, symbol, limit)
        assert -(-12 // limit) == len(found)
        assert in_order(made) == joined(found)


async def test_hundreds_of_trades_of_one_instant_are_paged_once_each(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()
    made = [a_trade(symbol) for _ in range(700)]
    await TradeRepo(pool).insert_many(made)
    for db in (pool, plain_pool):
        for limit in (1_000, 700, 699, 100, 7):
            assert in_order(made) == joined(await pages(db, symbol, limit))


@some
@given(
    seconds=st.lists(st.integers(0, 5), max_size=25),
    limit=st.integers(1, 30),
    start=st.integers(0, 5),
)
async def test_pages_of_any_size_are_the_list(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    seconds: list[int],
    limit: int,
    start: int,
) -> None:
    symbol = fresh()
    made = [a_trade(symbol, executed_at=NOON + n * SECOND) for n in seconds]
    await TradeRepo(pool).insert_many(made)
    for db in (pool, plain_pool):
        listed = await TradeRepo(db).between(symbol, *EVER)
        assert in_order(made) == listed
        assert listed == joined(await pages(db, symbol, limit))
        later = await TradeRepo(db).between(symbol, NOON + start * SECOND, EVER[1])
        assert [one for one in listed if one.executed_at >= NOON + start * SECOND] == later


async def test_a_trade_that_comes_between_two_pages_comes_later_or_not_at_all(
    db: quantdb.Database,
) -> None:
    trades, symbol = TradeRepo(db), fresh()
    made = [a_trade(symbol, executed_at=NOON + n * SECOND) for n in range(10)]
    await trades.insert_many(made)
    first = await trades.page(symbol, 5)
    before = a_trade(symbol, executed_at=NOON - SECOND)
    beside = [a_trade(symbol, executed_at=NOON + 4 * SECOND) for _ in range(10)]
    after = a_trade(symbol, executed_at=NOON + HOUR)
    await trades.insert_many([before, *beside, after])
    rest = joined(await pages(db, symbol, 3, first.next))
    last = first.items[-1]
    assert made[:5] == first.items
    assert rest == in_order([*made[5:], *(one for one in beside if one.id > last.id), after])


async def test_a_page_goes_on_when_the_trade_that_it_ended_with_is_gone(
    db: quantdb.Database,
) -> None:
    trades, symbol = TradeRepo(db), fresh()
    made = [a_trade(symbol, executed_at=NOON + n * SECOND) for n in range(5)]
    await trades.insert_many(made)
    first = await trades.page(symbol, 2)
    await look(db, "DELETE FROM trades WHERE id = $1", first.items[-1].id)
    assert made[2:] == (await trades.page(symbol, 10, first.next)).items


async def test_a_cursor_works_on_every_kind_of_database(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()
    await TradeRepo(pool).insert_many(a_trade(symbol) for _ in range(5))
    theirs, ours = (
        await TradeRepo(plain_pool).page(symbol, 2),
        await TradeRepo(pool).page(symbol, 2),
    )
    assert theirs == ours
    assert await TradeRepo(pool).page(symbol, 2, theirs.next) == await TradeRepo(plain_pool).page(
        symbol, 2, ours.next
    )


async def test_a_cursor_of_another_list_is_refused(pool: quantdb.Pool) -> None:
    trades, symbol = TradeRepo(pool), fresh()
    await trades.insert_many(a_trade(symbol) for _ in range(5))
    await PriceRepo(pool).upsert_many(
        Price(symbol, MINUTE, NOON + n * MINUTE, *[Decimal(1)] * 5) for n in range(5)
    )
    bars = await PriceRepo(pool).page(symbol, MINUTE, 2)
    cursor = (await trades.page(symbol, 2)).next
    assert bars.next is not None
    assert cursor is not None
    for other, after in (
        (fresh(), cursor),
        (symbol.upper(), cursor),
        (symbol, bars.next),
        (symbol, cursor[:-4]),
        (symbol, cursor[4:]),
        (symbol, ""),
        (symbol, "nonsense"),
        (symbol, "WyJ0cmFkZXMiXQ=="),
    ):
        with pytest.raises(InexactValue) as caught:
            await trades.page(other, 2, after)
        assert caught.value.field == "after"


# Streams


async def test_a_stream_is_the_list(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    assert [trade async for trade in trades.stream(symbol, *EVER)] == []
    made = [a_trade(symbol, executed_at=NOON + n // 4 * SECOND) for n in range(2_100)]
    await trades.insert_many(made)
    assert in_order(made) == [trade async for trade in trades.stream(symbol, *EVER)]
    span = (NOON + 10 * SECOND, NOON + 20 * SECOND)
    assert in_order(made)[40:80] == [trade async for trade in trades.stream(symbol, *span)]


@pytest.mark.parametrize("count", [999, 1_000, 1_001])
async def test_a_stream_ends_where_its_batches_end(pool: quantdb.Pool, count: int) -> None:
    symbol = fresh()
    await TradeRepo(pool).insert_many(a_trade(symbol) for _ in range(count))
    assert count == len([trade async for trade in TradeRepo(pool).stream(symbol, *EVER)])


async def test_a_stream_that_is_left_gives_its_connection_back(dsn: str) -> None:
    symbol = fresh()
    async with small_pool(dsn) as pool:
        await TradeRepo(pool).insert_many(a_trade(symbol) for _ in range(1_500))
        async with aclosing(TradeRepo(pool).stream(symbol, *EVER)) as stream:
            async for _trade in stream:
                break
            assert pool.get_idle_size() == 0
        assert pool.get_idle_size() == 1

        async def failing() -> None:
            async with aclosing(TradeRepo(pool).stream(symbol, *EVER)) as stream:
                async for _trade in stream:
                    raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await failing()
        assert pool.get_idle_size() == 1
        assert await TradeRepo(pool).count(symbol, *EVER) == 1_500


async def test_a_stream_that_is_forgotten_gives_its_connection_back_soon(dsn: str) -> None:
    symbol = fresh()
    async with small_pool(dsn) as pool:
        await TradeRepo(pool).insert_many(a_trade(symbol) for _ in range(1_500))
        async for _trade in TradeRepo(pool).stream(symbol, *EVER):
            break
        assert await TradeRepo(pool).count(symbol, *EVER) == 1_500


async def test_a_stream_that_is_never_begun_takes_no_connection(pool: quantdb.Pool) -> None:
    stream = TradeRepo(pool).stream(fresh(), *EVER)
    await stream.aclose()


async def test_a_stream_in_a_transaction_sees_its_work_and_lets_it_go_on(
    db: quantdb.Database,
) -> None:
    symbol = fresh()
    async with quantdb.transaction(db) as tx:
        trades = TradeRepo(tx)
        made = [a_trade(symbol, executed_at=NOON + n * SECOND) for n in range(1_200)]
        await trades.insert_many(made)
        seen = 0
        async with aclosing(trades.stream(symbol, *EVER)) as stream:
            async for trade in stream:
                seen += 1
                if seen == 1_100:
                    assert trade == await trades.get(trade.id)
                    break
        await trades.insert(a_trade(symbol, executed_at=NOON + HOUR))
    assert await stored(db, symbol) == 1_201


async def test_two_streams_run_side_by_side(pool: quantdb.Pool) -> None:
    one, two = fresh(), fresh()
    async with quantdb.transaction(pool) as tx:
        await TradeRepo(tx).insert_many(a_trade(one) for _ in range(1_200))
        await TradeRepo(tx).insert_many(a_trade(two) for _ in range(1_300))
        lengths = [0, 0]
        async with (
            aclosing(TradeRepo(tx).stream(one, *EVER)) as first,
            aclosing(TradeRepo(tx).stream(two, *EVER)) as second,
        ):
            async for _trade in first:
                lengths[0] += 1
                lengths[1] += await anext(second, None) is not None
            async for _trade in second:
                lengths[1] += 1
    assert lengths == [1_200, 1_300]


async def test_a_stream_of_200_000_trades_needs_no_more_memory_than_a_batch(
    pool: quantdb.Pool,
) -> None:
    symbol = fresh()
    await pool.execute(
        """
        INSERT INTO trades (symbol, side, quantity, price, executed_at, venue, id)
        SELECT $1, 'buy', n, n, timestamptz '2024-01-01Z' + n * interval '1 s', 'X',
            gen_random_uuid()
        FROM generate_series(1, 200000) AS n
        """,
        symbol,
    )
    count = 0
    tracemalloc.start()
    async with aclosing(TradeRepo(pool).stream(symbol, *EVER)) as stream:
        async for trade in stream:
            count += 1
            assert trade.quantity == count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 5_000_000


# Sums


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    """Give decimals of two digits after the point, now and then written with more."""

    def written(n: int, zeros: int) -> Decimal:
        return Decimal(f"{n}{'0' * zeros}E-{2 + zeros}")

    return st.builds(written, st.integers(low, high), st.integers(0, 3))


@st.composite
def tapes(draw: st.DrawFn, currencies: tuple[str, ...] = ("USD",)) -> list[Trade]:
    """Give up to 20 trades of one symbol around noon, often several at one instant."""
    symbol = fresh()
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["buy", "sell"]),
                cents(1, 10_000),
                cents(-10_000, 10_000),
                st.integers(0, 30),
                cents(-100, 100),
                st.sampled_from(currencies),
            ),
            max_size=20,
        )
    )
    return [
        a_trade(
            symbol,
            "buy" if side == "buy" else "sell",
            quantity,
            price,
            NOON + seconds * SECOND,
            strategy=symbol,
            fee=fee,
            currency=currency,
        )
        for side, quantity, price, seconds, fee, currency in rows
    ]


@some
@given(tape=tapes(), span=st.tuples(st.integers(-1, 31), st.integers(-1, 31)))
async def test_vwap_is_the_quotient_of_two_exact_sums(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, tape: list[Trade], span: tuple[int, int]
) -> None:
    symbol = tape[0].symbol if tape else fresh()
    start, end = NOON + span[0] * SECOND, NOON + span[1] * SECOND
    await TradeRepo(pool).insert_many(tape)
    there = [trade for trade in tape if start <= trade.executed_at < end]
    for db in (pool, plain_pool):
        vwap = await TradeRepo(db).vwap(symbol, start, end)
        if not there:
            assert vwap is None
            continue
        assert vwap is not None
        nothing = Fraction(0)
        volume = sum((Fraction(trade.quantity) for trade in there), nothing)
        paid = sum((Fraction(trade.quantity) * Fraction(trade.price) for trade in there), nothing)
        exact = paid / volume
        exponent = vwap.as_tuple().exponent
        assert isinstance(exponent, int)
        assert abs(Fraction(vwap) - exact) <= Fraction(10) ** exponent / 2
        assert abs(Fraction(vwap) - exact) <= abs(exact) / 10**15


async def test_vwap_of_trades_at_one_price_is_that_price(db: quantdb.Database) -> None:
    price = Decimal("0.1234567890123456789012345678901234567890")
    symbol = fresh()
    await TradeRepo(db).insert_many(
        a_trade(symbol, quantity=Decimal(n), price=price) for n in (1, 3, 7, 11)
    )
    assert price == await TradeRepo(db).vwap(symbol, *EVER)


async def test_vwap_of_several_currencies_is_ambiguous(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    await trades.insert(a_trade(symbol, currency="USD"))
    await trades.insert(a_trade(symbol, currency="EUR", executed_at=NOON + SECOND))
    with pytest.raises(Ambiguous, match="EUR, USD"):
        await trades.vwap(symbol, *EVER)
    with pytest.raises(Ambiguous, match="EUR, USD"):
        await trades.bars(symbol, MINUTE, NOON, NOON + HOUR)
    assert await trades.vwap(symbol, NOON, NOON + SECOND) == 100
    assert len(await trades.bars(symbol, MINUTE, NOON, NOON + SECOND)) == 1


def bars_of(
    tape: Iterable[Trade], interval: timedelta, start: datetime, end: datetime
) -> list[Price]:
    """Return the bars of a tape as the documentation has them."""
    binned: dict[int, list[Trade]] = defaultdict(list)
    for trade in in_order(tape):
        if start <= trade.executed_at < end:
            binned[(trade.executed_at - start) // interval].append(trade)
    return [
        Price(
            inside[0].symbol,
            interval,
            start + number * interval,
            inside[0].price,
            max(trade.price for trade in inside),
            min(trade.price for trade in inside),
            inside[-1].price,
            Decimal(sum((trade.quantity for trade in inside), Decimal(0))),
        )
        for number, inside in sorted(binned.items())
    ]


@some
@given(
    tape=tapes(),
    interval=st.sampled_from([MICROSECOND, 3 * SECOND, 7 * SECOND, MINUTE, DAY, 400 * DAY]),
    span=st.tuples(st.integers(-1, 31), st.integers(-1, 31)),
)
async def test_bars_are_those_of_a_model(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    tape: list[Trade],
    interval: timedelta,
    span: tuple[int, int],
) -> None:
    symbol = tape[0].symbol if tape else fresh()
    start, end = NOON + span[0] * SECOND, NOON + span[1] * SECOND
    await TradeRepo(pool).insert_many(tape)
    expected = bars_of(tape, interval, start, end)
    for db in (pool, plain_pool):
        assert expected == await TradeRepo(db).bars(symbol, interval, start, end)


async def test_the_bars_of_trades_can_be_stored_as_prices(db: quantdb.Database) -> None:
    symbol = fresh()
    await TradeRepo(db).insert_many(
        a_trade(symbol, price=n, executed_at=NOON + n * SECOND) for n in range(200)
    )
    bars = await TradeRepo(db).bars(symbol, MINUTE, NOON, NOON + HOUR)
    assert len(bars) == 4
    assert Ingest(inserted=4, existing=0) == await PriceRepo(db).upsert_many(bars)
    assert bars == await PriceRepo(db).between(symbol, MINUTE, NOON, NOON + HOUR)


@pytest.mark.parametrize("interval", [timedelta(0), -MINUTE])
async def test_a_bar_lasts_longer_than_nothing(pool: quantdb.Pool, interval: timedelta) -> None:
    with pytest.raises(InexactValue, match="interval"):
        await TradeRepo(pool).bars(fresh(), interval, NOON, NOON + HOUR)


def position_of(trades: Iterable[Trade]) -> dict[str, tuple[Fraction, ...]]:
    """Return the sums of the trades of one symbol per currency, as fractions."""
    sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 6)
    for trade in trades:
        quantity, price = Fraction(trade.quantity), Fraction(trade.price)
        buys = trade.side == "buy"
        each = (
            quantity if buys else -quantity,
            quantity if buys else Fraction(0),
            Fraction(0) if buys else quantity,
            quantity * price if buys else Fraction(0),
            Fraction(0) if buys else quantity * price,
            Fraction(trade.fee),
        )
        sums[trade.currency] = [a + b for a, b in zip(sums[trade.currency], each, strict=True)]
    return {currency: tuple(six) for currency, six in sorted(sums.items())}


def fractions_of(position: Position) -> tuple[Fraction, ...]:
    return tuple(
        Fraction(value)
        for value in (
            position.quantity,
            position.bought,
            position.sold,
            position.bought_notional,
            position.sold_notional,
            position.fees,
        )
    )


@some
@given(
    tape=tapes(currencies=("USD", "EUR", "usd")),
    at=st.integers(-1, 31),
    mark=cents(-10_000, 10_000),
)
async def test_positions_are_exact_sums_per_symbol_and_currency(
    pool: quantdb.Pool,
    plain_pool: asyncpg.Pool,
    tape: list[Trade],
    at: int,
    mark: Decimal,
) -> None:
    symbol = tape[0].symbol if tape else fresh()
    await TradeRepo(pool).insert_many(tape)
    moment = NOON + at * SECOND
    for db in (pool, plain_pool):
        for limit in (None, moment):
            found = await TradeRepo(db).positions(limit, strategy=symbol)
            expected = position_of(t for t in tape if limit is None or t.executed_at <= limit)
            assert [(symbol, currency) for currency in expected] == [
                (position.symbol, position.currency) for position in found
            ]
            assert list(expected.values()) == [fractions_of(position) for position in found]
            for position in found:
                net, _bought, _sold, paid, got, fees = fractions_of(position)
                assert got - paid - fees + net * Fraction(mark) == Fraction(position.pnl(mark))


async def test_positions_count_what_was_executed_at_the_instant(db: quantdb.Database) -> None:
    trades, strategy = TradeRepo(db), fresh()
    await trades.insert(a_trade(fresh(), strategy=strategy))
    assert await trades.positions(NOON - MICROSECOND, strategy=strategy) == []
    assert len(await trades.positions(NOON, strategy=strategy)) == 1
    assert len(await trades.positions(strategy=strategy)) == 1


async def test_positions_are_those_of_a_user_a_strategy_both_or_all(db: quantdb.Database) -> None:
    trades, users = TradeRepo(db), UserRepo(db)
    symbols = [f"{n}{fresh()}" for n in range(3)]
    ada, eve = [(await users.insert(NewUser(name))).id for name in ("Ada", "Eve")]
    one, two = fresh(), fresh()
    owners = [(None, None), *itertools.product((ada, eve, None), (one, two)), (ada, None)]
    for (user_id, strategy), symbol in itertools.product(owners, symbols):
        await trades.insert(a_trade(symbol, user_id=user_id, strategy=strategy))

    async def quantities(user_id: int | None, strategy: str | None) -> list[int]:
        found = await trades.positions(user_id=user_id, strategy=strategy)
        mine = [position for position in found if position.symbol in symbols]
        assert (user_id is None and strategy is None) or mine == found
        assert symbols == [position.symbol for position in mine]
        return [int(position.quantity) for position in mine]

    assert await quantities(None, None) == [80] * 3
    assert await quantities(ada, None) == [30] * 3
    assert await quantities(eve, None) == [20] * 3
    assert await quantities(None, one) == [30] * 3
    assert await quantities(eve, two) == [10] * 3
    assert await trades.positions(user_id=ada, strategy=fresh()) == []


async def test_a_position_that_is_closed_is_still_told(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    await trades.insert(a_trade(symbol, "buy", 5, 100, strategy=symbol, fee=1))
    await trades.insert(a_trade(symbol, "sell", 5, 110, strategy=symbol, fee=-2))
    [position] = await trades.positions(strategy=symbol)
    numbers = map(Decimal, (0, 5, 5, 500, 550, -1))
    assert Position(symbol, "USD", *numbers) == position
    assert position.pnl(Decimal(10**30)) == 51


async def test_sums_of_huge_and_tiny_numbers_are_exact(db: quantdb.Database) -> None:
    trades, symbol = TradeRepo(db), fresh()
    huge, tiny = Decimal("1E+30000"), Decimal("1E-8000")
    await trades.insert_many(
        [
            a_trade(symbol, "buy", huge, tiny, strategy=symbol),
            a_trade(symbol, "buy", tiny, tiny, strategy=symbol, fee=huge),
            a_trade(symbol, "sell", tiny, huge, strategy=symbol, fee=tiny),
        ]
    )
    [position] = await trades.positions(strategy=symbol)
    assert Fraction(10) ** 30000 + Fraction(10) ** -8000 == Fraction(position.bought)
    assert Fraction(10) ** 22000 + Fraction(10) ** -16000 == Fraction(position.bought_notional)
    assert Fraction(10) ** 30000 + Fraction(10) ** -8000 == Fraction(position.fees)


async def test_a_product_too_fine_for_numeric_is_no_silent_zero(pool: quantdb.Pool) -> None:
    trades, symbol = TradeRepo(pool), fresh()
    fine = Decimal("1E-8200")
    await trades.insert(a_trade(symbol, "buy", fine, fine, strategy=symbol))
    try:
        [position] = await trades.positions(strategy=symbol)
    except (quantdb.QuantDBError, asyncpg.PostgresError):
        return
    assert fine * fine == position.bought_notional


async def test_vwap_of_prices_too_fine_for_a_division_is_no_silent_zero(pool: quantdb.Pool) -> None:
    trades, symbol = TradeRepo(pool), fresh()
    price = Decimal("1E-1001")
    await trades.insert(a_trade(symbol, "buy", 3, price))
    try:
        vwap = await trades.vwap(symbol, *EVER)
    except (quantdb.QuantDBError, asyncpg.PostgresError):
        return
    assert price == vwap


@pytest.mark.parametrize("id_", ["x", 7, str(UUID(int=7))])
async def test_what_is_no_uuid_is_refused(pool: quantdb.Pool, id_: UUID) -> None:
    with pytest.raises(InexactValue):
        await TradeRepo(pool).find(id_)
