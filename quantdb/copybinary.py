"""Rows as the binary format of COPY, column by column: many values of one type at a time.

All values of a column are written together by what the standard library does in C for many: maps,
joins, slices with a stride, and integers of any length as vectors of small ones. What is sent for
a value is what the driver sends for it, but that numbers may begin with zeros, which the server
drops; the digits after the point are those that the number has.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from operator import add, attrgetter, sub
from struct import Struct, pack
from struct import error as struct_error
from types import UnionType
from typing import Final, Generic, Literal, TypeAlias, TypeVar, get_args, get_origin
from uuid import UUID

from quantdb.copynumeric import Numerics, cut
from quantdb.repeats import Repeats

__all__ = ["END", "START", "UNFIT", "Part", "Writer", "numbers", "rows_of", "type_of", "writer_of"]

START: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What stands before the first row."""
END: Final = b"\xff\xff"
"""What stands after the last."""

UNFIT: Final = (AttributeError, OverflowError, struct_error, TypeError, ValueError)
"""What a writer raises for a value that is not of its field's type."""

Part: TypeAlias = bytes | Sequence[bytes]
"""A field, or a part of it, as it is sent: the same for all rows, or one for each of them."""

Writer: TypeAlias = Callable[..., Sequence[Part]]
"""Gives the parts, side by side, of a column of values."""

K = TypeVar("K", bound=Hashable)

_NULL: Final = b"\xff\xff\xff\xff"
_length: Final = Struct("!i").pack
_count: Final = Struct("!q").pack


def writer_of(annotation: object) -> Writer:
    """Return what writes the values of a field that is annotated so, column after column."""
    return _WRITERS[_kind_of(annotation)]()


def type_of(annotation: object) -> str:
    """Return the server's type of what is sent for a field that is annotated so."""
    return _TYPES[_kind_of(annotation)]


def _kind_of(annotation: object) -> object:
    if get_origin(annotation) is Literal:
        return str
    if isinstance(annotation, UnionType):
        return _kind_of(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return annotation


def rows_of(columns: Iterable[Part], fields: int, count: int) -> bytes:
    """Return so many rows, each of so many *fields*, of the parts of their columns."""
    parts: list[Part] = []
    constant = pack("!h", fields)
    for part in columns:
        if isinstance(part, bytes):
            constant += part
            continue
        if constant:
            parts.append(constant)
            constant = b""
        parts.append(part)
    if constant:
        parts.append(constant)
    # All parts of all rows, one after the other: a column has every so-manieth place.
    laid_out = [b""] * (len(parts) * count)
    for place, part in enumerate(parts):
        laid_out[place :: len(parts)] = [part] * count if isinstance(part, bytes) else part
    return b"".join(laid_out)


def numbers(first: int, count: int) -> Sequence[Part]:
    """Return a column of bigint that counts from *first* on."""
    return [_length(8), [_count(number) for number in range(first, first + count)]]


class _Optional(Generic[K]):
    """Writes a column of values of which some may be None, and some the same."""

    def __init__(self, write: Callable[[Sequence[K]], Sequence[bytes]]) -> None:
        self._write = write
        self._repeats: Repeats[K | None] = Repeats(self._written, {None: _NULL})

    def __call__(self, values: Sequence[K | None]) -> Sequence[Part]:
        """Return the one part of the column."""
        first = values[0]
        if first == values[-1] and values.count(first) == len(values):
            return [self._written([first])[0]]
        return [self._repeats.find(values) or self._written(values)]

    def _written(self, values: Sequence[K | None]) -> Sequence[bytes]:
        there = [value for value in values if value is not None]
        written = self._write(there)
        if len(there) == len(values):
            return written
        each = iter(written)
        return [_NULL if value is None else next(each) for value in values]


def _texts(values: Sequence[str]) -> Sequence[bytes]:
    encoded = list(map(str.encode, values))
    return list(map(add, map(_length, map(len, encoded)), encoded))


def _integers(values: Sequence[int]) -> Sequence[bytes]:
    write = Struct("!iq").pack
    return [write(8, value) for value in values]


def _uuids(values: Sequence[UUID]) -> Sequence[Part]:
    return [_length(16), [value.int.to_bytes(16) for value in values]]


_DAY: Final = 86_400_000_000
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_of_span: Final = tuple(map(attrgetter, ("days", "seconds", "microseconds")))


def _instants(values: Sequence[datetime]) -> Sequence[Part]:
    spans = list(map(sub, values, repeat(_EPOCH)))
    try:
        days, seconds, rest = (_vector(list(map(get, spans))) for get in _of_span)
    except struct_error:  # an instant before the epoch has less than no days
        return [_length(8), [_count(_microseconds(span)) for span in spans]]
    # Sums and products of all instants at once: none needs more than its 64 bits.
    counts = days * _DAY + seconds * 1_000_000 + rest
    return [_length(8), cut(counts.to_bytes(8 * len(values)), 8)]


def _vector(numbers: Sequence[int]) -> int:
    """Return numbers of 64 bits as one number."""
    return int.from_bytes(pack(f"!{len(numbers)}Q", *numbers))


def _microseconds(span: timedelta) -> int:
    return span.days * _DAY + span.seconds * 1_000_000 + span.microseconds


def _intervals(values: Sequence[timedelta]) -> Sequence[bytes]:
    # Days apart from the rest, as the driver sends them.
    write = Struct("!iqii").pack
    return [
        write(16, span.seconds * 1_000_000 + span.microseconds, span.days, 0) for span in values
    ]


_WRITERS: Final[Mapping[object, Callable[[], Writer]]] = {
    Decimal: Numerics,
    datetime: lambda: _instants,
    int: lambda: _Optional(_integers),
    str: lambda: _Optional(_texts),
    timedelta: lambda: _Optional(_intervals),
    UUID: lambda: _uuids,
}

_TYPES: Final[Mapping[object, str]] = {
    Decimal: "numeric",
    datetime: "timestamptz",
    int: "bigint",
    str: "text",
    timedelta: "interval",
    UUID: "uuid",
}
