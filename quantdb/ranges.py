"""The strict boundary inside ranges and multiranges.

PostgreSQL stores a range in one form of several that mean the same: of ranges over integers and
dates the one with its lower bound inside and its upper one outside, ``[1, 6)`` for ``[1, 5]``; an
empty range without bounds; the ranges of a multirange in order, joined where they touch. What is
sent has that form already, so that what comes back can be compared with it.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isnan
from typing import Final, Protocol, TypeGuard

import asyncpg

from quantdb.containers import nullable
from quantdb.exact import Refused, Rule, is_items

__all__ = ["multirange_of", "range_of"]

_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - instants are in UTC when they come here
_MICROSECOND: Final = timedelta(microseconds=1)
_DISCRETE: Final = frozenset({"int4range", "int8range", "daterange"})


class _Range(Protocol):
    """The driver's Range."""

    @property
    def lower(self) -> object: ...
    @property
    def upper(self) -> object: ...
    @property
    def lower_inc(self) -> bool: ...
    @property
    def upper_inc(self) -> bool: ...
    @property
    def isempty(self) -> bool: ...


_range: Final[Callable[..., _Range]] = getattr(asyncpg, "Range")  # noqa: B009 - of any bounds
_EMPTY: Final = _range(empty=True)


def range_of(bound: Rule, type_name: str = "") -> Rule:
    """Return the rule of a range: the driver's Range, whose bounds obey *bound*.

    Args:
        bound: The rule of what it is a range of.
        type_name: The range type, if it is PostgreSQL's own.
    """
    admit, discrete = nullable(bound), type_name in _DISCRETE

    def rule(value: object) -> _Range:
        if not _is_range(value):
            raise Refused("must be a Range")
        if value.isempty:
            return _EMPTY
        given = _range(
            admit(value.lower),
            admit(value.upper),
            lower_inc=value.lower_inc,
            upper_inc=value.upper_inc,
        )
        if _is_empty(given):
            return _EMPTY
        if not discrete:
            return given
        moved = _range(
            admit(_after(given.lower)) if not given.lower_inc else given.lower,
            admit(_after(given.upper)) if given.upper_inc else given.upper,
        )
        return _EMPTY if _is_empty(moved) else moved

    return rule


def multirange_of(part: Rule) -> Rule:
    """Return the rule of a multirange: a list of ranges that obey *part*."""

    def rule(value: object) -> list[_Range]:
        if not is_items(value):
            raise Refused("must be a list of Ranges")
        parts = [each for each in map(part, value) if _is_range(each) and not each.isempty]
        return _joined(parts) if all(map(_is_ranked, parts)) else parts

    return rule


def _is_range(value: object) -> TypeGuard[_Range]:
    return isinstance(value, asyncpg.Range)


_Rank = int | Decimal | float


def _rank(bound: object) -> _Rank | None:
    """Return where *bound* stands among others of its type; None if only the server knows."""
    if isinstance(bound, datetime):
        return (bound.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
    if isinstance(bound, date):
        return bound.toordinal()
    if isinstance(bound, timedelta):
        return bound // _MICROSECOND
    if isinstance(bound, time) and bound.tzinfo is None:
        return (datetime.combine(_EPOCH, bound) - _EPOCH) // _MICROSECOND
    if isinstance(bound, float) and isnan(bound):
        return None
    return bound if isinstance(bound, int | Decimal | float) else None


def _is_ranked(value: _Range) -> bool:
    return all(bound is None or _rank(bound) is not None for bound in (value.lower, value.upper))


def _is_empty(value: _Range) -> bool:
    low, high = _rank(value.lower), _rank(value.upper)
    if low is not None and high is not None and low > high:
        raise Refused("must have its lower bound below its upper bound")
    if value.lower is None or value.upper is None or (value.lower_inc and value.upper_inc):
        return False
    return _meet(value.lower, value.upper)


def _meet(low: object, high: object) -> bool:
    """Tell whether two bounds are one; for that no order need be known."""
    if isinstance(low, float) and isinstance(high, float) and isnan(low):
        return isnan(high)  # in PostgreSQL NaN is equal to itself
    if isinstance(low, time) and isinstance(high, time):
        return low == high and low.utcoffset() == high.utcoffset()
    return low == high


def _after(bound: object) -> object:
    if isinstance(bound, int):
        return bound + 1
    if isinstance(bound, date):
        try:
            return bound + timedelta(days=1)
        except OverflowError:
            raise Refused("ends after the year 9999 in the form that PostgreSQL stores") from None
    return bound


_Key = tuple[int, _Rank, int]


def _start(value: _Range) -> _Key:
    rank = _rank(value.lower)
    return (0, 0, 0) if rank is None else (1, rank, 0 if value.lower_inc else 1)


def _end(value: _Range) -> _Key:
    rank = _rank(value.upper)
    return (2, 0, 0) if rank is None else (1, rank, 1 if value.upper_inc else 0)


def _joined(parts: Sequence[_Range]) -> list[_Range]:
    joined: list[_Range] = []
    for part in sorted(parts, key=lambda each: (_start(each), _end(each))):
        if not joined or _end(joined[-1]) < _start(part):
            joined.append(part)
        elif _end(joined[-1]) < _end(part):
            last = joined[-1]
            joined[-1] = _range(
                last.lower, part.upper, lower_inc=last.lower_inc, upper_inc=part.upper_inc
            )
    return joined
