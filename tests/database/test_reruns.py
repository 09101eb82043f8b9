"""What a call does whose process of the first time has ended."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

import quantdb
from quantdb import Conflict, NewUser, Pool, Trade, TradeRepo, UserRepo
from quantdb.database import Connection
from quantdb.errors import CommitUnknown
from quantdb.reruns import first_run, is_rerun, rerun

AT = datetime(2024, 3, 1, tzinfo=UTC)


def a_trade(symbol: str) -> Trade:
    return Trade(
        symbol=symbol,
        side="buy",
        quantity=Decimal("1.5"),
        price=Decimal("-37.63"),
        executed_at=AT,
        venue="XTST",
    )


@pytest.mark.parametrize("stored_before", [False, True])
async def test_an_insert_by_id_is_made_again(pool: Pool, *, stored_before: bool) -> None:
    trades, trade = TradeRepo(pool), a_trade(f"INSERT {stored_before}")
    if stored_before:
        await trades.insert(trade)
    with rerun():
        assert await trades.insert(trade) == trade
        assert await trades.get(trade.id) == trade
        bulk = await trades.insert_many([trade])
        assert (bulk.inserted, bulk.existing) == (0, 1)
    assert await trades.count(trade.symbol, AT, AT + timedelta(days=1)) == 1


async def test_a_conflict_stays_one(pool: Pool) -> None:
    trade = a_trade("CONFLICT")
    with rerun():
        await TradeRepo(pool).insert(trade)
        with pytest.raises(Conflict, match="another trade is stored under id"):
            await TradeRepo(pool).insert(attrs.evolve(trade, price=Decimal(2)))


async def test_what_must_not_be_done_twice_is_not(pool: Pool) -> None:
    async def enter(tx: Connection) -> object:
        return await UserRepo(tx).insert(NewUser("never"))

    with rerun():
        with pytest.raises(CommitUnknown, match="has ended") as unknown:
            await UserRepo(pool).insert(NewUser("never"))
        assert (unknown.value.outcome, unknown.value.retryable) == ("unknown", False)
        with pytest.raises(CommitUnknown):
            async with quantdb.transaction(pool):
                pass
        with pytest.raises(CommitUnknown):
            await quantdb.retrying(pool, enter)
        async with quantdb.transaction(pool, readonly=True) as tx:
            assert await tx.fetchval("SELECT count(*) FROM users WHERE name = 'never'") == 0


async def test_who_says_that_it_may_be_done_twice_does_it(pool: Pool) -> None:
    trade = a_trade("RETRYING")

    async def enter(tx: Connection) -> Trade:
        return await TradeRepo(tx).insert(trade)

    with rerun():
        assert await quantdb.retrying(pool, enter, idempotent=True) == trade
        assert is_rerun()
        with first_run():
            user = await UserRepo(pool).insert(NewUser("once"))
    assert await UserRepo(pool).get(user.id) == user
    assert not is_rerun()
