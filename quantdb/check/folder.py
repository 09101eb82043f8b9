"""The statements of a folder as files, and what is wrong with those that cannot be read."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, get_args

import attrs

from quantdb import sqlfile
from quantdb.check.layout import schema_folder
from quantdb.check.migrations import checksum, of_config_error
from quantdb.check.problems import Place, Problem, Rule
from quantdb.check.source import Source, source
from quantdb.errors import ConfigError
from quantdb.sqlfile import SqlFile

__all__ = ["StatementFile", "statement_files"]

_RULES: Final[Mapping[str, Rule]] = {
    "parameters must be": "parameters",
    "is none of '-- name": "cardinality",
}
_KEYS: Final = {"after": "", "allow": "s", "index": "es", "nullable": "", "notnull": ""}
# The first line of a file that a person runs, such as one of grants: it is no statement of ours.
_SCRIPT: Final = b"-- script: "
# What is nearly ``-- key: words``, and would be read by nobody.
_NEARLY: Final = re.compile(
    r"^--[ \t]*(?P<key>[A-Za-z][A-Za-z _-]{3,9}?)[ \t]*:[ \t]*[\w$.,\" -]*$", re.MULTILINE
)
_EXACTLY: Final = re.compile(r"-- (?:after|allow|index|not null|nullable): ")


@attrs.frozen
class StatementFile:
    """A statement as it is in the folder.

    Attributes:
        file: Its path in the folder.
        checksum: SHA-256, line ends as LF.
        sql: What was read; None if it cannot be.
        source: Its tokens; none if it cannot be read.
        problems: What is wrong with the file.
    """

    file: str
    checksum: str
    sql: SqlFile | None
    source: Source
    problems: tuple[Problem, ...] = ()


def statement_files(folder: Path) -> dict[str, StatementFile]:
    """Return every statement of an SQL folder, by its path in it.

    A migration is none, nor is a file that begins with ``-- script:``, which a person runs.
    """
    schema = schema_folder(folder)
    paths = sorted(
        path for path in folder.rglob("*.sql") if path.parent != schema and not _is_script(path)
    )
    read = (_read(path, path.relative_to(folder).as_posix(), folder) for path in paths)
    return {each.file: each for each in read}


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return opened.read(len(_SCRIPT)) == _SCRIPT
    except OSError:  # which is said where the file is read
        return False


def _read(path: Path, file: str, folder: Path) -> StatementFile:
    try:
        raw = path.read_bytes()
    except OSError:  # which sqlfile says in words
        raw = b""
    nothing = Source(file, "", (), {})
    try:
        sql = sqlfile.read(path, folder)
    except ConfigError as error:
        problem = of_config_error(error, str(path), file, _rule(error))
        return StatementFile(file, checksum(raw), None, nothing, (problem,))
    problems = (*_unread(file, sql.text), *_unknown_rules(file, sql))
    return StatementFile(file, checksum(raw), sql, source(file, sql.text), problems)


def _rule(error: ConfigError) -> Rule:
    for said, rule in _RULES.items():
        if said in error.message:
            return rule
    return "file"


def _unread(file: str, text: str) -> Iterator[Problem]:
    """Give the comments that look like a promise and are none, such as ``-- Index: …``."""
    for match in _NEARLY.finditer(text.replace("\r\n", "\n")):
        key = re.sub(r"[ _-]", "", match["key"].lower())
        known = next((each for each, more in _KEYS.items() if key in {each, each + more}), None)
        if known is not None and not _EXACTLY.match(match[0]):
            line = text.count("\n", 0, match.start()) + 1
            meant = "not null" if known == "notnull" else known
            message = f"nobody reads {match[0]!r}"
            yield Problem(Place(file, line), "file", message, f"write `-- {meant}: …`")


def _unknown_rules(file: str, sql: SqlFile) -> Iterator[Problem]:
    rules: tuple[str, ...] = get_args(Rule)
    for rule in sql.allows:
        if rule not in rules:
            close = get_close_matches(rule, rules, n=1)
            hint = f"perhaps {close[0]}" if close else f"the rules are {', '.join(rules)}"
            place = source(file, sql.text).said("allow", rule)
            yield Problem(place, "file", f"there is no rule {rule!r} to allow", hint)
