"""Whether what is stored is what was sent."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Final
from uuid import UUID

import asyncpg
from asyncpg.pgproto import pgproto

from quantdb.containers import Composite, is_mapping
from quantdb.exact import Padded, is_items
from quantdb.rarer import Amount

__all__ = ["at_once_the_same", "same"]

# Values of the same one of these are the same if they are equal.
_PLAIN: Final = frozenset({NoneType, str, int, bool, Decimal, UUID, bytes, date, timedelta})

# Of these, two that are equal are the same whatever their types (1 and 1.0, 0.0 and -0.0), but for
# times in a zone, which may be equal and an hour apart. A bool is equal to an int.
_SIMPLE: Final = (_PLAIN - {bool}) | {pgproto.UUID, datetime, float}


def at_once_the_same(
    sent: Sequence[object], stored: Iterable[object], *, zoned: bool = False
) -> bool:
    """Tell whether all that is *stored* is plainly what was sent; if not, `same` looks closer.

    Args:
        sent: The values that were sent.
        stored: The values that are stored.
        zoned: Whether times may have been sent in another zone than UTC.
    """
    given, found = tuple(sent), tuple(stored)
    if given != found:
        return False
    kinds = {*map(type, given), *map(type, found)}
    if _SIMPLE.issuperset(kinds) and not (zoned and datetime in kinds):
        return True
    return all(map(same, given, found))


def same(sent: object, stored: object) -> bool:
    """Tell whether *stored* is the value that was *sent*.

    Decimals are compared as numbers, instants in UTC (``==`` across zones is always False inside
    a fold or gap of daylight saving time, PEP 495), a float that is NaN is the same as NaN, a tuple
    is the same as a list or a record of its items, in a column ``char(n)`` blanks at the end mean
    nothing, and an amount of money is its figures.
    """
    if type(sent) is type(stored) and type(sent) in _PLAIN:
        return sent == stored
    return _same(sent, stored)


def _same(sent: object, stored: object) -> bool:
    if isinstance(sent, datetime) and isinstance(stored, datetime):
        if sent.tzinfo is None or stored.tzinfo is None:
            return sent.tzinfo is stored.tzinfo and sent == stored
        return sent.astimezone(UTC) == stored.astimezone(UTC)
    if is_items(sent):
        parts = _parts(stored)
        return parts is not None and len(sent) == len(parts) and all(map(same, sent, parts))
    if is_mapping(sent) and is_mapping(stored):
        return _same_entries(sent, stored)
    if isinstance(sent, asyncpg.Path) and isinstance(stored, asyncpg.Path):
        return sent.is_closed is stored.is_closed and same(sent.points, stored.points)
    if isinstance(sent, Padded) and isinstance(stored, str):
        return sent.rstrip(" ") == stored.rstrip(" ")
    if isinstance(sent, Amount) and isinstance(stored, str):
        return sent.cents == Amount(stored).cents
    if isinstance(sent, bool) is not isinstance(stored, bool):
        return False
    if sent == stored:
        return True
    return (
        isinstance(sent, float)
        and isinstance(stored, float)
        and math.isnan(sent)
        and math.isnan(stored)
    )


def _parts(value: object) -> Sequence[object] | None:
    if is_items(value):
        return value
    if isinstance(value, asyncpg.Path):
        return value.points
    # A record of the driver, which a composite comes back as.
    return tuple(value) if isinstance(value, Composite) and not is_mapping(value) else None


def _same_entries(sent: Mapping[object, object], stored: Mapping[object, object]) -> bool:
    return sent.keys() == stored.keys() and all(same(sent[key], stored[key]) for key in sent)
