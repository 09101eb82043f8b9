"""Pages by key: an opaque cursor says where the last page ended."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from quantdb import exact
from quantdb.errors import InexactValue
from quantdb.models import Page

__all__ = ["as_id", "as_instant", "as_limit", "as_uuid", "opened", "paged", "sealed"]

K = TypeVar("K")
T = TypeVar("T")

# A page asks for one row more than its limit, to learn whether there is another page.
_MOST: Final = (1 << 63) - 2


def as_limit(limit: int) -> int:
    """Return *limit* if it is a whole number from 1 that leaves room for one row more.

    Raises:
        InexactValue: It is not.
    """
    exact.check(exact.integer, limit, "limit")
    if limit < 1:
        raise InexactValue(f"limit: must be at least 1; got {limit}", "limit")
    if limit > _MOST:
        raise InexactValue(f"limit: must be at most {_MOST}; got {limit}", "limit")
    return limit


def paged(rows: Sequence[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """Make a page of *limit* rows of a result that was asked for one more."""
    items = list(rows[:limit])
    return Page(items, cursor(items[-1]) if len(rows) > limit else None)


def sealed(*parts: str) -> str:
    """Return a cursor of *parts*: the list that it belongs to, then the key of its last row."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def opened(cursor: str, *belongs_to: str, keys: int) -> list[str]:
    """Return the *keys* parts of a cursor of the list *belongs_to*.

    Raises:
        InexactValue: It is no cursor of that list.
    """
    try:
        parts: object = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, AttributeError, RecursionError):
        parts = None
    if exact.is_items(parts) and len(parts) == len(belongs_to) + keys:
        texts = [part for part in parts if isinstance(part, str)]
        # Decoding skips what is not of its alphabet: a cursor is what `sealed` makes, to the byte.
        if sealed(*texts) == cursor and tuple(texts[: len(belongs_to)]) == belongs_to:
            return texts[len(belongs_to) :]
    raise _refusal(f" ({' '.join(belongs_to)})")


def as_instant(key: str) -> datetime:
    """Return the instant that is a key of a cursor, or raise InexactValue."""
    return _parsed(lambda text: exact.instant(datetime.fromisoformat(text)), key)


def as_uuid(key: str) -> UUID:
    """Return the UUID that is a key of a cursor, or raise InexactValue."""
    return _parsed(UUID, key)


def as_id(key: str) -> int:
    """Return the whole number of 64 bits that is a key of a cursor, or raise InexactValue."""
    number = _parsed(int, key)
    _parsed(exact.integer, number)
    return number


def _parsed(parse: Callable[[K], T], key: K) -> T:
    try:
        return parse(key)
    except ValueError:
        raise _refusal() from None


def _refusal(of: str = "") -> InexactValue:
    return InexactValue(
        f"after: is no cursor of this list{of}; "
        "pass the 'next' of the page before, with the same arguments",
        "after",
    )
