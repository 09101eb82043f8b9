"""What exactness costs: the same statements on a connection of quantdb's pool and on a plain one.

No transactions, no models: only the strict boundary and the codecs differ. A ratio is quantdb's
time over that of asyncpg as it comes; below 1 is faster. Reading is where the text codecs win;
writing pays for the look at each argument.

    python benchmarks/strict.py [DSN]
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
from sidebyside import medians, server, show

import quantdb
from quantdb import PoolConfig

ROWS = 20_000
CALLS = 300
ROUNDS = 15
START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = "id, symbol, price, quantity, fee, at, user_id, note"
TABLE = """
CREATE TABLE {name} (
    id uuid PRIMARY KEY, symbol text, price numeric, quantity numeric, fee numeric,
    at timestamptz, user_id bigint, note text
)
"""
SELECT_ONE = f"SELECT {COLUMNS} FROM {{name}} WHERE id = $1"
SELECT_ALL = f"SELECT {COLUMNS} FROM {{name}}"
INSERT = f"INSERT INTO {{name}} ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"


def rows(count: int) -> list[tuple[object, ...]]:
    return [
        (
            uuid4(),
            "AAPL",
            Decimal(18_025 + n).scaleb(-2),
            Decimal(n + 1),
            Decimal("0.0035"),
            START + timedelta(milliseconds=n),
            n if n % 3 else None,
            None if n % 5 else "a note",
        )
        for n in range(count)
    ]


class Contestant:
    """One connection with a table of its own."""

    def __init__(self, connection: quantdb.Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self.key: UUID | None = None

    async def fill(self) -> None:
        await self.connection.execute(TABLE.format(name=self.name))
        given = rows(ROWS)
        await self.connection.executemany(INSERT.format(name=self.name), given)
        self.key = next(key for key in given[ROWS // 2] if isinstance(key, UUID))

    async def one(self) -> object:
        return await self.connection.fetchrow(SELECT_ONE.format(name=self.name), self.key)

    async def all(self) -> Sequence[object]:
        return await self.connection.fetch(SELECT_ALL.format(name=self.name))

    async def insert(self) -> object:
        return await self.connection.execute(INSERT.format(name=self.name), *rows(1)[0])

    async def many(self) -> None:
        await self.connection.executemany(INSERT.format(name=self.name), rows(1_000))


async def measure(dsn: str) -> None:
    suffix = uuid4().hex[:8]
    async with (
        quantdb.create_pool(PoolConfig(dsn, min_size=1)) as pool,
        asyncpg.create_pool(dsn, min_size=1) as plain_pool,
        pool.acquire() as strict_connection,
        plain_pool.acquire() as plain_connection,
    ):
        strict = Contestant(strict_connection, f"strict_{suffix}")
        plain = Contestant(plain_connection, f"plain_{suffix}")
        try:
            await strict.fill()
            await plain.fill()
            print("time over that of plain asyncpg; below 1 is faster\n")
            for title, hand, ours, rounds, calls in (
                ("fetchrow, a call", plain.one, strict.one, ROUNDS, CALLS),
                (f"fetch, {ROWS:,} rows", plain.all, strict.all, ROUNDS, 1),
                ("execute INSERT, a call", plain.insert, strict.insert, ROUNDS, CALLS),
                ("executemany, 1,000 rows", plain.many, strict.many, ROUNDS, 1),
            ):
                show(title, await medians({"by hand": hand, "strict": ours}, rounds, calls))
        finally:
            await plain_connection.execute(f"DROP TABLE IF EXISTS {strict.name}, {plain.name}")


if __name__ == "__main__":
    with server() as where:
        asyncio.run(measure(where))
