"""What the text of a folder's migrations defines in the end, and the hazards of it."""

from collections.abc import Iterable, Sequence

from quantdb.check.clauses import settings
from quantdb.check.definitions import Definition, definitions, standing
from quantdb.check.hazards import of_definitions, of_text
from quantdb.check.migrations import MigrationFile
from quantdb.check.problems import Problem
from quantdb.check.source import Source

__all__ = ["defined_by", "hazards_of"]


def defined_by(files: Iterable[MigrationFile]) -> list[Definition]:
    """Return the columns and types that migrations leave behind."""
    statements = [statement for file in files for statement in file.statements]
    return standing(each for statement in statements for each in definitions(statement))


def hazards_of(files: Sequence[MigrationFile], defined: Sequence[Definition]) -> list[Problem]:
    """Return the hazards of what stands in the end that no file allows.

    ``-- allow: float-money`` is about what its own file defines; since a migration that was applied
    cannot be changed, ``-- allow: float-money trades.signal`` in a later one is about that column.
    """
    views: dict[str, Source] = {}
    statements = [statement for file in files for statement in file.statements]
    for statement in statements:
        name = _view(statement)
        if name:
            views[name] = statement
    allowed = {(file.file, *each) for file in files for each in file.allows}
    by_column = {(rule, column) for _file, rule, column in allowed}
    found = [
        *(problem for statement in statements for problem in settings(statement)),
        *(problem for view in views.values() for problem in of_text(view)),
        *(
            problem
            for each in defined
            for problem in of_definitions([each])
            if (problem.rule, f"{each.table}.{each.column}".rstrip(".")) not in by_column
        ),
    ]
    return [each for each in found if (each.place.file, each.rule, "") not in allowed]


def _view(statement: Source) -> str:
    """Return the view that a statement makes or drops; nothing if it does neither."""
    words = [statement.word(number) for number in range(6)]
    if words[0] not in {"create", "drop"} or "view" not in words:
        return ""
    number = words.index("view") + 1
    while statement.word(number) in {"if", "not", "exists"}:
        number += 1
    while statement.sign(number + 1) == ".":
        number += 2
    return statement.name(number)
