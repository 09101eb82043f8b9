"""Many rows stored at once, into an empty table, by one transaction: models, and columns."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from benchmarks import data, hand, ours, peer
from benchmarks.case import HAND, Case, Contender, Reset, Site, Work
from benchmarks.ours import ours as quantdb
from benchmarks.suites import bars
from benchmarks.suites.bars import made
from quantdb import Trade

__all__ = ["cases"]


@asynccontextmanager
async def _copy(site: Site) -> AsyncGenerator[Work]:
    async with hand.opened(site.dsn) as one:
        yield one.copy


@asynccontextmanager
async def _executemany(site: Site) -> AsyncGenerator[Work]:
    async with hand.opened(site.dsn) as one:
        yield one.executemany


def _ready_file(rows: int) -> Contender:
    """Return a contender that sends a binary file which is there already: the limit."""

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "trades.bin"
            async with hand.opened(site.dsn) as one:
                await _written(one.pool, file, rows)

                async def call(_trades: Sequence[Trade]) -> int:
                    async with one.pool.acquire() as connection, connection.transaction():
                        await connection.copy_to_table(
                            "trades", source=file, columns=data.COLUMNS, format="binary"
                        )
                    return rows

                yield call

    return Contender("a ready binary file", "explicit", opened)


async def _written(pool: asyncpg.Pool, file: Path, rows: int) -> None:
    async with pool.acquire() as connection:
        await connection.execute("TRUNCATE trades")
        await connection.copy_records_to_table(
            "trades", columns=data.COLUMNS, records=map(data.values, data.tape(rows))
        )
        await connection.copy_from_table(
            "trades", output=file, columns=data.COLUMNS, format="binary"
        )


def emptied(dsn: str, table: str = "trades") -> Reset:
    async def reset() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(f"TRUNCATE {table}", timeout=60)
        finally:
            await connection.close()

    return reset


async def cases(site: Site) -> AsyncGenerator[Case]:
    rows = site.sizes.write
    trades = data.tape(rows)
    yield Case(
        "bulk",
        "store many",
        site,
        [
            Contender(HAND, "explicit", _copy),
            quantdb(ours.insert_many),
            Contender("asyncpg, executemany", "explicit", _executemany),
            *peer.writers(),
            _ready_file(rows),
        ],
        feed=lambda: trades,
        rounds=site.sizes.bulk_rounds,
        rows=rows,
        reset=emptied(site.dsn),
        peak=True,
    )
    yield Case(
        "bulk",
        "store columns",
        site,
        [
            Contender(HAND, "explicit", _copy),
            *ours.storing("insert_table", lambda: made("trades_table", trades)),
            peer.table_writer("Arrow and pgpq", lambda: made("trades_table", trades)),
            _ready_file(rows),
        ],
        feed=lambda: trades,
        rounds=site.sizes.bulk_rounds,
        rows=rows,
        reset=emptied(site.dsn),
        peak=True,
    )
    async for case in bars.cases(site, emptied(site.dsn, "prices")):
        yield case
