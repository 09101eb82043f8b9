"""Many bars stored at once, as columns; a case of the suite ``bulk``."""

import importlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg
import attrs

from benchmarks import data, hand, ours
from benchmarks.case import HAND, Case, Contender, Reset, Site, Work
from benchmarks.verify import WrongError
from quantdb import Price, Trade

__all__ = ["cases", "made"]

_COLUMNS: Final = tuple(field.name for field in attrs.fields(Price))
_MINUTE: Final = timedelta(minutes=1)

Bar = tuple[object, ...]


def made(name: str, rows: Sequence[object]) -> object:
    """Return a table of Arrow."""
    build: object = vars(importlib.import_module("benchmarks.peers.arrow"))[name]
    assert callable(build)
    table: object = build(rows)
    return table


def _tape(rows: int) -> list[Bar]:
    """Return the first *rows* bars, oldest first."""

    def bar(n: int) -> Bar:
        low = Decimal(18_000 + n % 997).scaleb(-2)
        first, last = low + Decimal("0.05"), low + Decimal("0.10")
        high = low + Decimal("0.25")
        volume = Decimal(n % 9_000).scaleb(0)
        return (data.SYMBOL, _MINUTE, data.START + n * _MINUTE, first, high, low, last, volume)

    return [bar(n) for n in range(rows)]


def _by_hand(bars: Sequence[Bar]) -> Contender:
    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        async with hand.opened(site.dsn) as one:

            async def call(_trades: Sequence[Trade]) -> int:
                async with one.pool.acquire() as connection, connection.transaction():
                    await connection.copy_records_to_table("prices", columns=_COLUMNS, records=bars)
                return len(bars)

            yield call

    return Contender(HAND, "explicit", opened)


def _ready_file(bars: Sequence[Bar], reset: Reset) -> Contender:
    """Return a contender that sends a binary file which is there already: the limit."""

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "prices.bin"
            async with hand.opened(site.dsn) as one:
                await reset()
                async with one.pool.acquire() as connection:
                    await connection.copy_records_to_table("prices", columns=_COLUMNS, records=bars)
                    await connection.copy_from_table(
                        "prices", output=file, columns=_COLUMNS, format="binary"
                    )

                async def call(_trades: Sequence[Trade]) -> int:
                    async with one.pool.acquire() as connection, connection.transaction():
                        await connection.copy_to_table(
                            "prices", source=file, columns=_COLUMNS, format="binary"
                        )
                    return len(bars)

                yield call

    return Contender("a ready binary file", "explicit", opened)


async def cases(site: Site, reset: Reset) -> AsyncGenerator[Case]:
    """Give the case; *reset* empties the table."""
    bars = _tape(site.sizes.write)

    async def check(_answer: object) -> None:
        connection = await asyncpg.connect(site.dsn)
        try:
            rows = await connection.fetch(
                f"SELECT {', '.join(_COLUMNS)} FROM prices ORDER BY start"
            )
        finally:
            await connection.close()
        if [tuple(row) for row in rows] != bars:
            raise WrongError(f"stored {len(rows)} of {len(bars)} bars, or others")

    yield Case(
        "bulk",
        "store bars as columns",
        site,
        [
            _by_hand(bars),
            *ours.storing("upsert_table", lambda: made("bars_table", bars)),
            _ready_file(bars, reset),
        ],
        rounds=site.sizes.bulk_rounds,
        rows=len(bars),
        reset=reset,
        check=check,
        peak=True,
    )
