"""Ray by hand: what its users write without quantdb, and what Ray Data has for databases."""

import asyncio

import asyncpg
import psycopg
import pyarrow as pa
import ray
import ray.data
from psycopg.rows import class_row

from benchmarks.data import COLUMNS, END, START, SYMBOL, statement, values
from quantdb import Trade

GET = statement("get")
BETWEEN = statement("between")
_WHERE = f"WHERE symbol = '{SYMBOL}' AND executed_at >= '{START}' AND executed_at < '{END}'"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM trades {_WHERE}"


def connect_per_task(dsn, **options):
    @ray.remote(**options)
    def get(key):
        async def call():
            connection = await asyncpg.connect(dsn)
            try:
                async with connection.transaction():
                    return Trade(**await connection.fetchrow(GET, key))
            finally:
                await connection.close()

        return asyncio.run(call())

    return get.remote


def pool_per_task(dsn, **options):
    @ray.remote(**options)
    def get(key):
        async def call():
            async with (
                asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool,
                pool.acquire() as connection,
                connection.transaction(),
            ):
                return Trade(**await connection.fetchrow(GET, key))

        return asyncio.run(call())

    return get.remote


def psycopg_per_task(dsn, **options):
    @ray.remote(**options)
    def get(key):
        with psycopg.connect(
            dsn, row_factory=class_row(Trade), cursor_factory=psycopg.RawCursor
        ) as connection:
            return connection.execute(GET, (key,), binary=True).fetchone()

    return get.remote


class _Getter:
    def __init__(self, dsn, size):
        self.dsn, self.size, self.pool = dsn, size, None

    async def open(self):
        self.pool = await asyncpg.create_pool(self.dsn, min_size=1, max_size=self.size)

    async def get(self, key):
        async with self.pool.acquire() as connection, connection.transaction():
            return Trade(**await connection.fetchrow(GET, key))


async def actor(dsn, size):
    """Return the method of an async actor with a pool of asyncpg's."""
    getter = ray.remote(num_cpus=0)(_Getter).remote(dsn, size)
    await getter.open.remote()
    return getter.get.remote


def read_records(dsn, parts):
    """Return a dataset of asyncpg's records, fetched by one task for each stretch of time."""

    def bounds(connection, part):
        return connection.fetchrow(
            "SELECT min(executed_at) + $1 * (max(executed_at) - min(executed_at)) / $2,"
            " min(executed_at) + ($1 + 1) * (max(executed_at) - min(executed_at)) / $2"
            " + CASE WHEN $1 + 1 = $2 THEN interval '1 second' ELSE interval '0' END FROM trades",
            part,
            parts,
        )

    @ray.remote
    def fetched(part):
        async def call():
            connection = await asyncpg.connect(dsn)
            try:
                start, end = await bounds(connection, part)
                return await connection.fetch(BETWEEN, SYMBOL, start, end)
            finally:
                await connection.close()

        records = asyncio.run(call())
        columns = {name: [record[name] for record in records] for name in COLUMNS}
        columns["id"] = [str(key) for key in columns["id"]]
        return pa.table(columns)

    return ray.data.from_arrow_refs([fetched.remote(part) for part in range(parts)])


def read_sql(dsn):
    return ray.data.read_sql(
        _SELECT.replace("id FROM", "id::text FROM"), lambda: psycopg.connect(dsn)
    )


def count(dataset):
    """Read a dataset and say how many rows it has."""
    return dataset.materialize().count()


def of_trades(trades, blocks):
    """Return a dataset of trades whose ids are texts, as `write_sql` and pyarrow need them."""
    columns = dict(zip(COLUMNS, zip(*map(values, trades), strict=True), strict=True))
    columns["id"] = [str(key) for key in columns["id"]]
    return (
        ray.data.from_arrow(pa.table({k: list(v) for k, v in columns.items()}))
        .repartition(blocks)
        .materialize()
    )


def write_records(dataset, dsn):
    """Write by asyncpg's copy_records_to_table, a connection a block."""

    def write(table):
        async def call():
            connection = await asyncpg.connect(dsn)
            try:
                rows = zip(*(table[name].to_pylist() for name in COLUMNS), strict=True)
                await connection.copy_records_to_table("trades", columns=COLUMNS, records=rows)
            finally:
                await connection.close()

        asyncio.run(call())
        return {"rows": [len(table)]}

    dataset.map_batches(write, batch_format="pyarrow", batch_size=None).materialize()


def write_sql(dataset, dsn):
    dataset.write_sql(
        f"INSERT INTO trades ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})",
        lambda: psycopg.connect(dsn),
    )
