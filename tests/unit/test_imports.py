"""Models, exactness and errors know no database, each in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import quantdb

# The package's own __init__ names the pool, and so loads the driver: it is left out here.
WITHOUT_INIT: Final = """
import importlib, sys, types
package = types.ModuleType("quantdb")
package.__path__ = [{folder!r}]
sys.modules["quantdb"] = package
importlib.import_module({module!r})
print(*sys.modules, sep="\\n")
"""


def loaded(module: str) -> set[str]:
    """The modules that importing *module* alone loads."""
    folder = str(Path(quantdb.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_INIT.format(folder=folder, module=module)],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def ours(modules: set[str]) -> set[str]:
    return {name.removeprefix("quantdb.") for name in modules if name.startswith("quantdb.")}


@pytest.mark.parametrize(
    ("module", "below"),
    [("errors", set[str]()), ("exact", {"errors"}), ("models", {"errors", "exact"})],
)
def test_the_lowest_floors_know_no_driver_and_nothing_above_them(
    module: str, below: set[str]
) -> None:
    modules = loaded(f"quantdb.{module}")

    assert {module} | below == ours(modules)
    assert set() == modules & {"asyncpg", "asyncio", "ray", "pyarrow", "ssl", "socket"}


@pytest.mark.parametrize("module", ["sqlfile", "config", "paging", "database", "rows"])
def test_files_settings_pages_rows_and_the_seam_know_no_driver(module: str) -> None:
    assert "asyncpg" not in loaded(f"quantdb.{module}")
