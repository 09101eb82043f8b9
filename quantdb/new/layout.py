"""How what is written is laid out: as ruff would, for lines of 88 characters and for longer ones.

What does not fit into a line is written one item a line with a comma behind the last, which the
formatter leaves as it is however long its lines may be.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = [
    "INNER",
    "call",
    "docstring",
    "fits",
    "listed",
    "method",
    "paragraph",
    "plain",
    "section",
    "signature",
    "text",
    "width",
]

_LINE: Final = 88
_QUOTES: Final = "\0\0\0"
_WIDE: Final = frozenset("WF")


def width(line: str) -> int:
    """Return how many cells a line takes; a wide character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in line)


def fits(line: str) -> bool:
    """Tell whether a line is short enough."""
    return width(line) <= _LINE


def call(head: str, items: Sequence[str], tail: str, indent: str = "") -> str:
    """Return ``head item, item tail``, or a line for each item if that is too long.

    *head* ends with the bracket that *tail* begins by closing.
    """
    line = f"{indent}{head}{', '.join(items)}{tail}"
    if fits(line) or not items:
        return line
    return "\n".join(
        [f"{indent}{head}", *(f"{indent}    {item}," for item in items), f"{indent}{tail}"]
    )


def listed(items: Sequence[str], indent: str = "", before: str = "", comma: str = ",") -> list[str]:
    """Return items with commas between them, in lines as full as can be, each after *before*."""
    lines: list[str] = []
    line = ""
    for number, item in enumerate(items):
        piece = item if number == len(items) - 1 else f"{item}{comma}"
        longer = f"{line} {piece}" if line else f"{indent}{before}{piece}"
        if line and not fits(longer):
            lines.append(line)
            longer = f"{indent}{before}{piece}"
        line = longer
    return [*lines, line]


def plain(said: str) -> str:
    """Return what somebody wrote as one line of words that can stand in a comment."""
    shown = "".join(char if char.isprintable() else " " for char in said)
    return " ".join(shown.split())


def paragraph(said: str, indent: str, hanging: str = "", room: int = 0) -> list[str]:
    """Return the lines of a paragraph of a docstring, which may say anything.

    Those after the first are indented by *hanging* as well; each leaves *room* for so many more.
    """
    lines: list[str] = []
    line = ""
    for word in _safe(said).split():
        longer = f"{line} {word}" if line else f"{indent}{word}"
        if line and width(longer) + room > _LINE:
            lines.append(line)
            longer = f"{indent}{hanging}{word}"
        line = longer
    return [*lines, line]


def docstring(first: str, *paragraphs: Sequence[str], indent: str = "    ") -> list[str]:
    """Return the lines of a docstring; what it says may hold anything.

    Args:
        first: Its first paragraph, as one line.
        paragraphs: The lines of the others, each by `paragraph`.
        indent: Of the quotes.
    """
    rest = [line for each in paragraphs for line in ("", *each)]
    # The quotes count as three letters of the first word.
    head = paragraph(f"{_QUOTES}{first}", indent, room=0 if rest else 3)
    head[0] = head[0].replace(_QUOTES, '"""', 1)
    if len(head) == 1 and not rest:
        return [f'{head[0]}"""']
    return [*head, *rest, f'{indent}"""']


def _safe(line: str) -> str:
    return line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(value: str) -> str:
    """Return a text as Python source."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return f"{quote}{''.join(_escaped(char, quote) for char in value)}{quote}"


def _escaped(char: str, quote: str) -> str:
    if char == quote:
        return f"\\{char}"
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


INNER: Final = " " * 8
"""How a method's body is indented."""


def method(signature: str, said: str, *paragraphs: Sequence[str], body: Sequence[str]) -> str:
    """Return a method."""
    return "\n".join([signature, *docstring(said, *paragraphs, indent=INNER), *body])


def signature(name: str, parameters: Sequence[str], returned: str) -> str:
    """Return the first line of a method, or the lines of it."""
    return call(f"async def {name}(", ["self", *parameters], f") -> {returned}:", "    ")


def section(title: str, entries: Mapping[str, str]) -> list[str]:
    """Return a section of a method's docstring."""
    lines = [f"{INNER}{title}:"]
    for name, said in entries.items():
        lines += paragraph(f"{name}: {said}", INNER + "    ", "    ")
    return lines
