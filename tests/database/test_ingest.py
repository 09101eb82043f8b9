"""Bulk writes: any iterable, all or nothing, idempotent, with figures that add up."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    MINUTE,
    NOON,
    SECOND,
    a_price,
    a_trade,
    few,
    fresh,
    ids_of,
    look,
    look_once,
    minutes,
    small_pool,
    some,
)

import quantdb
from quantdb import (
    Conflict,
    InexactValue,
    Ingest,
    Price,
    PriceRepo,
    Trade,
    TradeRepo,
    TransactionAborted,
)


class Unwelcome(Exception):
    """What a feed of the tests raises midway."""


def trades_of(symbol: str, count: int) -> list[Trade]:
    return [
        a_trade(symbol, executed_at=NOON + n * SECOND, venue_trade_id=str(n)) for n in range(count)
    ]


async def later(trades: Iterable[Trade]) -> AsyncIterator[Trade]:
    """Give trades as a feed would."""
    for trade in trades:
        await asyncio.sleep(0)
        yield trade


FORMS: dict[str, Callable[[list[Trade]], Iterable[Trade] | AsyncIterable[Trade]]] = {
    "a list": lambda trades: trades,
    "a tuple": tuple,
    "an iterator": iter,
    "a generator": lambda trades: (trade for trade in trades),
    "the values of a dict": lambda trades: {trade.id: trade for trade in trades}.values(),
    "an async generator": later,
}


@pytest.fixture
async def own(empty_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A pool of a database of the test's own."""
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0, max_size=2)) as pool:
        await quantdb.migrate(pool)
        yield pool


@pytest.mark.parametrize("form", FORMS)
async def test_any_iterable_is_taken(db: quantdb.Database, form: str) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 7)
    assert Ingest(inserted=7, existing=0) == await TradeRepo(db).insert_many(FORMS[form](trades))
    assert [trade.id for trade in trades] == await ids_of(db, symbol)
    assert Ingest(inserted=0, existing=7) == await TradeRepo(db).insert_many(FORMS[form](trades))
    assert [trade.id for trade in trades] == await ids_of(db, symbol)


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1_000, 1_001, 2_000, 2_001])
async def test_as_many_as_are_given_are_stored(db: quantdb.Database, count: int) -> None:
    symbol = fresh()
    trades = trades_of(symbol, count)
    assert Ingest(inserted=count, existing=0) == await TradeRepo(db).insert_many(trades)
    assert [trade.id for trade in trades] == await ids_of(db, symbol)
    bars = minutes(symbol, range(count))
    assert Ingest(inserted=count, existing=0) == await PriceRepo(db).upsert_many(bars)
    assert count == await look_once(db, "SELECT count(*) FROM prices WHERE symbol = $1", symbol)
    assert (count * (count - 1) // 2 if count else None) == await look_once(
        db, "SELECT sum(close)::int FROM prices WHERE symbol = $1", symbol
    )


async def test_a_part_that_is_stored_already_is_counted(db: quantdb.Database) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 10)
    await TradeRepo(db).insert_many(trades[:4])
    await TradeRepo(db).insert(trades[7])
    report = await TradeRepo(db).insert_many([*trades, *trades[:3], trades[9], trades[9]])
    assert Ingest(inserted=5, existing=10) == report
    assert [trade.id for trade in trades] == await ids_of(db, symbol)


async def test_a_bar_that_comes_twice_alike_counts_once(db: quantdb.Database) -> None:
    bars = minutes(fresh(), range(3))
    again = attrs.evolve(bars[0], volume=Decimal("1.000"))
    report = await PriceRepo(db).upsert_many([*bars, bars[1], again])
    assert Ingest(inserted=3, existing=2) == report


# Conflicts


def another_under_the_id(trade: Trade) -> Trade:
    return attrs.evolve(trade, price=trade.price + 1)


def another_under_the_venues_id(trade: Trade) -> Trade:
    return attrs.evolve(trade, id=uuid4())


@pytest.mark.parametrize(
    ("another", "constraint"),
    [
        (another_under_the_id, "trades_pkey"),
        (another_under_the_venues_id, "trades_venue_key"),
    ],
)
@pytest.mark.parametrize("stored_before", [True, False])
@pytest.mark.parametrize("row", [2, 1_001, 2_500])
async def test_a_conflict_names_its_row_and_stores_nothing(
    pool: quantdb.Pool,
    another: Callable[[Trade], Trade],
    constraint: str,
    row: int,
    *,
    stored_before: bool,
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 2_500)
    first = trades[0]
    if stored_before:
        await TradeRepo(pool).insert(first)
    trades[row - 1] = another(first)
    with pytest.raises(Conflict) as caught:
        await TradeRepo(pool).insert_many(trades)
    assert (constraint, row) == (caught.value.constraint, caught.value.row)
    assert str(row) in str(caught.value)
    assert str(trades[row - 1].id) in str(caught.value)
    assert ([first.id] if stored_before else []) == await ids_of(pool, symbol)


async def test_of_many_conflicts_the_first_is_named_and_the_others_counted(
    db: quantdb.Database,
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 30)
    await TradeRepo(db).insert_many(trades)
    bad = [another_under_the_id(trade) for trade in trades]
    with pytest.raises(Conflict, match="2 others") as caught:
        await TradeRepo(db).insert_many([trades[0], trades[1], bad[3], trades[4], bad[5], bad[6]])
    assert caught.value.row == 3
    with pytest.raises(Conflict, match="9 or more others"):
        await TradeRepo(db).insert_many(bad)
    assert len(await ids_of(db, symbol)) == 30


async def test_a_bar_that_comes_twice_with_other_values_is_a_conflict(
    db: quantdb.Database,
) -> None:
    bars = minutes(fresh(), range(1_200))
    with pytest.raises(Conflict, match="row 1201") as caught:
        await PriceRepo(db).upsert_many([*bars, attrs.evolve(bars[7], volume=Decimal(9))])
    assert (caught.value.constraint, caught.value.row) == ("prices_pkey", 1_201)
    assert "row 8 " in str(caught.value)
    assert await look_once(db, "SELECT count(*) FROM prices WHERE symbol = $1", bars[0].symbol) == 0


async def test_after_a_conflict_that_is_caught_the_unit_of_work_goes_on(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        trades, bars = trades_of(symbol, 5), minutes(symbol, range(5))
        async with quantdb.transaction(db) as tx:
            await TradeRepo(tx).insert_many(trades[:3])
            with pytest.raises(Conflict):
                await TradeRepo(tx).insert_many([trades[4], another_under_the_id(trades[0])])
            with pytest.raises(Conflict):
                await PriceRepo(tx).upsert_many([bars[0], attrs.evolve(bars[0], volume=Decimal(0))])
            await TradeRepo(tx).insert_many(trades[3:4])
            await PriceRepo(tx).upsert_many(bars)
        assert [trade.id for trade in trades[:4]] == await ids_of(db, symbol)
        assert bars == await PriceRepo(db).between(symbol, MINUTE, NOON, NOON + 5 * MINUTE)


async def test_two_bulk_writes_in_one_transaction_are_kept_or_dropped_together(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        trades = trades_of(symbol, 6)

        async def work(trades: list[Trade], db: quantdb.Database, *, fails: bool) -> None:
            async with quantdb.transaction(db) as tx:
                repo = TradeRepo(tx)
                assert Ingest(inserted=3, existing=0) == await repo.insert_many(trades[:3])
                assert Ingest(inserted=3, existing=1) == await repo.insert_many(trades[2:])
                await PriceRepo(tx).upsert_many(minutes(trades[0].symbol, range(3)))
                await PriceRepo(tx).upsert_many(minutes(trades[0].symbol, range(4)))
                if fails:
                    raise Unwelcome

        with pytest.raises(Unwelcome):
            await work(trades, db, fails=True)
        assert await ids_of(db, symbol) == []
        await work(trades, db, fails=False)
        assert [trade.id for trade in trades] == await ids_of(db, symbol)


async def test_nothing_of_a_bulk_write_stays_in_the_session(db: quantdb.Database) -> None:
    async with quantdb.transaction(db) as tx:
        trades, bars = trades_of(fresh(), 3), minutes(fresh(), range(3))
        for _ in range(2):  # the second is staged
            await TradeRepo(tx).insert_many(trades)
            await PriceRepo(tx).upsert_many(bars)
        tables = "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relname ~ 'staged'"
        assert await look_once(tx, tables) == 0
        assert await look_once(tx, "SELECT 1") == 1


async def test_what_nothing_is_in_the_way_of_needs_no_right_to_make_a_table(
    own: quantdb.Pool,
) -> None:
    role = f"plain_{fresh()}"
    await own.execute(f"CREATE ROLE {role}; GRANT SELECT, INSERT ON trades, prices TO {role}")
    database = await own.fetchval("SELECT current_database()")
    await own.execute(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
    async with quantdb.transaction(own) as tx:
        await tx.execute(f"SET LOCAL ROLE {role}")
        trades = trades_of(fresh(), 3)
        assert Ingest(inserted=3, existing=0) == await TradeRepo(tx).insert_many(trades)
        bars = minutes(fresh(), range(3))
        assert Ingest(inserted=3, existing=0) == await PriceRepo(tx).upsert_many(bars)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="temporary"):
            await TradeRepo(tx).insert_many(trades)
    await own.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_bulk_writes_under_row_level_security_are_staged_be_they_of_no_row(
    own: quantdb.Pool,
) -> None:
    role = f"walled_{fresh()}"
    await own.execute(
        f"CREATE ROLE {role}; GRANT SELECT, INSERT ON trades TO {role};"
        " ALTER TABLE trades ENABLE ROW LEVEL SECURITY;"
        " CREATE POLICY all_of_them ON trades USING (true)"
    )
    async with quantdb.transaction(own) as tx:
        await tx.execute(f"SET LOCAL ROLE {role}")
        trades = trades_of(fresh(), 3)
        for rows, inserted in (([], 0), ([], 0), (trades, 3), (trades, 0), ([], 0)):
            report = Ingest(inserted=inserted, existing=len(rows) - inserted)
            assert report == await TradeRepo(tx).insert_many(rows)
    await own.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


# What is wrong in the input


def breaking(trades: Iterable[Trade], error: Exception) -> Iterator[Trade]:
    yield from trades
    raise error


async def breaking_later(trades: Iterable[Trade], error: Exception) -> AsyncIterator[Trade]:
    async for trade in later(trades):
        yield trade
    raise error


ERRORS = {
    "an error of one's own": Unwelcome("feed"),
    "a lost feed": ConnectionResetError("feed"),
    "the end of a feed": EOFError("feed"),
    "a slow feed": TimeoutError("feed"),
    "a lookup": KeyError("feed"),
    "an error of a file": OSError("feed"),
    "an error of another database": asyncpg.ConnectionDoesNotExistError("feed"),
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("break_", [breaking, breaking_later])
async def test_an_error_of_the_input_is_the_callers_and_stores_nothing(
    dsn: str,
    plain_pool: asyncpg.Pool,
    break_: Callable[[Iterable[Trade], Exception], Iterable[Trade] | AsyncIterable[Trade]],
    error: str,
) -> None:
    symbol, raised = fresh(), ERRORS[error]
    trades = trades_of(symbol, 1_500)
    async with small_pool(dsn) as pool:
        for db in (pool, plain_pool):
            with pytest.raises(type(raised)) as caught:
                await TradeRepo(db).insert_many(break_(trades, raised))
            assert caught.value is raised
            assert await ids_of(db, symbol) == []
            assert Ingest(inserted=1, existing=0) == await TradeRepo(db).insert_many(
                [a_trade(fresh())]
            )
        assert pool.get_idle_size() == pool.get_size() == 1


@pytest.mark.parametrize("error", ERRORS)
async def test_an_error_of_the_input_that_is_caught_leaves_the_transaction_usable(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, error: str
) -> None:
    raised = ERRORS[error]
    for db in (pool, plain_pool):
        symbol = fresh()
        trades = trades_of(symbol, 1_500)
        async with quantdb.transaction(db) as tx:
            await TradeRepo(tx).insert(trades[0])
            with pytest.raises(type(raised)):
                await TradeRepo(tx).insert_many(breaking(trades, raised))
            await TradeRepo(tx).insert(trades[1])
        assert [trades[0].id, trades[1].id] == await ids_of(db, symbol)


@attrs.frozen
class Tradelike(Trade):
    """A subclass, whose further fields would be lost."""


NO_TRADES = [
    None,
    "AAPL",
    ("AAPL", "buy"),
    a_price("AAPL"),
    Tradelike("AAPL", "buy", Decimal(1), Decimal(1), NOON, "XNAS"),
]


@pytest.mark.parametrize("wrong", NO_TRADES)
@pytest.mark.parametrize("row", [1, 2, 1_001])
async def test_what_is_no_trade_is_named_by_its_row(
    dsn: str, plain_pool: asyncpg.Pool, wrong: Trade, row: int
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 1_200)
    trades[row - 1] = wrong
    async with small_pool(dsn) as pool:
        for db in (pool, plain_pool):
            with pytest.raises(InexactValue, match=f"row {row}:") as caught:
                await TradeRepo(db).insert_many(trades)
            assert (caught.value.field, caught.value.row) == (f"row {row}", row)
            assert await ids_of(db, symbol) == []


@pytest.mark.parametrize("wrong", [a_trade("AAPL"), None])
async def test_what_is_no_bar_is_named_by_its_row(db: quantdb.Database, wrong: Price) -> None:
    symbol = fresh()
    async with quantdb.transaction(db) as tx:
        with pytest.raises(InexactValue, match="row 2: must be a Price"):
            await PriceRepo(tx).upsert_many([a_price(symbol), wrong])
        assert await look_once(tx, "SELECT count(*) FROM prices WHERE symbol = $1", symbol) == 0


@pytest.mark.parametrize("wrong", [7, None])
async def test_what_is_no_iterable_is_a_type_error(
    pool: quantdb.Pool, wrong: Iterable[Trade]
) -> None:
    with pytest.raises(TypeError):
        await TradeRepo(pool).insert_many(wrong)


@pytest.mark.parametrize("wrong", ["no trade"])
async def test_a_feed_is_closed_when_the_write_fails(pool: quantdb.Pool, wrong: Trade) -> None:
    closed: list[str] = []

    async def feed() -> AsyncIterator[Trade]:
        try:
            for trade in trades_of(fresh(), 3):
                yield trade
            yield wrong
            yield wrong
        finally:
            closed.append("closed")

    with pytest.raises(InexactValue):
        await TradeRepo(pool).insert_many(feed())
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert closed == ["closed"]


async def test_a_trade_of_nobody_is_refused_and_stores_nothing(db: quantdb.Database) -> None:
    symbol = fresh()
    async with quantdb.transaction(db) as tx:
        [[user_id]] = await look(tx, "INSERT INTO users (name) VALUES ('Ann') RETURNING id")
        assert isinstance(user_id, int)
        trades = [
            a_trade(symbol, user_id=user) for user in (None, user_id, 2**62, user_id, 2**62 + 1)
        ]
        with pytest.raises(InexactValue) as caught:
            await TradeRepo(tx).insert_many(trades)
        assert (caught.value.field, caught.value.row) == ("user_id", 3)
        assert str(caught.value) == (
            f"row 3 (id {trades[2].id}): user_id {2**62} is of no user; and 1 others; "
            "nothing was stored"
        )
        cause = caught.value.__cause__
        assert isinstance(cause, asyncpg.ForeignKeyViolationError)
        assert any("trades/merge.sql" in note for note in cause.__notes__)
        assert await ids_of(tx, symbol) == []
        # The transaction stays usable, for another bulk write too.
        assert Ingest(inserted=2, existing=0) == await TradeRepo(tx).insert_many(trades[:2])
    with pytest.raises(InexactValue, match=f"user_id {2**62} is of no user; nothing was stored"):
        await TradeRepo(db).insert_many([a_trade(symbol), a_trade(symbol, user_id=2**62)])
    assert [trade.id for trade in sorted(trades[:2], key=lambda t: t.id)] == await ids_of(
        db, symbol
    )


async def test_a_foreign_key_of_ones_own_keeps_the_servers_error(
    connection: asyncpg.Connection,
) -> None:
    symbol = fresh()
    await connection.execute(
        'CREATE TABLE venues (venue text COLLATE "C" PRIMARY KEY);'
        "ALTER TABLE trades ADD FOREIGN KEY (venue) REFERENCES venues (venue) NOT VALID"
    )

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await TradeRepo(connection).insert_many([a_trade(symbol)])

    assert await ids_of(connection, symbol) == []


async def test_who_may_not_read_the_users_gets_the_servers_error(
    connection: asyncpg.Connection,
) -> None:
    symbol, role = fresh(), f"app_{fresh()}"
    await connection.execute(
        f"CREATE ROLE {role}; GRANT SELECT, INSERT ON trades TO {role}; SET LOCAL ROLE {role}"
    )

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await TradeRepo(connection).insert_many([a_trade(symbol, user_id=2**62)])

    assert await ids_of(connection, symbol) == []


# Texts


TEXTS = [
    "\\",
    "\\N",
    "\\.",
    "\\n",
    "\\t",
    "\\x41",
    "\\101",
    "N",
    "a\tb",
    "a\nb",
    "a\rb",
    "a\r\nb",
    "\n\\.\n",
    "\t\\N\t",
    "a\\",
    "\\\\",
    "'\"$$;--/*{}",
    "\b\f\v\x01\x7f\x1b",
    " a ",
    "NULL",
    "\u0085\u2028x",
    "é",
    "e\u0301",
    "株式",
    "\U0001f4c8",
    "\ufeffx",
    "\uffff",
    "\U0010ffff",
    "x" * 100_000,
]


@pytest.mark.parametrize("form", ["insert", "insert_many"])
async def test_texts_arrive_as_they_are(db: quantdb.Database, form: str) -> None:
    repo, prefix = TradeRepo(db), fresh()
    trades = [
        Trade(f"{prefix}{text}"[:2_000], "buy", Decimal(1), Decimal(1), NOON, "V", text[:2_000])
        for text in TEXTS
    ] + [
        Trade(prefix, "sell", Decimal(1), Decimal(1), NOON, "V", strategy=text, currency=text)
        for text in TEXTS
    ]
    if form == "insert":
        for trade in trades:
            assert trade == await repo.insert(trade)
    else:
        assert Ingest(inserted=len(trades), existing=0) == await repo.insert_many(trades)
    for trade in trades:
        [row] = await look(
            db,
            "SELECT convert_to(symbol, 'UTF8'), convert_to(venue_trade_id, 'UTF8'),"
            " convert_to(strategy, 'UTF8'), convert_to(currency, 'UTF8')"
            " FROM trades WHERE id = $1",
            trade.id,
        )
        texts = (trade.symbol, trade.venue_trade_id, trade.strategy, trade.currency)
        assert tuple(text and text.encode() for text in texts) == row
        assert trade == await repo.get(trade.id)


# Many at once


async def test_the_same_rows_at_once_from_two_pools_are_stored_once(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()
    trades, bars = trades_of(symbol, 1_000), minutes(symbol, range(1_000))
    reports = await asyncio.gather(
        *(TradeRepo(db).insert_many(trades) for db in (pool, plain_pool) * 2),
    )
    assert sum(report.inserted for report in reports) == 1_000
    assert sum(report.existing for report in reports) == 3_000
    reports = await asyncio.gather(
        *(PriceRepo(db).upsert_many(bars) for db in (pool, plain_pool) * 2),
    )
    assert sum(report.inserted for report in reports) == 1_000
    assert sum(report.updated for report in reports) == 0
    assert len(await ids_of(pool, symbol)) == 1_000


async def test_the_same_rows_at_once_in_another_order_are_stored_once(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()
    trades, bars = trades_of(symbol, 4_000), minutes(symbol, range(4_000))
    for _ in range(2):
        answers = await asyncio.gather(
            PriceRepo(pool).upsert_many(bars),
            PriceRepo(plain_pool).upsert_many(bars[::-1]),
            return_exceptions=True,
        )
        assert [getattr(answer, "updated", answer) for answer in answers] == [0, 0]
    written = await asyncio.gather(
        *(TradeRepo(db).insert_many(trades) for db in (pool, plain_pool)),
        *(TradeRepo(db).insert_many(trades[::-1]) for db in (pool, plain_pool)),
        return_exceptions=True,
    )
    # Trades go in as they come, so that a conflict names the later row; two orders may deadlock.
    assert all(isinstance(answer, Ingest | quantdb.Contention) for answer in written)
    assert sum(answer.inserted for answer in written if isinstance(answer, Ingest)) == 4_000
    assert len(await ids_of(pool, symbol)) == 4_000


async def test_of_two_writers_that_contradict_each_other_one_gets_a_conflict(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()
    ours = trades_of(symbol, 500)
    theirs = [another_under_the_venues_id(trade) for trade in ours]
    answers = await asyncio.gather(
        TradeRepo(pool).insert_many(ours),
        TradeRepo(plain_pool).insert_many(theirs),
        return_exceptions=True,
    )
    assert Ingest(inserted=500, existing=0) in answers
    [conflict] = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (conflict.constraint, conflict.row) == ("trades_venue_key", 1)
    assert len(await ids_of(pool, symbol)) == 500


async def test_single_writes_and_bulk_writes_of_the_same_rows_agree(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 200)
    report, one_by_one = await asyncio.gather(
        TradeRepo(plain_pool).insert_many(trades),
        asyncio.gather(*(TradeRepo(pool).insert(trade) for trade in trades)),
    )
    assert trades == one_by_one
    assert report.inserted + report.existing == 200
    assert [trade.id for trade in trades] == await ids_of(pool, symbol)


async def test_a_bulk_write_that_is_cancelled_stores_nothing(dsn: str) -> None:
    symbol = fresh()

    async def endless() -> AsyncIterator[Trade]:
        while True:
            for trade in trades_of(symbol, 1_500):
                yield attrs.evolve(trade, id=uuid4(), venue_trade_id=None)
            await asyncio.sleep(0.01)

    async with small_pool(dsn) as pool:
        task = asyncio.create_task(TradeRepo(pool).insert_many(endless()))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ids_of(pool, symbol) == []
        assert Ingest(inserted=1, existing=0) == await TradeRepo(pool).insert_many(
            [a_trade(symbol)]
        )


async def test_a_feed_may_use_the_pool_that_it_feeds(pool: quantdb.Pool) -> None:
    symbol, copy = fresh(), fresh()
    trades = trades_of(symbol, 1_500)
    await TradeRepo(pool).insert_many(trades)

    async def copies() -> AsyncIterator[Trade]:
        async for trade in TradeRepo(pool).stream(symbol, NOON, NOON + 5_000 * SECOND):
            yield attrs.evolve(trade, symbol=copy, id=uuid4())

    assert Ingest(inserted=1_500, existing=0) == await TradeRepo(pool).insert_many(copies())
    assert len(await ids_of(pool, copy)) == 1_500


async def test_a_bulk_write_in_a_spoiled_transaction_says_so(pool: quantdb.Pool) -> None:
    async def work() -> None:
        async with quantdb.transaction(pool) as tx:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await tx.execute("SELECT 1 / 0")
            await TradeRepo(tx).insert_many([a_trade(fresh())])

    with pytest.raises(TransactionAborted):
        await work()


async def test_50_000_trades_are_sent_in_the_memory_of_a_few_thousand(pool: quantdb.Pool) -> None:
    symbol = fresh()

    def feed() -> Iterator[Trade]:
        for n in range(50_000):
            yield a_trade(symbol, executed_at=NOON + n * timedelta(milliseconds=1))

    tracemalloc.start()
    report = await TradeRepo(pool).insert_many(feed())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert Ingest(inserted=50_000, existing=0) == report
    assert peak < 8_000_000


# The model of a bulk insert


@dataclass(frozen=True)
class Fill:
    """A trade of the model: which id, which venue id, which price."""

    id: int
    venue_id: int | None
    price: int


FILLS = st.builds(
    Fill, st.integers(0, 4), st.one_of(st.none(), st.integers(0, 3)), st.integers(1, 2)
)


@some
@given(batches=st.lists(st.lists(FILLS, max_size=8), max_size=4))
async def test_bulk_inserts_do_what_a_dict_does(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, batches: list[list[Fill]]
) -> None:
    for db in (pool, plain_pool):
        symbol = fresh()
        ids: dict[int, UUID] = {n: uuid4() for n in range(5)}
        stored: dict[int, Fill] = {}
        for batch in batches:
            after, wrong = _inserted(stored, batch)
            trades = [
                a_trade(
                    symbol,
                    price=fill.price,
                    venue_trade_id=None if fill.venue_id is None else str(fill.venue_id),
                    id=ids[fill.id],
                )
                for fill in batch
            ]
            if wrong is not None:
                with pytest.raises(Conflict) as caught:
                    await TradeRepo(db).insert_many(trades)
                assert wrong == caught.value.row
                continue
            new = len(after) - len(stored)
            assert Ingest(inserted=new, existing=len(batch) - new) == await TradeRepo(
                db
            ).insert_many(trades)
            stored = after
        assert sorted(str(ids[n]) for n in stored) == sorted(map(str, await ids_of(db, symbol)))


def _inserted(stored: dict[int, Fill], batch: list[Fill]) -> tuple[dict[int, Fill], int | None]:
    """Return what is stored after a batch, or the row, from 1, that contradicts."""
    after = dict(stored)
    for n, fill in enumerate(batch, 1):
        taken = {old.venue_id for old in after.values() if old.venue_id is not None}
        if fill.id in after:
            if after[fill.id] != fill:
                return stored, n
        elif fill.venue_id in taken:
            return stored, n
        else:
            after[fill.id] = fill
    return after, None


@few
@given(batches=st.lists(st.lists(FILLS, min_size=1, max_size=5), min_size=1, max_size=4))
async def test_single_inserts_do_what_bulk_inserts_do(
    pool: quantdb.Pool, batches: list[list[Fill]]
) -> None:
    one, many = fresh(), fresh()
    ids: dict[tuple[str, int], UUID] = {(s, n): uuid4() for s in (one, many) for n in range(5)}
    for batch in batches:
        for fill in batch:
            trades = [
                a_trade(
                    symbol,
                    price=fill.price,
                    venue_trade_id=None if fill.venue_id is None else str(fill.venue_id),
                    id=ids[symbol, fill.id],
                )
                for symbol in (one, many)
            ]
            refused: list[str] = []
            try:
                await TradeRepo(pool).insert(trades[0])
            except Conflict as conflict:
                refused.append(conflict.constraint)
            try:
                await TradeRepo(pool).insert_many(trades[1:])
            except Conflict as conflict:
                refused.append(conflict.constraint)
            assert refused in ([], ["trades_pkey"] * 2, ["trades_venue_key"] * 2)


@pytest.mark.parametrize("row", [19_999, 20_000, 20_001, 40_000, 40_001])
@pytest.mark.parametrize("form", ["a list", "a generator"])
async def test_a_row_that_is_there_already_is_found_wherever_it_comes(
    pool: quantdb.Pool, row: int, form: str
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 40_003)
    await TradeRepo(pool).insert(trades[row - 1])
    report = await TradeRepo(pool).insert_many(FORMS[form](trades))
    assert Ingest(inserted=40_002, existing=1) == report
    assert [trade.id for trade in trades] == await ids_of(pool, symbol)
    bad = [*trades[: row - 1], another_under_the_id(trades[row - 1]), *trades[row:]]
    with pytest.raises(Conflict) as caught:
        await TradeRepo(pool).insert_many(FORMS[form](bad))
    assert (row, "trades_pkey") == (caught.value.row, caught.value.constraint)


async def test_a_row_that_repeats_one_copied_before_is_compared_with_it(
    pool: quantdb.Pool,
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 30_000)
    report = await TradeRepo(pool).insert_many(iter([*trades, trades[0]]))
    assert Ingest(inserted=30_000, existing=1) == report
    other = trades_of(fresh(), 30_000)
    with pytest.raises(Conflict) as caught:
        await TradeRepo(pool).insert_many(iter([*other, another_under_the_id(other[0])]))
    assert caught.value.row == 30_001
    assert await ids_of(pool, other[0].symbol) == []


async def test_bars_replace_others_wherever_they_come(pool: quantdb.Pool) -> None:
    bars = minutes(fresh(), range(25_000))
    await PriceRepo(pool).upsert_many(bars[20_500:20_502])
    changed = [
        attrs.evolve(bar, volume=Decimal(9)) if n == 20_501 else bar for n, bar in enumerate(bars)
    ]
    report = await PriceRepo(pool).upsert_many(iter(changed))
    assert Ingest(inserted=24_998, updated=1, existing=1) == report
