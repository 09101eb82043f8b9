"""Models through Arrow and pgpq into COPY, in binary form, through asyncpg."""

import asyncpg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder

from benchmarks.data import COLUMNS, values
from benchmarks.peers.arrow import SCHEMA

SIZE = 10_000
SENT = SCHEMA.set(len(COLUMNS) - 1, pa.field("id", pa.binary(16)))


def batches(trades):
    for start in range(0, len(trades), SIZE):
        rows = [values(trade) for trade in trades[start : start + SIZE]]
        *columns, ids = zip(*rows, strict=True)
        yield pa.record_batch(
            [
                *(
                    pa.array(column, field.type)
                    for column, field in zip(columns, SENT, strict=False)
                ),
                pa.array([key.bytes for key in ids], pa.binary(16)),
            ],
            schema=SENT,
        )


async def encoded(trades):
    encoder = ArrowToPostgresBinaryEncoder(SENT)
    yield encoder.write_header()
    for batch in batches(trades):
        yield encoder.write_batch(batch)
    yield encoder.finish()


class Peer:
    def __init__(self, pool):
        self.pool = pool

    async def copy(self, trades):
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.copy_to_table(
                "trades", columns=COLUMNS, source=encoded(trades), format="binary"
            )
        return len(trades)

    async def close(self):
        await self.pool.close()


async def connect(dsn, _mode):
    return Peer(await asyncpg.create_pool(dsn, min_size=1, max_size=20))
