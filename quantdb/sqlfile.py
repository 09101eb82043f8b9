"""One file, one statement: read a SQL file as it stands, or say what is wrong with it."""

import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal, get_args

import attrs

from quantdb.errors import ConfigError

__all__ = ["Cardinality", "SqlFile", "first_words", "read", "sql_folder"]

Cardinality = Literal["one", "many", "exec", "execrows"]

_HEADER: Final = re.compile(r"-- name: (?P<name>\w+) :(?P<cardinality>\w+)\s*")
_INDEX: Final = re.compile(r"^-- index: (\w+)\s*$", re.MULTILINE)

# What may hide a semicolon or a parameter: comments, quoted text and names, dollar quotes.
# Block comments nest in PostgreSQL, so they are opened here and closed by hand.
_TOKEN: Final = re.compile(
    r"""
      (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<escaped>\b[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w]*)?\$)
    | (?P<parameter>\$\d+)
    | (?P<semicolon>;)
    | (?P<word>[^\s;'"$/-]+|[/$-])
    """,
    re.VERBOSE | re.DOTALL,
)


@attrs.frozen
class SqlFile:
    """One statement and what its header says of it.

    Attributes:
        path: Where it was read, for messages.
        name: Its name: that of the file, and of the verb.
        cardinality: What it promises to return.
        text: The file as it stands; this is what is sent.
        parameters: How many ``$n`` it takes.
        line: The line, from 1, on which the statement begins.
        indexes: The indexes that it promises to rely on.
    """

    path: str
    name: str
    cardinality: Cardinality
    text: str = attrs.field(repr=False)
    parameters: int
    line: int
    indexes: tuple[str, ...]

    def line_of(self, position: int) -> int:
        """Return the line, from 1, of a character position, from 1."""
        return self.text.count("\n", 0, position - 1) + 1


def sql_folder() -> Path:
    """Return quantdb's own ``sql`` folder: inside the package in a wheel, beside it in a checkout.

    Raises:
        ConfigError: It is in neither place.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "schema").is_dir():
            return folder
    raise ConfigError(f"the sql folder of quantdb is neither in {package} nor beside it")


def read(file: Path | Traversable, root: Path | Traversable | None = None) -> SqlFile:
    """Read the statement in *file*.

    Args:
        file: A path or an importlib resource.
        root: The folder that the file must not leave, links resolved; by default its own folder.

    Raises:
        ConfigError: The file is missing, is not UTF-8, starts with a byte-order mark, lies outside
            *root*, has no right header, holds no statement or several, or numbers its
            parameters with a gap.
    """
    if isinstance(file, Path):
        _keep_inside(file, root)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such SQL file") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ConfigError(f"{file}:1: starts with a byte-order mark; save it as plain UTF-8")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: is not UTF-8") from None
    return _parse(str(file), file.name.removesuffix(".sql"), text)


def _keep_inside(file: Path, root: Path | Traversable | None) -> None:
    if root is not None and not isinstance(root, Path):
        raise ConfigError(f"{file}: a path cannot be held inside a resource; give a path as root")
    folder = file.parent if root is None else root
    if root is None and ".." in file.parts:
        raise ConfigError(
            f"{file}: leaves its folder by '..'; resolve() the folder first, "
            "or name the root that it must stay in"
        )
    if not file.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{file}: lies outside of {folder}")


def _parse(path: str, stem: str, text: str) -> SqlFile:
    first = text.partition("\n")[0]
    header = _HEADER.fullmatch(first)
    expected = f"-- name: {stem} :one|:many|:exec|:execrows"
    if header is None:
        raise ConfigError(f"{path}:1: the first line must be the header {expected!r}")
    if header["name"] != stem:
        raise ConfigError(
            f"{path}:1: the header names {header['name']!r}, but the file is {stem!r}"
        )
    cardinality = _cardinality(header["cardinality"])
    if cardinality is None:
        raise ConfigError(f"{path}:1: ':{header['cardinality']}' is none of {expected!r}")
    parameters, line = _one_statement(path, text)
    if parameters != set(range(1, len(parameters) + 1)):
        given = ", ".join(f"${number}" for number in sorted(parameters))
        raise ConfigError(f"{path}: parameters must be $1 … $n without a gap; there are {given}")
    indexes = tuple(_INDEX.findall(text))
    return SqlFile(path, stem, cardinality, text, len(parameters), line, indexes)


def _cardinality(word: str) -> Cardinality | None:
    choices: tuple[Cardinality, ...] = get_args(Cardinality)
    return next((choice for choice in choices if choice == word), None)


def _one_statement(path: str, text: str) -> tuple[set[int], int]:
    """Return the parameters of the only statement in *text*, and the line where it begins."""
    parameters: set[int] = set()
    begins, inside = 0, False
    for kind, token, at in _tokens(path, text):
        if kind == "semicolon":
            inside = False
            continue
        if kind == "parameter":
            parameters.add(int(token[1:]))
        if not inside:
            inside = True
            line = text.count("\n", 0, at) + 1
            if begins:
                raise ConfigError(f"{path}:{line}: a second statement; a file holds one")
            begins = line
    if not begins:
        raise ConfigError(f"{path}: holds no statement")
    return parameters, begins


def first_words(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Give the first word of each statement in *text*, with its line."""
    inside = False
    for kind, token, at in _tokens(path, text):
        if kind != "semicolon" and not inside:
            yield text.count("\n", 0, at) + 1, token
        inside = kind != "semicolon"


def _tokens(path: str, text: str) -> Iterator[tuple[str | None, str, int]]:
    """Give kind, text and position of every token that is no comment."""
    at = 0
    while match := _TOKEN.search(text, at):
        at, kind = match.end(), match.lastgroup
        if kind == "block":
            at = _end_of_block(path, text, at)
        elif kind == "dollar":
            at = _end_of_dollar_quote(path, text, match)
        if kind not in {"line", "block"}:
            yield kind, match[0], match.start()


def _end_of_dollar_quote(path: str, text: str, opening: re.Match[str]) -> int:
    end = text.find(opening[0], opening.end())
    if end < 0:
        raise ConfigError(f"{path}: the text opened by {opening[0]} is never closed")
    return end + len(opening[0])


def _end_of_block(path: str, text: str, at: int) -> int:
    depth = 1
    while depth:
        opened, closed = text.find("/*", at), text.find("*/", at)
        if closed < 0:
            raise ConfigError(f"{path}: a comment /* is never closed")
        if 0 <= opened < closed:
            depth, at = depth + 1, opened + 2
        else:
            depth, at = depth - 1, closed + 2
    return at
