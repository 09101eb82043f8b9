"""The text of a CSV cell, read as a value and written from one, exactly or not at all."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from uuid import UUID

from quantdb import exact
from quantdb.exact import Refused

__all__ = [
    "Read",
    "decimal",
    "instant",
    "interval",
    "is_date",
    "side",
    "text",
    "uuid",
    "whole",
    "written",
]

Read = Callable[[str], object]

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INTERVAL: Final = re.compile(r"([0-9]{0,20}) ?([A-Za-z]+)")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.(?P<fraction>[0-9]+))?)?"
    r" ?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_SPECIAL: Final = re.compile(r'[,"\r\n]')
_MICROSECONDS: Final = 6
_BARE_DATE: Final = len("2024-03-10")

_SIDES: Final = {"buy": "buy", "b": "buy", "sell": "sell", "s": "sell"}

_UNITS: Final = {
    unit: span
    for units, span in (
        ("us microsecond microseconds", timedelta(microseconds=1)),
        ("ms millisecond milliseconds", timedelta(milliseconds=1)),
        ("s sec second seconds", timedelta(seconds=1)),
        ("m min minute minutes", timedelta(minutes=1)),
        ("h hour hours hourly", timedelta(hours=1)),
        ("d day days daily", timedelta(days=1)),
        ("w week weeks weekly", timedelta(weeks=1)),
    )
    for unit in units.split()
}
_WRITTEN_UNITS: Final = tuple((unit, _UNITS[unit]) for unit in ("d", "h", "m", "s", "ms", "us"))


def text(cell: str) -> str:
    """Read text: as it stands."""
    return cell


def decimal(cell: str) -> Decimal:
    """Read a decimal number: digits, one point, a sign, an exponent, and nothing else."""
    match = _DECIMAL.fullmatch(cell)
    if match is None:
        raise Refused("is no plain decimal number")
    value = Decimal(cell)
    # The model checks it again; but nobody may write 1E+999999999 digit by digit before.
    return value if match[1] is None else exact.numeric(value)


def whole(cell: str) -> int:
    """Read a whole number."""
    if _WHOLE.fullmatch(cell) is None:
        raise Refused("is no whole number")
    return int(cell)


def uuid(cell: str) -> UUID:
    """Read a UUID in its usual form."""
    if _UUID.fullmatch(cell) is None:
        raise Refused("is no UUID; if it is the venue's, say --map venue_trade_id=COLUMN")
    return UUID(cell)


def side(cell: str) -> str:
    """Read buy or sell, b or s, in capitals or not."""
    known = _SIDES.get(cell) or _SIDES.get(cell.lower())
    if known is None:
        raise Refused("is neither buy (or b) nor sell (or s)")
    return known


@lru_cache
def interval(cell: str) -> timedelta:
    """Read the length of a bar: 1s, 5m, 1h, 1d, 1w, or second, minute, hourly, daily."""
    match = _INTERVAL.fullmatch(cell)
    # A capital M is a month at most venues, and a month has no length.
    unit = None if match is None or match[2] == "M" else _UNITS.get(match[2].lower())
    if match is None or unit is None:
        raise Refused("is no interval such as 1s, 5m, 1h, 1d, minute or daily")
    try:
        return int(match[1] or 1) * unit
    except OverflowError:
        raise Refused("is too long for an interval") from None


def is_date(cell: str) -> bool:
    """Tell whether a cell that `instant` reads holds a date without a time."""
    return len(cell) == _BARE_DATE


def instant(
    *, assume_utc: bool = False, dates: bool = False, advice: str = "for UTC, write Z behind it"
) -> Callable[[str], datetime]:
    """Return what reads an instant in ISO 8601 with its zone.

    Args:
        assume_utc: Whether a time without a zone is in UTC; else it is refused.
        dates: Whether a date without a time is its first instant in UTC; else it is refused.
        advice: What to do about a time without a zone.
    """

    def read(cell: str) -> datetime:
        match = _INSTANT.fullmatch(cell)
        if match is None:
            raise Refused("is no ISO 8601 time such as 2024-03-10T12:00:00.25Z")
        fraction, zone = match.groups()
        if fraction is not None and len(fraction) > _MICROSECONDS:
            if fraction[_MICROSECONDS:].strip("0"):
                raise Refused("is finer than a microsecond, which the database does not keep")
            end = match.end("fraction")
            cell = cell[: end - len(fraction) + _MICROSECONDS] + cell[end:]
        try:
            value = datetime.fromisoformat(cell[:11] + cell[11:].replace(" ", ""))
        except ValueError as error:
            raise Refused(f"is no time: {error}") from None
        if zone is not None:
            return exact.instant(value)
        if is_date(cell):
            if not dates:
                raise Refused("is a date without a time")
        elif not assume_utc:
            raise Refused(f"has no zone; {advice}")
        return value.replace(tzinfo=UTC)

    return read


def _written_instant(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _written_interval(value: timedelta) -> str:
    unit, span = next(each for each in _WRITTEN_UNITS if not value % each[1])
    return f"{value // span}{unit}"


def _written_text(value: str) -> str:
    if _SPECIAL.search(value) is None:
        return value
    doubled = value.replace('"', '""')
    return f'"{doubled}"'


_WRITERS: Final[dict[type, Callable[..., str]]] = {
    datetime: _written_instant,
    Decimal: "{:f}".format,
    int: str,
    str: _written_text,
    timedelta: _written_interval,
}


def written(value: object) -> str:
    """Write a value as a cell that reads back as an equal one; None is an empty cell."""
    # str is for a UUID that was read: the driver has a subclass of its own.
    return "" if value is None else _WRITERS.get(type(value), str)(value)
