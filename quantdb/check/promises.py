"""What a header promises, held against the statement below it."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

import attrs

from quantdb.check import places
from quantdb.check.facts import Column
from quantdb.check.problems import Place, Problem
from quantdb.check.source import Source
from quantdb.sqlfile import SqlFile

__all__ = ["cardinality", "decided"]

# What says how many rows it touched.
_COUNTED: Final = frozenset(
    {"copy", "create", "delete", "fetch", "insert", "merge", "move", "select", "table", "update",
     "values", "with"}
)  # fmt: skip
# Functions that are called for what they do.
_DOING: Final = frozenset({"set_config", "setval"})


def cardinality(sql: SqlFile, source: Source, columns: Sequence[Column]) -> Iterator[Problem]:
    """Give what is wrong with the header's ``:one|:many|:exec|:execrows``."""
    if "cardinality" in sql.allows:
        return
    promised = f"the header promises :{sql.cardinality}"
    place = _header(source)
    if sql.cardinality in {"one", "many"}:
        if not columns:
            hint = "make it :exec, or :execrows to be told how many rows it touched"
            if source.word(0) in {"insert", "update", "delete", "merge", "with"}:
                hint += "; or add RETURNING"
            message = f"{promised}, but the statement returns no columns"
            yield Problem(place, "cardinality", message, hint)
    elif columns and not _only_does(source, columns):
        names = ", ".join(column.name for column in columns)
        message = f"{promised}, but the statement returns {names}"
        hint = "make it :one or :many; `-- allow: cardinality` if nobody is to read that"
        yield Problem(place, "cardinality", message, hint)
    elif sql.cardinality == "execrows" and not _counts(source):
        message = f"{promised}, but {source.tokens[0].text.upper()} touches no rows"
        yield Problem(place, "cardinality", message, "make it :exec")


def _header(source: Source) -> Place:
    return source.at(source.text.index(":", len("-- name:")), len(source.text))


def _only_does(source: Source, columns: Sequence[Column]) -> bool:
    """Tell whether every column is what a function returns that is called for what it does."""
    items = places.outputs(source)
    return all(column.type.name == "void" for column in columns) or (
        len(items) == len(columns) and all(_does(source, begin) for begin, _end in items)
    )


def _does(source: Source, number: int) -> bool:
    while source.sign(number + 1) == ".":
        number += 2
    return source.name(number) in _DOING and source.sign(number + 1) == "("


def _counts(source: Source) -> bool:
    words = [token.word for token in source.tokens]
    return words[0] in _COUNTED and (words[0] != "create" or "as" in words)


def decided(
    sql: SqlFile, source: Source, columns: Sequence[Column]
) -> tuple[list[Column], list[Problem]]:
    """Return the columns as ``-- nullable:`` and ``-- not null:`` have them, and what is wrong.

    A person may say that a column is never NULL where the server cannot prove it, or thinks
    otherwise: an invariant may be known to nobody else. That a column can be NULL which never is
    would only make its reader handle what does not happen. To say what is known anyway is no
    mistake: not every version of PostgreSQL knows it.
    """
    problems = [*_mistakes(sql, source, columns)]
    made: list[Column] = []
    for column in columns:
        if column.name in sql.not_null:
            made.append(attrs.evolve(column, nullable=False, origin_nullable=False))
        elif column.name in sql.nullable and (column.nullable is None or column.origin_nullable):
            made.append(attrs.evolve(column, nullable=True))
        else:
            made.append(column)
    for column, (place, _alone) in zip(made, places.columns(source, len(made)), strict=True):
        if column.nullable is None and column.type.name != "void":
            problems.append(_unknown(place, column))
    return made, problems


def _mistakes(sql: SqlFile, source: Source, columns: Sequence[Column]) -> Iterator[Problem]:
    names = list(dict.fromkeys(column.name for column in columns))
    for key, said in (("nullable", sql.nullable), ("not null", sql.not_null)):
        for name in dict.fromkeys(said):
            if name not in names:
                close = get_close_matches(name, names, n=1)
                hint = f"perhaps {close[0]}" if close else f"they are {', '.join(names)}"
                place = source.said(key, name)
                message = f"{name} is no column of the result"
                yield Problem(place, "nullability", message, hint if names else "")
    for name in dict.fromkeys(sql.nullable):
        place = source.said("nullable", name)
        if name in sql.not_null:
            message = f"{name} is said to be nullable, and not to be"
            related = (source.said("not null", name),)
            hint = "keep the line that is right"
            yield Problem(place, "nullability", message, hint, related)
        elif any(column.name == name and _is_never_null(column) for column in columns):
            message = f"{name} is never NULL"
            yield Problem(place, "nullability", message, "take it out of the line")


def _is_never_null(column: Column) -> bool:
    """Tell a column that is never NULL from one that only the rows asked for have no NULL in."""
    return column.nullable is False and not column.origin_nullable


def _unknown(place: Place, column: Column) -> Problem:
    return Problem(
        place,
        "nullability",
        f"whether {column.name} can be NULL cannot be known",
        f"say so: `-- not null: {column.name}` or `-- nullable: {column.name}`",
        severity="note",
    )
