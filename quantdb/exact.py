"""Which Python values may enter the database: the strict boundary.

Each rule takes a value and gives what is sent for it, or raises `Refused` with the reason.
What a rule lets through is stored by PostgreSQL and read back as an equal value; everything
else is refused here, before anything is sent. The models and the parameters of every statement
obey the same rules.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Final, TypeGuard
from uuid import UUID

from quantdb.errors import InexactValue

__all__ = [
    "ARITHMETIC",
    "MAX_DECIMALS",
    "Padded",
    "Refused",
    "Rule",
    "SecretName",
    "anything",
    "boolean",
    "brief",
    "calendar_date",
    "check",
    "double",
    "duration",
    "instant",
    "integer",
    "integer16",
    "integer32",
    "is_items",
    "lasting",
    "naive_datetime",
    "numeric",
    "on_grid",
    "scalar_rule",
    "shown",
    "text",
    "time_of_day",
    "time_with_offset",
    "uuid",
    "whole_within",
]

Rule = Callable[[object], object]

# PostgreSQL manual, "Numeric Types": up to 131072 digits before the decimal point
# and up to 16383 after it.
_MAX_ADJUSTED: Final = 131_071
_MAX_BITS: Final = 435_412
"""Bits of an int of 131072 digits."""
MAX_DECIMALS: Final = 16_383
"""Most digits after the decimal point that PostgreSQL's numeric has."""
_LONGEST_SHOWN: Final = 60

ARITHMETIC: Final = Context(
    prec=MAX_PREC,
    Emax=MAX_EMAX,
    Emin=MIN_EMIN,
    traps=[Inexact, InvalidOperation, Overflow],
)
"""Sums and products of stored numbers are exact in this context, or raise; the caller's own
context does not matter."""


class Refused(ValueError):
    """Why a value may not enter the database."""


def shown(value: object) -> str:
    """Return a short form of *value* for an error message."""
    try:
        form = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4300 digits, a list in itself
        form = "a value too large to show"
    return f"{brief(form)} ({type(value).__name__})"


def brief(form: str) -> str:
    """Return *form*, shortened to what a message has room for."""
    return form if len(form) <= _LONGEST_SHOWN else f"{form[: _LONGEST_SHOWN - 1]}…"


class SecretName(str):
    """The name of a field whose values are never shown."""

    __slots__ = ()


def check(rule: Rule, value: object, field: str) -> object:
    """Apply *rule* to *value*, or raise InexactValue that names *field*."""
    try:
        return rule(value)
    except Refused as refusal:
        given = "" if isinstance(field, SecretName) else f"; got {shown(value)}"
        raise InexactValue(f"{field}: {refusal}{given}", field) from None


def numeric(value: object) -> Decimal:
    """Admit a finite Decimal, or an int, within the bounds of PostgreSQL's ``numeric``."""
    if type(value) is not Decimal:
        if isinstance(value, int) and not isinstance(value, bool):
            if value.bit_length() > _MAX_BITS:  # making a Decimal of it would take long
                raise Refused("has more than 131072 digits before the decimal point")
            value = Decimal(value)
        elif isinstance(value, Decimal):
            value = Decimal(value)
        else:
            raise Refused("must be a Decimal (or an int), never a float, a bool or text")
    if not value.is_finite():
        raise Refused("must be finite")
    if -8_000 < value.adjusted() < _MAX_ADJUSTED and len(str(value)) < 8_000:  # noqa: PLR2004
        return value  # the usual case: the exact look below costs more than all the rest
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_DECIMALS:
        raise Refused("has more than 16383 digits after the decimal point")
    if value.is_zero():
        return Decimal(0) if exponent > 0 else value
    if value.adjusted() > _MAX_ADJUSTED:
        raise Refused("has more than 131072 digits before the decimal point")
    return value


def whole_within(low: int, high: int, bits: str = "") -> Rule:
    """Return the rule of the integers from *low* to *high*; *bits* says how many that takes."""

    def rule(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused("must be an int, never a bool, a Decimal or a float")
        if not low <= value <= high:
            raise Refused(f"is out of range{bits} ({low} to {high})")
        return int(value)

    return rule


def _integer(bits: int) -> Rule:
    return whole_within(-(1 << bits - 1), (1 << bits - 1) - 1, f" for {bits} bits")


def boolean(value: object) -> bool:
    """Admit True and False."""
    if not isinstance(value, bool):
        raise Refused("must be a bool")
    return value


def double(value: object) -> float:
    """Admit a float, or an int that double precision holds."""
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            converted = float(value)
        except OverflowError:
            raise Refused("is out of range for double precision") from None
        if int(converted) == value:
            return converted
    raise Refused("must be a float, or an int that double precision holds exactly")


def _float4(value: object) -> float:
    wide = double(value)
    if math.isfinite(wide):
        try:
            narrow: float = struct.unpack("f", struct.pack("f", wide))[0]
        except OverflowError:
            raise Refused("is out of range for real") from None
        if narrow != wide:
            raise Refused("is not exact in single precision")
    return wide


def instant(value: object) -> datetime:
    """Admit an aware datetime that lies in the years 1 to 9999 in UTC; give it in UTC."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Refused("must be an aware datetime")
    if value.tzinfo is UTC and type(value) is datetime:
        return value
    if getattr(value, "nanosecond", 0):
        raise Refused("has nanoseconds, which timestamptz does not keep")
    if value.utcoffset() is None:
        raise Refused("must be an aware datetime")
    try:
        moved = value.astimezone(UTC)
    except OverflowError:
        raise Refused("lies outside the years 1 to 9999 in UTC") from None
    return moved if type(moved) is datetime else _plain(moved)


def naive_datetime(value: object) -> datetime:
    """Admit a datetime without a zone, for ``timestamp without time zone``."""
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise Refused("must be a naive datetime")
    if getattr(value, "nanosecond", 0):
        raise Refused("has nanoseconds, which timestamp does not keep")
    return value if type(value) is datetime else _plain(value)


def _plain(value: datetime) -> datetime:
    return datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.tzinfo,
    )


def calendar_date(value: object) -> date:
    """Admit a date that is no datetime."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Refused("must be a date that is no datetime")
    return value if type(value) is date else date(value.year, value.month, value.day)


def time_of_day(value: object) -> time:
    """Admit a time without a zone."""
    if not isinstance(value, time) or value.tzinfo is not None:
        raise Refused("must be a naive time")
    return value


def time_with_offset(value: object) -> time:
    """Admit a time with an offset from UTC that does not depend on the day."""
    if not isinstance(value, time) or (offset := value.utcoffset()) is None:
        raise Refused("must be a time with a fixed UTC offset")
    if offset % timedelta(seconds=1) or abs(offset) >= timedelta(hours=16):
        raise Refused("must have an offset of whole seconds, below 16 hours")
    return value


def duration(value: object) -> timedelta:
    """Admit a timedelta."""
    if not isinstance(value, timedelta):
        raise Refused("must be a timedelta")
    if type(value) is timedelta:
        return value
    if getattr(value, "nanoseconds", 0):
        raise Refused("has nanoseconds, which interval does not keep")
    return timedelta(value.days, value.seconds, value.microseconds)


def lasting(interval: timedelta, field: str) -> timedelta:
    """Return *interval* if it is longer than zero.

    Raises:
        InexactValue: It is not, or is no timedelta.
    """
    check(duration, interval, field)
    if interval <= timedelta(0):
        raise InexactValue(f"{field}: must be longer than zero; got {interval!r}", field)
    return interval


def on_grid(start: datetime, end: datetime, interval: timedelta, field: str) -> None:
    """Raise InexactValue unless bars of *interval* from *start* to *end* all end before 10000."""
    lasting(interval, field)
    check(instant, start, "start")
    check(instant, end, "end")
    if start < end:
        bars = -((start - end) // interval)  # of which the last may be cut
        try:
            _ = start + bars * interval
        except OverflowError:
            raise InexactValue(
                f"{field}: {interval} ends the last bar after the year 9999", field
            ) from None


def text(value: object) -> str:
    """Admit text without NUL and without lone surrogates."""
    if type(value) is str and value.isascii() and "\0" not in value:
        return value
    if not isinstance(value, str):
        raise Refused("must be a str")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused("has a lone surrogate, which is no text") from None
    if "\0" in value:
        raise Refused("has a NUL, which PostgreSQL cannot store")
    return value if type(value) is str else str.__str__(value)


class Padded(str):
    """Text on its way into a column ``char(n)``, which fills it up with blanks."""

    __slots__ = ()


def _padded(value: object) -> Padded:
    return Padded(text(value))


def uuid(value: object) -> UUID:
    """Admit a UUID."""
    if not isinstance(value, UUID):
        raise Refused("must be a UUID")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise Refused("must be bytes")
    return value.tobytes() if isinstance(value, memoryview) else bytes(value)


def anything(value: object) -> object:
    """Admit whatever the driver takes."""
    return value


_unsigned: Final = whole_within(0, (1 << 32) - 1, " for 32 bits without a sign")
integer: Final = _integer(64)
integer16: Final = _integer(16)
integer32: Final = _integer(32)

_RULES: Final[Mapping[str, Rule]] = {
    "bool": boolean,
    "bpchar": _padded,
    "bytea": _bytes,
    "cid": _unsigned,
    "date": calendar_date,
    "float4": _float4,
    "float8": double,
    "int2": integer16,
    "int4": integer32,
    "int8": integer,
    "interval": duration,
    "numeric": numeric,
    "oid": _unsigned,
    "text": text,
    "time": time_of_day,
    "timestamp": naive_datetime,
    "timestamptz": instant,
    "timetz": time_with_offset,
    "uuid": uuid,
    "varchar": text,
    "xid": _unsigned,
}


def scalar_rule(type_name: str) -> Rule | None:
    """Return the rule of a simple type of PostgreSQL's own; None if it has none."""
    return _RULES.get(type_name)


def is_items(value: object) -> TypeGuard[Sequence[object]]:
    """Tell a list or tuple from everything else."""
    return isinstance(value, list | tuple)
