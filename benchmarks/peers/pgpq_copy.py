"""Models or columns through Arrow and pgpq into COPY, in binary form, through asyncpg."""

import asyncpg
from pgpq import ArrowToPostgresBinaryEncoder

from benchmarks.data import COLUMNS
from benchmarks.peers.arrow import SENT, batch_of

SIZE = 10_000


def batches(trades):
    for start in range(0, len(trades), SIZE):
        yield batch_of(trades[start : start + SIZE])


async def encoded(some):
    encoder = ArrowToPostgresBinaryEncoder(SENT)
    yield encoder.write_header()
    for batch in some:
        yield encoder.write_batch(batch)
    yield encoder.finish()


class Peer:
    def __init__(self, pool):
        self.pool = pool

    async def copy(self, trades):
        await self._copy(batches(trades))
        return len(trades)

    async def copy_table(self, table):
        await self._copy(table.to_batches(max_chunksize=SIZE))
        return table.num_rows

    async def _copy(self, some):
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.copy_to_table(
                "trades", columns=COLUMNS, source=encoded(some), format="binary"
            )

    async def close(self):
        await self.pool.close()


async def connect(dsn, _mode):
    return Peer(await asyncpg.create_pool(dsn, min_size=1, max_size=20))
