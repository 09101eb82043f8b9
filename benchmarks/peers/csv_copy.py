"""COPY … CSV through asyncpg, parsed by Arrow: exact, in the caller's own transaction."""

import asyncpg
import pyarrow as pa
from pyarrow import csv

from benchmarks.data import COLUMNS, statement
from benchmarks.peers.arrow import SCHEMA

OPTIONS = csv.ConvertOptions(
    column_types=SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False
)


class Peer:
    def __init__(self, pool):
        self.pool = pool

    async def table(self, symbol, start, end):
        received = pa.BufferOutputStream()

        async def took(data):
            received.write(data)

        async with self.pool.acquire() as connection, connection.transaction():
            await connection.copy_from_query(
                statement("between").rstrip().rstrip(";"),
                symbol,
                start,
                end,
                output=took,
                format="csv",
            )
        return csv.read_csv(
            pa.BufferReader(received.getvalue()),
            read_options=csv.ReadOptions(column_names=COLUMNS),
            convert_options=OPTIONS,
        )

    async def close(self):
        await self.pool.close()


async def connect(dsn, _mode):
    settings = {"timezone": "UTC"}
    return Peer(await asyncpg.create_pool(dsn, min_size=1, max_size=20, server_settings=settings))
