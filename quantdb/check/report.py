"""What a check found, for a person, for a program and for GitHub; colours are the caller's."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final, Literal

import attrs

from quantdb.check.excerpt import excerpt, shown
from quantdb.check.problems import Place, Problem

__all__ = [
    "Line",
    "Report",
    "Style",
    "as_github",
    "as_json",
    "as_lines",
    "as_text",
    "near",
    "reported",
]

Style = Literal["", "place", "problem", "note", "gutter", "related", "hint", "well"]
"""What a part of a line is, for whoever has colours."""

Line = Sequence[tuple[str, Style]]

_VERSION: Final = 1
_WORD: Final = re.compile(r"[\w$]+")
_LINE: Final = 160
"""Cells of a source line that are shown where nobody knows how many there are."""


@attrs.frozen
class Report:
    """What a check found.

    Attributes:
        problems: By file and line; their files are whole paths.
        statements: How many were looked at.
        queries: How many `Query` objects were held against them.
        against: What everything was held against (``"an embedded PostgreSQL 18"``).
    """

    problems: tuple[Problem, ...]
    statements: int
    queries: int
    against: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is a problem; a note is none."""
        return any(problem.severity == "problem" for problem in self.problems)

    def __str__(self) -> str:
        problems = [problem for problem in self.problems if problem.severity == "problem"]
        notes = len(self.problems) - len(problems)
        looked_at = [_counted(self.statements, "statement"), *self._queries()]
        if not self.problems:
            held = f", held against {self.against}" if self.against else ""
            return f"All is well: {' and '.join(looked_at)}{held}."
        found = _counted(len(problems), "problem") if problems else "no problem"
        also = f", {_counted(notes, 'note')}" if notes else ""
        return f"{', '.join(looked_at)}: {found}{also}."

    def _queries(self) -> list[str]:
        return [f"{self.queries} {'query' if self.queries == 1 else 'queries'}"]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def reported(
    problems: Iterable[Problem], folder: Path, statements: int, queries: int, against: str = ""
) -> Report:
    """Return the report of *problems* whose files are whole paths or stand in *folder*."""
    whole = {_whole(problem, folder) for problem in problems}
    ordered = sorted(whole, key=lambda problem: (problem.place, problem.rule, problem.message))
    return Report(tuple(ordered), statements, queries, against)


def _whole(problem: Problem, folder: Path) -> Problem:
    def placed(place: Place) -> Place:
        path = os.path.abspath(folder / place.file)  # noqa: PTH100 - a link stays one
        is_module = problem.rule == "import" and not Path(path).exists()
        return place if is_module else attrs.evolve(place, file=path)

    related = tuple(map(placed, problem.related))
    return attrs.evolve(problem, place=placed(problem.place), related=related)


def as_text(report: Report) -> str:
    """Return the report for a person, without colours."""
    return "\n".join("".join(part for part, _style in line) for line in as_lines(report))


def as_lines(report: Report, room: int | None = None) -> Iterator[Line]:
    """Give the lines of the report for a person.

    Args:
        report: What was found.
        room: How many cells a line has; None where a line may have any length.
    """
    sources = _Sources()
    for problem in report.problems:
        yield from _of(problem, sources, room)
        yield []
    yield [(str(report), "problem" if report.failed else "note" if report.problems else "well")]


def _of(problem: Problem, sources: "_Sources", room: int | None) -> Iterator[Line]:
    place = problem.place
    where = f"{shown(near(place.file))}:{place.line}:{place.column}"
    note = " (note)" if problem.severity == "note" else ""
    yield [(where, "place"), (" ", ""), (f"{problem.rule}{note}", problem.severity)]
    for line in _wrapped(problem.message, "  ", "  ", room):
        yield [(line, "")]
    yield from sources.shown(place, problem.severity, room)
    for line in _wrapped(problem.hint, "  → ", "    ", room):
        yield [(line, "hint")]
    for other in problem.related:
        yield [("  see ", ""), (f"{shown(near(other.file))}:{other.line}", "place")]
        yield from sources.shown(other, "related", room)


def _wrapped(text: str, first: str, then: str, room: int | None) -> Iterator[str]:
    for number, line in enumerate(text.splitlines()):
        begin = then if number else first
        if room is None:
            yield begin + shown(line)
        else:
            yield from wrap(
                shown(line),
                room,
                initial_indent=begin,
                subsequent_indent=then,
                break_long_words=False,
                break_on_hyphens=False,
            )


class _Sources:
    """The files that a report shows, each read once."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def shown(self, place: Place, style: Style, room: int | None) -> Iterator[Line]:
        """Give the line at *place* with its number, and carets under what is meant."""
        if place.file not in self._lines:
            self._lines[place.file] = _lines(Path(place.file))
        lines = self._lines[place.file]
        if not 1 <= place.line <= len(lines):
            return
        number = f"{place.line:>6}"
        gutter = " │ "
        space = (room or _LINE) - len(number) - len(gutter)
        line = lines[place.line - 1]
        source = excerpt(line, place.column, _width(line, place), space)
        yield [(number + gutter, "gutter"), (source.line, "")]
        if source.carets:
            blank = " " * len(number) + gutter
            yield [(blank, "gutter"), (" " * source.before + "^" * source.carets, style)]


def _width(line: str, place: Place) -> int:
    """Return how many characters are meant; where only their beginning is known, the word."""
    at = place.column - 1
    word = _WORD.match(line, at)
    if place.width > 1 or word is None or at == 0 or _WORD.match(line, at - 1):
        return place.width
    return len(word[0])


def _lines(file: Path) -> list[str]:
    """Return the lines of a file; none if it cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return []
    return text.replace("\r\n", "\n").split("\n")


def as_json(report: Report) -> str:
    """Return the report for a program.

    One object: ``version`` (1), ``statements``, ``queries`` and ``problems``, each of which has
    ``file``, ``line``, ``column``, ``width``, ``rule``, ``severity`` (``problem`` or ``note``),
    ``message``, ``hint`` and ``related``, a list of ``file`` and ``line``. A file below the current
    folder is relative to it.
    """
    found = [
        {
            "file": _posix(near(problem.place.file)),
            "line": problem.place.line,
            "column": problem.place.column,
            "width": problem.place.width,
            "rule": problem.rule,
            "severity": problem.severity,
            "message": problem.message,
            "hint": problem.hint,
            "related": [
                {"file": _posix(near(other.file)), "line": other.line} for other in problem.related
            ],
        }
        for problem in report.problems
    ]
    whole = {
        "version": _VERSION,
        "statements": report.statements,
        "queries": report.queries,
        "problems": found,
    }
    return json.dumps(whole, indent=2)


def as_github(report: Report) -> str:
    """Return the report as GitHub's workflow commands, which annotate a pull request.

    Files are relative to the root of the repository, which GITHUB_WORKSPACE names in a workflow.
    """
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    commands = [_command(problem, root) for problem in report.problems]
    return "\n".join([*commands, str(report)])


def _command(problem: Problem, root: Path) -> str:
    place = problem.place
    properties = {
        "file": _posix(near(place.file, root)),
        "line": str(place.line),
        "col": str(place.column),
        "endColumn": str(place.column + place.width),
        "title": f"quantdb check: {problem.rule}",
    }
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    see = (f"see {_posix(near(other.file, root))}:{other.line}" for other in problem.related)
    hint = f"→ {problem.hint}" if problem.hint else ""
    message = "\n".join(filter(None, [problem.message, hint, *see]))
    return f"::{'error' if problem.severity == 'problem' else 'notice'} {given}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def near(file: str, root: Path | None = None) -> str:
    """Return the path from *root*, by default the current folder, if it is below that."""
    base = root or Path.cwd()
    for whole, above in ((Path(file), base), (Path(file).resolve(), base.resolve())):
        if whole.is_relative_to(above):
            return str(whole.relative_to(above))
    return file


def _posix(file: str) -> str:
    return Path(file).as_posix()
