"""psqlpy: its pool, rows as models by its own as_class."""

from uuid import UUID

from psqlpy import ConnectionPool
from psqlpy.extra_types import BigInt

from benchmarks.data import COLUMNS, statement, values
from quantdb import Trade

GET, INSERT, BETWEEN = statement("get"), statement("insert"), statement("between")
USER = COLUMNS.index("user_id")


def made(**row):
    key = row["id"]
    return Trade(**row | {"id": key if isinstance(key, UUID) else UUID(key)})


def arguments(trade):
    given = list(values(trade))
    if given[USER] is not None:
        given[USER] = BigInt(given[USER])
    return given


class Peer:
    def __init__(self, pool, mode):
        self.pool = pool
        self.explicit = mode == "explicit"

    async def rows(self, query, given):
        async with self.pool.acquire() as connection:
            if not self.explicit:
                return await connection.fetch(query, given)
            async with connection.transaction() as transaction:
                return await transaction.fetch(query, given)

    async def get(self, key):
        return (await self.rows(GET, [key])).as_class(made)[0]

    async def insert(self, trade):
        return (await self.rows(INSERT, arguments(trade))).as_class(made)[0]

    async def between(self, symbol, start, end):
        return (await self.rows(BETWEEN, [symbol, start, end])).as_class(made)

    async def close(self):
        self.pool.close()


async def connect(dsn, mode):
    return Peer(ConnectionPool(dsn=dsn, max_db_pool_size=20), mode)
