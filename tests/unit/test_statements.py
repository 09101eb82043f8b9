"""Every statement has an owner, a name that is its file's, and introduces itself."""

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import pytest

import quantdb
from quantdb import Query, sqlfile

SQL: Final = sqlfile.sql_folder()
FILES: Final = sorted(
    file
    for file in SQL.rglob("*.sql")
    if file.relative_to(SQL).parts[0] not in {"roles", "schema"}  # which are scripts
)
SCHEMA: Final = "\n".join(
    file.read_text("utf-8") for file in sorted((SQL / "schema").glob("*.sql"))
)


class Claim(NamedTuple):
    owner: str
    attribute: str
    file: Path


def name_of(case: object) -> str:
    match case:
        case Path():
            return str(case.relative_to(SQL))
        case Claim():
            return f"{case.owner}.{case.attribute}"
        case _:
            return str(case)


def modules() -> Iterator[ModuleType]:
    """Every module of quantdb, but for those whose extra is not installed."""
    for info in pkgutil.walk_packages(quantdb.__path__, "quantdb."):
        if info.name in {"quantdb.embedded.keeper", "quantdb.testing"}:
            continue  # a script, and a plugin that pytest loads itself
        try:
            with warnings.catch_warnings(action="ignore"):  # those of the extras
                yield importlib.import_module(info.name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("quantdb"):
                raise


def claims() -> list[Claim]:
    """Every Query, and every statement that is no Query, in a module or a class of quantdb."""
    found: set[Claim] = set()
    for module in modules():
        spaces: list[tuple[str, dict[str, object]]] = [(module.__name__, vars(module))]
        spaces += [
            (f"{module.__name__}.{name}", dict(vars(value)))
            for name, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        for owner, space in spaces:
            for attribute, value in space.items():
                if isinstance(value, Query):
                    found.add(Claim(owner, attribute, Path(value.file.path)))
                elif isinstance(value, sqlfile.SqlFile):
                    found.add(Claim(owner, attribute.lower(), Path(value.path)))
    return sorted(found)


CLAIMS: Final = claims()
files = pytest.mark.parametrize("file", FILES, ids=name_of)


def test_the_statements_are_found() -> None:
    assert {"trades", "prices", "users", "migrations"} <= {file.parent.name for file in FILES}
    assert len(FILES) > 30


def test_every_file_is_the_query_of_something_and_every_query_has_a_file() -> None:
    owned = {claim.file for claim in CLAIMS}

    assert set() == set(FILES) - owned, "nobody uses these files"
    assert set() == owned - set(FILES), "these files are outside of sql/"


def test_no_file_has_two_owners() -> None:
    owned = [claim.file for claim in CLAIMS]

    assert sorted(file for file in set(owned) if owned.count(file) > 1) == []


@pytest.mark.parametrize("claim", CLAIMS, ids=name_of)
def test_the_attribute_is_named_as_its_file(claim: Claim) -> None:
    # A constant of a module is written as one, and may be for other modules.
    assert claim.file.stem == claim.attribute.lower().lstrip("_")


@pytest.mark.parametrize("claim", CLAIMS, ids=name_of)
def test_a_repository_has_a_folder_of_its_own(claim: Claim) -> None:
    """quantdb.repos.trades.TradeRepo owns sql/trades, and nothing else."""
    folders = {other.file.parent for other in CLAIMS if other.owner == claim.owner}

    assert {claim.file.parent} == folders


def test_nothing_but_statements_lies_in_the_folders() -> None:
    assert [
        str(file.relative_to(SQL))
        for file in SQL.rglob("*")
        if file.is_file() and file.suffix != ".sql"
    ] == []


# What each file looks like.


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("--")]


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


@files
def test_a_file_can_be_read_and_is_lower_case_by_name(file: Path) -> None:
    sql = sqlfile.read(file)

    assert file.stem == sql.name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", file.stem)


@files
def test_a_file_introduces_itself_before_its_statement(file: Path) -> None:
    text = file.read_text("utf-8")
    lines = text.splitlines()
    sql = sqlfile.read(file)

    assert re.fullmatch(rf"-- name: {file.stem} :(one|many|exec|execrows)", lines[0])
    assert re.match(r"-- [A-Za-z]", lines[1]), "the second line says what it returns"
    assert not lines[1].startswith("-- index:")
    assert all(line.startswith("-- ") for line in lines[: sql.line - 1])


@files
def test_each_parameter_has_a_name_in_the_comment(file: Path) -> None:
    text = file.read_text("utf-8")
    listed = ", ".join(line.removeprefix("-- ") for line in comments(text) if " $" in line[:5])
    named = [int(number) for number in re.findall(r"(?:^|, )\$(\d+) [a-z]\w*", listed)]

    assert list(range(1, sqlfile.read(file).parameters + 1)) == named


@files
def test_columns_are_listed(file: Path) -> None:
    statement = without_comments(file.read_text("utf-8")).replace("count(*)", "")

    assert not re.search(r"(SELECT|DISTINCT|ALL|RETURNING|,|\.)\s*\*", statement, re.IGNORECASE)


@files
def test_a_file_ends_with_its_statement(file: Path) -> None:
    text = file.read_text("utf-8")

    assert text.endswith(";\n")
    assert not text.endswith("\n\n")
    assert without_comments(text).count(";") == 1


@files
def test_a_file_is_laid_out_as_the_others(file: Path) -> None:
    raw = file.read_bytes()
    lines = raw.decode().splitlines()

    assert b"\r" not in raw
    assert b"\t" not in raw
    assert not [line for line in lines if line != line.rstrip()]
    assert max(map(len, lines)) <= 130


@files
def test_an_index_that_is_promised_is_in_the_schema(file: Path) -> None:
    sql = sqlfile.read(file)
    lines = [line for line in comments(sql.text) if "index:" in line]

    assert len(lines) == len(sql.indexes), "an index line that nobody reads"
    for index in sql.indexes:
        assert re.search(rf"(INDEX|CONSTRAINT) {index}\b", SCHEMA)


@files
def test_a_statement_that_returns_rows_says_so(file: Path) -> None:
    sql = sqlfile.read(file)
    statement = without_comments(sql.text).strip().upper()
    returns = statement.startswith(("SELECT", "WITH", "VALUES")) or "RETURNING" in statement

    if file.stem != "lock":  # pg_advisory_xact_lock returns void
        assert returns is (sql.cardinality in {"one", "many"})


@files
def test_rows_come_in_an_order(file: Path) -> None:
    sql = sqlfile.read(file)

    if sql.cardinality == "many":
        last = without_comments(sql.text).rpartition(")")[2]
        assert "ORDER BY" in last
