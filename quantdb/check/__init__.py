"""Every statement held against a real server, and the code against what it says.

    report = await check(pool, repos=["mypkg.repos"])
    print(as_text(report))

A folder of SQL files holds one statement a file and, inside of it or above, in ``schema``, numbered
migrations. These are applied and the statements looked at in one transaction that is rolled back:
the database stays as it is.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs

from quantdb.blocks import is_alive
from quantdb.check.facts import Facts
from quantdb.check.judge import judged
from quantdb.check.layout import folder_of
from quantdb.check.migrations import migration_files
from quantdb.check.problems import Place, Problem
from quantdb.check.report import (
    Report,
    Style,
    as_github,
    as_json,
    as_lines,
    as_text,
    near,
    reported,
)
from quantdb.check.server import examine
from quantdb.check.snapshot import changed, loaded, written
from quantdb.check.uses import OWN, Found, found
from quantdb.database import Connection, Database, is_pool
from quantdb.errors import ConfigError
from quantdb.query import Query
from quantdb.sqlfile import sql_folder
from quantdb.transaction import lent

__all__ = [
    "SNAPSHOT",
    "Facts",
    "Place",
    "Plan",
    "Problem",
    "Report",
    "Style",
    "as_github",
    "as_json",
    "as_lines",
    "as_text",
    "check",
    "examined",
    "judgement",
    "near",
    "plan",
    "recall",
    "remember",
]

SNAPSHOT: Final = "quantdb-check.json"
"""The file in the SQL folder that keeps what a server said."""

_limits: Final = Query(sql_folder() / "check/limits.sql", str)


@attrs.frozen
class Plan:
    """What is to be checked.

    Attributes:
        folder: The SQL folder.
        found: What the code has of statements.
    """

    folder: Path
    found: Found


async def check(db: Database, folder: Path | None = None, repos: Sequence[str] = ()) -> Report:
    """Return what is wrong with statements and with the code that uses them.

    Args:
        db: A pool or a connection of a role that may create tables; nothing in the database is
            changed.
        folder: The SQL folder; by default the one that holds every statement of *repos*, or
            quantdb's own.
        repos: Modules and packages that hold repositories; by default, for quantdb's own folder,
            quantdb's own.

    Raises:
        ConfigError: There is no such folder, or it holds no SQL file.
    """
    planned = plan(folder, repos)
    return judgement(planned, await examined(db, planned.folder))


def plan(folder: Path | None = None, repos: Sequence[str] = ()) -> Plan:
    """Import the modules and find what they have of statements; else as `check`."""
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    if folder is None:
        folder = _common(found(repos), repos) if repos else sql_folder()
    if next(folder.rglob("*.sql"), None) is None:
        raise ConfigError(f"there is no SQL file in {folder}")
    if repos:
        return Plan(folder, found(repos, folder))
    own = found(OWN, folder)
    ours = any(use.file is not None for use in own.uses)
    return Plan(folder, own if ours else found((), folder))


def _common(there: Found, repos: Sequence[str]) -> Path:
    """Return the folder of the repositories' statements."""
    if there.uses:
        return folder_of(Path(use.path) for use in there.uses)
    broken = "; ".join(problem.message for problem in there.problems)
    raise ConfigError(broken or f"there is no Query in {', '.join(repos)}; name the SQL folder")


async def examined(db: Database, folder: Path) -> Facts:
    """Return what the server says of a folder, and leave the database as it is."""
    async with _undone(db) as connection:
        await _limits.one(connection)
        return await examine(connection, folder)


@asynccontextmanager
async def _undone(db: Database) -> AsyncGenerator[Connection]:
    """Give a connection in a transaction, or in a savepoint of one, that is rolled back."""
    if is_pool(db):
        async with lent(db) as connection, _undone(connection) as same:
            yield same
        return
    block = db.transaction(isolation=None if db.is_in_transaction() else "read_committed")
    await block.start()
    try:
        yield db
    finally:
        if is_alive(db):
            await block.rollback()


def judgement(planned: Plan, facts: Facts, against: str = "") -> Report:
    """Return the report on what is planned, by what a server said."""
    return _report(planned, facts, judged(facts, planned.found), against)


def remember(facts: Facts, file: Path) -> None:
    """Keep what a server said."""
    file.write_text(written(facts), "utf-8", newline="\n")


def recall(planned: Plan, file: Path) -> Report:
    """Return the report on what is planned, by what a server said once; none is asked.

    Of a statement that was changed since, or of all if a migration was, no more than that is said.

    Raises:
        ConfigError: There is no such snapshot, or it cannot be read.
    """
    try:
        facts = loaded(file.read_text("utf-8"))
    except FileNotFoundError:
        message = f"there is no snapshot {file}; write it with quantdb check --snapshot"
        raise ConfigError(message) from None
    except ValueError as error:  # of the text, or of what it says
        raise ConfigError(f"{file}: {error}") from None
    stale = changed(facts, planned.folder)
    sure = _unchanged(facts, planned, {problem.place.file for problem in stale})
    return _report(planned, facts, [*stale, *judged(*sure)], f"the snapshot {near(str(file))}")


def _unchanged(facts: Facts, planned: Plan, stale: set[str]) -> tuple[Facts, Found]:
    """Return what a server said, and what the code has, of what still is as it was."""
    migrations = {each.file for each in migration_files(planned.folder)} | facts.schema.keys()
    if stale & migrations:
        facts, stale = attrs.evolve(facts, problems=()), stale | facts.statements.keys()
    kept = {file: said for file, said in facts.statements.items() if file not in stale}
    found = planned.found
    uses = tuple(use for use in found.uses if use.file not in stale)
    return (
        attrs.evolve(facts, statements=kept),
        attrs.evolve(found, uses=uses, files=found.files | stale),
    )


def _report(planned: Plan, facts: Facts, problems: Iterable[Problem], against: str) -> Report:
    every = [*problems, *_elsewhere(planned)]
    return reported(every, planned.folder, len(facts.statements), len(planned.found.uses), against)


def _elsewhere(planned: Plan) -> Iterator[Problem]:
    """Say that there are queries of which nothing was checked, as their files are elsewhere."""
    uses = planned.found.uses
    places = [use.place for use in uses if use.file is None and not use.mistake]
    if places:
        every = len(places) == len(uses)
        which = "no query reads" if every else f"{len(places)} of {len(uses)} queries do not read"
        yield Problem(
            places[0],
            "file",
            f"{which} a file in {near(str(planned.folder.absolute()))}",
            "nothing was said of them: check the folder of their statements too",
            tuple(places[1:]),
            "problem" if every else "note",
        )
