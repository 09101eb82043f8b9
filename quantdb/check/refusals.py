"""What the server says when it refuses a statement, in its own words, and where."""

import re
from difflib import get_close_matches
from typing import Final, Literal

import asyncpg

from quantdb.check.names import names
from quantdb.check.problems import Place, Problem, Rule
from quantdb.check.source import Source
from quantdb.database import Connection
from quantdb.outcomes import is_lost

__all__ = ["REFUSED", "is_consequence", "refusal", "with_suggestion"]

REFUSED: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a server, or the driver in its place, refuses a statement with."""

# What is missing, by SQLSTATE.
_KINDS: Final[dict[str, Literal["relation", "column", "function", "type"]]] = {
    "42P01": "relation",
    "42703": "column",
    "42704": "type",
    "42883": "function",
}
_MISSING: Final = frozenset({*_KINDS, "3F000", "42P10"})
_NO_SUCH_KEY: Final = "42P10"
_TWICE: Final = frozenset({"42701", "42710"})
_BEFORE_RELATION: Final = frozenset({"from", "into", "join", "only", "table", "update", "using"})
# What a message names, in quotes or as a parameter.
_QUOTED: Final = re.compile(r"(?<=[\"«„“])[^\"«»„“”]+(?=[\"»“”])|\$\d+")
# How alike two names must be, and how long, for one to be meant by the other.
_ALIKE: Final = 0.7
_LEAST: Final = 3


def refusal(error: Exception, source: Source, rule: Rule, offset: int = 0) -> Problem:
    """Return the problem that an error of the server is.

    Args:
        error: What it raised.
        source: The statement.
        rule: What the problem is about.
        offset: The character of the file, from 0, with which what was sent began.

    Raises:
        Exception: *error* itself, if it says that the connection is gone.
    """
    if is_lost(error):
        raise error
    if not isinstance(error, asyncpg.PostgresError):
        return Problem(_beginning(source), rule, str(error))
    said = filter(None, (error.detail, error.hint))
    return Problem(_place(error, source, offset), rule, error.message or str(error), " ".join(said))


def is_consequence(error: Exception) -> bool:
    """Tell whether something is missing, which may be so because the schema failed."""
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _MISSING


def _place(error: asyncpg.PostgresError, source: Source, offset: int) -> Place:
    """Return the place that an error is about; the statement's first line if nothing tells."""
    if not source.tokens:
        return Place(source.file)
    if error.position:
        at = int(error.position) - 1 + offset
        number = source.found(at)
        number = len(source.tokens) - 1 if number is None else number  # behind the end
        return source.place(number, _last(source, number))
    return _named(error, source) or _beginning(source)


def _beginning(source: Source) -> Place:
    return Place(source.file, source.place(0).line) if source.tokens else Place(source.file)


def _named(error: asyncpg.PostgresError, source: Source) -> Place | None:
    """Return where the statement has what an error without a position is about."""
    if error.sqlstate == _NO_SUCH_KEY:
        for number in range(len(source.tokens)):
            if (source.word(number), source.word(number + 1)) == ("on", "conflict"):
                return source.place(number, number + 1)
    for name in _QUOTED.findall(error.message or ""):
        found = [
            number
            for number, token in enumerate(source.tokens)
            if name in {token.identifier, token.text if token.kind == "parameter" else ""}
        ]
        if error.sqlstate in _TWICE:
            found = [number for number in found if _defines(source, number)][1:] or found
        if found:
            return source.place(found[0])
    return None


def _defines(source: Source, number: int) -> bool:
    """Tell whether a name is that of a column or a constraint which begins there."""
    return source.sign(number - 1) in {"(", ","} or source.word(number - 1) == "constraint"


async def with_suggestion(
    connection: Connection, error: Exception, problem: Problem, source: Source
) -> str:
    """Return the hint of *problem*; where the server has none, names that look like the one."""
    if not isinstance(error, asyncpg.PostgresError) or problem.place.width == 1:
        return problem.hint
    kind, number = _KINDS.get(error.sqlstate or ""), _token(problem.place, source)
    if kind is None or number is None or (problem.hint and kind != "function"):
        return problem.hint
    name = source.name(_last(source, number))
    if kind == "relation" and source.word(number - 1) not in _BEFORE_RELATION:
        name = source.name(number)  # t of t.price: no table of FROM is called so
    said = {token.identifier for token in source.tokens if token.identifier}
    there = await names(connection, kind, sorted(said))
    if kind == "function" and name in there:
        return problem.hint  # it is the arguments that do not fit
    if kind in {"relation", "column"}:
        there |= said
    chain = {source.name(each) for each in range(number, _last(source, number) + 1)}
    close = get_close_matches(name, sorted(there - chain), n=1, cutoff=_ALIKE)
    return f"perhaps {close[0]}" if close and len(name) >= _LEAST else problem.hint


def _token(place: Place, source: Source) -> int | None:
    """Return the number of the token at a place."""
    lines = source.text.split("\n")
    return source.found(sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1)


def _last(source: Source, number: int) -> int:
    """Return the last token of the name, such as ``t.price``, that begins with token *number*."""
    while source.name(number) and source.sign(number + 1) == "." and source.name(number + 2):
        number += 2
    return number
