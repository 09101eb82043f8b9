"""What the conditions of a plan say of the columns of an index."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from quantdb.check.explained import Step
from quantdb.check.source import Source, source

__all__ = ["constrains", "mentions_alias", "restricts", "wrapped"]

_COMPARISONS: Final = frozenset({"=", "<", ">", "<=", ">="})
# A part of a column is no range of it; a condition on it never uses an index on the column.
_PARTS: Final = frozenset({"abs", "date_part", "extract", "length", "mod", "to_char"})


def constrains(step: Step, key: str) -> bool:
    """Tell whether the condition of an index scan is about a column or an expression, *key*."""
    condition, wanted = _plain(step.text("Index Cond"), step.alias), _plain(key, "")
    for at in range(len(condition) - len(wanted) + 1):
        behind = at + len(wanted)
        found = condition[at:behind] == wanted and condition[at - 1 : at] != ["."]
        if found and condition[behind : behind + 3] != ["is", "not", "null"]:
            return True
    return False


def restricts(predicate: str) -> bool:
    """Tell whether the condition of a partial index is more than that columns are not NULL."""
    conditions = (_plain(each, "") for each in _conjuncts(source("", predicate)))
    return any(condition[-3:] != ["is", "not", "null"] for condition in conditions)


def wrapped(step: Step, keys: Sequence[str]) -> tuple[str, str] | None:
    """Return a key that is compared within a cast or a function, and that condition.

    The index is searched by its other keys, and every row that they find is read. A function may
    narrow down further what a condition on the key itself has found.
    """
    for condition in _conjuncts(source("", step.filter)):
        plain = _plain(condition, step.alias)
        if "or" in plain or not _COMPARISONS & {*plain} or _PARTS & {*plain}:
            continue
        if _own_columns(condition, step.alias) != 1:
            continue
        for key in keys:
            if _plain(key, "") != [key] or key not in plain:
                continue
            behind = plain[plain.index(key) + 1 :]
            if behind[:1] == ["::"] or not constrains(step, key):
                return key, condition
    return None


def mentions_alias(condition: str, alias: str) -> bool:
    """Tell whether a condition is about a column of the table that it calls *alias*."""
    return _own_columns(condition, alias) > 0


def _plain(text: str, alias: str) -> list[str]:
    """Return the tokens of an expression, without brackets and without *alias* before a name."""
    tokens = source("", text).tokens
    plain: list[str] = []
    for token in tokens:
        if token.text in {"(", ")"}:
            continue
        if token.text == "." and plain and plain[-1] == alias:
            plain.pop()
            continue
        plain.append(token.identifier or token.text)
    return plain


def _own_columns(condition: str, alias: str) -> int:
    tokens = source("", condition).tokens
    return sum(
        token.identifier == alias and behind.text == "." for token, behind in pairwise(tokens)
    )


def _conjuncts(expression: Source) -> Iterator[str]:
    """Give the conditions that an expression joins by AND."""
    begin, end = 0, len(expression.tokens)
    while begin < end and expression.closing.get(begin) == end - 1:
        begin, end = begin + 1, end - 1
    parts, first, number = list[tuple[int, int]](), begin, begin
    while number < end:
        if expression.word(number) == "and":
            parts.append((first, number))
            first = number + 1
        number = expression.after(number)
    for start, stop in (*parts, (first, end)):
        if start >= stop:
            continue
        text = expression.text[expression.tokens[start].at : expression.tokens[stop - 1].end]
        if parts:
            yield from _conjuncts(source("", text))
        else:
            yield text
