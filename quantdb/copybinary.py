"""Rows as the binary format of COPY, column by column: many values of one type at a time.

All values of a column are written together by what the standard library does in C for many: maps,
joins, slices with a stride, and integers of any length as vectors of small ones. What is sent for
a value is what the driver sends for it, but that numbers may begin with zeros, which the server
drops; the digits after the point are those that the number has.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, repeat
from operator import add, attrgetter, sub
from struct import Struct, pack
from struct import error as struct_error
from types import UnionType
from typing import Final, Literal, TypeAlias, TypeVar, get_args, get_origin
from uuid import UUID

from quantdb.copynumeric import Numerics, cut

__all__ = ["END", "START", "UNFIT", "Part", "Writer", "numbers", "rows_of", "writer_of"]

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
_FEW: Final = 4
"""Values that come so often each, on average, are written once."""


def writer_of(annotation: object) -> Writer:
    """Return what writes the values of a field that is annotated so."""
    if get_origin(annotation) is Literal:
        return _texts
    if isinstance(annotation, UnionType):
        return writer_of(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return Numerics() if annotation is Decimal else _WRITERS[annotation]


def rows_of(columns: Iterable[Part], fields: int, count: int) -> bytes:
    """Return so many rows, each of so many *fields*, of the parts of their columns."""
    parts: list[Sequence[bytes]] = []
    constant = pack("!h", fields)
    for part in columns:
        if isinstance(part, bytes):
            constant += part
            continue
        if constant:
            parts.append([constant] * count)
            constant = b""
        parts.append(part)
    if constant:
        parts.append([constant] * count)
    return b"".join(chain.from_iterable(zip(*parts, strict=True)))


def numbers(first: int, count: int) -> Sequence[Part]:
    """Return a column of bigint that counts from *first* on."""
    write = Struct("!q").pack
    return [_length(8), [write(number) for number in range(first, first + count)]]


def _each_once(
    values: Sequence[K | None],
    distinct: set[K | None],
    write: Callable[[Sequence[K]], Sequence[bytes]],
) -> Sequence[Part]:
    """Write each of the *distinct* values once; None becomes NULL."""
    there = [value for value in distinct if value is not None]
    written: dict[K | None, bytes] = dict(zip(there, write(there), strict=True))
    written[None] = _NULL
    if len(distinct) == 1:
        return [written[values[0]]]
    return [list(map(written.__getitem__, values))]


def _is_many(distinct: set[K | None], count: int) -> bool:
    return len(distinct) * _FEW > count and None not in distinct


def _texts(values: Sequence[str | None]) -> Sequence[Part]:
    distinct = set(values)
    if not _is_many(distinct, len(values)):
        return _each_once(values, distinct, lambda texts: list(map(add, *_encoded(texts))))
    return _encoded([value for value in values if value is not None])


def _encoded(texts: Sequence[str]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    encoded = list(map(str.encode, texts))
    return list(map(_length, map(len, encoded))), encoded


def _integers(values: Sequence[int | None]) -> Sequence[Part]:
    write = Struct("!iq").pack
    return _each_once(values, set(values), lambda numbers: [write(8, n) for n in numbers])


def _uuids(values: Sequence[UUID]) -> Sequence[Part]:
    numbers = map(attrgetter("int"), values)
    return [_length(16), list(map(int.to_bytes, numbers, repeat(16)))]


_DAY: Final = 86_400_000_000
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_spans: Final = tuple(map(attrgetter, ("days", "seconds", "microseconds")))


def _instants(values: Sequence[datetime]) -> Sequence[Part]:
    spans = list(map(sub, values, repeat(_EPOCH)))
    form = f"!{len(values)}Q"
    try:
        days, seconds, rest = (
            int.from_bytes(pack(form, *map(get, spans)), "big") for get in _spans
        )
    except struct_error:  # an instant before the epoch has less than no days
        write = Struct("!q").pack
        return [_length(8), [write(_microseconds(span)) for span in spans]]
    # Sums and products of all instants at once: none needs more than its 64 bits.
    counts = days * _DAY + seconds * 1_000_000 + rest
    return [_length(8), cut(counts.to_bytes(8 * len(values), "big"), 8)]


def _microseconds(span: timedelta) -> int:
    return span.days * _DAY + span.seconds * 1_000_000 + span.microseconds


def _intervals(values: Sequence[timedelta]) -> Sequence[Part]:
    # Days apart from the rest, as the driver sends them.
    write = Struct("!iqii").pack
    return _each_once(
        values,
        set(values),
        lambda spans: [
            write(16, span.seconds * 1_000_000 + span.microseconds, span.days, 0) for span in spans
        ],
    )


_WRITERS: Final[Mapping[object, Writer]] = {
    datetime: _instants,
    int: _integers,
    str: _texts,
    timedelta: _intervals,
    UUID: _uuids,
}
