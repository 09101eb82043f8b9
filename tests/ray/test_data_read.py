# ruff: noqa: E402 - the environment comes before the import of Ray
"""Datasets out of the database: every row once, exactly, of one state, whatever happens."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proxy import FaultProxy, says
from support import EVER, HOUR, NOON, SECOND, a_price, a_trade, fresh, look, query

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.data", reason="Ray Data is not installed")

import pyarrow as pa
from frames import (
    columns_of,
    counted,
    read_prices,
    read_query,
    read_table,
    read_trades,
    rows_of,
    run,
)
from ray import cloudpickle
from ray.data.expressions import col

import quantdb
import quantdb.ray.data as datasets
from quantdb import Pool, PoolConfig, PriceRepo, TradeRepo
from quantdb.datasets import Shown
from quantdb.errors import ConfigError, InexactValue, ShapeMismatch
from quantdb.ray.data.part import Part
from quantdb.ray.data.plans import Cut
from quantdb.ray.data.texts import Origin
from quantdb.sqlfile import read as read_sql_file
from quantdb.sqlfile import sql_folder

pytestmark = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.filterwarnings("ignore:The maximum number of concurrent tasks"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of its own settings
]

NAIVE: Final = [end.replace(tzinfo=None) for end in EVER]
TAPE: Final = """
CREATE TABLE tape AS
SELECT
    n, 'S' || n % 7 AS symbol, (n * 7919 % 1000003) * 0.1 ^ (n % 9)::numeric AS price,
    timestamptz '2024-03-10Z' + n * interval '1.5 seconds' AS at, repeat('x', (n % 50)::int) AS note
FROM generate_series(1, 200000) AS n;
ALTER TABLE tape ADD PRIMARY KEY (n);
ANALYZE tape
"""


@pytest.fixture(scope="module")
def config(dsn: str) -> PoolConfig:
    return PoolConfig(dsn, min_size=0, max_size=6)


@pytest.fixture(scope="module")
async def tape(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    await connection.execute(TAPE)
    await connection.close()
    return "tape"


# Exactness


@settings(max_examples=8, deadline=None)
@given(data=st.data())
async def test_trades_come_out_as_they_went_in(
    config: PoolConfig, pool: Pool, data: st.DataObject
) -> None:
    symbol = fresh()
    numbers = st.decimals(-(10**20) + 1, 10**20 - 1, places=18, allow_nan=False)
    given_trades = [
        attrs.evolve(
            a_trade(symbol, executed_at=data.draw(st.datetimes(*NAIVE, timezones=st.just(UTC)))),
            price=data.draw(numbers),
            quantity=abs(data.draw(numbers)) or Decimal("1e-18"),
            fee=Decimal(data.draw(st.integers(-9, 9))).scaleb(data.draw(st.integers(-18, 18))),
            strategy=data.draw(st.none() | st.just('a "b"\n,\\N')),
        )
        for _ in range(data.draw(st.integers(0, 12)))
    ]
    await TradeRepo(pool).insert_many(given_trades)

    rows = rows_of(read_trades(config, symbols=[symbol], blocks=3))

    by_id = {row["id"]: row for row in rows}
    assert {trade.id: attrs.asdict(trade) for trade in given_trades} == by_id
    assert len(rows) == len(given_trades)


async def test_prices_come_out_as_they_went_in(config: PoolConfig, pool: Pool) -> None:
    symbol, other = fresh(), fresh()
    prices = [a_price(symbol, NOON + n * HOUR, n, HOUR) for n in range(40)]
    await PriceRepo(pool).upsert_many([*prices, a_price(other), a_price(symbol)])

    dataset = read_prices(config, symbols=[symbol], interval=HOUR, end=NOON + 30 * HOUR)

    rows = sorted(rows_of(dataset), key=lambda row: str(row["start"]))
    assert [attrs.asdict(price) for price in prices[:30]] == rows


async def test_the_types_are_known_before_anything_is_read(config: PoolConfig) -> None:
    with datasets.Snapshot(config) as snapshot:
        trades = read_trades(snapshot)
        prices = read_prices(snapshot, columns=["start", "close"])
    # The snapshot is closed: nothing can be read any more.
    types = columns_of(trades)
    assert types["price"] == pa.decimal128(38, 18)
    assert types["executed_at"] == pa.timestamp("us", "UTC")
    assert types["symbol"] == pa.string()
    assert types["id"] == pa.uuid()
    assert list(types) == [field.name for field in attrs.fields(quantdb.Trade)]
    assert list(columns_of(prices)) == ["start", "close"]


async def test_a_value_that_no_column_holds_is_named(config: PoolConfig, pool: Pool) -> None:
    symbol = fresh()
    await TradeRepo(pool).insert(a_trade(symbol, price=Decimal("1e-19")))
    with pytest.raises(InexactValue, match="price") as refused:
        rows_of(read_trades(config, symbols=[symbol]))
    assert refused.value.field == "price"


# Every row once


@pytest.mark.parametrize("blocks", [None, 1, 3, 40])
async def test_the_sums_of_a_tape_are_exact(
    config: PoolConfig, pool: Pool, tape: str, blocks: int | None
) -> None:
    [(count, price, last)] = await look(pool, "SELECT count(*), sum(price), max(at) FROM tape")

    rows = rows_of(read_table(config, tape, columns=["n", "price", "at"], blocks=blocks))

    assert count == len(rows) == len({row["n"] for row in rows})
    assert price == sum(value for row in rows if isinstance(value := row["price"], Decimal))
    assert last == max(value for row in rows if isinstance(value := row["at"], datetime))


@pytest.mark.parametrize("by", [None, "n", "at", "symbol", "price", "nothing", "some"])
async def test_ranges_of_any_column_have_every_row_once(
    config: PoolConfig, tape: str, tmp_path: Path, by: str | None
) -> None:
    few = query(
        tmp_path,
        "SELECT n, symbol, price, at, NULL::text AS nothing, nullif(n % 3, 0) AS some\n"
        f"FROM {tape} WHERE n <= $1 -- ; a comment\n;",
        lambda *columns: columns,
    )

    rows = rows_of(read_query(config, few, 5_000, by=by, blocks=7))

    assert list(range(1, 5_001)) == sorted(int(str(row["n"])) for row in rows)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("blocks", [None, 1, 8])
async def test_tables_of_few_rows_are_read(
    config: PoolConfig, dsn: str, count: int, blocks: int | None
) -> None:
    name = f"few_{fresh()}"
    await run(
        dsn, f"CREATE TABLE {name} AS SELECT n, n::text AS t FROM generate_series(1, {count}) n"
    )

    dataset = read_table(config, name, blocks=blocks)

    assert list(columns_of(dataset)) == ["n", "t"]
    assert dataset.count() == count
    assert list(range(1, count + 1)) == sorted(int(str(row["n"])) for row in rows_of(dataset))


KINDS: Final[Mapping[str, str]] = {
    "view": "CREATE VIEW {0} AS SELECT n, at FROM tape WHERE n <= 3000",
    "materialized": "CREATE MATERIALIZED VIEW {0} AS SELECT n, at FROM tape WHERE n <= 3000",
    "partitioned": """
        CREATE TABLE {0} (n bigint, at timestamptz) PARTITION BY RANGE (n);
        CREATE TABLE {0}_a PARTITION OF {0} FOR VALUES FROM (0) TO (1000);
        CREATE TABLE {0}_b PARTITION OF {0} FOR VALUES FROM (1000) TO (2500) PARTITION BY HASH (n);
        CREATE TABLE {0}_b0 PARTITION OF {0}_b FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE {0}_b1 PARTITION OF {0}_b FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE {0}_none PARTITION OF {0} FOR VALUES FROM (9000) TO (9999);
        CREATE TABLE {0}_rest PARTITION OF {0} DEFAULT;
        INSERT INTO {0} SELECT n, at FROM tape WHERE n <= 3000""",
    "inherited": """
        CREATE TABLE {0} (n bigint, at timestamptz);
        CREATE TABLE {0}_heir (more text) INHERITS ({0});
        INSERT INTO {0} SELECT n, at FROM tape WHERE n <= 1000;
        INSERT INTO {0}_heir SELECT n, at FROM tape WHERE n BETWEEN 1001 AND 3000""",
    "moved": """
        CREATE TABLE {0} (n bigint, at timestamptz, long text) WITH (fillfactor = 20);
        ALTER TABLE {0} ALTER long SET STORAGE EXTERNAL;
        INSERT INTO {0} SELECT n, at, repeat('long ', 1000) FROM tape WHERE n <= 3000;
        UPDATE {0} SET at = at + interval '1 s' WHERE n % 2 = 0;
        DELETE FROM {0} WHERE n % 3 = 0;
        INSERT INTO {0} SELECT n, at, 'short' FROM tape WHERE n <= 3000 AND n % 3 = 0""",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blocks", [2, 9])
@pytest.mark.usefixtures("tape")
async def test_whatever_holds_rows_is_read_whole(
    config: PoolConfig, dsn: str, kind: str, blocks: int
) -> None:
    name = f"{kind}_{fresh()}"
    await run(dsn, *KINDS[kind].format(name).split(";"))

    rows = rows_of(read_table(config, name, columns=["n"], blocks=blocks))

    assert list(range(1, 3_001)) == sorted(int(str(row["n"])) for row in rows)


async def test_partitions_that_may_be_read_by_their_parent_only_are_read_by_it(
    config: PoolConfig, dsn: str, tape: str
) -> None:
    name, role = f"guarded_{fresh()}", f"reader_{fresh()}"
    await run(
        dsn,
        f"CREATE TABLE {name} (n bigint, mine boolean) PARTITION BY RANGE (n)",
        f"CREATE TABLE {name}_a PARTITION OF {name} FOR VALUES FROM (0) TO (1000)",
        f"CREATE TABLE {name}_b PARTITION OF {name} DEFAULT",
        f"INSERT INTO {name} SELECT n, n % 2 = 0 FROM {tape} WHERE n <= 3000",
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY mine ON {name} USING (mine)",
        f"CREATE ROLE {role} LOGIN PASSWORD 'pw'",
        f"GRANT SELECT ON {name} TO {role}",
    )
    parts = urlsplit(dsn)
    theirs = parts._replace(netloc=f"{role}:pw@{parts.netloc.rpartition('@')[2]}")
    try:
        reader = attrs.evolve(config, dsn=urlunsplit(theirs))
        for _ in range(2):
            rows = rows_of(read_table(reader, name, blocks=6))
            assert sorted(int(str(row["n"])) for row in rows) == list(range(2, 3_001, 2))
            # Of each partition, too, the policies of the parent are what counts.
            await run(dsn, f"GRANT SELECT ON {name}_a, {name}_b TO {role}")
        assert read_table(config, name, blocks=6).count() == 3_000
    finally:
        await run(dsn, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_quoted_names_are_read(config: PoolConfig, dsn: str) -> None:
    await run(
        dsn,
        'CREATE SCHEMA "Market ""Data"""',
        'CREATE TABLE "Market ""Data"""."T.1" AS SELECT 1 AS "a ""b""", 2 AS "%s {x}"',
    )
    rows = rows_of(read_table(config, '"Market ""Data"""."T.1"'))
    assert rows == [{'a "b"': 1, "%s {x}": 2}]


# One state


async def test_all_blocks_are_of_the_state_in_which_the_dataset_was_made(
    config: PoolConfig, dsn: str, tape: str
) -> None:
    name = f"changing_{fresh()}"
    await run(dsn, f"CREATE TABLE {name} WITH (fillfactor = 50) AS SELECT n, price FROM {tape}")
    dataset = read_table(config, name, blocks=12)
    before = 200_000

    stop = threading.Event()
    changing = threading.Thread(target=change, args=(dsn, name, stop))
    changing.start()
    try:
        assert before == dataset.count()
        for _ in range(2):
            assert list(range(1, before + 1)) == sorted(
                int(str(row["n"])) for row in rows_of(dataset.select_columns(["n"]))
            )
        materialized = dataset.materialize()
    finally:
        stop.set()
        changing.join()
    assert before == len({row["n"] for row in rows_of(materialized)})
    later = read_table(config, name)
    assert later.count() != before


def change(dsn: str, name: str, stop: threading.Event) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        number = 0
        while not stop.is_set() or number < 3:
            number += 1
            await connection.execute(f"DELETE FROM {name} WHERE n % 50 = {number % 50}")
            await connection.execute(f"UPDATE {name} SET price = -1 WHERE n % 50 = {number % 7}")
            await connection.execute(
                f"INSERT INTO {name} SELECT -n, 0 FROM generate_series(1, 2000) n"
            )
            await connection.execute(f"VACUUM {name}")
            await connection.execute(f"ANALYZE {name}")
        await connection.close()

    asyncio.run(work())


async def test_several_datasets_share_a_snapshot(config: PoolConfig, pool: Pool) -> None:
    symbol = fresh()
    with datasets.Snapshot(config) as snapshot:
        await TradeRepo(pool).insert(a_trade(symbol))
        await PriceRepo(pool).upsert(a_price(symbol))
        assert read_trades(snapshot, symbols=[symbol]).count() == 0
        assert read_prices(snapshot, symbols=[symbol]).count() == 0
        with pytest.raises(ConfigError, match="no table nowhere"):
            read_table(snapshot, "nowhere")
        assert read_trades(snapshot, symbols=[symbol]).count() == 0
    assert read_trades(config, symbols=[symbol]).count() == 1


async def test_a_dataset_whose_snapshot_is_gone_says_so(config: PoolConfig, tape: str) -> None:
    with datasets.Snapshot(config) as snapshot:
        dataset = read_table(snapshot, tape)
    with pytest.raises(datasets.SnapshotLost, match="make it anew"):
        dataset.take(1)
    with pytest.raises(datasets.SnapshotLost, match="closed"):
        read_table(snapshot, tape)


async def test_a_snapshot_whose_connection_was_lost_is_never_replaced(
    config: PoolConfig, pool: Pool, tape: str
) -> None:
    named = attrs.evolve(config, application_name=fresh())
    dataset = read_table(named, tape)
    await look(
        pool,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        named.application_name,
    )
    with pytest.raises(datasets.SnapshotLost, match="make it anew"):
        dataset.take(1)


async def deadly(dsn: str, until: datetime | str) -> str:
    """Make a view that ends the connection of whoever reads it before then."""
    name = f'"{fresh()}"'
    await run(
        dsn,
        f"""
        CREATE VIEW {name} AS
        SELECT
            n,
            clock_timestamp() > timestamptz '{until}'
            OR pg_terminate_backend(pg_backend_pid()) AS lives
        FROM generate_series(1, 1000) AS n
        """,
    )
    return name


async def test_a_dataset_whose_snapshot_is_lost_while_it_is_made_gets_another(
    config: PoolConfig, dsn: str
) -> None:
    view = await deadly(dsn, datetime.now(UTC) + timedelta(seconds=1))
    assert {row["lives"] for row in rows_of(read_table(config, view, by="lives"))} == {True}


async def test_a_snapshot_that_is_lost_while_a_dataset_is_made_of_it_says_so(
    config: PoolConfig, dsn: str
) -> None:
    view = await deadly(dsn, "infinity")
    with (
        datasets.Snapshot(config) as snapshot,
        pytest.raises(datasets.SnapshotLost, match="has lost its connection"),
    ):
        read_table(snapshot, view, by="lives")


async def test_a_snapshot_of_the_same_name_is_not_taken_for_it(
    config: PoolConfig, tape: str
) -> None:
    with datasets.Snapshot(config) as snapshot:
        dataset = read_table(snapshot, tape)
        vars(snapshot)["_shown"] = attrs.evolve(snapshot.shown, shows="1:1:")
        with pytest.raises(datasets.SnapshotLost, match="another snapshot"):
            dataset.take(1)


async def test_a_task_that_loses_its_connection_goes_on_where_it_was(
    config: PoolConfig, dsn: str, pool: Pool
) -> None:
    named = attrs.evolve(config, application_name=fresh())
    name = f"long_{fresh()}"
    await run(
        dsn,
        f"CREATE TABLE {name} AS "
        "SELECT n, repeat(n::text, 20) AS t FROM generate_series(1, 400000) AS n",
    )
    dataset = read_table(named, name, blocks=2)
    ended: list[bool] = []
    stop = threading.Event()

    async def end() -> None:
        connection = await asyncpg.connect(dsn)
        sql = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = $1 AND state = 'active' AND query LIKE 'COPY%'
        """
        while not stop.is_set() and len(ended) < 4:
            just = await connection.fetch(sql, named.application_name)
            ended.extend([True] * len(just))
            await asyncio.sleep(0.3 if just else 0.01)
        await connection.close()

    ending = threading.Thread(target=lambda: asyncio.run(end()))
    ending.start()
    rows = rows_of(dataset)
    stop.set()
    ending.join()
    assert ended
    assert sorted(int(str(row["n"])) for row in rows) == list(range(1, 400_001))
    assert all(row["t"] == str(row["n"]) * 20 for row in rows)
    assert await look(pool, f"SELECT count(*) FROM {name}") == [(400_000,)]


@pytest.mark.parametrize("word", ["COMMIT", "COPY", "count(*)"])
async def test_a_task_that_loses_its_connection_anywhere_reads_every_row_once(
    dsn: str, config: PoolConfig, word: str
) -> None:
    name = f"short_{fresh()}"
    await run(dsn, f"CREATE TABLE {name} AS SELECT n FROM generate_series(1, 1000) AS n")
    async with FaultProxy.before(dsn) as proxy:
        dataset = await asyncio.to_thread(
            read_table, attrs.evolve(config, dsn=proxy.dsn), name, blocks=2
        )
        losing = proxy.once(says(word), "reset")
        if word == "count(*)":
            assert await asyncio.to_thread(dataset.count) == 1_000
        else:
            rows = await asyncio.to_thread(rows_of, dataset)
            assert sorted(int(str(row["n"])) for row in rows) == list(range(1, 1_001))
        assert losing.hits == 1


def test_wrong_uses_say_what_is_wrong(config: PoolConfig) -> None:
    canary = f"canary{fresh()}"
    read: Callable[..., object] = getattr(datasets, "read_trades")  # noqa: B009
    with pytest.raises(ConfigError, match="a PoolConfig travels") as refused:
        read(f"postgresql://user:{canary}@localhost/db")
    assert canary not in str(refused.value)
    with pytest.raises(ConfigError, match="columns are several"):
        read_trades(config, columns="price")
    for blocks in (0, -1, "3", 1.5, True):
        with pytest.raises(ConfigError, match="blocks must be a whole number"):
            read(config, blocks=blocks)
    with pytest.raises(ConfigError, match=r"trades is no table of Price: .*interval"):
        read_table(config, "trades", quantdb.Price)


# Pushdown


EXPLOSIVE: Final = """
CREATE VIEW {0} AS
SELECT n, symbol, at, price, 1 / (n - 500) AS boom, 1 / (n % 7 - 3) AS bang
FROM tape
WHERE n <= 1000
"""


@pytest.mark.usefixtures("tape")
async def test_columns_that_nobody_wants_are_not_read(config: PoolConfig, dsn: str) -> None:
    name = f"explosive_{fresh()}"
    await run(dsn, EXPLOSIVE.format(name))
    with pytest.raises(asyncpg.DivisionByZeroError):
        rows_of(read_table(config, name))
    dataset = read_table(config, name)
    assert dataset.count() == 1_000
    assert len(rows_of(dataset.select_columns(["n", "at"]))) == 1_000
    assert list(rows_of(read_table(config, name, columns=["at", "n"]))[0]) == ["at", "n"]


@pytest.mark.usefixtures("tape")
async def test_the_server_leaves_out_the_rows_that_a_predicate_leaves_out(
    config: PoolConfig, dsn: str
) -> None:
    name = f"explosive_{fresh()}"
    await run(dsn, EXPLOSIVE.format(name))
    start = datetime(2024, 3, 10, tzinfo=UTC)
    dataset = read_table(config, name, columns=["n", "symbol", "at", "price", "bang"])
    safe = dataset.filter(expr=(col("symbol") != "S3") & (col("at") < start + 300 * SECOND))
    assert len(rows_of(safe)) == len([n for n in range(1, 200) if n % 7 != 3])
    some = dataset.filter(expr=col("symbol").is_in(["S1", "S2"]) & (col("price") >= 0))
    assert len(rows_of(some.select_columns(["n", "bang"]))) == 286
    # What the server might see otherwise than Ray, Ray decides.
    whole = read_table(config, name, columns=["n", "symbol"])
    assert whole.filter(expr=col("symbol") >= "S3").count() == 4 * 143
    assert whole.filter(expr=(col("n") * 2) > 1000).count() == 500


async def test_an_index_is_used_where_few_rows_are_wanted(
    config: PoolConfig, dsn: str, pool: Pool
) -> None:
    await TradeRepo(pool).insert_many(
        [a_trade(f"IX{n % 40}", executed_at=NOON + n * SECOND) for n in range(20_000)]
    )
    await run(dsn, "ANALYZE trades")
    [(before,)] = await look(
        pool, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'trades'"
    )
    until = NOON + 10_000 * SECOND
    few = read_trades(config, symbols=["IX1", "IX2"], start=NOON, end=until, blocks=3)
    rows = rows_of(few)
    assert len(rows) == 500
    assert {"IX1", "IX2"} == {row["symbol"] for row in rows}
    assert read_trades(config, symbols=[]).count() == 0
    [(after,)] = await look(
        pool, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'trades'"
    )
    assert after == before


# Limits


@pytest.mark.parametrize("most", [1, 2])
async def test_no_more_connections_are_open_than_are_given(
    dsn: str, config: PoolConfig, tape: str, most: int
) -> None:
    named = attrs.evolve(config, application_name=fresh())
    with counted(dsn, named.application_name) as counts:
        dataset = read_table(named, tape, blocks=12, connections=most)
        assert dataset.count() == 200_000
        assert len(rows_of(dataset)) == 200_000
    # That of the snapshot, and at least one that reads.
    assert max(counts) == 2


async def test_who_takes_one_row_leaves_no_connection_busy(
    config: PoolConfig, tape: str, pool: Pool
) -> None:
    named = attrs.evolve(config, application_name=fresh())
    with datasets.Snapshot(named) as snapshot:
        assert len(read_table(snapshot, tape, blocks=1).take(1)) == 1
    until = time.monotonic() + 10
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
    while await look(pool, sql, named.application_name) != [(0,)]:
        assert time.monotonic() < until
        time.sleep(0.05)  # noqa: ASYNC251


def test_a_read_task_holds_no_password() -> None:
    canary = f"canary{fresh()}"
    secret = PoolConfig(f"postgresql://user:{canary}@localhost/db", min_size=0)
    file = read_sql_file(sql_folder() / "ray/shows.sql")
    cut = Cut(Origin("t"), (), by_place=False)
    part = Part(secret, Shown("1-1-1", "1:1:"), file, pa.schema([]), (), (cut,))
    dumps: Callable[[object], bytes] = getattr(cloudpickle, "dumps")  # noqa: B009
    assert canary.encode() not in dumps(part)
    assert b"1-1-1" in dumps(part)


# Mistakes


async def test_mistakes_are_said_before_anything_is_read(
    config: PoolConfig, tape: str, tmp_path: Path
) -> None:
    writes = query(tmp_path, f"DELETE FROM {tape} RETURNING n", int)
    with pytest.raises(ConfigError, match="writes nothing"):
        read_query(config, writes)
    with pytest.raises(ConfigError, match="no column 'when'"):
        read_table(config, tape, by="when")
    with pytest.raises(ConfigError, match="columns: nothing"):
        read_table(config, tape, columns=["nothing"])
    with pytest.raises(ConfigError, match="whole number"):
        read_table(config, tape, connections=0)
    with pytest.raises(ConfigError, match="several"):
        read_trades(config, symbols="AAPL")
    with pytest.raises(InexactValue):
        read_trades(config, start=datetime(2024, 1, 1))  # noqa: DTZ001
    one = query(tmp_path, f"SELECT n, price FROM {tape}", quantdb.Price)
    with pytest.raises(ShapeMismatch):
        read_query(config, one)


def test_neither_ray_data_nor_arrow_is_loaded_without_need() -> None:
    script = (
        "import sys, quantdb.ray; "
        "assert not {'ray.data', 'pyarrow', 'quantdb.ray.data'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_without_ray_data_the_import_says_what_to_install() -> None:
    script = """
import sys
sys.modules["pyarrow"] = None
from quantdb.errors import ConfigError
try:
    import quantdb.ray.data
except ConfigError as error:
    print(error)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "quantdb.ray.data needs Ray Data: pip install 'quantdb[ray-data]'\n"
