"""One file, one statement: read a SQL file as it stands, or say what is wrong with it."""

import re
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal, get_args

import attrs

from quantdb.errors import ConfigError
from quantdb.functions import may_write
from quantdb.lexer import Token, statements

__all__ = [
    "Cardinality",
    "SqlFile",
    "first_words",
    "mistakes_deferred",
    "read",
    "sql_folder",
]

Cardinality = Literal["one", "many", "exec", "execrows"]

_HEADER: Final = re.compile(r"-- name: (?P<name>\w+) :(?P<cardinality>\w+)\s*")
# What begins a statement that leaves nothing behind in the session, unless it calls one of these.
_PASSING: Final = frozenset(
    {"select", "insert", "update", "delete", "merge", "with", "values", "drop"}
)
_AFTER_WITH: Final = frozenset({"select", "insert", "update", "delete", "merge", "values"})
_UNTIL_COMMIT: Final = ("on", "commit", "drop")
_LINGERING: Final = ("set_config", "pg_advisory_lock", "pg_try_advisory_lock", "setseed")
_COMMENT: Final = re.compile(r"^-- (.*)$", re.MULTILINE)
_NAME: Final = re.compile(r"\$(\d+) ([A-Za-z_]\w*)")
# What the comment says of the statement, a word or several behind a key: ``-- index: trades_pkey``.
_SAID: Final = re.compile(r"^-- (after|allow|index|not null|nullable): (.*)$", re.MULTILINE)
_DEFERRED: Final = ContextVar("quantdb_mistakes_deferred", default=False)


@attrs.frozen
class SqlFile:
    """One statement and what its header says of it.

    Attributes:
        path: Where it was read, for messages.
        name: Its name: that of the file, and of the verb.
        cardinality: What it promises to return.
        parameters: How many ``$n`` it takes.
        names: What its comment calls them (``-- $1 symbol, $2 start``); empty unless it names all.
        line: The line, from 1, on which the statement begins.
        indexes: The indexes that it promises to rely on (``-- index: trades_pkey``).
        after: Statements of its folder that must have run before it (``-- after: stage``).
        nullable: Columns that it says can be NULL (``-- nullable: email``).
        not_null: Columns that it says are never NULL (``-- not null: total, mean``).
        allows: Hazards that it says are meant (``-- allow: select-star``).
        writes: Whether it may change rows, or lock them, or calls a function that may.
        lingers: Whether it may leave something behind in the session, such as a setting.
        command: What it does, as its status says it: ``SELECT``, ``INSERT``.
        tag_at: Where a comment may be put: behind its first word, and the comments that follow.
        mistake: Why it cannot be run, if it was read while mistakes were deferred; then nothing
            else of it is known but its path and its name.
    """

    path: str
    name: str
    cardinality: Cardinality
    _text: str = attrs.field(alias="text", repr=False)
    parameters: int
    names: tuple[str, ...]
    line: int
    indexes: tuple[str, ...]
    after: tuple[str, ...]
    nullable: tuple[str, ...]
    not_null: tuple[str, ...]
    allows: tuple[str, ...]
    writes: bool
    lingers: bool
    command: str
    tag_at: int
    mistake: str = ""

    @property
    def text(self) -> str:
        """The file as it stands; it is sent with its name in a comment, see `quantdb.labels`.

        Raises:
            ConfigError: The file has a `mistake`.
        """
        self.must_be_right()
        return self._text

    def must_be_right(self) -> None:
        """Raise the ConfigError that was deferred when the file was read, if one was."""
        if self.mistake:
            raise ConfigError(self.mistake)

    def line_of(self, position: int) -> int:
        """Return the line, from 1, of a character position, from 1."""
        return self.text.count("\n", 0, position - 1) + 1


@contextmanager
def mistakes_deferred() -> Generator[None, None, None]:
    """Have `read` return a file with a mistake all the same; whoever runs it gets the ConfigError.

    For `quantdb check`, which finds every mistake and not only the one at which an import stops.
    """
    token = _DEFERRED.set(True)
    try:
        yield
    finally:
        _DEFERRED.reset(token)


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
    try:
        return _parse(str(file), _stem(file), _text(file, root))
    except ConfigError as error:
        if not _DEFERRED.get():
            raise
        return _mistaken(str(file), _stem(file), str(error))


def _stem(file: Path | Traversable) -> str:
    return file.name.removesuffix(".sql")


def _text(file: Path | Traversable, root: Path | Traversable | None) -> str:
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
    return text


def _mistaken(path: str, stem: str, mistake: str) -> SqlFile:
    return SqlFile(
        path=path,
        name=stem,
        cardinality="exec",
        text="",
        parameters=0,
        names=(),
        line=1,
        indexes=(),
        after=(),
        nullable=(),
        not_null=(),
        allows=(),
        writes=True,
        lingers=True,
        command="",
        tag_at=0,
        mistake=mistake,
    )


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
    tokens = _one_statement(path, text)
    parameters = {int(token.text[1:]) for token in tokens if token.kind == "parameter"}
    if parameters != set(range(1, len(parameters) + 1)):
        given = ", ".join(f"${number}" for number in sorted(parameters))
        line = _beyond_the_gap(tokens, parameters).line_in(text)
        raise ConfigError(
            f"{path}:{line}: parameters must be $1 … $n without a gap; there are {given}"
        )
    said = _said(text)
    return SqlFile(
        path=path,
        name=stem,
        cardinality=cardinality,
        text=text,
        parameters=len(parameters),
        names=_names(text, len(parameters)),
        line=tokens[0].line_in(text),
        indexes=said["index"],
        after=said["after"],
        nullable=said["nullable"],
        not_null=said["not null"],
        allows=said["allow"],
        writes=may_write(tokens),
        lingers=_lingers(tokens),
        command=_command(tokens),
        tag_at=tokens[1].at if len(tokens) > 1 else tokens[0].end,
    )


def _beyond_the_gap(tokens: list[Token], parameters: set[int]) -> Token:
    """Return the first token of the lowest parameter that has no place in $1 … $n."""
    ordered = sorted(parameters)
    lowest = next(number for place, number in enumerate(ordered, 1) if number != place)
    return next(
        token for token in tokens if token.kind == "parameter" and int(token.text[1:]) == lowest
    )


def _cardinality(word: str) -> Cardinality | None:
    choices: tuple[Cardinality, ...] = get_args(Cardinality)
    return next((choice for choice in choices if choice == word), None)


def _names(text: str, parameters: int) -> tuple[str, ...]:
    said: dict[int, str] = {}
    for comment in _COMMENT.findall(text):
        for number, name in _NAME.findall(comment):
            said.setdefault(int(number), name)
    names = tuple(said[number] for number in range(1, parameters + 1) if number in said)
    return names if len(names) == parameters else ()


def _said(text: str) -> defaultdict[str, tuple[str, ...]]:
    said: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for key, words in _SAID.findall(text):
        said[key] += tuple(words.replace(",", " ").split())
    return said


def _one_statement(path: str, text: str) -> list[Token]:
    """Return the tokens of the only statement in *text*."""
    only: list[Token] = []
    for statement in statements(path, text):
        if only:
            line = statement[0].line_in(text)
            raise ConfigError(f"{path}:{line}: a second statement; a file holds one")
        only = statement
    if not only:
        raise ConfigError(f"{path}:1: holds no statement")
    return only


def _command(tokens: list[Token]) -> str:
    """Return the word of what is done: of a WITH, that of the statement behind its queries."""
    if tokens[0].word != "with":
        return next((token.word.upper() for token in tokens if token.word), "")
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth and token.word in _AFTER_WITH:
            return token.word.upper()
    return "WITH"


def _lingers(tokens: list[Token]) -> bool:
    if tokens[0].word == "create" and tuple(token.word for token in tokens[-3:]) == _UNTIL_COMMIT:
        return False
    return tokens[0].word not in _PASSING or any(
        token.word.startswith(_LINGERING) for token in tokens
    )


def first_words(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Give the first word of each statement in *text*, with its line."""
    for statement in statements(path, text):
        yield statement[0].line_in(text), statement[0].text
