"""What a server said, kept in a file, so that code can be held against it without one.

The file is JSON that is made to be committed: everything has its order, a column has a line of its
own, and nothing depends on the database that was asked. A type of PostgreSQL's own, or an array
of one, is its name; any other stands once under ``types`` and is named there.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from quantdb.check.facts import Facts, PgType, StatementFacts
from quantdb.check.folder import statement_files
from quantdb.check.migrations import migration_files
from quantdb.check.problems import Place, Problem
from quantdb.check.reading import Json, Reading
from quantdb.check.recalled import facts_of, plain
from quantdb.errors import ConfigError

__all__ = ["changed", "loaded", "written"]

_KEY: Final = "quantdb_check"
_VERSION: Final = 1
_AGAIN: Final = "run `quantdb check --snapshot` again, and commit what it writes"
# How deep the file is laid out, a line for each; what is deeper stands on one line.
_DEPTH: Final = 4


def written(facts: Facts) -> str:
    """Return what a snapshot of *facts* holds."""
    types: dict[str, Json] = {}
    statements: dict[str, Json] = {
        file: _statement(each, types) for file, each in facts.statements.items()
    }
    whole: dict[str, Json] = {
        _KEY: _VERSION,
        "problems": [_problem(each) for each in facts.problems],
        "schema": dict(facts.schema),
        "statements": statements,
        "types": types,
    }
    return _laid_out(whole, 0) + "\n"


def _statement(each: StatementFacts, types: dict[str, Json]) -> Json:
    return {
        "checksum": each.checksum,
        "columns": [
            {
                "name": column.name,
                "type": _named(column.type, types),
                "nullable": column.nullable,
                "origin_nullable": column.origin_nullable,
                "choices": [*column.choices],
                "line": column.line,
                "at": column.at,
            }
            for column in each.columns
        ],
        "parameters": [_named(kind, types) for kind in each.parameters],
        "problems": [_problem(problem) for problem in each.problems],
    }


def _named(kind: PgType, types: dict[str, Json]) -> str:
    """Return what a type is called in the file, and put it under *types* if need be."""
    if _is_plain(kind):
        return kind.name
    name = json.dumps([kind.schema, kind.name]) if "." in kind.schema else ""
    name = name or f"{kind.schema}.{kind.name}"
    if name not in types:
        types[name] = None  # so that nothing stands there twice
        types[name] = {
            "schema": kind.schema,
            "name": kind.name,
            "kind": kind.kind,
            "element": _named(kind.element, types) if kind.element is not None else None,
            "labels": [*kind.labels],
            "attributes": [[of, _named(part, types)] for of, part in kind.attributes],
        }
    return name


def _is_plain(kind: PgType) -> bool:
    """Tell whether the name of a type is all there is to it."""
    return kind == plain(kind.name)


def _problem(problem: Problem) -> Json:
    return {
        "place": _place(problem.place),
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
        "related": [_place(place) for place in problem.related],
        "severity": problem.severity,
    }


def _place(place: Place) -> Json:
    return [place.file, place.line, place.column, place.width]


def _laid_out(value: Json, depth: int) -> str:
    """Return JSON with a line for each thing, down to `_DEPTH`, and sorted keys."""
    if depth >= _DEPTH or not value or not isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    margin = " " * (depth + 1)
    if isinstance(value, dict):
        opening, closing = "{", "}"
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(value[key], depth + 1)}"
            for key in sorted(value)
        ]
    else:
        opening, closing = "[", "]"
        items = [_laid_out(each, depth + 1) for each in value]
    lines = f",\n{margin}".join(items)
    return f"{opening}\n{margin}{lines}\n{margin[1:]}{closing}"


def loaded(text: str) -> Facts:
    """Return what a snapshot says.

    Raises:
        ConfigError: It is damaged, or no snapshot, or written by a later version of quantdb.
    """
    try:
        whole = Reading(json.loads(text), "")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the snapshot is damaged: {error}; {_AGAIN}") from None
    if not whole.has(_KEY):
        raise ConfigError(f"this is no snapshot of quantdb check; {_AGAIN}")
    try:
        if whole[_KEY].integer() != _VERSION:
            raise ConfigError(
                f"the snapshot is of version {whole[_KEY].integer()}, and this quantdb reads "
                f"version {_VERSION}; {_AGAIN}"
            )
        return facts_of(whole)
    except ValueError as error:
        raise ConfigError(f"the snapshot is damaged: {error}; {_AGAIN}") from None


def changed(facts: Facts, folder: Path) -> list[Problem]:
    """Return what is new, gone, or not as it was when *facts* were written."""
    now = {each.file: each.checksum for each in migration_files(folder)}
    now |= {each.file: each.checksum for each in statement_files(folder).values()}
    then = facts.schema | {file: each.checksum for file, each in facts.statements.items()}
    return list(_changes(then, now))


def _changes(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Problem]:
    for file in sorted({*then, *now}):
        if file not in then:
            message = "is new: the snapshot does not know it"
        elif file not in now:
            message = "is gone, and the snapshot has it"
        elif then[file] != now[file]:
            message = "was changed since the snapshot was written"
        else:
            continue
        yield Problem(Place(file), "snapshot", message, _AGAIN)
