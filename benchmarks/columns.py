"""Bulk reads and writes as columns, side by side in one run: ratios of medians, and peak memory.

Reads are held against ``psql``'s binary COPY, which is the limit, and against records made columns
by hand; writes against a ready binary file through COPY, the limit, and
``copy_records_to_table`` of tuples. What is read and stored is compared before anything is timed;
contenders take turns.

    python benchmarks/columns.py [DSN] [ROWS]
"""

import asyncio
import random
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from pathlib import Path

import asyncpg
import attrs
import pyarrow as pa

import quantdb
from quantdb import PoolConfig, Trade, TradeRepo
from quantdb.columns.given import Given
from quantdb.columns.suspects import of_trade
from quantdb.embedded import EmbeddedPostgres

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=400)
ROUNDS = 5
COLUMNS = [field.name for field in attrs.fields(Trade)]
SELECT = (
    f"SELECT {', '.join(COLUMNS)} FROM trades WHERE symbol = 'AAPL' "
    f"AND executed_at >= '{START}' AND executed_at < '{END}' ORDER BY executed_at, id"
)
Contender = Callable[[], Awaitable[object]]


def tape(rows: int) -> Iterator[Trade]:
    """Give trades with prices of several scales, as a feed has them."""
    chance = random.Random(7)
    for n in range(rows):
        yield Trade(
            "AAPL",
            "buy" if n & 1 else "sell",
            Decimal(chance.randrange(1, 100_000)).scaleb(-3),
            Decimal(chance.randrange(1, 10**8)).scaleb(-(n % 5)),
            START + timedelta(microseconds=n * 10_000_019),
            "XNAS",
            venue_trade_id=str(n),
            strategy="mean" if n % 3 else None,
            fee=Decimal(n % 100).scaleb(-2),
        )


def peak() -> float:
    """Return the most memory that was resident since `forget_peak`, in MB; 0 but on Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1_000


def forget_peak() -> None:
    control = Path("/proc/self/clear_refs")
    if control.exists():
        control.write_text("5")


async def timed(contenders: dict[str, Contender], between: Contender) -> dict[str, list[float]]:
    """Time each contender in turn; return the seconds of each round, and the peak memory last."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    peaks: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            await between()
            forget_peak()
            before = peak()
            began = time.perf_counter()
            await call()
            taken[name].append(time.perf_counter() - began)
            peaks[name] = max(peaks.get(name, 0.0), peak() - before)
    return {name: [*times, peaks[name]] for name, times in taken.items()}


def show(title: str, rows: int, result: dict[str, list[float]], *bases: str) -> None:
    print(f"\n{title:<38}{'rows/s':>10}  {'spread':>6}  {'peak MB':>8}", end="")
    print("".join(f"  {'× ' + base:>24}" for base in bases))
    speeds = {name: rows / statistics.median(figures[:-1]) for name, figures in result.items()}
    for name, (*times, memory) in result.items():
        spread = (max(times) - min(times)) / statistics.median(times)
        print(f"  {name:<36}{speeds[name]:>10,.0f}  {spread:>6.0%}  {memory:>8,.0f}", end="")
        print("".join(f"  {speeds[name] / speeds[base]:>24.2f}" for base in bases))


async def reads(dsn: str, pool: quantdb.Pool, hand: asyncpg.Pool, rows: int) -> pa.Table:
    psql = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"

    async def by_psql() -> None:
        copy = f"COPY ({SELECT}) TO STDOUT (FORMAT binary)"
        process = await asyncio.create_subprocess_exec(
            psql, dsn, "-qXc", copy, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0

    async def by_records() -> pa.Table:
        async with hand.acquire() as connection, connection.transaction():
            records = await connection.fetch(SELECT)
        make: Callable[..., pa.Table] = pa.table
        return make(
            {
                name: [str(record[name]) if name == "id" else record[name] for record in records]
                for name in COLUMNS
            }
        )

    async def as_batches() -> int:
        count = 0
        async with aclosing(TradeRepo(pool).batches("AAPL", START, END)) as batches:
            async for batch in batches:
                count += batch.num_rows
        return count

    async def as_table() -> pa.Table:
        return await TradeRepo(pool).table("AAPL", START, END)

    table, expected = await as_table(), await by_records()
    assert rows == table.num_rows == expected.num_rows == await as_batches()
    for name in set(COLUMNS) - {"id"}:
        assert expected.column(name).to_pylist() == table.column(name).to_pylist(), name
    del expected
    print(f"the Arrow table of {rows:,} trades has {table.nbytes / 1e6:,.0f} MB")

    async def nothing() -> None:
        await asyncio.sleep(0.1)

    contenders: dict[str, Contender] = {
        "psql, COPY … BINARY": by_psql,
        "records to columns by hand": by_records,
        "table()": as_table,
        "batches()": as_batches,
    }
    show(
        "reads",
        rows,
        await timed(contenders, nothing),
        "psql, COPY … BINARY",
        "records to columns by hand",
    )
    return table


async def writes(pool: quantdb.Pool, hand: asyncpg.Pool, table: pa.Table) -> None:
    trades = await TradeRepo(pool).between("AAPL", START, END)
    tuples = list(map(attrgetter(*COLUMNS), trades))
    given = Given(Trade, table, of_trade)
    ready = [chunk async for chunk in given.sent(given.pieces({}), numbered=False)]

    async def by_file() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for chunk in ready:
                yield chunk

        async with hand.acquire() as connection, connection.transaction():
            await connection.copy_to_table(
                "trades", source=chunks(), columns=COLUMNS, format="binary", timeout=3_600
            )

    async def by_records() -> None:
        async with hand.acquire() as connection, connection.transaction():
            await connection.copy_records_to_table(
                "trades", records=tuples, columns=COLUMNS, timeout=3_600
            )

    async def emptied() -> None:
        await hand.execute("TRUNCATE trades")
        await hand.execute("CHECKPOINT")

    contenders: dict[str, Contender] = {
        "a ready binary file": by_file,
        "copy_records_to_table": by_records,
        "insert_table": lambda: TradeRepo(pool).insert_table(table),
        "insert_table, a stream": lambda: TradeRepo(pool).insert_table(table.to_reader()),
        "insert_many, a list": lambda: TradeRepo(pool).insert_many(trades),
        "insert_many, an iterator": lambda: TradeRepo(pool).insert_many(iter(trades)),
    }
    for call in contenders.values():
        await emptied()
        await call()
        assert trades == await TradeRepo(pool).between("AAPL", START, END)
    result = await timed(contenders, emptied)
    show("writes", len(trades), result, "a ready binary file", "copy_records_to_table")

    async def again() -> None:
        await TradeRepo(pool).insert_many(trades)

    retried = await timed({"insert_many, all there already": again}, again)
    show("idempotency", len(trades), retried)


async def measure(dsn: str, rows: int) -> None:
    async with (
        quantdb.create_pool(PoolConfig(dsn, min_size=1, command_timeout=600)) as pool,
        asyncpg.create_pool(dsn, min_size=1, command_timeout=600) as hand,
    ):
        await quantdb.migrate(pool)
        await TradeRepo(pool).insert_many(tape(rows))
        await hand.execute("VACUUM ANALYZE trades")
        table = await reads(dsn, pool, hand, rows)
        await writes(pool, hand, table)


if __name__ == "__main__":
    counts = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    given_dsn = next((word for word in sys.argv[1:] if not word.isdecimal()), None)
    many = counts[0] if counts else 1_000_000
    if given_dsn is not None:
        asyncio.run(measure(given_dsn, many))
    else:
        with EmbeddedPostgres() as embedded:
            asyncio.run(measure(embedded.dsn, many))
