"""Ray by hand: what its users write without quantdb, and what Ray Data has for databases."""

import asyncio
from decimal import Decimal

import asyncpg
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
from psycopg.rows import class_row

from benchmarks.data import COLUMNS, END, START, SYMBOL, statement
from quantdb import Trade

GET = statement("get")
BETWEEN = statement("between")
_WHERE = f"WHERE symbol = '{SYMBOL}' AND executed_at >= '{START}' AND executed_at < '{END}'"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM trades {_WHERE}"

AT_ONCE = 125_000
DECIMALS = {
    "quantity": pa.decimal128(3, 0),
    "price": pa.decimal128(5, 2),
    "fee": pa.decimal128(4, 4),
}
# Wide enough for the sums of a block, and for products.
WIDE = pa.decimal128(16, 4)


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

    async def limits():
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchrow(
                "SELECT min(executed_at), max(executed_at) + interval '1 second' FROM trades"
            )
        finally:
            await connection.close()

    first, last = asyncio.run(limits())

    @ray.remote
    def fetched(part):
        async def call():
            connection = await asyncpg.connect(dsn)
            try:
                start, end = (first + (last - first) * n / parts for n in (part, part + 1))
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


def to_files(dataset, folder):
    """Write trades to Parquet files as others have them: narrow decimals, and ids as texts."""

    def plain(table):
        for name, kind in DECIMALS.items():
            table = table.set_column(COLUMNS.index(name), name, table[name].cast(kind))
        keys = pa.concat_arrays([chunk.storage for chunk in table["id"].chunks])
        digits = b"".join(keys.to_pylist()).hex()
        texts = [
            f"{digits[n : n + 8]}-{digits[n + 8 : n + 12]}-{digits[n + 12 : n + 16]}"
            f"-{digits[n + 16 : n + 20]}-{digits[n + 20 : n + 32]}"
            for n in range(0, len(digits), 32)
        ]
        return table.set_column(COLUMNS.index("id"), "id", pa.array(texts))

    dataset.select_columns(list(COLUMNS)).map_batches(
        plain, batch_format="pyarrow", batch_size=None
    ).write_parquet(folder)


def held(folder, blocks):
    """Return a dataset of files that is in memory."""
    return ray.data.read_parquet(folder).repartition(blocks).materialize()


def low_bits(keys):
    """Return the sum of the last 48 bits of ids, which are uuids or texts."""
    if isinstance(keys, pa.ExtensionArray):
        octets = b"".join(keys.storage.to_pylist())
    else:
        octets = bytes.fromhex("".join(keys.to_pylist()).replace("-", ""))
    places = np.frombuffer(octets, np.uint8).reshape(-1, 16)[:, 10:].sum(axis=0, dtype=np.int64)
    return sum(int(place) << 8 * (5 - n) for n, place in enumerate(places))


def totals(dataset):
    """Return how many trades a dataset has, and the sums of its columns."""

    def summed(table):
        quantity, price, fee = (table[name].cast(WIDE) for name in ("quantity", "price", "fee"))
        instants = table["executed_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        sums = {
            "quantity": pc.sum(quantity),
            "price": pc.sum(price),
            "notional": pc.sum(pc.multiply(quantity, price)),
            "fee": pc.sum(fee),
            "microseconds": pc.sum(instants.cast(pa.decimal128(38, 0))),
        }
        keys = sum(map(low_bits, table["id"].chunks))
        made = {name: [str(value.as_py() or 0)] for name, value in sums.items()}
        return pa.table({"rows": [str(len(table))], **made, "keys": [str(keys)]})

    parts = dataset.map_batches(summed, batch_format="pyarrow", batch_size=None).take_all()
    return {name: sum(Decimal(part[name]) for part in parts) for name in parts[0]}


def write_records(dataset, dsn):
    """Write by asyncpg's copy_records_to_table, a connection and a transaction a block."""

    def write(table):
        async def call():
            connection = await asyncpg.connect(dsn)
            try:
                async with connection.transaction():
                    # No more of them as Python's objects than fit into memory.
                    for batch in table.to_batches(AT_ONCE):
                        rows = zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True)
                        await connection.copy_records_to_table(
                            "trades", columns=COLUMNS, records=rows
                        )
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
