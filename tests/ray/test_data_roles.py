# ruff: noqa: E402 - the environment comes before the import of Ray
"""Datasets as the roles read and write them that are shipped, and as others do."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import asyncpg
import attrs
import pytest
from rights import granted, member
from support import HOUR, NOON, SECOND, a_price, a_trade, fresh, query

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.data", reason="Ray Data is not installed")

import pyarrow as pa
from frames import Frame, frame_of, read_prices, read_query, read_table, read_trades, rows_of, write

import quantdb
import quantdb.ray.data as datasets
from quantdb import Ingest, PoolConfig, PriceRepo, TradeRepo
from quantdb.errors import ConfigError
from quantdb.sqlfile import sql_folder

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.filterwarnings("ignore:The maximum number of concurrent tasks"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of its own settings
]


@pytest.fixture
async def app(owner: asyncpg.Connection, empty_dsn: str) -> AsyncIterator[PoolConfig]:
    async with member(owner, empty_dsn, "quantdb_app") as dsn:
        yield PoolConfig(dsn, min_size=0, max_size=3)


@pytest.fixture
async def reader(owner: asyncpg.Connection, empty_dsn: str) -> AsyncIterator[PoolConfig]:
    async with member(owner, empty_dsn, "quantdb_reader") as dsn:
        yield PoolConfig(dsn, min_size=0, max_size=3)


@pytest.fixture
async def maker(owner: asyncpg.Connection) -> AsyncIterator[str]:
    """The name of another role, to which the ledger belongs."""
    role = f"The maker {fresh()}"
    await owner.execute(f'CREATE ROLE "{role}"; GRANT USAGE ON SCHEMA public TO "{role}"')
    await owner.execute(f'ALTER TABLE quantdb_ray_ledger OWNER TO "{role}"')
    yield role
    await owner.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def prints(count: int, blocks: int) -> Frame:
    """Return trades without ids, which only the ledger knows again."""
    each = pa.table({"symbol": ["S"], "side": ["buy"], "venue": ["XNAS"], "currency": ["USD"]})
    number = pa.array([1], pa.decimal128(9, 2))
    for name in ("quantity", "price", "fee"):
        each = each.append_column(name, number)
    each = each.append_column("executed_at", pa.array([NOON], pa.timestamp("us", "UTC")))
    return frame_of([pa.concat_tables([each] * (count // blocks))] * blocks)


async def stored(owner: asyncpg.Connection) -> object:
    return await owner.fetchval("SELECT count(*) FROM trades")


async def test_the_application_keeps_a_ledger(owner: asyncpg.Connection, app: PoolConfig) -> None:
    for inserted in (10, 0):
        report = write(prints(10, 2), app, TradeRepo, job="j")
        assert report == Ingest(inserted=inserted, existing=10 - inserted)
    assert await stored(owner) == 10
    assert datasets.forget(app, "j") == 2
    assert await owner.fetchval("SELECT count(*) FROM quantdb_ray_ledger") == 0
    assert rows_of(read_trades(app, columns=["symbol"])) == [{"symbol": "S"}] * 10


async def test_without_a_ledger_the_application_is_told_what_to_run(
    owner: asyncpg.Connection, app: PoolConfig
) -> None:
    await owner.execute("DROP TABLE quantdb_ray_ledger")
    with pytest.raises(
        ConfigError, match=r"run `quantdb migrate` and .*app\.sql.*ledger\.sql and GRANT"
    ):
        write(prints(10, 2), app, TradeRepo, job="j")
    assert await stored(owner) == 0
    assert datasets.forget(app, "j") == 0

    await owner.execute((sql_folder() / "ray/ledger.sql").read_text())
    await granted(owner, "app")
    assert write(prints(10, 2), app, TradeRepo, job="j") == Ingest(inserted=10, existing=0)


@pytest.mark.parametrize("may_create", [False, True])
async def test_a_ledger_of_another_role_is_asked_of_that_role(
    owner: asyncpg.Connection, app: PoolConfig, maker: str, *, may_create: bool
) -> None:
    await owner.execute("REVOKE DELETE, UPDATE ON quantdb_ray_ledger FROM quantdb_app")
    if may_create:
        await owner.execute("GRANT CREATE ON SCHEMA public TO quantdb_app")
    with pytest.raises(ConfigError, match=f'belongs to "{maker}"') as refused:
        write(prints(10, 2), app, TradeRepo, job="j")
    assert await stored(owner) == 0
    with pytest.raises(ConfigError, match="lacks rights on it"):
        datasets.forget(app, "j")

    advice = re.search(r"GRANT .* TO \w+", str(refused.value))
    assert advice is not None
    await owner.execute(f'SET ROLE "{maker}"; {advice[0]}; RESET ROLE')
    assert write(prints(10, 2), app, TradeRepo, job="j") == Ingest(inserted=10, existing=0)
    assert datasets.forget(app, "j") == 2


async def test_who_may_look_nowhere_is_told_so(owner: asyncpg.Connection, app: PoolConfig) -> None:
    await owner.execute("REVOKE USAGE ON SCHEMA public FROM quantdb_app")
    with pytest.raises(ConfigError, match="which is not there"):
        write(prints(10, 2), app, TradeRepo, job="j")


async def test_rows_with_keys_need_no_ledger(
    owner: asyncpg.Connection, empty_dsn: str, app: PoolConfig
) -> None:
    trades = [a_trade("S", executed_at=NOON + n * SECOND) for n in range(10)]
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
        await TradeRepo(pool).insert_many(trades)
    await owner.execute("DROP TABLE quantdb_ray_ledger")
    assert write(read_trades(app), app, TradeRepo) == Ingest(inserted=0, existing=10)


async def test_the_reader_reads_all_there_is_by_all_ways(
    owner: asyncpg.Connection, empty_dsn: str, reader: PoolConfig, tmp_path: Path
) -> None:
    trades = [a_trade(f"S{n % 3}", executed_at=NOON + n * SECOND) for n in range(3_000)]
    prices = [a_price("S", NOON + n * HOUR, n, HOUR) for n in range(50)]
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
        await TradeRepo(pool).insert_many(trades)
        await PriceRepo(pool).upsert_many(prices)
    await owner.execute("ANALYZE")  # by ranges of places, as many as there are blocks
    with datasets.Snapshot(reader) as snapshot:
        rows = rows_of(read_trades(snapshot, blocks=6))
        assert {trade.id: attrs.asdict(trade) for trade in trades} == {r["id"]: r for r in rows}
        assert rows_of(read_prices(snapshot, blocks=2)) == [attrs.asdict(each) for each in prices]
        assert read_trades(snapshot, symbols=["S1"], blocks=3).count() == 1_000
        by_table = rows_of(read_table(snapshot, "trades", columns=["id"], blocks=4))
        assert {row["id"] for row in by_table} == {trade.id for trade in trades}
        seconds = query(tmp_path, "SELECT executed_at FROM trades", datetime)
        for by in (None, "executed_at"):
            by_query = rows_of(read_query(snapshot, seconds, by=by, blocks=4))
            assert {row["executed_at"] for row in by_query} == {t.executed_at for t in trades}


async def test_the_reader_writes_no_job(owner: asyncpg.Connection, reader: PoolConfig) -> None:
    with pytest.raises(ConfigError, match="lacks rights on it"):
        write(prints(10, 2), reader, TradeRepo, job="j")
    assert await stored(owner) == 0
