"""``quantdb new``: a first model, statements, repository and test for a table that is there."""

import asyncio
import shlex
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from quantdb.cli.connect import Dsn, configured, opened
from quantdb.cli.console import out
from quantdb.cli.failures import Failure, Usage
from quantdb.new.designing import is_model
from quantdb.new.files import AlreadyThere, put
from quantdb.new.names import is_module
from quantdb.new.written import CONFTEST, Written, written

__all__ = ["new"]

TableName = Annotated[
    str,
    Parameter(help='The table: orders, trading.orders or "Orders"; of the search path by default.'),
]


def new(  # noqa: PLR0913 - an option each
    table: TableName,
    /,
    *,
    package: Annotated[
        str | None,
        Parameter(help="Name of the package (orders, app.orders); by default that of the table."),
    ] = None,
    into: Annotated[
        Path,
        Parameter(show_default=False, help="Folder to write into; by default the one you are in."),
    ] = Path(),
    model: Annotated[
        str | None,
        Parameter(help="Name of the class of a row; by default the table, in the singular."),
    ] = None,
    force: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Overwrite files that are there."),
    ] = False,
    dsn: Dsn = None,
) -> int:
    """Write a first model, SQL files, repository and test for a table of the database.

    ```text
    quantdb new orders
    quantdb new trading.fills --package fills --model Fill
    ```

    What it writes passes `quantdb check`, mypy and pyright as it is, and is yours to change. The
    database is only read; a file that is there is left alone.
    """
    if model and not is_model(model):
        raise Usage(f"--model {model}: is no name for a class, or one that means something else")
    if package and not all(map(is_module, package.split("."))):
        raise Usage(
            f"--package {package}: take lower case letters, digits and underscores, "
            "and a name that no module of Python has"
        )
    made = asyncio.run(_written(table, package or "", model or "", dsn))
    _refuse_hiding(made.design.package, into)
    has_one = (into / CONFTEST).exists()
    files = {name: text for name, text in made.files.items() if name != CONFTEST or not has_one}
    try:
        put(into, files, force=force)
    except AlreadyThere as error:
        raise Failure(f"{error}; --force overwrites them") from error
    _tell(made, into, files)
    return 0


async def _written(table: str, package: str, model: str, dsn: str | None) -> Written:
    async with opened(configured(dsn)) as pool:
        return await written(pool, table, package, model)


def _refuse_hiding(package: str, into: Path) -> None:
    """Refuse a package that another of that name would hide, or that would hide it."""
    top = package.partition(".")[0]
    spec = find_spec(top)
    places = spec.submodule_search_locations or [] if spec is not None else []
    if spec is not None and (into / top).resolve() not in map(Path, places):
        raise Failure(f"a module {top} is installed already; give --package another name")


def _tell(made: Written, into: Path, files: Iterable[str]) -> None:
    for name in files:
        out.print(Text.assemble(("wrote  ", "green"), str(into / name)), soft_wrap=True)
    for remark in made.remarks:
        out.print(Text.assemble(("note   ", "yellow"), remark), soft_wrap=True)
    path, test = made.design.path, f"tests/{made.design.test}.py"
    out.print("\nNext:", soft_wrap=True)
    commands = [] if into.resolve() == Path.cwd() else [f"cd {shlex.quote(str(into))}"]
    commands += [
        f"quantdb check {path}/sql --repos {made.design.package}.repos",
        f"pytest {test}",
        f"mypy --strict {path} {test}",
    ]
    for command in commands:
        out.print(f"  {command}", soft_wrap=True)
