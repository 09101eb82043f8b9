# ruff: noqa: E402 - the environment comes before the import of Ray
"""Datasets while whole nodes of the cluster go: every row once all the same."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, Protocol

import asyncpg
import attrs
import pytest
from support import NOON, SECOND, a_trade, fresh, look

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.data", reason="Ray Data is not installed")

import pyarrow as pa
import ray
from frames import frame_of, read_table, read_trades, rows_of, write
from ray import cluster_utils

from quantdb import Ingest, Pool, PoolConfig, Trade, TradeRepo
from quantdb.columns.types import schema_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:The maximum number of concurrent tasks"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of its own settings
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of nodes that were removed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROWS: Final = 60_000


class Nodes(Protocol):
    def add_node(self, **settings: object) -> object: ...
    def remove_node(self, node: object, *, allow_graceful: bool) -> None: ...
    def wait_for_nodes(self) -> None: ...
    def shutdown(self) -> None: ...


_cluster: Final[Callable[..., Nodes]] = getattr(cluster_utils, "Cluster")  # noqa: B009
_init: Final[Callable[..., object]] = getattr(ray, "init")  # noqa: B009
_shutdown: Final[Callable[[], None]] = getattr(ray, "shutdown")  # noqa: B009
_table_of: Final[Callable[..., pa.Table]] = getattr(pa.Table, "from_pylist")  # noqa: B009


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """A head that runs no task; a test adds the nodes that do."""
    head = {"num_cpus": 0, "object_store_memory": 150_000_000, "include_dashboard": False}
    cluster = _cluster(initialize_head=True, head_node_args=head)
    try:
        _init(address=getattr(cluster, "address"), log_to_driver=False)  # noqa: B009
        yield cluster
    finally:
        _shutdown()
        cluster.shutdown()


def a_node(cluster: Nodes) -> object:
    return cluster.add_node(num_cpus=1, object_store_memory=150_000_000)


async def test_blocks_of_a_node_that_went_are_read_again_from_the_same_state(
    nodes: Nodes, dsn: str, pool: Pool
) -> None:
    name = f"tape_{fresh()}"
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        f"CREATE TABLE {name} AS SELECT n, n * 0.01 AS price FROM generate_series(1, {ROWS}) AS n"
    )
    config = PoolConfig(dsn, min_size=0, max_size=8)
    going, _staying = a_node(nodes), a_node(nodes)
    nodes.wait_for_nodes()

    dataset = read_table(config, name, blocks=12)
    # What is read again later must not be what is there later.
    await connection.execute(f"UPDATE {name} SET price = -1")
    await connection.execute(f"DELETE FROM {name} WHERE n % 2 = 0")
    await connection.close()
    held = dataset.materialize()
    nodes.remove_node(going, allow_graceful=False)
    a_node(nodes)

    rows = rows_of(held)
    assert sorted(int(str(row["n"])) for row in rows) == list(range(1, ROWS + 1))
    assert sum(Decimal(str(row["price"])) for row in rows) == Decimal(ROWS * (ROWS + 1) // 2) / 100
    assert await look(pool, f"SELECT count(*) FROM {name}") == [(ROWS // 2,)]
    assert dataset.count() == ROWS


async def test_a_node_that_goes_while_it_writes_leaves_every_row_once(
    nodes: Nodes, dsn: str, pool: Pool
) -> None:
    symbol = fresh()
    config = PoolConfig(dsn, min_size=0, max_size=8)
    trades = [
        attrs.asdict(a_trade(symbol, price=Decimal(n % 10), executed_at=NOON + n % 7 * SECOND))
        for n in range(20_000)
    ]
    table = _table_of(trades, schema=schema_of(Trade)).drop_columns(["id"])
    going, _staying = a_node(nodes), a_node(nodes)
    nodes.wait_for_nodes()
    data = frame_of([table.slice(start, 250) for start in range(0, len(trades), 250)])

    remover = threading.Thread(target=remove_halfway, args=(nodes, going, dsn, symbol))
    remover.start()
    report = write(data, config, TradeRepo, job=fresh())
    remover.join()

    assert report == Ingest(inserted=20_000, existing=0)
    count = "SELECT count(*), sum(price) FROM trades WHERE symbol = $1"
    assert await look(pool, count, symbol) == [(20_000, 90_000)]
    assert read_trades(config, symbols=[symbol]).count() == 20_000


def remove_halfway(nodes: Nodes, node: object, dsn: str, symbol: str) -> None:
    """Remove a node as soon as some blocks are stored."""

    async def wait() -> None:
        connection = await asyncpg.connect(dsn)
        some = "SELECT count(*) > 2000 FROM trades WHERE symbol = $1"
        while not await connection.fetchval(some, symbol):  # noqa: ASYNC110 - by others
            await asyncio.sleep(0.01)
        await connection.close()

    asyncio.run(wait())
    nodes.remove_node(node, allow_graceful=False)
