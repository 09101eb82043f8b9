"""psycopg 3: its pool, binary results, rows as models by its own class_row."""

from psycopg import AsyncRawCursor
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.data import COLUMNS, statement, values
from quantdb import Trade

GET, INSERT, BETWEEN = statement("get"), statement("insert"), statement("between")
COPY = f"COPY trades ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
TYPES = (
    "text text numeric numeric timestamptz text text int8 text numeric text uuid".split()  # noqa: SIM905
)


class Peer:
    def __init__(self, pool):
        self.pool = pool

    async def get(self, key):
        async with self.pool.connection() as connection:
            cursor = await connection.execute(GET, (key,), binary=True)
            return await cursor.fetchone()

    async def insert(self, trade):
        async with self.pool.connection() as connection:
            cursor = await connection.execute(INSERT, values(trade), binary=True)
            return await cursor.fetchone()

    async def between(self, symbol, start, end):
        async with self.pool.connection() as connection:
            cursor = await connection.execute(BETWEEN, (symbol, start, end), binary=True)
            return await cursor.fetchall()

    async def copy(self, trades):
        async with (
            self.pool.connection() as connection,
            connection.cursor() as cursor,
            cursor.copy(COPY) as copy,
        ):
            copy.set_types(TYPES)
            for trade in trades:
                await copy.write_row(values(trade))
        return len(trades)

    async def close(self):
        await self.pool.close()


async def connect(dsn, mode):
    pool = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=20,
        open=False,
        kwargs={
            "autocommit": mode == "autocommit",
            "row_factory": class_row(Trade),
            "cursor_factory": AsyncRawCursor,
            # As the others do, from the first call on.
            "prepare_threshold": 0,
        },
    )
    await pool.open(wait=True)
    return Peer(pool)
