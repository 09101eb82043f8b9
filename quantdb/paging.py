"""Pages by key: an opaque cursor says where the last page ended."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from quantdb import exact
from quantdb.errors import InexactValue
from quantdb.models import Page

__all__ = ["as_limit", "opened", "paged", "sealed"]

T = TypeVar("T")


def as_limit(limit: int) -> int:
    """Return *limit* if it is a whole number from 1.

    Raises:
        InexactValue: It is not.
    """
    exact.check(exact.integer, limit, "limit")
    if limit < 1:
        raise InexactValue(f"limit: must be at least 1; got {limit}", "limit")
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
    except (ValueError, AttributeError, binascii.Error):
        parts = None
    if exact.is_items(parts) and len(parts) == len(belongs_to) + keys:
        texts = [str(part) for part in parts]
        if tuple(texts[: len(belongs_to)]) == belongs_to:
            return texts[len(belongs_to) :]
    raise InexactValue(
        f"after: is no cursor of this list ({' '.join(belongs_to)}); "
        "pass the 'next' of the page before, with the same arguments",
        "after",
    )
