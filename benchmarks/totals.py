"""More trades than a list of models can hold: made by the server, compared by their sums."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

import asyncpg
import attrs

__all__ = ["Totals", "filled", "stored"]

_FILL: Final = Path(__file__).with_name("tape.sql")
_TOTALS: Final = Path(__file__).with_name("totals.sql")
_LONG: Final = 600.0


@attrs.frozen
class Totals:
    """What is in the columns of many trades, in whatever order they are.

    Attributes:
        rows: How many there are.
        quantity: The sum of the quantities; `price`, `notional` and `fee` are such sums as well.
        price: See `quantity`.
        notional: See `quantity`.
        fee: See `quantity`.
        microseconds: The sum of the instants, since 1970.
        keys: The sum of the last 48 bits of the ids.
    """

    rows: Decimal
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    microseconds: Decimal
    keys: Decimal

    @classmethod
    def of(cls, sums: Mapping[str, object]) -> Self:
        """Return those of sums by name; there is at least one trade."""
        return cls(**{name: Decimal(str(value)) for name, value in sums.items()})


async def filled(dsn: str, rows: int) -> None:
    """Store the first *rows* trades of the tape, made on the server."""
    connection = await asyncpg.connect(dsn)
    try:
        for text in _FILL.read_text("utf-8").split(";\n"):
            await connection.execute(text.replace(":size", str(rows)), timeout=_LONG)
    finally:
        await connection.close()


async def stored(dsn: str) -> Totals:
    """Return what the server has."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(_TOTALS.read_text("utf-8"), timeout=_LONG)
    finally:
        await connection.close()
    assert row is not None
    return Totals.of(dict(row))
