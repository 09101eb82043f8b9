"""Which parameters of a statement go straight into which columns of a table.

The server gives such a parameter the type of its column without the modifier: it takes any numeric
for a column ``numeric(10,2)``, and rounds. Only the plain forms are recognised, ``INSERT INTO t (a)
VALUES ($1)`` and ``UPDATE t SET a = $1``; what a statement computes is its own affair.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from quantdb.errors import ConfigError
from quantdb.lexer import Token, statements

__all__ = ["Target", "target_of"]

_OPENING: Final = frozenset("([")
_CLOSING: Final = frozenset(")]")
_ASSIGNMENT: Final = 3
"""Tokens of ``a = $1``."""

_Tokens = Sequence[Token]


@attrs.frozen
class Target:
    """A table, and the parameters that go into it.

    Attributes:
        table: Its name, as the statement has it.
        columns: The names of its columns that are written; None for all, in the table's order.
        places: Pairs of a parameter, from 1, and the place of its column in *columns*, from 0.
        is_whole: Whether the statement does nothing else: one row of parameters is inserted, or
            replaces another, as it is, and columns are returned.
    """

    table: str
    columns: tuple[str, ...] | None
    places: tuple[tuple[int, int], ...]
    is_whole: bool = False


def target_of(text: str) -> Target | None:
    """Return where the parameters of a statement go; None if none goes straight into a column."""
    try:
        found = list(statements("", text))
    except ConfigError:  # the server will say what is wrong with it
        return None
    if len(found) != 1:
        return None
    [tokens] = found
    match [token.word for token in tokens[:2]]:
        case ["insert", "into"]:
            return _of_insert(tokens[2:])
        case ["update", "only"]:
            return _of_update(tokens[2:])
        case ["update", _]:
            return _of_update(tokens[1:])
        case _:
            return None


def _of_insert(tokens: _Tokens) -> Target | None:
    table, rest = _table(tokens)
    if _word(rest) == "as":
        rest = rest[2:]
    columns: tuple[str, ...] | None = None
    if _is_open(rest):
        items, rest = _items(rest)
        columns = tuple(item[0].identifier if len(item) == 1 else "" for item in items)
    if _word(rest) == "overriding":
        rest = rest[3:]
    if _word(rest) != "values" or (columns is not None and "" in columns):
        return None
    rest, places, rows = rest[1:], list[tuple[int, int]](), 0
    while _is_open(rest):
        items, rest = _items(rest)
        places += [(_parameter(item), place) for place, item in enumerate(items)]
        rest = rest[1:] if rest and rest[0].text == "," else rest
        rows += 1
    of_parameters = rows == 1 and all(parameter for parameter, _place in places)
    is_whole = of_parameters and _only_stores(columns, rest)
    return _target(table, columns, places, is_whole=is_whole)


def _only_stores(columns: tuple[str, ...] | None, tokens: _Tokens) -> bool:
    """Tell whether what follows the values of an INSERT leaves them as they are."""
    words = [token.word for token in tokens]
    if words[:2] == ["on", "conflict"]:
        if "do" not in words:
            return False
        start = words.index("do") + 1
        key = _key(tokens[2:start])
        tokens, words = tokens[start:], words[start:]
        if words[:1] == ["nothing"]:
            tokens = tokens[1:]
        elif words[:2] == ["update", "set"]:
            end = words.index("returning") if "returning" in words else len(words)
            if columns is None or not _replaces(set(columns) - key, tokens[2:end]):
                return False
            tokens = tokens[end:]
        else:
            return False
    if not tokens:
        return True
    return _word(tokens) == "returning" and all(
        len(item) == 1 and item[0].identifier for item in _split(tokens[1:])
    )


def _key(tokens: _Tokens) -> set[str]:
    """Return the columns on which rows conflict: two that do have the same values there."""
    items, _rest = _items(tokens) if _is_open(tokens) else ([], tokens)
    return {item[0].identifier for item in items if len(item) == 1}


def _replaces(columns: set[str], tokens: _Tokens) -> bool:
    """Tell whether what follows SET gives each of *columns* its new value, and does no more."""
    assignments = _split(tokens)
    replaced = {item[0].identifier for item in assignments}
    return all(map(_is_replacing, assignments)) and columns <= replaced


def _is_replacing(item: _Tokens) -> bool:
    """Tell whether an assignment is ``a = excluded.a``."""
    match [token.identifier or token.text for token in item]:
        case [column, "=", "excluded", ".", same]:
            return column == same
        case _:
            return False


def _of_update(tokens: _Tokens) -> Target | None:
    table, rest = _table(tokens)
    words = [token.word for token in rest]
    if "set" not in words:
        return None
    columns: list[str] = []
    places: list[tuple[int, int]] = []
    for item in _assignments(rest[words.index("set") + 1 :]):
        if len(item) == _ASSIGNMENT and item[0].identifier and item[1].text == "=":
            places.append((_parameter(item[2:]), len(columns)))
            columns.append(item[0].identifier)
    return _target(table, tuple(columns), places)


def _target(
    table: str,
    columns: tuple[str, ...] | None,
    places: Sequence[tuple[int, int]],
    *,
    is_whole: bool = False,
) -> Target | None:
    straight = tuple((parameter, place) for parameter, place in places if parameter)
    return Target(table, columns, straight, is_whole) if table and straight else None


def _table(tokens: _Tokens) -> tuple[str, _Tokens]:
    """Return the name that tokens begin with, and the tokens after it."""
    length = 0
    while length < len(tokens) and tokens[length].identifier:
        length += 1
        if length == len(tokens) or tokens[length].text != ".":
            break
        length += 1
    return "".join(token.text for token in tokens[:length]), tokens[length:]


def _items(tokens: _Tokens) -> tuple[list[_Tokens], _Tokens]:
    """Return the items of the list in parentheses that tokens begin with, and what follows it."""
    depth = 0
    for end, token in enumerate(tokens):
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if not depth:
            return _split(tokens[1:end]), tokens[end + 1 :]
    return [], []


def _assignments(tokens: _Tokens) -> list[_Tokens]:
    depth = 0
    for end, token in enumerate(tokens):
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if not depth and token.word in {"from", "returning", "where"}:
            return _split(tokens[:end])
    return _split(tokens)


def _split(tokens: _Tokens) -> list[_Tokens]:
    """Return what stands between the commas that stand in no parentheses."""
    depth, items = 0, [list[Token]()]
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if token.text == "," and not depth:
            items.append([])
        else:
            items[-1].append(token)
    return [*items]


def _parameter(item: _Tokens) -> int:
    """Return the number of the parameter that an item is; 0 if it is none, or more than one."""
    return int(item[0].text[1:]) if len(item) == 1 and item[0].kind == "parameter" else 0


def _word(tokens: _Tokens) -> str:
    return tokens[0].word if tokens else ""


def _is_open(tokens: _Tokens) -> bool:
    return bool(tokens) and tokens[0].text == "("
