"""The columns, domains and attributes that DDL defines, as its text has them in the end."""

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from quantdb.check.source import Source
from quantdb.check.typenames import TypeName, type_name

__all__ = ["Definition", "definitions", "standing"]

_NO_COLUMN: Final = frozenset({"constraint", "primary", "unique", "check", "foreign", "like"})


@attrs.frozen
class Definition:
    """A column and its type.

    Attributes:
        table: The table, or the composite type; of a domain or a range, that itself.
        column: The column; empty for a domain or a range.
        type: Its type; None where the column, or the whole table, ceases to be.
        renamed: What the column, or the table, is called from here on.
        source: The statement.
        number: The token that names the column.
    """

    table: str
    column: str
    type: TypeName | None
    source: Source = attrs.field(repr=False)
    number: int
    renamed: str = ""


def standing(all_definitions: Iterable[Definition]) -> list[Definition]:
    """Return those that no later one has replaced or removed."""
    now: dict[tuple[str, str], Definition] = {}
    for each in all_definitions:
        key = each.table, each.column
        if each.renamed:
            now = {_renamed(each, old): definition for old, definition in now.items()}
        elif each.type is not None:
            now[key] = each
        elif each.column:
            now.pop(key, None)
        else:
            now = {old: kept for old, kept in now.items() if old[0] != each.table}
    return [attrs.evolve(each, table=table, column=column) for (table, column), each in now.items()]


def _renamed(each: Definition, old: tuple[str, str]) -> tuple[str, str]:
    table, column = old
    if each.table != table:
        return old
    if not each.column:
        return each.renamed, column
    return table, each.renamed if column == each.column else column


def definitions(source: Source) -> Iterator[Definition]:
    """Give what a statement defines, renames or drops, in order."""
    number, first = 1, source.word(0)
    while source.word(number) in {
        "or", "replace", "global", "local", "temporary", "temp", "unlogged", "foreign",
    }:  # fmt: skip
        number += 1
    what = source.word(number)
    number = _behind_if_exists(source, number + 1)
    match first, what:
        case "create", "table":
            yield from _table(source, number)
        case "create", "domain":
            yield from _domain(source, number)
        case "create", "type":
            yield from _type(source, number)
        case "alter", "table" | "type" | "domain":
            yield from _altered(source, number)
        case "drop", "table" | "type" | "domain":
            for begin, _end in source.split(number, len(source.tokens)):
                table, at = _qualified(source, begin)
                yield Definition(table, "", None, source, at - 1)
        case _:
            pass


def _behind_if_exists(source: Source, number: int) -> int:
    if source.word(number) == "if":
        number += 3 if source.word(number + 1) == "not" else 2
    return number + 1 if source.word(number) == "only" else number


def _qualified(source: Source, number: int) -> tuple[str, int]:
    """Return the name at token *number* without its schema, and the token after it."""
    while source.sign(number + 1) == ".":
        number += 2
    return source.name(number), number + 1


def _table(source: Source, number: int) -> Iterator[Definition]:
    table, at = _qualified(source, number)
    yield Definition(table, "", None, source, number)
    if source.sign(at) == "(":
        yield from _columns(source, table, at)


def _columns(source: Source, table: str, opening: int) -> Iterator[Definition]:
    for begin, end in source.split(opening + 1, source.closing.get(opening, opening + 1)):
        excludes = source.word(begin) == "exclude" and (
            source.word(begin + 1) == "using" or source.sign(begin + 1) == "("
        )
        if end - begin > 1 and source.word(begin) not in _NO_COLUMN and not excludes:
            yield from _column(source, table, begin)


def _column(source: Source, table: str, number: int) -> Iterator[Definition]:
    named = type_name(source, number + 1)
    if named is not None and source.name(number):
        yield Definition(table, source.name(number), named, source, number)


def _domain(source: Source, number: int) -> Iterator[Definition]:
    domain, at = _qualified(source, number)
    named = type_name(source, at + 1 if source.word(at) == "as" else at)
    if named is not None:
        yield Definition(domain, "", named, source, at - 1)


def _type(source: Source, number: int) -> Iterator[Definition]:
    made, at = _qualified(source, number)
    if source.word(at) != "as":
        return
    if source.sign(at + 1) == "(":
        yield from _columns(source, made, at + 1)
    elif source.word(at + 1) == "range":
        opening = at + 2
        for begin, _end in source.split(opening + 1, source.closing.get(opening, opening + 1)):
            named = type_name(source, begin + 2)
            if source.word(begin) == "subtype" and named is not None:
                yield Definition(made, "", named, source, begin)


def _altered(source: Source, number: int) -> Iterator[Definition]:
    table, at = _qualified(source, number)
    at += source.sign(at) == "*"
    for begin, _end in source.split(at, len(source.tokens)):
        what, number = source.word(begin), begin + 1
        if source.word(number) in {"column", "attribute"}:
            number += 1
        number = _behind_if_exists(source, number)
        match what:
            case "add" if source.word(number) not in _NO_COLUMN:
                yield from _column(source, table, number)
            case "alter":
                of = number + 3 if source.word(number + 1) == "set" else number + 1
                named = type_name(source, of + 1) if source.word(of) == "type" else None
                if named is not None:
                    yield Definition(table, source.name(number), named, source, number)
            case "drop" if source.word(number) != "constraint":
                yield Definition(table, source.name(number), None, source, number)
            case "rename":
                yield from _rename(source, table, number)
            case _:
                pass


def _rename(source: Source, table: str, number: int) -> Iterator[Definition]:
    if source.word(number) == "to":
        yield Definition(table, "", None, source, number, source.name(number + 1))
    elif source.word(number + 1) == "to":
        column = source.name(number)
        yield Definition(table, column, None, source, number, source.name(number + 2))
