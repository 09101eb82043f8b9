"""Packages of users, written for one test, and facts as a server would say them."""

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import attrs

from quantdb.check.facts import Column, Facts, PgType, StatementFacts
from quantdb.check.judge import judged
from quantdb.check.problems import Problem
from quantdb.check.uses import Found, found

__all__ = ["Package", "array_of", "column", "enum_of", "importable", "kind", "package"]


@attrs.frozen
class Package:
    """A package and its SQL folder.

    Attributes:
        name: Its name, which no other test has.
        folder: Where its modules are.
        sql: Where its statements are.
    """

    name: str
    folder: Path
    sql: Path

    def found(self, *modules: str) -> Found:
        """What the code has of statements; of all modules, unless some are named."""
        names = [f"{self.name}.{module}" for module in modules] or [self.name]
        return found(names, self.sql)

    def judged(self, facts: Mapping[str, StatementFacts]) -> list[Problem]:
        """The verdict, when the server says that of the statements."""
        return judged(Facts({}, dict(facts)), self.found())

    def facts(
        self, columns: Mapping[str, str], parameters: Mapping[str, str] | None = None
    ) -> dict[str, StatementFacts]:
        """Facts of files: their columns as "name type, …", their parameters as "type, …".

        A ``?`` behind a column says that it can be NULL, a ``!`` that it cannot.
        """
        types = parameters or {}
        return {
            file: StatementFacts(
                file,
                checksum="",
                columns=tuple(
                    column(each, line)
                    for line, each in enumerate(filter(None, said.split(", ")), 3)
                ),
                parameters=tuple(kind(each) for each in types.get(file, "").split(", ") if each),
            )
            for file, said in columns.items()
        }

    def line(self, text: str, file: str = "repos.py") -> str:
        """The only place where a line of a module is *text*, as a message has it."""
        path = self.folder / file
        numbers = [
            number
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
            if line.strip() == text
        ]
        (number,) = numbers
        return f"{path}:{number}"


def package(folder: Path, modules: Mapping[str, str], sql: Mapping[str, str]) -> Package:
    """Write a package; of a statement, only what follows ``-- name: <file>`` is given."""
    name = f"users_{uuid4().hex}"
    home = folder / name
    for module, text in {"__init__.py": "", **modules}.items():
        path = home / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    statements = folder / "sql"
    statements.mkdir(exist_ok=True)
    for file, text in sql.items():
        path = statements / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"-- name: {path.stem} {text}\n", "utf-8")
    return Package(name, home, statements)


@contextmanager
def importable(folder: Path) -> Generator[None, None, None]:
    """Have packages of a folder found, and forget them afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if name.startswith("users_"):
                del sys.modules[name]


def kind(name: str) -> PgType:
    """A type by its name: one of PostgreSQL's own, an array of it, or an enum ``a|b``."""
    if name.endswith("[]"):
        return array_of(kind(name.removesuffix("[]")))
    return enum_of(*name.split("|")) if "|" in name else PgType(name)


def array_of(element: PgType) -> PgType:
    return PgType(f"{element.name}[]", element.schema, "array", element)


def enum_of(*labels: str) -> PgType:
    return PgType("mood", "public", "enum", labels=labels)


def column(said: str, line: int = 3) -> Column:
    """A column as ``name type``, with ``?`` or ``!`` behind."""
    name, _, of = said.partition(" ")
    nullable = True if of.endswith("?") else False if of.endswith("!") else None
    return Column(name, kind(of.rstrip("?!")), nullable, line)
