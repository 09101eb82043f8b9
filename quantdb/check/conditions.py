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
    """Return a key that is compared within a cast or a function alone, and that condition.

    The index is searched without it, and every row that is found is read. Where the key itself is
    compared as well, with one value or from both sides, it is for finer things that it is wrapped.
    """
    names = {plain[0] for plain in (_plain(key, "") for key in keys) if len(plain) == 1}
    for condition in _conjuncts(source("", step.filter)):
        plain = _plain(condition, step.alias)
        if "or" in plain or not _COMPARISONS & {*plain} or _is_of_part(plain):
            continue
        own = _own_columns(condition, step.alias)
        if own <= names and (len(own) == 1 or "row" in plain):
            loose = [name for name in own if not _is_pinned(step, name)]
            if loose:
                return min(loose), condition
    return None


def _is_of_part(plain: Sequence[str]) -> bool:
    """Tell whether a condition is on a part of a value, such as the hour, which has no order."""
    return bool(_PARTS & {*plain}) or ("::", "time") in pairwise(plain)


def _is_pinned(step: Step, key: str) -> bool:
    """Tell whether an index is searched by a key for one value, or for a range with both ends."""
    signs = set[str]()
    for condition in _conjuncts(source("", step.text("Index Cond"))):
        if key in _own_columns(condition, step.alias):
            signs |= {sign[0] for sign in _COMPARISONS & {*_plain(condition, step.alias)}}
    return "=" in signs or {"<", ">"} <= signs


def mentions_alias(condition: str, alias: str) -> bool:
    """Tell whether a condition is about a column of the table that it calls *alias*."""
    return bool(_own_columns(condition, alias))


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


def _own_columns(condition: str, alias: str) -> set[str]:
    """Return the columns in a condition that are of the table that it calls *alias*."""
    tokens = source("", condition).tokens
    threes = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return {
        column.identifier
        for table, dot, column in threes
        if table.identifier == alias and dot.text == "."
    }


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
