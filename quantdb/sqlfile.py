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

# What a statement with a body begins with, and what its body does.
_BODY: Final = ["create", "begin", "atomic"]

# As PostgreSQL's lexer (scan.l) has it: all beyond ASCII is a letter, and a text may be continued
# on a further line, of the same kind.
_LETTER: Final = r"[A-Za-z_\x80-\U0010ffff]"
_FURTHER: Final = r"(?>[ \t\f\v]|--[^\n\r]*)*+[\n\r](?>[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*+"
# What may hide a semicolon or a parameter: comments, quoted text and names, dollar quotes.
# Block comments nest, so they are opened here and closed by hand.
_TOKEN: Final = re.compile(
    rf"""
      (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|''|'{_FURTHER}')*+')
    | (?P<quoted>'(?:[^']|'')*+')
    | (?P<name>"(?:[^"]|"")*+")
    | (?P<unclosed>[eE]?'|")
    | (?P<dollar>\$(?:{_LETTER}(?:{_LETTER}|[0-9])*)?\$)
    | (?P<parameter>\$[0-9]+)
    | (?P<semicolon>;)
    | (?P<word>{_LETTER}(?:{_LETTER}|[0-9$])*)
    | (?P<other>[^ \t\n\r\f\v])
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


@attrs.frozen
class _Token:
    kind: str | None
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""

    def line_in(self, text: str) -> int:
        return text.count("\n", 0, self.at) + 1


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
        ConfigError: The file is missing, is not UTF-8, starts with a byte-order mark, holds a NUL,
            lies outside *root*, has no right header, holds no statement or several, or numbers its
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
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(f"{file}:{line}: holds a NUL, which PostgreSQL cannot read")
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
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    except RuntimeError as error:  # a link that leads to itself; read_bytes says so from 3.13
        raise ConfigError(f"{file}: cannot be read: {error}") from None
    if not inside:
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
    only: list[_Token] = []
    for statement in _statements(path, text):
        if only:
            line = statement[0].line_in(text)
            raise ConfigError(f"{path}:{line}: a second statement; a file holds one")
        only = statement
    if not only:
        raise ConfigError(f"{path}: holds no statement")
    parameters = {int(token.text[1:]) for token in only if token.kind == "parameter"}
    return parameters, only[0].line_in(text)


def first_words(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Give the first word of each statement in *text*, with its line."""
    for statement in _statements(path, text):
        yield statement[0].line_in(text), statement[0].text


def _statements(path: str, text: str) -> Iterator[list[_Token]]:
    """Give the tokens of each statement; a semicolon in a function's body ends none."""
    statement: list[_Token] = []
    depth = 0
    for token in _tokens(path, text):
        if token.kind == "semicolon" and not depth:
            if statement:
                yield statement
            statement = []
            continue
        statement.append(token)
        # BEGIN ATOMIC … END, counted as psql does: CASE ends with END as well.
        if depth:
            depth += {"case": 1, "end": -1}.get(token.word, 0)
        elif [statement[0].word, *(each.word for each in statement[-2:])] == _BODY:
            depth = 1
    if statement:
        yield statement


def _tokens(path: str, text: str) -> Iterator[_Token]:
    """Give every token that is no comment."""
    at = 0
    while match := _TOKEN.search(text, at):
        at, kind = match.end(), match.lastgroup
        if kind == "unclosed":
            raise ConfigError(f"{path}: the text opened by {match[0]} is never closed")
        if kind == "block":
            at = _end_of_block(path, text, at)
        elif kind == "dollar":
            at = _end_of_dollar_quote(path, text, match)
        if kind not in {"line", "block"}:
            yield _Token(kind, match[0], match.start())


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
