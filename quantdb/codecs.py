"""How values travel between Python and the server, exactly.

There are two sets. In the *text* set numeric and the times travel as text, which Python reads
faster than the driver reads their binary form. The driver has no text form for composites and
ranges, though; a connection that meets one goes over to the *portable* set, in which everything
travels in binary form, slower and just as exact. Either raises for what Python cannot
hold (infinite times, years before 1 and after 9999, intervals of months), instead of inventing a
value. What comes here to be sent has passed the strict boundary.
"""

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from typing import Final, Literal

import attrs

from quantdb import exact
from quantdb.errors import InexactValue
from quantdb.jsontext import dumped, parsed

__all__ = ["PORTABLE", "TEXT", "Codec"]

Format = Literal["text", "binary", "tuple"]


@attrs.frozen
class Codec:
    """How the values of one type travel.

    Attributes:
        type_name: The type, by its name in the catalogue (``"numeric"``, ``"mood"``).
        encode: Makes what is sent of a value: text, bytes, or a tuple (of a composite's
            attributes, in order).
        decode: Makes a value of what is received.
        format: In which of these forms it travels.
        schema: Where the type is.
    """

    type_name: str
    encode: Callable[..., object]
    decode: Callable[..., object]
    format: Format = "text"
    schema: str = "pg_catalog"

    @property
    def is_composite(self) -> bool:
        """Whether it is for a composite type: the only ones of a user's that travel as tuples."""
        return self.format == "tuple" and self.schema != "pg_catalog"


_INFINITE_TIMES: Final = {
    (1 << 63) - 1: "infinity",
    -(1 << 63): "-infinity",
    (1 << 31) - 1: "infinity",
    -(1 << 31): "-infinity",
}
"""How the binary forms of instants, in microseconds, and of dates, in days, say infinity."""
_INFINITE_INTERVALS: Final = {
    ((1 << 31) - 1, (1 << 31) - 1, (1 << 63) - 1): "infinity",
    (-(1 << 31), -(1 << 31), -(1 << 63)): "-infinity",
}
"""How PostgreSQL 17 and later say it of an interval, by its months, days and microseconds."""


def _unreadable(kind: str, value: object) -> InexactValue:
    article = "an" if kind.startswith("i") else "a"
    return InexactValue(
        f"{article} {kind} in the database is {value}, which Python cannot hold", kind
    )


# numeric


_POSITIVE, _NEGATIVE, _NAN, _PLUS_INFINITY, _MINUS_INFINITY = 0, 0x4000, 0xC000, 0xD000, 0xF000
_SPECIAL: Final = {
    _NAN: Decimal("NaN"),
    _PLUS_INFINITY: Decimal("Infinity"),
    _MINUS_INFINITY: Decimal("-Infinity"),
}
# Only scaling by a power of ten happens here, in a context that would raise if it were not exact.
_WIDE: Final = Context(prec=200_000, Emax=999_999, Emin=-999_999)


def numeric_to_binary(value: object) -> bytes:
    """Return a number in the form of ``numeric_send``: groups of four digits, and a scale."""
    number = exact.numeric(value)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - the number is finite
    scale = max(-exponent, 0)
    text = ("".join(map(str, digits)) + "0" * max(exponent, 0)).rjust(scale, "0")
    point = len(text) - scale
    whole, fraction = text[:point].lstrip("0"), text[point:]
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    padded = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int(part) for part in _fours(whole + padded)]
    weight = len(whole) // 4 - 1
    while groups and not groups[0]:
        groups.pop(0)
        weight -= 1
    while groups and not groups[-1]:
        groups.pop()
    flag = _NEGATIVE if sign and groups else _POSITIVE
    return struct.pack(
        f"!HhHH{len(groups)}H", len(groups), weight if groups else 0, flag, scale, *groups
    )


def _fours(digits: str) -> list[str]:
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def numeric_from_binary(data: bytes) -> Decimal:
    """Return the number that ``numeric_send`` sent, with its trailing zeros."""
    count, weight, sign, scale = struct.unpack_from("!HhHH", data)
    if sign in _SPECIAL:
        return _SPECIAL[sign]
    groups: tuple[int, ...] = struct.unpack_from(f"!{count}H", data, 8)
    digits = "".join(f"{group:04d}" for group in groups) or "0"
    number = Decimal(f"{'-' if sign == _NEGATIVE else ''}{digits}")
    exponent = 4 * (weight - count + 1) if count else 0
    return number.scaleb(exponent, _WIDE).quantize(Decimal((0, (1,), -scale)), context=_WIDE)


# times


def _decode_instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return _at_an_end_of_time(text)


_GREGORIAN_CYCLE: Final = 146_097
"""Days of 400 years, after which the calendar repeats itself."""


def _at_an_end_of_time(text: str) -> datetime:
    """Return an instant of the years 1 to 9999 in UTC whose year in the session's zone is another.

    It is read in a year 400 away, which is the same but for its number.
    """
    year, _, rest = text.partition("-")
    if text.endswith(" BC") and year == "0001":
        near, cycle = f"0400-{rest[:-3]}", -_GREGORIAN_CYCLE
    elif year == "10000":
        near, cycle = f"9600-{rest}", _GREGORIAN_CYCLE
    else:
        raise _unreadable("timestamptz", text)
    try:
        return datetime.fromisoformat(near).astimezone(UTC) + timedelta(days=cycle)
    except (ValueError, OverflowError):
        raise _unreadable("timestamptz", text) from None


def _decode_naive(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _unreadable("timestamp", text) from None


def _decode_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _unreadable("date", text) from None


_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - PostgreSQL's own, without a zone
_MICROSECOND: Final = timedelta(microseconds=1)


def _instant_to_tuple(value: object) -> tuple[int]:
    return ((exact.instant(value).replace(tzinfo=None) - _EPOCH) // _MICROSECOND,)


def _instant_from_tuple(parts: tuple[int]) -> datetime:
    return _since_epoch("timestamptz", parts[0]).replace(tzinfo=UTC)


def _naive_to_tuple(value: object) -> tuple[int]:
    return ((exact.naive_datetime(value) - _EPOCH) // _MICROSECOND,)


def _naive_from_tuple(parts: tuple[int]) -> datetime:
    return _since_epoch("timestamp", parts[0])


def _since_epoch(kind: str, microseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        said = _INFINITE_TIMES.get(microseconds, f"{microseconds} µs from 2000-01-01")
        raise _unreadable(kind, said) from None


def _date_to_tuple(value: object) -> tuple[int]:
    return (exact.calendar_date(value).toordinal() - _EPOCH.toordinal(),)


def _date_from_tuple(parts: tuple[int]) -> date:
    try:
        return date.fromordinal(parts[0] + _EPOCH.toordinal())
    except (ValueError, OverflowError):
        said = _INFINITE_TIMES.get(parts[0], f"{parts[0]} days from 2000-01-01")
        raise _unreadable("date", said) from None


def _interval_to_tuple(value: object) -> tuple[int, int, int]:
    span = exact.duration(value)
    return 0, span.days, span.seconds * 1_000_000 + span.microseconds


def _interval_from_tuple(parts: tuple[int, int, int]) -> timedelta:
    months, days, microseconds = parts
    if parts in _INFINITE_INTERVALS:
        raise _unreadable("interval", _INFINITE_INTERVALS[parts])
    if months:
        raise _unreadable("interval", f"{months} months long, of no fixed length")
    try:
        return timedelta(days=days, microseconds=microseconds)
    except OverflowError:
        raise _unreadable("interval", f"{days} days and {microseconds} µs long") from None


# JSON


def _encode_json(value: object) -> str:
    return dumped(value)


def _json_to_binary(value: object) -> bytes:
    return dumped(value).encode()


def _jsonb_to_binary(value: object) -> bytes:
    return b"\x01" + dumped(value).encode()  # the version of the form


def _jsonb_from_binary(data: bytes) -> object:
    return parsed(bytes(data[1:]))


def _json_from_binary(data: bytes) -> object:
    return parsed(bytes(data))


# The times of day, and intervals, travel as numbers in either set: they are rare.


def _time_to_tuple(value: object) -> tuple[int]:
    return (_microseconds(exact.time_of_day(value)),)


def _time_from_tuple(parts: tuple[int]) -> time:
    return _at("time", parts[0])


def _timetz_to_tuple(value: object) -> tuple[int, int]:
    moment = exact.time_with_offset(value)
    offset = moment.utcoffset() or timedelta(0)
    return _microseconds(moment), -offset // timedelta(seconds=1)


def _timetz_from_tuple(parts: tuple[int, int]) -> time:
    microseconds, west = parts
    return _at("timetz", microseconds).replace(tzinfo=timezone(timedelta(seconds=-west)))


def _microseconds(value: time) -> int:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def _at(kind: str, microseconds: int) -> time:
    try:
        hours, within = divmod(microseconds, 3_600_000_000)
        return (_EPOCH + timedelta(microseconds=within)).time().replace(hour=hours)
    except ValueError:  # 24:00
        raise _unreadable(kind, "24:00") from None


_IN_BOTH: Final = (
    Codec("interval", _interval_to_tuple, _interval_from_tuple, "tuple"),
    Codec("time", _time_to_tuple, _time_from_tuple, "tuple"),
    Codec("timetz", _timetz_to_tuple, _timetz_from_tuple, "tuple"),
)

TEXT: Final = (
    Codec("numeric", Decimal.__str__, Decimal),
    Codec("timestamptz", datetime.isoformat, _decode_instant),
    Codec("timestamp", datetime.isoformat, _decode_naive),
    Codec("date", date.isoformat, _decode_date),
    Codec("json", _encode_json, parsed),
    Codec("jsonb", _encode_json, parsed),
    *_IN_BOTH,
)

PORTABLE: Final = (
    Codec("numeric", numeric_to_binary, numeric_from_binary, "binary"),
    Codec("timestamptz", _instant_to_tuple, _instant_from_tuple, "tuple"),
    Codec("timestamp", _naive_to_tuple, _naive_from_tuple, "tuple"),
    Codec("date", _date_to_tuple, _date_from_tuple, "tuple"),
    Codec("json", _json_to_binary, _json_from_binary, "binary"),
    Codec("jsonb", _jsonb_to_binary, _jsonb_from_binary, "binary"),
    *_IN_BOTH,
)
