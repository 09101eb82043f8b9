# ruff: noqa: E402 - the environment comes before the import of Ray
import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import attrs
import pytest

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import ray
import ray.cluster_utils
from ray import ObjectRef

import quantdb.ray
from quantdb import Pool, PoolConfig, Trade, TradeRepo
from quantdb.ray import BlockingPool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")

START = datetime(2024, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
MOST = 4
STORE = 100 * 1024 * 1024


class Nodes:
    """A cluster of this machine's, of which nodes can be taken away."""

    def __init__(self) -> None:
        # Its types are not all there.
        make: Callable[..., object] = getattr(ray.cluster_utils, "Cluster")  # noqa: B009
        self._cluster = make(
            initialize_head=True,
            head_node_args={
                "num_cpus": 1,
                "object_store_memory": STORE,
                "include_dashboard": False,
                # A node that is gone is missed after 5 s, not 15.
                "_system_config": {"health_check_period_ms": 1000},
            },
        )
        self._init()

    def _init(self) -> None:
        address: object = getattr(self._cluster, "address")  # noqa: B009
        init: Callable[..., object] = getattr(ray, "init")  # noqa: B009
        init(address=address, log_to_driver=False, logging_level="ERROR")

    def add(self) -> object:
        add: Callable[..., object] = getattr(self._cluster, "add_node")  # noqa: B009
        return add(num_cpus=1, object_store_memory=STORE, resources={"away": 100})

    def remove(self, node: object) -> None:
        """Take a node away as if its machine had lost its power."""
        remove: Callable[..., object] = getattr(self._cluster, "remove_node")  # noqa: B009
        remove(node, allow_graceful=False)

    def end(self) -> None:
        shutdown: Callable[[], object] = getattr(ray, "shutdown")  # noqa: B009
        shutdown()
        getattr(self._cluster, "shutdown")()  # noqa: B009


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    nodes.end()


@pytest.fixture
def config(dsn: str) -> PoolConfig:
    return quantdb.ray.worker_config(PoolConfig(dsn, max_size=12), workers=4)


def a_trade(symbol: str, number: int) -> Trade:
    return Trade(
        symbol=symbol,
        side="buy",
        quantity=Decimal(number + 1) / 8,
        price=Decimal(number) + Decimal("0.0000000001"),
        executed_at=START + timedelta(seconds=number),
        venue="XTST",
    )


@asynccontextmanager
async def killed_at_random(pids: Path, chance: random.Random) -> "AsyncGenerator[list[int]]":
    """Kill one after the other of the processes that have put their numbers there."""
    killed: list[int] = []

    async def kill() -> None:
        while len(killed) < MOST:
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            fresh = [int(name) for name in os.listdir(pids) if int(name) not in killed]  # noqa: PTH208
            if fresh:
                pid = chance.choice(fresh)
                killed.append(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killing = asyncio.create_task(kill())
    try:
        yield killed
    finally:
        killing.cancel()


async def stored(pool: Pool, symbol: str) -> tuple[object, ...]:
    row = await pool.fetchrow(
        "SELECT count(*), count(DISTINCT price), sum(quantity), sum(price), "
        "sum(quantity * price) FROM trades WHERE symbol = $1",
        symbol,
    )
    assert row is not None
    return tuple(row)


def expected(numbers: range) -> tuple[object, ...]:
    trades = [a_trade("ANY", number) for number in numbers]
    return (
        len(trades),
        len(trades),
        sum(trade.quantity for trade in trades),
        sum(trade.price for trade in trades),
        sum(trade.quantity * trade.price for trade in trades),
    )


@pytest.mark.parametrize("plain", [False, True])
async def test_tasks_whose_workers_and_nodes_are_killed_store_each_trade_once(
    nodes: Nodes, config: PoolConfig, pool: Pool, tmp_path: Path, *, plain: bool
) -> None:
    symbol = f"TASKS {plain}"
    blank = [a_trade(symbol, number) for number in range(300)]

    @quantdb.ray.task(config, max_retries=-1)
    async def settle(pool: Pool, first: int) -> list[UUID]:
        (tmp_path / str(os.getpid())).touch()
        keys = quantdb.ray.task_ids(5)
        for key, trade in zip(keys, blank[first : first + 5], strict=True):
            await TradeRepo(pool).insert(attrs.evolve(trade, id=key))
            await asyncio.sleep(0.02)
        return keys

    @quantdb.ray.task(config, max_retries=-1)
    def settle_plainly(db: BlockingPool, first: int) -> list[UUID]:
        (tmp_path / str(os.getpid())).touch()
        keys = quantdb.ray.task_ids(5)
        trades = [
            attrs.evolve(trade, id=key)
            for key, trade in zip(keys, blank[first : first + 5], strict=True)
        ]
        db.run(TradeRepo(db.pool).insert_many(trades))
        db.execute("SELECT pg_sleep(0.1)")
        return keys

    lost = nodes.add()
    async with killed_at_random(tmp_path, random.Random(4)) as killed:
        submit = settle_plainly.remote if plain else settle.remote
        references = [submit(first) for first in range(0, 300, 5)]
        await asyncio.sleep(2)
        await asyncio.to_thread(nodes.remove, lost)
        answers = await asyncio.to_thread(ray.get, references)
    assert killed
    assert await stored(pool, symbol) == expected(range(300))
    rows = await pool.fetch("SELECT id FROM trades WHERE symbol = $1 ORDER BY price", symbol)
    assert [row["id"] for row in rows] == [key for keys in answers for key in keys]


async def test_calls_of_an_actor_that_is_killed_with_its_node_store_each_trade_once(
    nodes: Nodes, config: PoolConfig, pool: Pool, tmp_path: Path
) -> None:
    async def report(_pool: Pool) -> None:
        (tmp_path / str(os.getpid())).touch()

    async def settle(pool: Pool, number: int) -> UUID:
        [key] = quantdb.ray.task_ids(1)
        await TradeRepo(pool).insert(attrs.evolve(blank, price=Decimal(number), id=key))
        return key

    blank = a_trade("JOBS", 1)
    lost = nodes.add()
    service = quantdb.ray.serve(config, num_cpus=0, resources={"away": 1})
    trades = service.repo(TradeRepo)
    given = [a_trade("CALLS", number) for number in range(300)]

    async def insert(trade: Trade) -> Trade:
        await asyncio.sleep(trade.executed_at.second / 10)
        return await trades.insert(trade)

    async def job(number: int) -> UUID:
        await asyncio.sleep(number / 50)
        return await service.run(settle, number)

    async def reports() -> None:
        while True:
            await service.run(report)
            await asyncio.sleep(0.3)

    reporting = asyncio.create_task(reports())
    async with killed_at_random(tmp_path, random.Random(2)) as killed:
        calls = asyncio.gather(*(insert(trade) for trade in given))
        jobs = asyncio.gather(*(job(number) for number in range(300)))
        await asyncio.sleep(2.5)
        nodes.add()
        await asyncio.to_thread(nodes.remove, lost)
        assert await calls == given
        keys = await jobs
    reporting.cancel()
    assert len(killed) >= 2
    assert await stored(pool, "CALLS") == expected(range(300))
    rows = await pool.fetch("SELECT id FROM trades WHERE symbol = 'JOBS' ORDER BY price")
    assert [row["id"] for row in rows] == keys
    service.stop()


async def test_a_result_that_is_lost_with_its_node_is_made_again_and_stores_nothing(
    nodes: Nodes, config: PoolConfig, pool: Pool, tmp_path: Path
) -> None:
    blank = a_trade("LOST", 1)

    @quantdb.ray.task(config, max_retries=3, num_cpus=0, resources={"away": 1})
    async def settle(pool: Pool) -> tuple[UUID, bytes]:
        (tmp_path / str(os.getpid())).touch()
        [key] = quantdb.ray.task_ids(1)
        await TradeRepo(pool).insert(attrs.evolve(blank, id=key))
        return key, bytes(2**20)  # it stays on its node

    node = nodes.add()
    reference = settle.remote()
    await asyncio.to_thread(wait_for, reference)
    await asyncio.to_thread(nodes.remove, node)
    nodes.add()
    key, _filling = await asyncio.to_thread(ray.get, reference)
    rows = await pool.fetch("SELECT id FROM trades WHERE symbol = 'LOST'")
    assert [row["id"] for row in rows] == [key]


def wait_for(reference: ObjectRef[T]) -> None:
    wait: Callable[..., object] = getattr(ray, "wait")  # noqa: B009
    wait([reference], fetch_local=False)


@pytest.mark.usefixtures("nodes")
async def test_what_a_killed_task_had_submitted_is_stored_once(
    config: PoolConfig, pool: Pool, tmp_path: Path
) -> None:
    blank = a_trade("CHILD", 1)

    @quantdb.ray.task(config, num_cpus=0.1)
    async def child(pool: Pool, number: int) -> UUID:
        [key] = quantdb.ray.task_ids(1)
        await TradeRepo(pool).insert(attrs.evolve(blank, price=Decimal(number), id=key))
        return key

    @quantdb.ray.task(config, max_retries=2, num_cpus=0.1)
    async def parent(_pool: Pool) -> list[UUID]:
        keys = list(await asyncio.gather(*(child.remote(number) for number in range(4))))
        (tmp_path / str(os.getpid())).touch()
        if len(os.listdir(tmp_path)) < 2:  # noqa: PTH208
            os.kill(os.getpid(), signal.SIGKILL)
        return keys

    keys = await asyncio.to_thread(ray.get, parent.remote())
    rows = await pool.fetch("SELECT id FROM trades WHERE symbol = 'CHILD' ORDER BY price")
    assert [row["id"] for row in rows] == keys
