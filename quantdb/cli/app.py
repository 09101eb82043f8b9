"""The commands and their names, and what becomes of their errors."""

import asyncio
import io
import sys
from importlib.metadata import PackageNotFoundError, version

from cyclopts import App, CycloptsError
from rich.text import Text

from quantdb import schema
from quantdb.cli import check, doctor, export, load, new
from quantdb.cli.connect import Dsn, configured, named, opened
from quantdb.cli.console import err, facts, out
from quantdb.cli.failures import EXPECTED, Usage, one_line, scrubbed
from quantdb.cli.sink import ReaderGone

__all__ = ["app", "run"]


def _version() -> str:
    try:
        return version("quantdb")
    except PackageNotFoundError:
        return "unknown: quantdb is not installed, it only runs"


app = App(
    name="quantdb",
    help="""Typed, exact, retry-safe data access to PostgreSQL for quant trading systems.

```text
quantdb demo                         see it work, on a server of its own
export QUANTDB_DSN=postgresql://…    or --dsn with every command
quantdb migrate                      make the tables
quantdb load trades tape.csv.gz      CSV in: exactly, and never twice
quantdb export trades copy.csv.gz    and out again
quantdb doctor                       is all well with the database?
quantdb check --repos mypkg.repos    does your code fit your SQL, and that the schema?
quantdb new orders                   a first repository for a table of yours
```

Each command has a --help. It exits with 0 when it did its work, 1 when it could not, and 2 when
it was called wrongly.""",
    help_format="markdown",
    version=_version,
)
_load = App(name="load", help="Load trades or prices from a CSV file.")
_load.command(load.trades)
_load.command(load.prices)
_export = App(name="export", help="Write trades or prices to a CSV file.")
_export.command(export.trades)
_export.command(export.prices)

# By name, because it needs libraries that the other commands do without.
app.command("quantdb.cli.demo:demo", name="demo", help="Run the main job on a server of its own.")


@app.command
def migrate(*, dsn: Dsn = None) -> int:
    """Make quantdb's tables, or bring them up to date. To run it again changes nothing.

    ```text
    quantdb migrate --dsn postgresql://owner@localhost/trading
    ```

    The role must be allowed to create tables; `quantdb doctor` shows what it may do.
    """
    return asyncio.run(_migrate(dsn))


async def _migrate(dsn: str | None) -> int:
    config = configured(dsn)
    async with opened(config) as pool:
        applied = await schema.migrate(pool)
        there = await schema.applied(pool)
    facts(out, [("applied", name) for name in applied])
    done = f"{len(applied)} now" if applied else "nothing to do"
    out.print(f"{named(config)} has {len(there)} migrations of quantdb: {done}.", soft_wrap=True)
    return 0


app.command(_load)
app.command(_export)
app.command(check.check)
app.command(doctor.doctor)
app.command(new.new)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        command, bound, _ignored = app.parse_args(
            _dash_last(arguments), exit_on_error=False, print_error=False
        )
        result: object = command(*bound.args, **bound.kwargs)
    except CycloptsError as error:
        words = " ".join(["quantdb", *(error.command_chain or ())])
        return _complain(f"{error} See: {words} --help", 2)
    except ReaderGone:
        return 1  # as quietly as others are
    except Usage as error:
        return _complain(str(error), 2)
    except EXPECTED as error:
        return _complain(one_line(error), 1)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    return result if isinstance(result, int) else 0


def _dash_last(arguments: list[str]) -> list[str]:
    """Have a lone ``-`` taken as the file that it stands for, not as an option without a name."""
    if "-" not in arguments or "--" in arguments:
        return arguments
    return [*(each for each in arguments if each != "-"), "--", "-"]


def _complain(message: str, code: int) -> int:
    err.print(Text.assemble(("quantdb: ", "bold red"), scrubbed(message)), soft_wrap=True)
    return code
