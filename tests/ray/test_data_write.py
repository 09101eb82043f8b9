# ruff: noqa: E402 - the environment comes before the import of Ray
"""Datasets into the database: every row once, or an error; whoever dies, and however often."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import MINUTE, NOON, SECOND, a_price, a_trade, few, fresh, look

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.data", reason="Ray Data is not installed")

import pyarrow as pa
from frames import Frame, counted, frame_of, read_prices, read_trades, rows_of, run, write
from ray import cloudpickle
from ray.data.block import Block
from ray.data.expressions import col

import quantdb
import quantdb.ray.data as datasets
from quantdb import Conflict, Ingest, Pool, PoolConfig, PriceRepo, Trade, TradeRepo, transaction
from quantdb.columns.types import schema_of
from quantdb.errors import ConfigError, InexactValue
from quantdb.ray.data import rays
from quantdb.ray.data.digest import digest_of
from quantdb.ray.data.ledger import ledger_made
from quantdb.ray.data.rays import TaskContext
from quantdb.ray.data.sink import Sink, Written
from quantdb.repo import Repo

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.filterwarnings("ignore:The maximum number of concurrent tasks"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of its own settings
]

# Workers cannot import this file.
getattr(cloudpickle, "register_pickle_by_value")(sys.modules[__name__])  # noqa: B009
_table_of: Final[Callable[..., pa.Table]] = getattr(pa.Table, "from_pylist")  # noqa: B009
put: Final[Callable[..., None]] = rays.written


@pytest.fixture(scope="module")
def config(dsn: str) -> PoolConfig:
    return PoolConfig(dsn, min_size=0, max_size=4)


def trades_of(symbol: str, count: int, first: int = 0) -> list[Trade]:
    return [
        a_trade(symbol, price=Decimal(n % 97) / 8, executed_at=NOON + n * SECOND)
        for n in range(first, first + count)
    ]


def table_of(trades: Sequence[Trade], *, ids: bool = True) -> pa.Table:
    rows = [attrs.asdict(trade) for trade in trades]
    table = _table_of(rows, schema=schema_of(Trade))
    return table if ids else table.drop_columns(["id"])


def frame(trades: Sequence[Trade], blocks: int, *, ids: bool = True) -> Frame:
    each = -(-len(trades) // blocks)
    starts = range(0, len(trades), each)
    return frame_of([table_of(trades[start : start + each], ids=ids) for start in starts])


async def migrated(config: PoolConfig) -> None:
    async with quantdb.create_pool(config) as pool:
        await quantdb.migrate(pool)


async def stored(pool: Pool, symbol: str) -> tuple[object, ...]:
    [row] = await look(pool, "SELECT count(*), sum(price) FROM trades WHERE symbol = $1", symbol)
    return row


async def test_what_is_written_is_read_back_the_same(config: PoolConfig, pool: Pool) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 500)
    assert write(frame(trades, 5), config, TradeRepo) == Ingest(inserted=500, existing=0)
    assert write(frame(trades, 3), config, TradeRepo) == Ingest(inserted=0, existing=500)
    rows = rows_of(read_trades(config, symbols=[symbol]))
    assert {trade.id: attrs.asdict(trade) for trade in trades} == {row["id"]: row for row in rows}
    assert await stored(pool, symbol) == (500, sum(trade.price for trade in trades))


async def test_a_dataset_is_copied_from_database_to_database(
    config: PoolConfig, empty_dsn: str, pool: Pool
) -> None:
    symbol = fresh()
    trades = trades_of(symbol, 3_000)
    await TradeRepo(pool).insert_many(trades)
    other = PoolConfig(empty_dsn, min_size=0, max_size=4)
    await migrated(other)

    for inserted in (3_000, 0):
        report = write(read_trades(config, symbols=[symbol], blocks=4), other, TradeRepo, job="c")
        assert report == Ingest(inserted=inserted, existing=3_000 - inserted)
    # By pages this time, in other blocks.
    report = write(
        read_trades(config, blocks=2).filter(expr=col("symbol") == symbol), other, TradeRepo
    )
    assert report == Ingest(inserted=0, existing=3_000)


async def test_a_run_adds_only_what_no_run_before_has_stored(
    config: PoolConfig, pool: Pool
) -> None:
    symbol, job = fresh(), fresh()
    trades = trades_of(symbol, 1_000)
    # Most are the same in every field: an id is all that could tell them apart.
    trades = [
        attrs.evolve(trade, executed_at=NOON, price=Decimal(n % 2))
        for n, trade in enumerate(trades)
    ]
    for inserted in (1_000, 0, 0):
        report = write(frame(trades, 8, ids=False), config, TradeRepo, job=job)
        assert report == Ingest(inserted=inserted, existing=1_000 - inserted)
        assert await stored(pool, symbol) == (1_000, 500)
    with pytest.raises(Conflict, match="8 blocks that this one does not have"):
        write(frame(trades, 3, ids=False), config, TradeRepo, job=job)
    assert await stored(pool, symbol) == (1_000, 500)
    assert datasets.forget(config, job) == 8
    assert datasets.forget(config, job) == 0


async def test_blocks_that_come_in_another_order_are_known_again(
    config: PoolConfig, pool: Pool
) -> None:
    symbol, job = fresh(), fresh()
    tables = [table_of(trades_of(symbol, 10, 10 * n), ids=False) for n in range(6)]
    assert write(frame_of(tables), config, TradeRepo, job=job) == Ingest(inserted=60, existing=0)
    report = write(frame_of(tables[::-1]), config, TradeRepo, job=job)
    assert report == Ingest(inserted=0, existing=60)
    # A part of it alone is not the job.
    with pytest.raises(Conflict, match="4 blocks that this one does not have"):
        write(frame_of(tables[:2]), config, TradeRepo, job=job)
    assert (await stored(pool, symbol))[0] == 60


async def test_a_job_is_completed_by_blocks_that_come_in_another_order(
    config: PoolConfig, pool: Pool
) -> None:
    symbol, job = fresh(), fresh()
    trades = trades_of(symbol, 60)
    tables = [table_of(trades[start : start + 10], ids=False) for start in range(0, 60, 10)]
    write(frame_of(tables[:3]), config, TradeRepo, job=job)
    report = write(frame_of(tables[::-1]), config, TradeRepo, job=job)
    assert report == Ingest(inserted=30, existing=30)
    assert await stored(pool, symbol) == (60, sum(trade.price for trade in trades))


async def test_a_job_whose_dataset_gives_others_the_second_time_stores_none_of_those(
    config: PoolConfig, pool: Pool, tmp_path: Path
) -> None:
    symbol, job = fresh(), fresh()
    tables = [table_of(trades_of(symbol, 10, 10 * n), ids=False) for n in range(3)]
    write(frame_of(tables[:1]), config, TradeRepo, job=job)

    def changing(table: pa.Table) -> pa.Table:
        (tmp_path / f"{len(list(tmp_path.iterdir()))}").touch()
        return table.slice(1) if len(list(tmp_path.iterdir())) > 3 else table

    frame = frame_of(tables).map_batches(changing, batch_format="pyarrow", batch_size=None)
    with pytest.raises(Conflict, match="other blocks each time it is executed"):
        write(frame, config, TradeRepo, job=job, connections=1)
    assert (await stored(pool, symbol))[0] == 10


async def test_a_job_that_is_cut_otherwise_stores_no_row_twice(
    config: PoolConfig, pool: Pool
) -> None:
    symbol, job = fresh(), fresh()
    trades = trades_of(symbol, 40)
    nothing, whole = table_of([], ids=False), table_of(trades, ids=False)
    halves = [whole.slice(0, 20), whole.slice(20)]
    # Stopped when it had stored one, by a task whose number is none of the next run.
    write(frame_of([nothing, nothing, halves[1]]), config, TradeRepo, job=job)
    with pytest.raises(Conflict, match=r"1 blocks that this one does not have.*nothing was stored"):
        write(frame_of([whole]), config, TradeRepo, job=job)
    assert await stored(pool, symbol) == (20, sum(trade.price for trade in trades[20:]))
    report = write(frame_of(halves), config, TradeRepo, job=job)
    assert report == Ingest(inserted=20, existing=20)
    assert await stored(pool, symbol) == (40, sum(trade.price for trade in trades))


async def test_runs_at_once_that_are_cut_otherwise_are_told(config: PoolConfig, pool: Pool) -> None:
    symbol, job = fresh(), fresh()
    whole = table_of(trades_of(symbol, 40), ids=False)
    first = Sink(config, TradeRepo, job)
    second = Sink(config, TradeRepo, job)
    await ledger_made(pool)
    put(frame_of([whole.slice(0, 20)]), first, 1, ordered=True)
    with pytest.raises(Conflict, match="not the one that an earlier run stored"):
        put(frame_of([whole]), second, 1, ordered=True)
    nothing = whole.slice(0, 0)
    with pytest.raises(Conflict, match="1 blocks that this one does not have"):
        put(frame_of([nothing, whole.slice(20)]), second, 1, ordered=True)
    assert (await stored(pool, symbol))[0] == 40


@pytest.mark.parametrize("ids", [True, False])
async def test_a_job_that_was_stopped_halfway_is_completed_by_a_run(
    config: PoolConfig, pool: Pool, *, ids: bool
) -> None:
    symbol, job = fresh(), fresh()
    trades = trades_of(symbol, 600)
    tables = [table_of(trades[start : start + 100], ids=ids) for start in range(0, 600, 100)]
    place = tables[3].schema.get_field_index("price")
    wrong = tables[3].set_column(place, "price", pa.array([1.5] * 100))

    with pytest.raises(InexactValue, match="never a float") as refused:
        write(frame_of([*tables[:3], wrong, *tables[4:]]), config, TradeRepo, job=job)
    assert refused.value.field == "price"
    halfway = (await stored(pool, symbol))[0]
    assert isinstance(halfway, int)
    assert halfway <= 500
    assert halfway % 100 == 0

    report = write(frame_of(tables), config, TradeRepo, job=job)
    assert report == Ingest(inserted=600 - halfway, existing=halfway)
    assert await stored(pool, symbol) == (600, sum(trade.price for trade in trades))


async def test_a_row_that_contradicts_a_stored_one_is_named_and_its_block_not_stored(
    config: PoolConfig, pool: Pool
) -> None:
    symbol = fresh()
    [first, *others] = trades_of(symbol, 10)
    await TradeRepo(pool).insert(first)
    with pytest.raises(Conflict, match="row 10") as refused:
        write(
            frame([*others, attrs.evolve(first, price=Decimal(-1))], 1),
            config,
            TradeRepo,
            job=fresh(),
        )
    assert (refused.value.constraint, refused.value.row) == ("trades_pkey", 10)
    assert (await stored(pool, symbol))[0] == 1


class Dying(Sink):
    """Its workers die when they have committed, before anybody is told: each task three times."""

    def __init__(self, config: PoolConfig, job: str | None, folder: Path) -> None:
        super().__init__(config, TradeRepo, job)
        self._folder = folder

    def write(self, blocks: Iterable[Block], ctx: TaskContext) -> Written:
        written = super().write(blocks, ctx)
        tries = self._folder / str(ctx.task_idx)
        tries.mkdir(exist_ok=True)
        (tries / str(os.getpid())).touch()
        if len(list(tries.iterdir())) < 3:
            os._exit(1)
        return written


@pytest.mark.parametrize("ids", [True, False])
async def test_a_task_whose_worker_dies_after_its_commit_stores_its_rows_once(
    config: PoolConfig, pool: Pool, tmp_path: Path, *, ids: bool
) -> None:
    symbol = fresh()
    trades = [attrs.evolve(trade, executed_at=NOON) for trade in trades_of(symbol, 400)]
    tables = [table_of(trades[:200], ids=ids), table_of(trades[200:], ids=ids)]
    if not ids:
        tables[1] = tables[0]
    await ledger_made(pool)
    sink = Dying(config, fresh(), tmp_path)
    put(frame_of(tables), sink, 2, ordered=True)

    assert [len(tries) for _folder, _tasks, tries in sorted(os.walk(tmp_path))] == [0, 3, 3]
    # It reports what was done when it was done.
    assert sink.report == Ingest(inserted=400, existing=0)
    assert (await stored(pool, symbol))[0] == 400


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a log of Ray's
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_two_runs_of_a_job_at_once_store_its_rows_once(
    config: PoolConfig, pool: Pool
) -> None:
    symbol, job = fresh(), fresh()
    same = table_of([attrs.evolve(trade, executed_at=NOON) for trade in trades_of(symbol, 50)])
    tables = [same.drop_columns(["id"])] * 12

    def once(_number: int) -> object:
        return write(frame_of(tables), config, TradeRepo, job=job)

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(once, range(2)))
    assert all(isinstance(report, Ingest) for report in reports)
    assert sum(report.inserted for report in reports if isinstance(report, Ingest)) == 600
    assert (await stored(pool, symbol))[0] == 600


async def test_prices_are_written_and_a_finished_job_changes_none(
    config: PoolConfig, pool: Pool
) -> None:
    symbol, job = fresh(), fresh()
    prices = [a_price(symbol, NOON + n * MINUTE, n) for n in range(100)]
    await PriceRepo(pool).upsert_many(prices[:10])
    await PriceRepo(pool).upsert(a_price(symbol, NOON, 7))
    rows = [attrs.asdict(price) for price in prices]
    bars = frame_of([_table_of(rows[:50]), _table_of(rows[50:])])

    report = write(bars, config, PriceRepo, job=job)
    assert report == Ingest(inserted=90, updated=1, existing=9)
    await PriceRepo(pool).upsert(a_price(symbol, NOON, 8))
    assert write(bars, config, PriceRepo, job=job) == Ingest(inserted=0, existing=100)
    first = await PriceRepo(pool).get(symbol, MINUTE, NOON)
    assert first.close == 8
    assert read_prices(config, symbols=[symbol]).count() == 100


class Notes(Repo):
    """A repository of a user's own, of rows without a key."""

    async def insert_table(self, table: object) -> Ingest:
        assert isinstance(table, pa.Table)
        notes: list[object] = [row["note"] for row in table.to_pylist()]
        async with transaction(self.db) as connection:
            await connection.executemany("INSERT INTO notes VALUES ($1)", [[n] for n in notes])
        return Ingest(inserted=len(notes), existing=0)


async def test_a_repository_of_ones_own_is_written_once(
    config: PoolConfig, dsn: str, pool: Pool
) -> None:
    await run(dsn, "CREATE TABLE notes (note text)")
    notes = frame_of([pa.table({"note": ["a", "a"]}), pa.table({"note": ["a", "a"]})])
    with pytest.raises(ConfigError, match="give the job a name"):
        write(notes, config, Notes)
    for inserted in (4, 0):
        report = write(notes, config, Notes, job="notes")
        assert report == Ingest(inserted=inserted, existing=4 - inserted)
    assert await look(pool, "SELECT count(*) FROM notes") == [(4,)]


async def test_rows_without_a_key_are_written_under_the_name_of_a_job_only(
    config: PoolConfig, pool: Pool
) -> None:
    symbol = fresh()
    with pytest.raises(ConfigError, match="give the job a name"):
        write(frame(trades_of(symbol, 3), 1, ids=False), config, TradeRepo)
    assert (await stored(pool, symbol))[0] == 0


def test_what_cannot_store_is_refused_before_anything_runs(config: PoolConfig) -> None:
    data = frame(trades_of("X", 1), 1)
    for wrong in (quantdb.UserRepo, int, None, "TradeRepo"):
        with pytest.raises(ConfigError, match="has insert_table or upsert_table"):
            write(data, config, wrong)
    with pytest.raises(ConfigError, match="a PoolConfig travels"):
        write(data, "postgresql://localhost/db", TradeRepo)


@pytest.mark.parametrize("job", ["", " ", "a\0b", 7])
def test_a_job_has_a_name(config: PoolConfig, job: object) -> None:
    with pytest.raises(ConfigError, match="job"):
        write(frame(trades_of("X", 1), 1), config, TradeRepo, job=job)


async def test_no_more_connections_write_than_are_given(
    config: PoolConfig, dsn: str, pool: Pool
) -> None:
    symbol = fresh()
    named = attrs.evolve(config, application_name=fresh(), max_size=1)
    with counted(dsn, named.application_name) as counts:
        write(frame(trades_of(symbol, 2_000), 10), named, TradeRepo, job=fresh())
    assert max(counts) == 1
    assert (await stored(pool, symbol))[0] == 2_000


def entries_of(folder: Path) -> int:
    return len(list(folder.iterdir()))


@pytest.mark.parametrize(("named", "lazy"), [(False, False), (True, False), (False, True)])
async def test_small_blocks_that_are_there_are_stored_by_one_task_each_by_itself(
    config: PoolConfig, pool: Pool, tmp_path: Path, *, named: bool, lazy: bool
) -> None:
    class Noting(TradeRepo):
        async def insert_table(self, table: object) -> Ingest:
            async with transaction(self.db) as connection:
                [[number]] = await connection.fetch("SELECT pg_backend_pid()")
            (tmp_path / str(number)).touch()
            return await super().insert_table(table)

    symbol = fresh()
    data = frame(trades_of(symbol, 60), 6)
    if lazy:  # its tasks may be those that compute it, and each block has its place in a job
        data = data.map_batches(lambda table: table, batch_format="pyarrow", batch_size=None)
    job = fresh() if named else None
    assert write(data, config, Noting, job=job) == Ingest(inserted=60, existing=0)
    together = not named and not lazy
    assert entries_of(tmp_path) == (1 if together else 6)
    transactions = "SELECT count(DISTINCT xmin::text) FROM trades WHERE symbol = $1"
    assert await look(pool, transactions, symbol) == [(6,)]


def test_a_dataset_without_rows_is_written(config: PoolConfig) -> None:
    nothing = frame_of([table_of([]), table_of([])])
    for job in (None, fresh()):
        assert write(nothing, config, TradeRepo, job=job) == Ingest(inserted=0, existing=0)


def test_a_write_task_holds_no_password() -> None:
    canary = f"canary{fresh()}"
    secret = PoolConfig(f"postgresql://user:{canary}@localhost/db", min_size=0)
    dumps: Callable[[object], bytes] = getattr(cloudpickle, "dumps")  # noqa: B009
    dumped = dumps(Sink(secret, TradeRepo, "the job"))
    assert canary.encode() not in dumped
    assert b"the job" in dumped


# Digests


@attrs.frozen
class Row:
    text: str | None
    number: Decimal | None = attrs.field(metadata={"arrow": pa.decimal128(9, 2)})
    flag: bool | None


@few
@given(
    st.lists(
        st.tuples(
            st.none() | st.text(max_size=3),
            st.none() | st.decimals(-99, 99, places=2),
            st.none() | st.booleans(),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_a_digest_depends_on_nothing_but_the_values(
    rows: list[tuple[str | None, Decimal | None, bool | None]], cut: int
) -> None:
    names = ["text", "number", "flag"]
    kinds = schema_of(Row)
    dicts = [dict(zip(names, row, strict=True)) for row in rows]
    table = _table_of(dicts, schema=kinds)
    longer = _table_of([{"text": "x", "number": 1, "flag": True}, *dicts, *dicts[:1]], schema=kinds)
    cut_up = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    assert digest_of(table) == digest_of(longer.slice(1, len(rows))) == digest_of(cut_up)
    if rows:
        assert digest_of(table) != digest_of(table.slice(1))
        assert digest_of(table) != digest_of(longer)
        assert digest_of(table) != digest_of(table.rename_columns(["text", "number", "other"]))
    encoded = table.set_column(0, "text", table.column("text").dictionary_encode())
    assert digest_of(table) == digest_of(encoded)


def test_a_digest_tells_null_from_nothing() -> None:
    kinds = pa.schema([pa.field("a", pa.string())])
    blocks: list[list[str | None]] = [["", None], [None, ""], ["", ""], [None, None]]
    digests = {
        digest_of(_table_of([{"a": text} for text in each], schema=kinds)) for each in blocks
    }
    assert len(digests) == 4
