"""What a stranger writes, from the README alone; read by type checkers and never run."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import attrs

import quantdb
from quantdb import PriceRepo, Query, Repo, Trade, TradeRepo, UserRepo

SQL = Path("sql/orders")


@attrs.frozen
class Order:
    id: UUID
    quantity: Decimal


class OrderRepo(Repo):
    _insert = Query(SQL / "insert.sql", Order)
    _count = Query(SQL / "count.sql", int)
    _run = Query(SQL / "run.sql")

    async def insert(self, order: Order) -> Order:
        return await self._insert.store(self.db, order)

    async def count(self) -> int:
        return await self._count.one(self.db)

    async def run(self) -> int:
        return await self._run.run(self.db)


async def main() -> None:
    async with quantdb.create_pool("postgresql://h/d") as pool:
        await quantdb.migrate(pool)
        trades = TradeRepo(pool)
        trade = Trade("A", "buy", Decimal(1), Decimal(2), datetime.now(UTC), "X")
        stored: Trade = await trades.insert(trade)
        print(stored.price, (await trades.positions())[0].pnl(Decimal(1)))
        async for each in trades.stream("A", datetime.now(UTC), datetime.now(UTC)):
            print(each.id)
        bar = await PriceRepo(pool).as_of("A", timedelta(days=1), datetime.now(UTC))
        if bar is not None:
            print(bar.close)
        async with quantdb.transaction(pool, isolation="serializable") as tx:
            await UserRepo(tx).insert(quantdb.NewUser("a"))
            await OrderRepo(tx).count()
            await tx.executemany("insert into x values ($1)", [(1,)])
            async with tx.transaction():
                for row in await tx.fetch("select 1 as a"):
                    print(row["a"], row[0])
        async with pool.acquire() as connection:
            await TradeRepo(connection).get(stored.id)
            value = await connection.fetchval("select 1")
            print(value)
        connection = await pool.acquire()
        await pool.release(connection)


if __name__ == "__main__":
    asyncio.run(main())
