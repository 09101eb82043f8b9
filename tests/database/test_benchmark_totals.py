"""The trades that the benchmarks have the server make, and the sums by which they are compared."""

from decimal import Decimal

import asyncpg
import pytest

from benchmarks.data import START, tape, values
from benchmarks.totals import Totals, filled, stored
from quantdb import Pool, Trade, TradeRepo

ROWS = 1_000
CHANGES = {
    "one less": "DELETE FROM trades WHERE id IN (SELECT id FROM trades LIMIT 1)",
    "another id": "UPDATE trades SET id = gen_random_uuid() WHERE price = 180",
    "another price": "UPDATE trades SET price = price + 0.01 WHERE id IN "
    "(SELECT id FROM trades LIMIT 1)",
    "another instant": "UPDATE trades SET executed_at = executed_at + interval '1 microsecond' "
    "WHERE id IN (SELECT id FROM trades LIMIT 1)",
    "prices that were exchanged": "UPDATE trades SET price = 361 - price WHERE price IN (180, 181)",
}


def totals_of(trades: list[Trade]) -> Totals:
    moment = 1_000_000 * int(START.timestamp())
    return Totals(
        rows=Decimal(len(trades)),
        quantity=Decimal(sum(trade.quantity for trade in trades)),
        price=Decimal(sum(trade.price for trade in trades)),
        notional=Decimal(sum(trade.quantity * trade.price for trade in trades)),
        fee=Decimal(sum(trade.fee for trade in trades)),
        microseconds=Decimal(sum(moment + 250_000 * n for n in range(len(trades)))),
        keys=Decimal(sum(trade.id.int % 2**48 for trade in trades)),
    )


@pytest.fixture
async def emptied(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("TRUNCATE trades")
    finally:
        await connection.close()
    return dsn


async def test_the_server_makes_the_trades_of_the_tape(emptied: str, pool: Pool) -> None:
    await filled(emptied, ROWS)

    trades = tape(ROWS)
    found = await TradeRepo(pool).between(
        trades[0].symbol, trades[0].executed_at, trades[-1].executed_at.replace(microsecond=999_999)
    )
    assert [values(trade) for trade in found] == [values(trade) for trade in trades]
    assert await stored(emptied) == totals_of(trades)


@pytest.mark.parametrize("change", CHANGES)
async def test_the_sums_tell_trades_from_others(emptied: str, change: str) -> None:
    await filled(emptied, ROWS)
    connection = await asyncpg.connect(emptied)
    try:
        assert await connection.execute(CHANGES[change]) not in {"UPDATE 0", "DELETE 0"}
    finally:
        await connection.close()

    assert await stored(emptied) != totals_of(tape(ROWS))
