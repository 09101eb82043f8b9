"""No statement is built from input: neither an identifier nor an ORDER BY, nor anything else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import quantdb
from quantdb.sqlfile import sql_folder

PACKAGE: Final = Path(quantdb.__file__).parent

# What begins a statement, and what an identifier follows in the middle of one.
SQL: Final = re.compile(
    r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE|TRUNCATE|COPY|CREATE|ALTER|DROP|GRANT|REVOKE|SET|SHOW|"
    r"DECLARE|FETCH|SAVEPOINT|ROLLBACK|DO|LOCK|LISTEN|NOTIFY|PREPARE|EXECUTE|RESET|BEGIN)\b"
    r"|.*\b(?:ORDER BY|GROUP BY|WHERE|RETURNING|INSERT INTO|DELETE FROM)\b"
)
SENDING: Final = frozenset(
    {"execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "prepare", "cursor"}
)

ALLOWED: Final = {
    # A type, as the server itself spells it.
    "statement.py: SELECT $1::{name}",
    # A text, as a constant of the statement, its quotes doubled; and the texts are our own.
    "scopes.py: DO $quantdb$BEGIN RAISE EXCEPTION '{quoted}'; END$quantdb$",
}
SENT_LATER: Final = {
    # Names that are quoted, a query as its file has it, and parameters.
    "ray/data/texts.py: SELECT * FROM {origin.text} AS quantdb_rows",
    "ray/data/texts.py: SELECT count(*) AS rows FROM {origin.text} AS quantdb_rows{where}",
    "ray/data/texts.py: SELECT {named} FROM {origin.text} AS quantdb_rows{where}{sorted_by}",
    (
        "ray/data/texts.py: SELECT percentile_disc(${len(args) - 1}::double precision[]) WITHIN "
        "GROUP (ORDER BY quantdb_rows.{quoted(column)}) AS bounds FROM {origin.text} AS "
        "quantdb_rows{where}{(' AND' if where else ' WHERE')} {few}"
    ),
    # A name that the server has quoted, and one of hexadecimal digits.
    "ray/data/texts.py: LOCK TABLE {origin.text} IN ACCESS SHARE MODE",
    "ray/data/texts.py: SET TRANSACTION SNAPSHOT '{name}'",
    # Parameters, each cast to a type: names of the catalogue's, quoted.
    "columns/spelled.py: SELECT {values}",
    # What COPY does, where the driver has no binary form; the names are quoted.
    "connection.py: INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({dollars})",
    # A status.
    "connection.py: COPY {count}",
    # Hexadecimal digits.
    "settings.py: SELECT pg_catalog.set_config({_hexed(name)}, {_hexed(value)}, true);",
    # A name of our own making.
    'testing/databases.py: CREATE DATABASE "{name}"',
    'testing/databases.py: DROP DATABASE "{name}" WITH (FORCE)',
}
OF_THE_EMBEDDED_SERVER: Final = {
    # Its password is our own, made of hexadecimal digits.
    r"embedded/server.py: CREATE DATABASE quantdb;\nALTER ROLE postgres PASSWORD '{password}';\n",
}
PROSE: Final = frozenset({"cli", "demo"})
"""Folders that speak to people about statements, and send those of files only."""
FOR_DEVELOPERS: Final = frozenset({"check", "new"})
"""Folders of tools whose input are a developer's own files: to send those is what they do."""


def built(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Give every text that is put together, as it would be written in an f-string."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr():
                yield node, ast.unparse(node)[2:-1]
            case ast.BinOp(left=ast.Constant(value=str()), op=ast.Add() | ast.Mod()):
                yield node, ast.unparse(node)
            case ast.BinOp(right=ast.Constant(value=str()), op=ast.Add()):
                yield node, ast.unparse(node)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
                yield node, ast.unparse(node)
            case _:
                pass


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        if file.parts[0] not in FOR_DEVELOPERS:
            yield file, ast.parse(path.read_text("utf-8"))


def test_no_text_that_is_sent_is_put_together() -> None:
    found: set[str] = set()
    for file, tree in modules():
        parts = {id(node): text for node, text in built(tree)}
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]) if name in SENDING:
                    if id(first) in parts:
                        found.add(f"{file}: {' '.join(parts[id(first)].split())}")
                case _:
                    pass

    assert found == ALLOWED


def test_no_text_that_looks_like_a_statement_is_put_together() -> None:
    found = {
        f"{file}: {' '.join(text.split())}"
        for file, tree in modules()
        if file.parts[0] not in PROSE
        for _node, text in built(tree)
        if SQL.match(text)
    }

    assert found == ALLOWED | SENT_LATER | OF_THE_EMBEDDED_SERVER


def test_no_file_runs_a_text_of_its_own_making() -> None:
    """EXECUTE in a procedure, or a sort by a parameter, would let input in by the back door."""
    for file in sorted(sql_folder().rglob("*.sql")):
        if file.parent.name == "roles":  # grants on the current database and schema, by format(%I)
            continue
        text = re.sub(r"--[^\n]*", "", file.read_text("utf-8"))
        assert not re.search(r"\bEXECUTE\b", text, re.IGNORECASE), file
        assert not re.search(r"\bORDER BY(?:(?!\bLIMIT\b)[^;()])*\$\d", text, re.IGNORECASE), file
