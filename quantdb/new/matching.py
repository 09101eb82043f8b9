"""A text that a regular expression matches, to be tried in its place."""

import re
from typing import Final

__all__ = ["matching"]

_LONGEST: Final = 200
_CLASSES: Final = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_NAMED: Final = {
    "alnum": "a",
    "alpha": "a",
    "digit": "1",
    "lower": "a",
    "space": " ",
    "upper": "A",
    "xdigit": "a",
}
_TIMES: Final = re.compile(r"\{(\d+)(?:,\d*)?\}\??|[+*?]\??")


def matching(pattern: str) -> str | None:
    """Return a short text that *pattern* matches; None if that is beyond us.

    Of each choice it takes the first, of each repetition the fewest, but of ``*`` none.
    """
    try:
        text, end = _choices(pattern.removeprefix("***:"), 0)
    except (IndexError, ValueError, RecursionError):
        return None
    return text if end == len(pattern.removeprefix("***:")) and len(text) <= _LONGEST else None


def _choices(pattern: str, at: int) -> tuple[str, int]:
    """Return a text for the first of several branches, and where the group ends."""
    first: str | None = None
    while True:
        text, at = _branch(pattern, at)
        first = text if first is None else first
        if at >= len(pattern) or pattern[at] == ")":
            return first, at
        at += 1  # the bar


def _branch(pattern: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(pattern) and pattern[at] not in "|)":
        part, at = _atom(pattern, at)
        times = _TIMES.match(pattern, at)
        if times:
            at = times.end()
            part *= int(times[1]) if times[1] else 1 if times[0].startswith("+") else 0
        parts.append(part)
        if sum(map(len, parts)) > _LONGEST:
            raise ValueError(pattern)
    return "".join(parts), at


def _atom(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at]
    if char in "^$":
        return "", at + 1
    if char == ".":
        return "a", at + 1
    if char == "\\":
        return _escape(pattern[at + 1]), at + 2
    if char == "[":
        return _bracket(pattern, at + 1)
    if char == "(":
        if pattern.startswith(("(?=", "(?!", "(?<"), at):
            raise ValueError(pattern)
        text, at = _choices(pattern, at + (3 if pattern.startswith("(?:", at) else 1))
        return text, at + (pattern[at] == ")")
    return char, at + 1


def _escape(char: str) -> str:
    if char in "AmMyYZ":  # where, not what
        return ""
    if char.isalnum() and char not in _CLASSES:
        raise ValueError(char)
    return _CLASSES.get(char, char)


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """Return one of the characters in a bracket expression, or one that is not."""
    negated = pattern[at] == "^"
    begin = at + negated
    end = pattern.index("]", begin + 1)
    while pattern[begin:end].count("[:") > pattern[begin:end].count(":]") or (
        pattern[end - 1] == ":" and pattern.startswith("[:", pattern.rindex("[", 0, end))
    ):
        end = pattern.index("]", end + 1)
    inner = pattern[begin:end]
    if negated:
        return next(char for char in "aA1-_~" if not _is_in(char, inner)), end + 1
    named = re.match(r"\[:(\w+):\]", inner)
    if named:
        return _NAMED[named[1]], end + 1
    return (_escape(inner[1]) if inner[0] == "\\" else inner[0]), end + 1


def _is_in(char: str, inner: str) -> bool:
    """Tell whether a bracket expression may hold a character; it is a guess that is tried."""
    ranges = re.findall(r"(.)-(.)", inner)
    return char in inner or any(first <= char <= last for first, last in ranges)
