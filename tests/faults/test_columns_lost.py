"""Columns over a connection that is lost, or falls silent, midway."""

import asyncio
from typing import Final

import attrs
import pytest
from proxy import Act, FaultProxy, When, kind, says
from support import DAWN, DUSK, MINUTE, NOON, a_trade, fresh, ids_of

import quantdb
from quantdb import ConnectionLost, PoolConfig, TradeRepo

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

WHEN: Final[dict[str, When]] = {
    "BEGIN": says("BEGIN"),
    "COPY": says("COPY ("),
    "a line": kind("d", side="server"),
    "the end": kind("c", side="server"),
    "COMMIT": says("COMMIT;"),
}
WRITTEN: Final[dict[str, When]] = {
    "COPY": says("COPY "),
    "a piece": kind("d"),
    "COMMIT": says("COMMIT;"),
    "its answer": says("COMMIT", side="server"),
}
ACTS: Final[list[Act]] = ["reset", "close", "hole"]


def config_of(dsn: str, retry: float) -> PoolConfig:
    return PoolConfig(
        dsn,
        min_size=0,
        max_size=2,
        command_timeout=0.5,
        connect_timeout=2,
        acquire_timeout=5,
        close_timeout=1,
        retry_timeout=retry,
    )


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("when", WHEN)
async def test_a_table_is_read_again_as_a_whole(
    proxy: FaultProxy, pool: quantdb.Pool, when: str, act: Act
) -> None:
    symbol = fresh()
    trades = [a_trade(symbol, executed_at=NOON + n * MINUTE) for n in range(5)]
    await TradeRepo(pool).insert_many(trades)
    async with quantdb.create_pool(config_of(proxy.dsn, retry=10)) as own:
        rule = proxy.once(WHEN[when], act)
        table = await TradeRepo(own).table(symbol, DAWN, DUSK)
        assert rule.hits == 1
    assert [attrs.asdict(trade) for trade in trades] == table.to_pylist()


@pytest.mark.parametrize("act", ACTS)
async def test_a_stream_that_is_cut_says_so_in_time(
    proxy: FaultProxy, pool: quantdb.Pool, act: Act
) -> None:
    symbol = fresh()
    await TradeRepo(pool).insert(a_trade(symbol))
    async with quantdb.create_pool(config_of(proxy.dsn, retry=10)) as own:
        proxy.once(WHEN["a line"], act)
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionLost):
                async for _batch in TradeRepo(own).batches(symbol, DAWN, DUSK):
                    pass
            assert (await TradeRepo(own).table(symbol, DAWN, DUSK)).num_rows == 1


# Not "hole": the server would keep the locks of a transaction whose end it never hears of.
@pytest.mark.parametrize("act", ACTS[:2])
@pytest.mark.parametrize("when", WRITTEN)
async def test_a_table_without_ids_is_stored_once(
    proxy: FaultProxy, pool: quantdb.Pool, when: str, act: Act
) -> None:
    symbol = fresh()
    trades = [a_trade(symbol, executed_at=NOON + n * MINUTE) for n in range(5)]
    await TradeRepo(pool).insert_many(trades)
    table = await TradeRepo(pool).table(symbol, DAWN, DUSK)
    await pool.execute("DELETE FROM trades WHERE symbol = $1", symbol)
    async with quantdb.create_pool(config_of(proxy.dsn, retry=10)) as own:
        rule = proxy.once(WRITTEN[when], act)
        await TradeRepo(own).insert_table(table.drop_columns(["id"]))
        assert rule.hits == 1
    assert len(await ids_of(pool, symbol)) == 5
