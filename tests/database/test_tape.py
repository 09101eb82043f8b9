"""A day's tape: tens of thousands of prints, many of them alike in every column."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from uuid import UUID, uuid4

import asyncpg
import attrs
import pytest
from support import EVER, MICROSECOND, a_trade, fresh, look, look_once

import quantdb
from quantdb import Conflict, Ingest, Side, Trade, TradeRepo

OPEN = datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
PRINTS = 50_000
ALIKE = 0.18


def tape(symbol: str, prints: int, seed: int = 7) -> list[Trade]:
    """Return a tape of *symbol*, in order of time, of which 18 % repeat the print before.

    Only their ids tell such prints apart; many more share their time.
    """
    chance = random.Random(seed)
    made: list[Trade] = []
    at, cents = OPEN, 51_000
    for n in range(prints):
        key = UUID(int=chance.getrandbits(128), version=4)
        if n and chance.random() < ALIKE:
            made.append(attrs.evolve(made[-1], id=key))
            continue
        at += timedelta(microseconds=chance.choice([0, 0, 0, 1, 7, 1_000, 400_000]))
        cents += chance.choice([-1, 0, 0, 1])
        side: Side = chance.choice(["buy", "sell"])
        size = Decimal(chance.choice([1, 1, 5, 100, 100, 250]))
        price = Decimal(cents).scaleb(-2)
        if chance.random() < 0.05:
            size, price = size.scaleb(-10), price + Decimal("0.0000000001")
        made.append(Trade(symbol, side, size, price, at, chance.choice(["V", "N", "Q"]), id=key))
    return made


def paid_for(trades: list[Trade]) -> Decimal:
    """Return Σ quantity × price, exactly: it has more digits than Python's 28."""
    with localcontext(prec=100):
        return sum((trade.quantity * trade.price for trade in trades), Decimal(0))


@pytest.fixture(scope="module")
async def loaded(pool: quantdb.Pool) -> list[Trade]:
    """A tape that is in the database."""
    trades = tape(fresh(), PRINTS)
    assert Ingest(inserted=PRINTS, existing=0) == await TradeRepo(pool).insert_many(trades)
    return trades


def test_the_tape_is_like_a_real_one(loaded: list[Trade]) -> None:
    alike = Counter(attrs.astuple(trade)[:-1] for trade in loaded)
    extra = sum(alike.values()) - len(alike)
    assert len({trade.id for trade in loaded}) == PRINTS
    assert 0.15 < extra / PRINTS < 0.21
    assert len({trade.executed_at for trade in loaded}) < 0.6 * PRINTS


async def test_every_print_is_there(pool: quantdb.Pool, loaded: list[Trade]) -> None:
    assert [
        (
            PRINTS,
            sum((trade.quantity for trade in loaded), Decimal(0)),
            paid_for(loaded),
            min(trade.executed_at for trade in loaded),
            max(trade.executed_at for trade in loaded),
            len({trade.executed_at for trade in loaded}),
        )
    ] == await look(
        pool,
        """
        SELECT count(*), sum(quantity), sum(quantity * price), min(executed_at), max(executed_at),
            count(DISTINCT executed_at)
        FROM trades WHERE symbol = $1
        """,
        loaded[0].symbol,
    )


async def test_the_tape_comes_back_print_by_print(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, loaded: list[Trade]
) -> None:
    symbol = loaded[0].symbol
    expected = sorted(loaded, key=lambda trade: (trade.executed_at, trade.id))
    for db in (pool, plain_pool):
        assert expected == await TradeRepo(db).between(symbol, *EVER)
    assert expected == [trade async for trade in TradeRepo(pool).stream(symbol, *EVER)]


async def test_the_pages_of_the_tape_miss_and_repeat_nothing(
    pool: quantdb.Pool, loaded: list[Trade]
) -> None:
    symbol = loaded[0].symbol
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        page = await TradeRepo(pool).page(symbol, 4_999, cursor)
        seen += [trade.id for trade in page.items]
        cursor = page.next
        if cursor is None:
            break
    expected = sorted(loaded, key=lambda trade: (trade.executed_at, trade.id))
    assert [trade.id for trade in expected] == seen


async def test_the_tape_again_changes_nothing(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, loaded: list[Trade]
) -> None:
    symbol = loaded[0].symbol
    for db, again in ((pool, loaded), (plain_pool, loaded[::-1])):
        assert Ingest(inserted=0, existing=PRINTS) == await TradeRepo(db).insert_many(again)
        assert (
            await look_once(db, "SELECT count(*) FROM trades WHERE symbol = $1", symbol) == PRINTS
        )


async def test_one_wrong_print_takes_the_whole_tape_back(pool: quantdb.Pool) -> None:
    symbol = fresh()
    trades = tape(symbol, 5_000, seed=11)
    wrong = attrs.evolve(trades[17], price=trades[17].price + Decimal("0.01"))
    with pytest.raises(Conflict) as caught:
        await TradeRepo(pool).insert_many([*trades, wrong, *trades[:3]])
    assert (caught.value.constraint, caught.value.row) == ("trades_pkey", 5_001)
    assert await look_once(pool, "SELECT count(*) FROM trades WHERE symbol = $1", symbol) == 0


async def test_a_tape_that_was_cut_off_is_completed(pool: quantdb.Pool) -> None:
    symbol = fresh()
    trades = tape(symbol, 5_000, seed=13)
    await TradeRepo(pool).insert_many(trades[:3_210])
    report = await TradeRepo(pool).insert_many(trades)
    assert Ingest(inserted=1_790, existing=3_210) == report


async def test_sums_over_the_tape_are_exact(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, loaded: list[Trade]
) -> None:
    symbol = loaded[0].symbol
    volume = sum((trade.quantity for trade in loaded), Decimal(0))
    for db in (pool, plain_pool):
        trades = TradeRepo(db)
        end = loaded[-1].executed_at + MICROSECOND
        bars = await trades.bars(symbol, timedelta(minutes=1), OPEN, end)
        assert volume == sum((bar.volume for bar in bars), Decimal(0))
        assert loaded[-1].executed_at - bars[-1].start < timedelta(minutes=1)
        assert max(trade.price for trade in loaded) == max(bar.high for bar in bars)
        assert await trades.count(symbol, OPEN, end) == PRINTS
        vwap = await trades.vwap(symbol, OPEN, end)
        assert vwap is not None
        exact = Fraction(paid_for(loaded)) / Fraction(volume)
        assert abs(Fraction(vwap) - exact) < Fraction(1, 10**20)


async def test_prints_without_a_venues_id_are_told_apart_by_their_own(
    db: quantdb.Database,
) -> None:
    symbol = fresh()
    alike = [a_trade(symbol, id=uuid4()) for _ in range(50)]
    assert Ingest(inserted=50, existing=0) == await TradeRepo(db).insert_many(alike)
    assert Ingest(inserted=0, existing=50) == await TradeRepo(db).insert_many(alike)
    assert await TradeRepo(db).count(symbol, *EVER) == 50
