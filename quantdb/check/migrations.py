"""The migrations of a folder as files: what is wrong with them before any server sees them."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from quantdb.check.layout import schema_folder
from quantdb.check.problems import Place, Problem, Rule
from quantdb.check.source import Source, sources
from quantdb.errors import ConfigError

__all__ = ["MigrationFile", "checksum", "migration_files", "of_config_error"]

_NAME: Final = re.compile(r"(?P<number>\d{4})_\w+\.sql")
_SAID_AT: Final = re.compile(r":(?P<line>\d+): ")
_TRANSACTION_WORDS: Final = frozenset(
    {"abort", "begin", "commit", "end", "prepare", "rollback", "start"}
)
_ALLOW: Final = re.compile(r"^-- allow: (?P<rule>[\w-]+)(?P<columns>[ ,\w.]*)$", re.MULTILINE)


@attrs.frozen
class MigrationFile:
    """A migration as it is in the folder.

    Attributes:
        file: Its path from the folder.
        number: Its number; None if its name has none.
        checksum: SHA-256, line ends as LF.
        statements: Those that can be applied.
        allows: Hazards that it says are meant, with the column (``trades.price``), or with none
            where all of the file's are meant.
        problems: Why it is no migration.
    """

    file: str
    number: int | None
    checksum: str
    statements: tuple[Source, ...] = ()
    allows: frozenset[tuple[str, str]] = frozenset()
    problems: tuple[Problem, ...] = ()


def checksum(raw: bytes) -> str:
    """Return the SHA-256 of a file, line ends as LF."""
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


def migration_files(folder: Path) -> list[MigrationFile]:
    """Return the migrations of an SQL folder, in order."""
    found: list[MigrationFile] = []
    for path in sorted(schema_folder(folder).glob("*.sql")):
        earlier = {each.number: each.file for each in found if each.number is not None}
        file = Path(os.path.relpath(path, folder)).as_posix()  # it may be beside the folder
        found.append(_read(path, file, earlier))
    return found


def _read(path: Path, file: str, earlier: dict[int, str]) -> MigrationFile:
    match = _NAME.fullmatch(path.name)
    number = int(match["number"]) if match else None
    made = MigrationFile(file, number, "")
    try:
        raw = path.read_bytes()
    except OSError as error:
        unread = Problem(Place(file), "schema", f"cannot be read: {error.strerror}")
        return attrs.evolve(made, problems=(unread,))
    made = attrs.evolve(made, checksum=checksum(raw))
    try:
        text = raw.decode()
        statements = sources(file, text)
    except UnicodeDecodeError as error:
        place = Place(file, raw.count(b"\n", 0, error.start) + 1)
        return attrs.evolve(made, problems=(Problem(place, "schema", "is not UTF-8"),))
    except ConfigError as error:
        return attrs.evolve(made, problems=(of_config_error(error, file, file, "schema"),))
    problems = list(_mistakes(file, number, statements))
    if number in earlier:
        message = f"{earlier[number]} has that number too"
        hint, other = "give one of them another number", (Place(earlier[number]),)
        problems.append(Problem(Place(file), "schema", message, hint, other))
    return attrs.evolve(
        made,
        statements=tuple(each for each in statements if not _is_of_transaction(each)),
        allows=frozenset(_allowed(text)),
        problems=tuple(problems),
    )


def _mistakes(file: str, number: int | None, statements: list[Source]) -> Iterator[Problem]:
    if number is None:
        yield Problem(Place(file), "schema", "a migration is named NNNN_name.sql", "rename it")
    if not statements:
        yield Problem(Place(file), "schema", "holds no statement")
    for each in statements:
        if _is_of_transaction(each):
            message = f"{each.tokens[0].text} has no place in a migration"
            hint = "every migration runs inside the transaction of `quantdb migrate`; take it out"
            yield Problem(each.place(0), "schema", message, hint)
            return


def _is_of_transaction(source: Source) -> bool:
    return source.word(0) in _TRANSACTION_WORDS


def _allowed(text: str) -> Iterator[tuple[str, str]]:
    """Give what ``-- allow: rule`` and ``-- allow: rule table.column, …`` say."""
    for match in _ALLOW.finditer(text.replace("\r\n", "\n")):
        columns = match["columns"].replace(",", " ").split()
        yield from ((match["rule"], column) for column in columns or [""])


def of_config_error(error: ConfigError, path: str, file: str, rule: Rule) -> Problem:
    """Return the problem that an error of a file is, at the line that it names."""
    said = error.message.removeprefix(path)
    match = _SAID_AT.match(said)
    line = int(match["line"]) if match else 1
    return Problem(Place(file, line), rule, said[match.end() if match else 0 :].removeprefix(": "))
