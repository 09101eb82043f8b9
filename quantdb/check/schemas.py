"""The schema of a folder: applied as far as it can be, and what is wrong with it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import attrs

from quantdb import sqlfile
from quantdb.check.clauses import settings
from quantdb.check.ddl import defined_by, hazards_of
from quantdb.check.hazards import covered
from quantdb.check.layout import schema_folder
from quantdb.check.migrations import MigrationFile, migration_files
from quantdb.check.names import names
from quantdb.check.problems import Place, Problem, Rule
from quantdb.check.refusals import REFUSED, is_consequence, refusal, with_suggestion
from quantdb.check.savepoints import forgotten
from quantdb.check.source import Source
from quantdb.database import Connection
from quantdb.query import Query

__all__ = ["Schema", "applied"]

_SQL: Final = sqlfile.sql_folder()
_OURS: Final = "quantdb"
_FIRST: Final = "0000_migrations.sql"
_EXISTS: Final = frozenset({"42P06", "42P07", "42701", "42710", "42723"})


@attrs.frozen
class _Recorded:
    set_name: str
    number: int
    file_name: str
    checksum: str


_recorded: Final = Query(_SQL / "check/recorded.sql", _Recorded)
_reset_search_path: Final = Query(_SQL / "check/reset_search_path.sql")


@attrs.frozen
class Schema:
    """A schema that was applied, as far as that went.

    Attributes:
        checksums: Of every migration of the folder, by its path in the folder.
        problems: What is wrong with them.
        failed: Whether something was not applied, so that what is missing may be missing for that.
        tables: The tables that the folder's migrations define.
        covered: The columns of which a problem, or an ``allow``, says a hazard already.
    """

    checksums: dict[str, str]
    problems: tuple[Problem, ...]
    failed: bool
    tables: frozenset[str]
    covered: frozenset[tuple[Rule, str]]


async def applied(connection: Connection, folder: Path) -> Schema:
    """Apply quantdb's schema and that of *folder*, where the database does not have them yet."""
    files = migration_files(folder)
    defined = defined_by(files)
    tables = frozenset(each.table for each in defined if each.column)
    known = await _known(connection)
    before = await names(connection, "relation")
    if not (schema_folder(folder) / _FIRST).exists():
        await _apply_ours(connection, tables, known)
    problems = [problem for file in files for problem in file.problems]
    applying = _Applying(connection, files, known, is_there=bool(tables & before))
    problems += await applying.run()
    return Schema(
        checksums={file.file: file.checksum for file in files},
        problems=(*problems, *hazards_of(files, defined)),
        failed=applying.failed,
        tables=tables,
        covered=covered(defined),
    )


async def _known(connection: Connection) -> list[_Recorded]:
    """Return the migrations that the database has; none if this role sees no table of them."""
    try:
        async with forgotten(connection):
            return await _recorded.all(connection)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return []


async def _apply_ours(
    connection: Connection, tables: frozenset[str], known: Sequence[_Recorded]
) -> None:
    """Apply quantdb's own schema for a folder that builds on it.

    A folder that defines a table of the same name, or a database that has one, is on its own.
    """
    files = migration_files(_SQL)
    if tables & {each.table for each in defined_by(files)}:
        files = files[:1]
    names = {each.file_name for each in known if each.set_name == _OURS}
    for file in files:
        if Path(file.file).name in names:
            continue
        block = connection.transaction()
        await block.start()
        try:
            for statement in file.statements:
                await connection.execute(_sent(statement))
        except REFUSED as error:
            refusal(error, file.statements[0], "schema")  # raises it if the connection is gone
            await block.rollback()
            return
        await block.commit()


def _sent(statement: Source) -> str:
    return statement.text[statement.tokens[0].at : statement.tokens[-1].end]


class _Applying:
    """The application of a folder's migrations to a database."""

    def __init__(
        self,
        connection: Connection,
        files: Sequence[MigrationFile],
        known: Sequence[_Recorded],
        *,
        is_there: bool,
    ) -> None:
        self._connection = connection
        self._files = files
        self._had = _set_of(files, known)
        # The tables may be there, made by other means than ours.
        self._is_there = is_there and not self._had
        self.failed: bool = any(file.problems for file in files)

    async def run(self) -> list[Problem]:
        """Apply what is pending and return what went wrong."""
        problems = list(self._differences())
        last = max((each.number for each in self._had), default=-1)
        for file in self._files:
            if self._has(file):
                continue
            if file.number is not None and file.number < last:
                message = "comes before migrations that are applied already"
                problems.append(
                    Problem(Place(file.file), "schema", message, "give it a higher number")
                )
            for statement in file.statements:
                problems += await self._apply(statement)
            if any([*settings(statement)] for statement in file.statements):
                await _reset_search_path.run(self._connection)
        return problems

    def _has(self, file: MigrationFile) -> bool:
        return any(file.number == old.number or file.checksum == old.checksum for old in self._had)

    def _differences(self) -> Iterable[Problem]:
        """Give what was changed since it was applied, as `quantdb migrate` refuses it."""
        numbers = {file.number: file for file in self._files}
        checksums = {file.checksum: file for file in self._files}
        for old in self._had:
            file = numbers.get(old.number) or checksums.get(old.checksum)
            if file is None:
                said = f"the database has {old.file_name}, which is not here"
                place = Place(self._files[-1].file)
                yield Problem(place, "schema", said, "it is newer than this folder")
            elif Path(file.file).name != old.file_name:
                said = f"was {old.file_name} when it was applied"
                yield Problem(Place(file.file), "schema", said, "give it that name again")
            elif file.checksum != old.checksum:
                said = "was changed after it was applied"
                hint = "undo that and write a new migration"
                yield Problem(Place(file.file), "schema", said, hint)

    async def _apply(self, statement: Source) -> list[Problem]:
        """Apply a statement and return why it cannot be, unless that follows from what is said."""
        block = self._connection.transaction()
        await block.start()
        try:
            await self._connection.execute(_sent(statement))
        except REFUSED as error:
            problem = refusal(error, statement, "schema", statement.tokens[0].at)
            await block.rollback()
            if self._is_there and getattr(error, "sqlstate", None) in _EXISTS:
                return []
            if self.failed and is_consequence(error):
                return []
            self.failed = True
            hint = await with_suggestion(self._connection, error, problem, statement)
            return [attrs.evolve(problem, hint=hint)]
        await block.commit()
        return []


def _set_of(files: Sequence[MigrationFile], known: Sequence[_Recorded]) -> list[_Recorded]:
    """Return the set that the files are of, under whatever name they were applied; or nothing."""
    names = {(file.number, Path(file.file).name) for file in files}
    checksums = {file.checksum for file in files}
    ours = _is_ours(files)
    sets: dict[str, list[_Recorded]] = {}
    for each in known:
        if (each.set_name == _OURS) is ours:
            sets.setdefault(each.set_name, []).append(each)

    def alike(had: list[_Recorded]) -> int:
        return sum(
            (each.number, each.file_name) in names or each.checksum in checksums for each in had
        )

    best = max(sets.values(), key=alike) if sets else []
    return best if alike(best) else []


def _is_ours(files: Iterable[MigrationFile]) -> bool:
    """Tell quantdb's own schema, or a copy of it, from one that builds on it."""
    return any(Path(file.file).name == _FIRST for file in files)
