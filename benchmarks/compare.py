"""quantdb against asyncpg by hand, side by side in one run: ratios of medians.

The same work, interleaved, with the results compared before anything is timed. A ratio is quantdb's
time over that of the idiom of asyncpg's own documentation: acquire, ``transaction()``, fetch,
``Trade(**record)``; below 1 is faster. An absolute time says more of the machine than of the code.

    python benchmarks/compare.py [DSN]
"""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import attrs
from sidebyside import medians, server, show

import quantdb
from quantdb import PoolConfig, Trade, TradeRepo

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)
ROWS = 50_000
CALLS = 200
ROUNDS = 15
COLUMNS = [field.name for field in attrs.fields(Trade)]
SELECT = f"SELECT {', '.join(COLUMNS)} FROM trades"
INSERT = (
    f"INSERT INTO trades ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))}) "
    f"ON CONFLICT DO NOTHING RETURNING {', '.join(COLUMNS)}"
)


def tape(symbol: str, rows: int) -> list[Trade]:
    return [
        Trade(symbol, "buy", Decimal(n + 1), Decimal("101.25"), START + timedelta(seconds=n), "X")
        for n in range(rows)
    ]


class ByHand:
    """What asyncpg's documentation shows."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def get(self, trade: Trade) -> Trade:
        async with self.pool.acquire() as connection, connection.transaction():
            record = await connection.fetchrow(f"{SELECT} WHERE id = $1", trade.id)
            assert record is not None
            return Trade(**record)

    async def insert(self, trade: Trade) -> Trade:
        async with self.pool.acquire() as connection, connection.transaction():
            values = attrs.astuple(trade, recurse=False)
            record = await connection.fetchrow(INSERT, *values)
            assert record is not None
            return Trade(**record)

    async def between(self, symbol: str) -> list[Trade]:
        async with self.pool.acquire() as connection, connection.transaction():
            records = await connection.fetch(
                f"{SELECT} WHERE symbol = $1 AND executed_at >= $2 AND executed_at < $3 "
                "ORDER BY executed_at, id",
                symbol,
                START,
                END,
            )
            return [Trade(**record) for record in records]

    async def copy(self, trades: list[Trade]) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table(
                "trades",
                columns=COLUMNS,
                records=[attrs.astuple(trade, recurse=False) for trade in trades],
            )
            return len(trades)


async def measure(dsn: str) -> None:
    async with (
        quantdb.create_pool(PoolConfig(dsn, min_size=1)) as explicit_pool,
        quantdb.create_pool(
            PoolConfig(dsn, min_size=1, transactions="statement")
        ) as statement_pool,
        asyncpg.create_pool(dsn, min_size=1) as hand_pool,
    ):
        await quantdb.migrate(explicit_pool)
        hand, symbol = ByHand(hand_pool), str(uuid4())
        explicit, statement = TradeRepo(explicit_pool), TradeRepo(statement_pool)
        stored = tape(symbol, ROWS)
        await explicit.insert_many(stored)
        one = stored[len(stored) // 2]
        assert one == await hand.get(one) == await explicit.get(one.id)
        assert await hand.between(symbol) == await explicit.between(symbol, START, END)

        async def stream() -> int:
            count = 0
            async for _ in explicit.stream(symbol, START, END):
                count += 1
            return count

        def fresh(rows: int = 1) -> list[Trade]:
            return tape(str(uuid4()), rows)

        print("time over that of asyncpg by hand; below 1 is faster\n")
        show(
            "get, a call",
            await medians(
                {
                    "by hand": lambda: hand.get(one),
                    "explicit": lambda: explicit.get(one.id),
                    "statement": lambda: statement.get(one.id),
                },
                ROUNDS,
                CALLS,
            ),
        )
        show(
            "insert, a call",
            await medians(
                {
                    "by hand": lambda: hand.insert(fresh()[0]),
                    "explicit": lambda: explicit.insert(fresh()[0]),
                    "statement": lambda: statement.insert(fresh()[0]),
                },
                ROUNDS,
                CALLS,
            ),
        )
        show(
            f"between, {ROWS:,} rows",
            await medians(
                {
                    "by hand": lambda: hand.between(symbol),
                    "between": lambda: explicit.between(symbol, START, END),
                    "stream": stream,
                },
                5,
                1,
            ),
        )
        show(
            f"bulk, {ROWS:,} rows",
            await medians(
                {
                    "by hand": lambda: hand.copy(fresh(ROWS)),
                    "insert_many": lambda: explicit.insert_many(fresh(ROWS)),
                },
                5,
                1,
            ),
        )


if __name__ == "__main__":
    with server() as where:
        asyncio.run(measure(where))
