"""Which statements the code has: every Query, its row type, and where its verbs are called."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

import attrs

from quantdb.check.calls import Call, calls_in
from quantdb.check.holdings import (
    AnyQuery,
    Holding,
    assigned,
    classes_of,
    holdings_of,
    is_borrowed,
    place_of,
)
from quantdb.check.modules import imported
from quantdb.check.problems import Place, Problem
from quantdb.check.python import code_of
from quantdb.check.rowtypes import Shape, shape_of
from quantdb.sqlfile import SqlFile, mistakes_deferred, read, sql_folder

__all__ = ["OWN", "Found", "Use", "found"]

OWN: Final[tuple[str, ...]] = (
    "quantdb.catalog",
    "quantdb.check",
    "quantdb.cli.doctor",
    "quantdb.columns.settings",
    "quantdb.datasets",
    "quantdb.ingest",
    "quantdb.new",
    "quantdb.repos",
    "quantdb.room",
    "quantdb.schema",
    "quantdb.statement",
)
"""The modules of quantdb that have statements."""

_SQL_FILE: Final = re.compile(r"[^*{}()\\\s]+\.sql")


@attrs.frozen
class Use:
    """A Query.

    Attributes:
        name: What it is called where it is made (``"TradeRepo._between"``).
        place: Where that is.
        file: Its file in the folder, with slashes; None if it has another.
        path: Its file, as it names it.
        has_row: Whether it was given a row type.
        shape: What that takes; None if there is none, or if it is unknown.
        calls: Where its verbs are called.
        mistake: Why its file cannot be read.
    """

    name: str
    place: Place
    file: str | None
    path: str
    has_row: bool
    shape: Shape | None
    calls: tuple[Call, ...] = ()
    mistake: str = ""


@attrs.frozen
class Found:
    """What the code has of statements, held against a folder.

    Attributes:
        uses: Every Query.
        files: Files of the folder that are read without a Query.
        mentions: Other names of SQL files in the source, of which nobody knows what they are for.
        headers: What the files of the folder say of themselves, those without a mistake.
        problems: Modules that could not be imported.
        complete: Whether every module could be looked at.
    """

    uses: tuple[Use, ...]
    files: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()
    headers: Mapping[str, SqlFile] = attrs.field(factory=dict[str, SqlFile])
    problems: tuple[Problem, ...] = ()
    complete: bool = True


def found(names: Sequence[str], folder: Path | None = None) -> Found:
    """Return what modules have of the statements in a folder.

    Args:
        names: The modules; of a package, all that it holds.
        folder: The SQL folder; quantdb's own by default. It may be a copy of that: then its files
            stand for those that quantdb's own modules name.
    """
    looked_at = imported(names)
    root = _Root.of((folder or sql_folder()).resolve(), looked_at.modules)
    holdings = [each for module in looked_at.modules for each in holdings_of(module)]
    calls = _calls(looked_at.modules)
    uses: dict[int, Use] = {}
    files: set[str | None] = set()
    for holding in sorted(holdings, key=is_borrowed):
        value = holding.value
        if root.is_foreign(holding.module):
            continue
        if isinstance(value, SqlFile):
            files.add(root.file(holding, value.path))
        elif id(value) not in uses:
            uses[id(value)] = _use(holding, value, root, [call for _, call in calls[id(value)]])
    known = {id(holding.value) for holding in holdings}
    for others in [others for key, others in calls.items() if key not in known and others]:
        query, call = others[0]  # of a module that is not looked at
        if root.is_foreign("", query.file.path):
            continue
        holding = Holding(query, "", None, query.file.name)
        use = _use(holding, query, root, [call for _, call in others])
        uses[id(query)] = attrs.evolve(use, place=call.place)
    return Found(
        uses=tuple(sorted(uses.values(), key=lambda use: use.place)),
        files=frozenset(filter(None, files)),
        mentions=frozenset(_mentions(looked_at.modules, holdings)),
        headers=root.headers,
        problems=looked_at.problems,
        complete=not looked_at.problems and not looked_at.skipped,
    )


def _use(holding: Holding, query: AnyQuery, root: "_Root", calls: Sequence[Call]) -> Use:
    return Use(
        name=str(holding),
        place=place_of(holding),
        file=root.file(holding, query.file.path),
        path=query.file.path,
        has_row=query.row is not None,
        shape=None if query.row is None else shape_of(query.row),
        calls=tuple(sorted(calls, key=lambda call: call.place)),
        mistake=query.file.mistake,
    )


def _calls(modules: Sequence[ModuleType]) -> defaultdict[int, list[tuple[AnyQuery, Call]]]:
    """Return the calls of every query, by its identity."""
    classes = [kind for module in modules for kind in classes_of(module)]

    def heirs(kind: type) -> list[type]:
        return [kind, *(each for each in classes if kind in each.__mro__[1:])]

    found: defaultdict[int, list[tuple[AnyQuery, Call]]] = defaultdict(list)
    for module in modules:
        code = code_of(module)
        for query, call in calls_in(module, code, heirs) if code else ():
            found[id(query)].append((query, call))
    return found


# Files


@attrs.frozen(eq=False)
class _Root:
    """A folder of SQL files.

    Attributes:
        folder: The folder.
        headers: Its files that can be read.
        original: quantdb's own folder, if this is a copy of it.
        modules: The modules that are looked at.
    """

    folder: Path
    headers: Mapping[str, SqlFile]
    original: Path | None
    modules: frozenset[str]

    @classmethod
    def of(cls, folder: Path, modules: Sequence[ModuleType]) -> "_Root":
        paths = {each.relative_to(folder).as_posix(): each for each in folder.rglob("*.sql")}
        with mistakes_deferred():
            files = {name: read(path) for name, path in sorted(paths.items())}
        own = sql_folder().resolve()
        return cls(
            folder,
            {name: file for name, file in files.items() if not file.mistake},
            own if folder != own and _is_copy(own, {*paths}) else None,
            frozenset(module.__name__ for module in modules),
        )

    def is_foreign(self, module: str, path: str = "") -> bool:
        """Tell whether a statement is quantdb's own, which the user's code has from there."""
        ours = path and Path(path).is_relative_to(sql_folder())
        return module not in self.modules and bool(ours or module.startswith("quantdb."))

    def file(self, holding: Holding, path: str) -> str | None:
        """Return the file of the folder that a path of the code means."""
        given = Path(path).absolute()
        whole = given.resolve() if given.is_file() else given
        if whole.is_relative_to(self.folder):
            return whole.relative_to(self.folder).as_posix()
        ours = holding.module in self.modules and holding.module.startswith("quantdb.")
        if ours and self.original is not None and whole.is_relative_to(self.original):
            return whole.relative_to(self.original).as_posix()
        return None


def _is_copy(own: Path, files: set[str]) -> bool:
    """Tell whether a folder has most of the files that quantdb's own has."""
    ours = {each.relative_to(own).as_posix() for each in own.rglob("*.sql")}
    return len(ours & files) > len(ours) // 2


def _mentions(modules: Sequence[ModuleType], holdings: Sequence[Holding]) -> Iterator[str]:
    """Give the names of SQL files in the source, but those of which a statement was made."""
    made = {id(found[1]) for found in map(assigned, holdings) if found is not None}
    for module in modules:
        code = code_of(module)
        pending: list[ast.AST] = [code.tree] if code and code.says(".sql") else []
        while pending:
            node = pending.pop()
            if id(node) in made:
                continue
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and _SQL_FILE.fullmatch(text):
                yield text.lstrip("./")
            pending += ast.iter_child_nodes(node)
