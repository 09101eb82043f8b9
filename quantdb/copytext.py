"""Rows as the text format of COPY, column by column: many values of one type at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Final
from uuid import UUID

__all__ = ["NULL", "column", "lines", "with_numbers"]

NULL: Final = r"\N"

_ESCAPED: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_TO_ESCAPE: Final = ("\\", "\t", "\n", "\r")


def _texts(values: Sequence[str]) -> Iterable[str]:
    together = "".join(values)
    if any(sign in together for sign in _TO_ESCAPE):
        return [value.translate(_ESCAPED) for value in values]
    return values


def _intervals(values: Sequence[timedelta]) -> Iterable[str]:
    # Days apart from the rest, as the driver sends them; each part is exact.
    written = {
        value: f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
        for value in set(values)
    }
    return [written[value] for value in values]


_UUID: Final = "%032x".__mod__
_NUMBER_OF: Final = attrgetter("int")


def _uuids(values: Sequence[UUID]) -> Iterable[str]:
    return map(_UUID, map(_NUMBER_OF, values))


def _dates(values: Sequence[date]) -> Iterable[str]:
    return map(date.isoformat, values)


_PARTS: Final = attrgetter("year", "month", "day", "hour", "minute", "second", "microsecond")
_WRITTEN: Final = "%04d-%02d-%02d %02d:%02d:%02d.%06dZ".__mod__
_ZONE: Final = attrgetter("tzinfo")


def _instants(values: Sequence[datetime]) -> Iterable[str]:
    if set(map(_ZONE, values)) == {UTC}:  # in half of the time of isoformat, which asks the zone
        return map(_WRITTEN, map(_PARTS, values))
    return map(datetime.isoformat, values)


def _decimals(values: Sequence[Decimal]) -> Iterable[str]:
    return map(Decimal.__str__, values)


Writer = Callable[..., Iterable[str]]
# How a column of values that the model has checked is written; any other by `str`, which holds
# for a UUID that was read as well: the driver has a subclass of its own.
_WRITERS: Final[Mapping[type, Writer]] = {
    date: _dates,
    datetime: _instants,
    Decimal: _decimals,
    str: _texts,
    timedelta: _intervals,
    UUID: _uuids,
}


def column(values: Sequence[object]) -> Iterable[str]:
    """Return the texts of one column."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        write: Writer = _WRITERS.get(kinds.pop(), _plainly)
        return write(values)
    if type(None) in kinds:
        written = iter(column([value for value in values if value is not None]))
        return [NULL if value is None else next(written) for value in values]
    return [next(iter(column([value]))) for value in values]


def _plainly(values: Sequence[object]) -> Iterable[str]:
    return [NULL if value is None else str(value) for value in values]


def lines(columns: Sequence[Iterable[str]]) -> bytes:
    """Return the lines of as many rows as each column has."""
    return ("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n").encode()


def with_numbers(written: bytes, first: int) -> bytes:
    """Return lines with a first column of their own: their numbers, from *first* on."""
    # A line break within a value is escaped.
    rows = written.removesuffix(b"\n").split(b"\n")
    return b"".join([b"%d\t%b\n" % numbered for numbered in enumerate(rows, first)])
