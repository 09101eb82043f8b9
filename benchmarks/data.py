"""The trades that are read and written: the same ones in every run."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
import attrs

from quantdb import Trade
from quantdb.sqlfile import sql_folder

__all__ = ["COLUMNS", "END", "START", "SYMBOL", "fill", "fresh", "statement", "tape", "values"]

COLUMNS: Final = tuple(field.name for field in attrs.fields(Trade))
SYMBOL: Final = "AAPL"
START: Final = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
END: Final = START + timedelta(days=3650)


def statement(name: str) -> str:
    """Return the text of a statement on trades: every driver is given the same one."""
    return (sql_folder() / "trades" / f"{name}.sql").read_text("utf-8")


def values(trade: object) -> tuple[object, ...]:
    """Return the columns of a trade, or of what a peer makes of one."""
    if isinstance(trade, asyncpg.Record):
        return tuple(trade)
    return tuple(getattr(trade, name) for name in COLUMNS)


def _trade(n: int, key: UUID) -> Trade:
    return Trade(
        SYMBOL,
        "buy" if n % 2 else "sell",
        Decimal(n % 900 + 1),
        Decimal(18_000 + n % 997).scaleb(-2),
        START + timedelta(milliseconds=250 * n),
        "XNAS",
        fee=Decimal("0.0035"),
        id=key,
    )


def tape(rows: int) -> list[Trade]:
    """Return the first *rows* trades, oldest first; their ids ascend as those of version 7 do."""
    return [_trade(n, UUID(int=(0x018CC000_0000_7000_8000 << 48) + n)) for n in range(rows)]


def fresh() -> Sequence[Trade]:
    """Return a trade that is not stored yet."""
    return (
        Trade(SYMBOL, "buy", Decimal(100), Decimal("185.64"), START - timedelta(days=1), "XNAS"),
    )


async def fill(dsn: str, trades: Sequence[Trade]) -> None:
    """Store trades by COPY, and leave the table as autovacuum would."""
    connection = await asyncpg.connect(dsn)
    try:
        # VACUUM marks pages as visible to all only if what stored them is on the disk.
        await connection.execute("SET synchronous_commit = on")
        await connection.copy_records_to_table(
            "trades", columns=COLUMNS, records=map(values, trades)
        )
        await connection.execute("VACUUM ANALYZE trades")
    finally:
        await connection.close()
