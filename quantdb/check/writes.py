"""Columns that a statement writes and the database rounds, where no file of the folder says so."""

from collections.abc import Iterator
from typing import Final

from quantdb import sqlfile
from quantdb.check.findings import rounding
from quantdb.check.problems import Problem
from quantdb.check.source import Source
from quantdb.database import Connection
from quantdb.query import Query

__all__ = ["rounded"]

_written_columns: Final = Query(sqlfile.sql_folder() / "check/written_columns.sql", str)


async def rounded(connection: Connection, source: Source, tables: frozenset[str]) -> list[Problem]:
    """Return the columns of numeric(p, s) that a statement writes, but for those of *tables*."""
    problems: list[Problem] = []
    for number in range(len(source.tokens)):
        table = _table(source, number)
        if table is None or source.name(table[1]) in tables:
            continue
        begin, last = table
        text = source.text[source.tokens[begin].at : source.tokens[last].end]
        limited = set(await _written_columns.all(connection, text))
        problems += [
            rounding(source.place(token), source.name(token), "its column")
            for token in _columns(source, number, last + 1)
            if source.name(token) in limited
        ]
        if limited and source.sign(last + 1) != "(" and source.word(number) == "insert":
            problems.append(rounding(source.place(last), source.name(last), "a column"))
    return problems


def _table(source: Source, number: int) -> tuple[int, int] | None:
    """Return the first and the last token of the table that a key word writes to."""
    word, then = source.word(number), source.word(number + 1)
    if (word, then) in {("insert", "into"), ("merge", "into")}:
        begin = number + 2
    elif word == "update" and (number == 0 or source.sign(number - 1) in {"(", ")"}):
        begin = number + 1
    else:
        return None
    begin += source.word(begin) == "only"
    last = begin
    while source.sign(last + 1) == ".":
        last += 2
    return (begin, last) if source.name(last) else None


def _columns(source: Source, number: int, behind: int) -> Iterator[int]:
    """Give the tokens that name the columns that a write sets."""
    if source.word(number) == "insert":
        at = behind + 2 if source.word(behind) == "as" else behind
        if source.sign(at) == "(":
            yield from (begin for begin, _end in source.split(at + 1, source.closing.get(at, at)))
    end = next(
        (last for first, last in source.closing.items() if first < number < last),
        len(source.tokens),
    )
    at = behind
    while at < end:
        if source.word(at) == "set":
            yield from _assigned(source, at + 1, end)
        at = source.after(at)


def _assigned(source: Source, begin: int, end: int) -> Iterator[int]:
    """Give the columns of ``SET a = …, (b, c) = …``."""
    for first, _end in source.split(begin, end):
        if source.sign(first) == "(":
            close = source.closing.get(first, first)
            yield from (inner for inner, _end in source.split(first + 1, close))
        elif source.sign(first + 1) == "=":
            yield first
