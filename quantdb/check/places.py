"""Where each column of a result is made: the items of the outermost select or RETURNING list.

No parser is needed for that: the server has accepted the statement, so brackets match, and what
ends a list is a reserved word, which is no name unless it is quoted, a label (``AS from``) or an
attribute (``t.from``).
"""

from typing import Final

from quantdb.check.problems import Place
from quantdb.check.source import Source

__all__ = ["columns", "outputs", "verb"]

_VERBS: Final = frozenset({"select", "insert", "update", "delete", "merge", "values", "table"})
_ENDS: Final = frozenset(
    {
        "except", "fetch", "for", "from", "group", "having", "intersect", "into", "limit",
        "offset", "order", "union", "where", "window",
    }
)  # fmt: skip


def columns(source: Source, count: int) -> list[tuple[Place, bool]]:
    """Return the place of each of *count* columns, and whether it is made there by itself.

    A column that cannot be told from others has the place of their ``*``, or of the list.
    """
    items = outputs(source)
    stars = [number for number, item in enumerate(items) if _is_star(source, item)]
    if not stars and len(items) == count:
        return [(_place(source, item), True) for item in items]
    if len(stars) == 1 and len(items) - 1 <= count:
        before, star, after = items[: stars[0]], items[stars[0]], items[stars[0] + 1 :]
        return [
            *((_place(source, item), True) for item in before),
            *[(_place(source, star), False)] * (count - len(before) - len(after)),
            *((_place(source, item), True) for item in after),
        ]
    first = items[0][0] if items else 0
    return [(source.place(first), False)] * count


def outputs(source: Source) -> list[tuple[int, int]]:
    """Return the items of the list that makes the result: the numbers of their tokens."""
    return _outputs(source, 0, len(source.tokens))


def verb(source: Source, begin: int = 0) -> int:
    """Return the number of the token that says what is done: behind WITH and its queries."""
    number = begin
    if source.word(number) != "with":
        return number
    number += 2 if source.word(number + 1) == "recursive" else 1
    while number < len(source.tokens):
        # name [(columns)] AS [[NOT] MATERIALIZED] (query) [SEARCH …] [CYCLE …]
        while number < len(source.tokens) and source.word(number) != "as":
            number = source.after(number)
        while number < len(source.tokens) and source.sign(number) != "(":
            number += 1
        number = source.after(number)
        while number < len(source.tokens) and not (
            source.sign(number) in {",", "("} or source.word(number) in _VERBS
        ):
            number = _after_clause(source, number)
        if source.sign(number) != ",":
            return number
        number += 1
    return number


def _after_clause(source: Source, number: int) -> int:
    """Return what follows a token of SEARCH or CYCLE, or the list of columns that it begins."""
    if source.word(number) not in {"by", "cycle"}:
        return number + 1
    number += 2
    while source.sign(number) == ",":
        number += 2
    return number


def _outputs(source: Source, begin: int, end: int) -> list[tuple[int, int]]:
    number = verb(source, begin)
    if source.sign(number) == "(":
        return _outputs(source, number + 1, source.closing.get(number, end))
    match source.word(number):
        case "select":
            first = _behind_distinct(source, number + 1)
            return source.split(first, _end_of_list(source, first, end))
        case "values":
            return source.split(number + 2, source.closing.get(number + 1, end))
        case "insert" | "update" | "delete" | "merge":
            return _returned(source, number, end)
        case _:
            return []


def _behind_distinct(source: Source, number: int) -> int:
    if source.word(number) == "all":
        return number + 1
    if source.word(number) != "distinct":
        return number
    if source.word(number + 1) == "on" and source.sign(number + 2) == "(":
        return source.after(number + 2)
    return number + 1


def _end_of_list(source: Source, number: int, end: int) -> int:
    while number < end and not _ends(source, number):
        number = source.after(number)
    return min(number, end)


def _ends(source: Source, number: int) -> bool:
    word, before = source.word(number), source.word(number - 1)
    if word not in _ENDS or before == "as" or source.sign(number - 1) == ".":
        return False
    # IS DISTINCT FROM and WITHIN GROUP are no clauses.
    return (before, word) not in {("distinct", "from"), ("within", "group")}


def _returned(source: Source, number: int, end: int) -> list[tuple[int, int]]:
    begin = 0
    while number < end:
        labelled = source.word(number - 1) == "as" or source.sign(number - 1) == "."
        if source.word(number) == "returning" and not labelled:
            begin = number + 1
        number = source.after(number)
    if not begin:
        return []
    if source.word(begin) == "with" and source.sign(begin + 1) == "(":  # (OLD AS o, NEW AS n)
        begin = source.after(begin + 1)
    return source.split(begin, end)


def _is_star(source: Source, item: tuple[int, int]) -> bool:
    """Tell whether an item is ``*``, ``t.*`` or ``(f(x)).*``."""
    begin, end = item
    return source.sign(end - 1) == "*" and (end - begin == 1 or source.sign(end - 2) == ".")


def _place(source: Source, item: tuple[int, int]) -> Place:
    begin, end = item
    return source.place(begin, end - 1)
