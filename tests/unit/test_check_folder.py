"""A folder as files: what cannot be read, what is nearly a promise, what must run before what."""

import shutil
from pathlib import Path

import pytest

from quantdb import ConfigError
from quantdb.check.ddl import defined_by, hazards_of
from quantdb.check.folder import statement_files
from quantdb.check.migrations import migration_files
from quantdb.check.order import before, mistakes
from quantdb.check.problems import Problem, Rule
from quantdb.schema import migrations
from quantdb.sqlfile import sql_folder


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def said(problems: list[Problem]) -> list[tuple[str, Rule]]:
    return [(str(each.place), each.rule) for each in problems]


# Statements


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("", 1, "file"),
        ("SELECT 1;", 1, "file"),
        ("-- name: p :one\nSELECT 1;", 1, "file"),
        ("-- name: q :two\nSELECT 1;", 1, "cardinality"),
        ("-- name: q :one\n", 1, "file"),
        ("-- name: q :one\nSELECT 1;\n\nSELECT 2;", 4, "file"),
        ("-- name: q :one\nSELECT 'a\n;", 2, "file"),
        ("-- name: q :one\nSELECT 1,\n$$ a\n", 3, "file"),
        ("-- name: q :one\nSELECT 1\n/* a /* b */\n", 3, "file"),
        ("-- name: q :one\nSELECT $1,\n $3,\n $4;", 3, "parameters"),
        ("-- name: q :one\nSELECT\n $2;", 3, "parameters"),
        ("-- name: q :one\nSELECT $1,\n $0;", 3, "parameters"),
        (b"-- name: q :one\n-- caf\xe9\nSELECT 1;", 2, "file"),
        ("-- name: q :one\nSELECT 1,\n '\0';", 3, "file"),
        (b"\xef\xbb\xbf-- name: q :one\nSELECT 1;", 1, "file"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_of_the_line(
    tmp_path: Path, text: str | bytes, line: int, rule: Rule
) -> None:
    files = statement_files(
        write(tmp_path, {"a/q.sql": text, "a/r.sql": "-- name: r :one\nSELECT 1;"})
    )

    assert [(f"a/q.sql:{line}", rule)] == said([*files["a/q.sql"].problems])
    assert str(tmp_path) not in files["a/q.sql"].problems[0].message
    assert files["a/q.sql"].sql is None
    assert files["a/r.sql"].sql is not None, "all files are looked at"


def test_a_link_that_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "q.sql").symlink_to(tmp_path / "absent.sql")

    assert said([*statement_files(tmp_path)["q.sql"].problems]) == [("q.sql:1", "file")]


def test_migrations_are_no_statements_wherever_else_they_look_so(tmp_path: Path) -> None:
    text = "-- name: x :one\nSELECT 1;"
    write(tmp_path, {"schema/0001_a.sql": "SELECT 1;", "deep/er/x.sql": text, "x.sql": text})

    assert list(statement_files(tmp_path)) == ["deep/er/x.sql", "x.sql"]
    assert [each.file for each in migration_files(tmp_path)] == ["schema/0001_a.sql"]


def test_a_script_that_says_so_is_no_statement(tmp_path: Path) -> None:
    grants = "GRANT SELECT ON trades TO reader;\nGRANT SELECT ON users TO reader;\n"
    files: dict[str, str | bytes] = {
        "roles/a.sql": f"-- script: grants\n{grants}",
        "roles/b.sql": f"-- grants\n{grants}",
    }

    assert list(statement_files(write(tmp_path, files))) == ["roles/b.sql"]


def test_line_ends_do_not_matter_to_a_checksum(tmp_path: Path) -> None:
    ours = write(
        tmp_path / "a", {"q.sql": "-- name: q :one\nSELECT 1;\n", "schema/0001_a.sql": "a\n"}
    )
    theirs = write(
        tmp_path / "b", {"q.sql": "-- name: q :one\r\nSELECT 1;\r\n", "schema/0001_a.sql": "a\r\n"}
    )

    assert statement_files(ours)["q.sql"].checksum == statement_files(theirs)["q.sql"].checksum
    assert migration_files(ours)[0].checksum == migration_files(theirs)[0].checksum


@pytest.mark.parametrize(
    "comment",
    [
        "-- Index: trades_pkey",
        "-- indexes: a, b",
        "--index: a",
        "-- index : a",
        "-- not-null: a",
        "-- NOT NULL: a",
        "-- notnull: a, b",
        "-- Nullable: a",
        "-- allows: select-star",
        "--  after: stage",
    ],
)
def test_what_is_nearly_a_promise_is_said(tmp_path: Path, comment: str) -> None:
    write(tmp_path, {"q.sql": f"-- name: q :one\n-- What it is.\n{comment}\nSELECT 1;"})

    assert said([*statement_files(tmp_path)["q.sql"].problems]) == [("q.sql:3", "file")]


@pytest.mark.parametrize(
    "comment",
    [
        "-- index: trades_pkey",
        "-- not null: a, b",
        "-- After merge was refused: the first of them.",
        "-- Index only scans: see the manual (chapter 11).",
        "-- Note: it is nullable: email",
        "-- One of three branches runs, so that the index: is found.",
    ],
)
def test_prose_is_no_promise(tmp_path: Path, comment: str) -> None:
    write(tmp_path, {"q.sql": f"-- name: q :one\n{comment}\nSELECT 1;"})

    assert not statement_files(tmp_path)["q.sql"].problems


def test_a_rule_that_is_none_cannot_be_allowed(tmp_path: Path) -> None:
    text = "-- name: q :one\n-- allow: timestamp, selectstar\nSELECT 1;"
    [problem] = statement_files(write(tmp_path, {"q.sql": text}))["q.sql"].problems

    assert (problem.place.line, problem.place.column) == (2, 22)
    assert "select-star" in problem.hint


# Migrations


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"0001_a.sql": "SELECT 1;"}, []),
        ({"a.sql": "SELECT 1;"}, ["schema/a.sql:1"]),
        ({"1_a.sql": "SELECT 1;"}, ["schema/1_a.sql:1"]),
        ({"0001-a.sql": "SELECT 1;"}, ["schema/0001-a.sql:1"]),
        ({"0001_a.sql": "SELECT 1;", "0001_b.sql": "SELECT 1;"}, ["schema/0001_b.sql:1"]),
        ({"0001_a.sql": ""}, ["schema/0001_a.sql:1"]),
        ({"0001_a.sql": "-- nothing\n"}, ["schema/0001_a.sql:1"]),
        ({"0001_a.sql": "SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;"}, ["schema/0001_a.sql:2"]),
        ({"0001_a.sql": "SELECT 1;\n\nrollback"}, ["schema/0001_a.sql:3"]),
        ({"0001_a.sql": "SELECT 1;\nSELECT 'a;"}, ["schema/0001_a.sql:2"]),
        ({"0001_a.sql": b"SELECT 1;\n-- \xff"}, ["schema/0001_a.sql:2"]),
    ],
)
def test_a_file_that_is_no_migration_is_a_problem_and_migrate_refuses_it_too(
    tmp_path: Path, files: dict[str, str | bytes], expected: list[str]
) -> None:
    write(tmp_path / "schema", files)

    problems = [problem for each in migration_files(tmp_path) for problem in each.problems]

    assert expected == [str(each.place) for each in problems]
    assert all(each.rule == "schema" for each in problems)
    if not expected:
        migrations(tmp_path / "schema")
        return
    with pytest.raises((ConfigError, UnicodeDecodeError)):
        migrations(tmp_path / "schema")


def test_our_own_migrations_are_right_and_free_of_hazards() -> None:
    files = migration_files(sql_folder())

    assert not [problem for each in files for problem in each.problems]
    assert not hazards_of(files, defined_by(files))
    assert {"trades", "prices", "users"} <= {each.table for each in defined_by(files)}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("CREATE TABLE t (price float8);", "", ["1:1"]),
        ("CREATE TABLE t (price float8);", "ALTER TABLE t ALTER price TYPE numeric;", []),
        ("CREATE TABLE t (price float8);", "ALTER TABLE t DROP COLUMN price;", []),
        ("CREATE TABLE t (price float8);", "ALTER TABLE t RENAME price TO signal;", []),
        ("CREATE TABLE t (price float8);", "DROP TABLE IF EXISTS x.t;", []),
        ("CREATE TABLE t (price numeric);", "ALTER TABLE t ALTER price TYPE real;", ["2:1"]),
        ("CREATE TABLE t (signal real);", "ALTER TABLE t RENAME COLUMN signal TO price;", ["1:1"]),
        ("CREATE TABLE t (\n a int,\n price money);", "ALTER TABLE t RENAME TO u;", ["1:3"]),
        ("-- allow: float-money\nCREATE TABLE t (price float8);", "", []),
        ("-- allow: timestamp\nCREATE TABLE t (price float8);", "", ["1:2"]),
        ("CREATE TABLE t (price float8);", "-- allow: float-money\nSELECT 1;", ["1:1"]),
        ("CREATE TABLE t (price float8);", "-- allow: float-money t.price\nSELECT 1;", []),
        ("CREATE TABLE t (fee real, tax real);", "-- allow: float-money t.fee,t.tax\nSELECT;", []),
        ("CREATE TABLE t (price float8);", "-- allow: float-money u.price\nSELECT 1;", ["1:1"]),
        ("CREATE VIEW v AS SELECT price::real FROM t;", "", ["1:1"]),
        ("CREATE VIEW v AS SELECT fee::real FROM t;", "CREATE OR REPLACE VIEW v AS SELECT 1;", []),
        ("CREATE VIEW v AS SELECT price::real FROM t;", "DROP VIEW v;", []),
        ("SELECT 1;\nSET search_path = a;", "SET LOCAL search_path = a;", ["1:2"]),
    ],
)  # fmt: skip
def test_what_stands_in_the_end_counts_and_may_be_allowed(
    tmp_path: Path, first: str, second: str, expected: list[str]
) -> None:
    write(tmp_path, {"schema/0001_a.sql": first, "schema/0002_b.sql": second or "SELECT 1;"})
    files = migration_files(tmp_path)

    found = [each.place for each in hazards_of(files, defined_by(files))]

    assert expected == [f"{place.file[10]}:{place.line}" for place in found]


# What runs before


def order(folder: Path, **after: str) -> tuple[list[list[str] | None], list[tuple[str, str]]]:
    """What runs before each statement, and what is wrong with that."""
    for name, names in after.items():
        comment = f"-- after: {names}\n" if names else ""
        write(folder, {f"f/{name}.sql": f"-- name: {name} :one\n{comment}SELECT 1;"})
    files = statement_files(folder)
    orders = [before(files, file) for file in files]
    return (
        [
            [each.file.removeprefix("f/").removesuffix(".sql") for each in first]
            if first is not None
            else None
            for first in orders
        ],
        [(str(each.place), each.message) for file in files for each in mistakes(files, file)],
    )


def test_what_must_run_before_runs_in_its_order_and_once(tmp_path: Path) -> None:
    assert order(tmp_path, a="", b="a", c="b, a", d="c, a") == (
        [[], ["a"], ["a", "b"], ["a", "b", "c"]],
        [],
    )


def test_what_is_not_there_cannot_run_before(tmp_path: Path) -> None:
    firsts, wrong = order(tmp_path, a="", b="a, aa")

    assert firsts == [[], None]
    assert wrong == [("f/b.sql:2", "there is no aa.sql beside it")]


def test_a_circle_is_said_once_where_the_others_begin(tmp_path: Path) -> None:
    firsts, wrong = order(tmp_path, a="c", b="a", c="a", d="a")

    assert firsts == [None, None, None, None]
    assert wrong == [("f/a.sql:2", "each is to run after the other: a → c → a")]


def test_a_statement_cannot_run_before_itself(tmp_path: Path) -> None:
    _firsts, wrong = order(tmp_path, a="a", b="")

    assert wrong == [("f/a.sql:2", "each is to run after the other: a → a")]


def test_a_statement_with_parameters_cannot_run_before(tmp_path: Path) -> None:
    write(tmp_path, {"f/x.sql": "-- name: x :one\nSELECT $1::int;"})
    firsts, wrong = order(tmp_path, a="x", b="a")

    assert firsts == [None, None, []]
    assert wrong == [("f/a.sql:2", "x takes parameters, so it cannot be run for this")]


def test_our_own_statements_have_an_order() -> None:
    files = statement_files(sql_folder())

    assert not [problem for file in files for problem in mistakes(files, file)]
    assert [each.file for each in before(files, "trades/merge.sql") or ()] == ["trades/stage.sql"]


def test_a_folder_below_finds_the_schema_above(tmp_path: Path) -> None:
    shutil.copytree(sql_folder(), tmp_path / "sql")

    files = migration_files(tmp_path / "sql/trades")

    assert files[0].file == "../schema/0000_migrations.sql"
    assert (tmp_path / "sql/trades" / files[0].file).is_file()
