"""Every method of the repositories, once, with the answers that it must give to the last digit."""

from collections.abc import AsyncIterator
from decimal import Decimal

import attrs
import pytest
from support import HOUR, MINUTE, NOON, SECOND, a_price, a_trade

import quantdb
from quantdb import (
    Conflict,
    Coverage,
    Gap,
    InexactValue,
    Ingest,
    NewUser,
    Position,
    Price,
    PriceRepo,
    Repo,
    TradeRepo,
    UserRepo,
)


async def every_method(pool: quantdb.Pool, symbol: str) -> None:
    """Call each method of the repositories, on a symbol that nobody else uses."""
    called: dict[type[Repo], set[str]] = {
        UserRepo: await every_method_of_users(pool, symbol),
        TradeRepo: await every_method_of_trades(pool, symbol),
        PriceRepo: await every_method_of_prices(pool, symbol),
    }
    for kind, names in called.items():
        assert names == {name for name in vars(kind) if not name.startswith("_")}


def compare(answers: dict[str, tuple[object, object]]) -> set[str]:
    """Compare each method's answer with the one that is expected, and return their names."""
    for name, (expected, actual) in answers.items():
        assert expected == actual, name
    return set(answers)


async def every_method_of_users(pool: quantdb.Pool, symbol: str) -> set[str]:
    users, email = UserRepo(pool), f"{symbol}@example.org"
    ann = await users.insert(NewUser("Ann", email))
    anna = await users.update(ann, name="Anna")
    with pytest.raises(Conflict):
        await users.update(ann, name="Anne")
    return compare(
        {
            "insert": (("Ann", email, 1), (ann.name, ann.email, ann.version)),
            "update": (attrs.evolve(ann, name="Anna", version=2), anna),
            "get": (anna, await users.get(ann.id)),
            "find": (anna, await users.find(ann.id)),
            "find_by_email": (anna, await users.find_by_email(email.upper())),
            "deactivate": (
                attrs.evolve(anna, active=False, version=3),
                gone := await users.deactivate(anna),
            ),
            "page": (True, gone in [user async for user in every_user(users)]),
        }
    )


async def every_user(users: UserRepo) -> AsyncIterator[quantdb.User]:
    after: str | None = None
    while True:
        page = await users.page(after=after)
        for user in page.items:
            yield user
        if page.next is None:
            return
        after = page.next


async def every_method_of_trades(pool: quantdb.Pool, symbol: str) -> set[str]:
    trades = TradeRepo(pool)
    ann = await UserRepo(pool).insert(NewUser("Ann"))
    one = a_trade(symbol, venue_trade_id="1", user_id=ann.id, fee=Decimal("0.1"))
    two = a_trade(symbol, price=103, executed_at=NOON + SECOND, user_id=ann.id)
    inserted = await trades.insert(one)
    report = await trades.insert_many([one, two])
    with pytest.raises(Conflict):
        await trades.insert(attrs.evolve(one, price=Decimal(7)))
    with pytest.raises(Conflict):
        await trades.insert_many([a_trade(symbol), attrs.evolve(one, price=Decimal(7))])
    with pytest.raises(InexactValue, match="is of no user"):
        await trades.insert_many([a_trade(symbol, user_id=2**62)])
    span = (symbol, NOON, NOON + HOUR)
    first = await trades.page(symbol, limit=1)
    table = await trades.table(*span)
    low, high = Decimal(100), Decimal(103)
    held = Position(symbol, "USD", *map(Decimal, ("20", "20", "0", "2030", "0", "0.1")))
    return compare(
        {
            "insert": (one, inserted),
            "insert_many": (Ingest(inserted=1, existing=1), report),
            "get": (two, await trades.get(two.id)),
            "find": (one, await trades.find(one.id)),
            "find_by_venue_id": (one, await trades.find_by_venue_id(one.venue, symbol, "1")),
            "between": ([one, two], await trades.between(*span)),
            "stream": ([one, two], [trade async for trade in trades.stream(*span)]),
            "table": ([attrs.asdict(one), attrs.asdict(two)], table.to_pylist()),
            "batches": ([2], [batch.num_rows async for batch in trades.batches(*span)]),
            "insert_table": (Ingest(inserted=0, existing=2), await trades.insert_table(table)),
            "page": (
                [[one], [two]],
                [first.items, (await trades.page(symbol, 9, first.next)).items],
            ),
            "latest": ([two], await trades.latest(symbol)),
            "count": (2, await trades.count(*span)),
            "symbols": (True, symbol in await trades.symbols()),
            "vwap": (Decimal("101.5"), await trades.vwap(*span)),
            "bars": (
                [Price(symbol, MINUTE, NOON, low, high, low, high, Decimal(20))],
                await trades.bars(symbol, MINUTE, NOON, NOON + HOUR),
            ),
            "positions": ([held], await trades.positions(user_id=ann.id)),
        }
    )


async def every_method_of_prices(pool: quantdb.Pool, symbol: str) -> set[str]:
    prices = PriceRepo(pool)
    stale, bar, later = (
        a_price(symbol),
        a_price(symbol, price=101),
        a_price(symbol, NOON + 2 * MINUTE, 90),
    )
    upserted = await prices.upsert(stale)
    report = await prices.upsert_many([bar, later, later])
    with pytest.raises(Conflict):
        await prices.upsert_many([bar, attrs.evolve(bar, volume=Decimal(7))])
    span = (symbol, MINUTE, NOON, NOON + 3 * MINUTE)
    first = await prices.page(symbol, MINUTE, limit=1)
    table = await prices.table(*span)
    hour = Price(symbol, HOUR, NOON, bar.open, bar.high, later.low, later.close, Decimal(2))
    asked = [(symbol, NOON), (symbol, NOON + HOUR)]
    return compare(
        {
            "upsert": (stale, upserted),
            "upsert_many": (Ingest(inserted=1, updated=1, existing=1), report),
            "get": (bar, await prices.get(symbol, MINUTE, NOON)),
            "find": (bar, await prices.find(symbol, MINUTE, NOON)),
            "between": ([bar, later], await prices.between(*span)),
            "stream": ([bar, later], [price async for price in prices.stream(*span)]),
            "table": ([attrs.asdict(bar), attrs.asdict(later)], table.to_pylist()),
            "batches": ([2], [batch.num_rows async for batch in prices.batches(*span)]),
            "upsert_table": (Ingest(inserted=0, existing=2), await prices.upsert_table(table)),
            "page": (
                [[bar], [later]],
                [first.items, (await prices.page(symbol, MINUTE, after=first.next)).items],
            ),
            "latest": ({symbol: later}, await prices.latest([symbol], MINUTE)),
            "as_of": (bar, await prices.as_of(symbol, MINUTE, NOON + MINUTE)),
            "as_of_many": ([None, later], await prices.as_of_many(MINUTE, asked)),
            "resample": (
                [hour],
                await prices.resample(symbol, MINUTE, HOUR, NOON, NOON + HOUR),
            ),
            "gaps": ([Gap(NOON + MINUTE, NOON + 2 * MINUTE)], await prices.gaps(*span)),
            "coverage": (
                [Coverage(symbol, MINUTE, NOON, later.start, 2)],
                [each for each in await prices.coverage() if each.symbol == symbol],
            ),
        }
    )
