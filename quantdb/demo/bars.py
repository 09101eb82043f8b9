"""The demo's input: daily bars of five US stocks, 2000-03-01 to 2013-03-01, in USD."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from quantdb.models import Price

__all__ = ["BEGINNING", "DAY", "END", "FILE", "SPLITS", "SYMBOLS", "bars", "midnight"]

FILE: Final = Path(__file__).with_name("bars_us_equities_daily_wiki.csv.gz")
"""Its origin, licence and exact sums are in ORIGIN.md beside it."""

SYMBOLS: Final = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
DAY: Final = timedelta(days=1)


def midnight(day: date) -> datetime:
    """Return the first instant of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


BEGINNING: Final = midnight(date(1900, 1, 1))
END: Final = midnight(date(2100, 1, 1))

SPLITS: Final = {
    "AAPL": (midnight(date(2000, 6, 21)), midnight(date(2005, 2, 28))),
    "MSFT": (midnight(date(2003, 2, 18)),),
}
"""When a share became two: prices are as traded, so the price halved. Announced weeks before."""


def bars() -> Iterator[Price]:
    """Read the bars, by symbol and day; a bar covers its day in UTC, as the session does."""
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Price(
                symbol=row["symbol"],
                interval=DAY,
                start=midnight(date.fromisoformat(row["date"])),
                open=Decimal(row["open"]),
                high=Decimal(row["high"]),
                low=Decimal(row["low"]),
                close=Decimal(row["close"]),
                volume=Decimal(row["volume"]),
            )
