"""What a type's modifier leaves of its values: ``numeric(10,2)``, ``varchar(20)``, ``time(3)``.

The server rounds and cuts to it without a word; these rules refuse what it would change. The forms
of the modifiers are those of PostgreSQL's own ``…typmodin`` functions.
"""

from collections.abc import Callable, Mapping, Sized
from datetime import datetime, time, timedelta
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_DOWN,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
)
from functools import lru_cache
from typing import Final

from quantdb.exact import Refused, Rule, is_items

__all__ = ["NONE", "within"]

NONE: Final = -1
"""No modifier."""

_HEADER: Final = 4
"""What PostgreSQL adds to a modifier of numeric, varchar and char."""

_Fit = Callable[[object, int], None]


def _numeric(value: object, modifier: int) -> None:
    if not isinstance(value, Decimal):
        return
    context, unit = _grid(modifier)
    try:
        context.quantize(value, unit)
    except Inexact:
        precision, scale = _precision(modifier)
        raise Refused(
            f"has more decimals than the {scale} of numeric({precision},{scale})"
        ) from None
    except InvalidOperation:
        precision, scale = _precision(modifier)
        raise Refused(f"has more digits than fit into numeric({precision},{scale})") from None


@lru_cache(1_000)
def _grid(modifier: int) -> tuple[Context, Decimal]:
    """Return a context that raises for a number that does not fit, and the unit of those that do.

    Nothing is rounded up, so it is for its decimals that 9.999 does not fit ``numeric(3,2)``.
    """
    precision, scale = _precision(modifier)
    context = Context(
        prec=precision,
        rounding=ROUND_DOWN,
        Emax=MAX_EMAX,
        Emin=MIN_EMIN,
        traps=[Inexact, InvalidOperation],
    )
    return context, Decimal((0, (1,), -scale))


def _precision(modifier: int) -> tuple[int, int]:
    """Return the digits that a numeric may have, and how many of them are decimals."""
    packed = modifier - _HEADER
    precision, scale = packed >> 16 & 0xFFFF, packed & 0x7FF
    return precision, (scale ^ 1024) - 1024  # of eleven bits, with a sign


def _text(value: object, modifier: int) -> None:
    if isinstance(value, Sized) and len(value) > modifier - _HEADER:
        raise Refused(f"is longer than {modifier - _HEADER} characters")


def _bit(value: object, modifier: int) -> None:
    if isinstance(value, Sized) and len(value) != modifier:
        raise Refused(f"must have {modifier} bits")


def _varbit(value: object, modifier: int) -> None:
    if isinstance(value, Sized) and len(value) > modifier:
        raise Refused(f"has more than {modifier} bits")


def _clock(value: object, modifier: int) -> None:
    if isinstance(value, datetime | time):
        _fraction(value.microsecond, modifier)


def _fraction(microsecond: int, decimals: int) -> None:
    if microsecond % 10 ** (6 - decimals):
        raise Refused(f"has more than {decimals} decimals of a second")


_FULL_RANGE: Final = 0x7FFF
_FULL_PRECISION: Final = 0xFFFF
# The fields of an interval that end with each, as bits; the finer ones are dropped by the server.
_DAY, _HOUR, _MINUTE, _SECOND = 1 << 3, 1 << 10, 1 << 11, 1 << 12


def _interval(value: object, modifier: int) -> None:
    if not isinstance(value, timedelta):
        return
    fields, decimals = modifier >> 16 & _FULL_RANGE, modifier & _FULL_PRECISION
    if fields != _FULL_RANGE and not fields & _SECOND:
        finest = timedelta(minutes=1) if fields & _MINUTE else timedelta(hours=1)
        finest = finest if fields & (_MINUTE | _HOUR) else timedelta(days=1)
        if value % finest or not fields & (_MINUTE | _HOUR | _DAY):
            raise Refused("has finer parts than the column's interval keeps")
    if decimals != _FULL_PRECISION:
        _fraction(value.microseconds, decimals)


_FITS: Final[Mapping[str, _Fit]] = {
    "bit": _bit,
    "bpchar": _text,
    "interval": _interval,
    "numeric": _numeric,
    "time": _clock,
    "timestamp": _clock,
    "timestamptz": _clock,
    "timetz": _clock,
    "varbit": _varbit,
    "varchar": _text,
}


def within(rule: Rule, type_name: str, modifier: int) -> Rule:
    """Return *rule* narrowed to what a modifier lets through unchanged.

    Args:
        rule: The rule of the type, or of an array of it.
        type_name: The type, without ``[]``.
        modifier: That of a column, an attribute or a domain (``atttypmod``); `NONE` for none.
    """
    fit = _FITS.get(type_name)
    if fit is None or modifier == NONE:
        return rule

    def look(value: object) -> None:
        if is_items(value):
            for item in value:
                look(item)
        else:
            fit(value, modifier)

    def narrowed(value: object) -> object:
        sent = rule(value)
        look(sent)
        return sent

    return narrowed
