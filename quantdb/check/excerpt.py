"""A line of a source file as it is shown: in the room there is, with carets under what is meant."""

import unicodedata
from itertools import accumulate
from typing import Final

import attrs

__all__ = ["Excerpt", "cells", "excerpt", "shown"]

_TAB: Final = 4
_LEAST_ROOM: Final = 20
_WIDE: Final = frozenset("WF")
_WITHOUT_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})
# What a terminal would obey, or what would turn the line around, instead of being shown.
_OBEYED: Final = frozenset({"Cc", "Zl", "Zp"})
_TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


@attrs.frozen
class Excerpt:
    """A line and the carets below it.

    Attributes:
        line: The line, without what a terminal would obey.
        before: How many cells stand before the carets.
        carets: How many there are; none if the whole line is meant.
    """

    line: str
    before: int
    carets: int


def excerpt(line: str, column: int, width: int, room: int) -> Excerpt:
    """Return *line* in at most *room* cells, with carets under *width* characters from *column*.

    A longer line is cut to what surrounds the place, with an ellipsis for what is left out. Column
    1 and width 1 are what a place is given that means the whole line.
    """
    glyphs = _glyphs(line)
    at = list(accumulate(map(cells, glyphs), initial=0))  # the cell at which each begins
    first = min(column - 1, len(line))
    last = min(first + max(width, 1), len(line))
    begin, end = at[first], max(at[last], at[first] + 1)
    low, high = _window(at, begin, end, max(room, _LEAST_ROOM))
    ellipsis = "…" if low else ""
    carets = min(end, max(at[high], begin + 1)) - begin
    return Excerpt(
        f"{ellipsis}{''.join(glyphs[low:high]).rstrip()}{'…' if high < len(glyphs) else ''}",
        begin - at[low] + len(ellipsis),
        carets if (column, width) != (1, 1) else 0,
    )


def _window(at: list[int], begin: int, end: int, room: int) -> tuple[int, int]:
    """Return which characters are shown: all, or those around the cells *begin* to *end*."""
    count = len(at) - 1
    if max(at[count], end) <= room:
        return 0, count
    room -= 2  # an ellipsis on either side
    middle = max((begin + min(end, begin + room)) // 2, room // 2)
    low = min(middle - room // 2, max(at[count] - room, 0), begin)
    first = next(number for number, cell in enumerate(at) if cell >= low)
    last = max(number for number, cell in enumerate(at) if cell <= at[first] + room)
    return first, last


def _glyphs(line: str) -> list[str]:
    """Return what is shown for each character."""
    glyphs: list[str] = []
    column = 0
    for character in line:
        glyph = " " * (_TAB - column % _TAB) if character == "\t" else shown(character)
        glyphs.append(glyph)
        column += cells(glyph)
    return glyphs


def shown(text: str) -> str:
    """Return *text* without what a terminal would obey; a tab is a blank."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_harmless, text))


def _harmless(character: str) -> str:
    if character == "\t":
        return " "
    obeyed = unicodedata.category(character) in _OBEYED or character in _TURNING
    return "\N{REPLACEMENT CHARACTER}" if obeyed else character


def cells(text: str) -> int:
    """Return how many cells of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
