"""What a statement is called, and how its text carries that name to the server."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantdb import Query, Repo
from quantdb.labels import Operation, of_attribute, of_file, tagged
from quantdb.lexer import statements
from quantdb.sqlfile import SqlFile, read, sql_folder

BETWEEN: Final = read(sql_folder() / "trades/between.sql")


def written(folder: Path, body: str) -> SqlFile:
    (folder / "q.sql").write_text(f"-- name: q :many\n{body}", encoding="utf-8")
    return read(folder / "q.sql")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("SELECT 1", "SELECT /* A.b */ 1"),
        ("select\n  1;\n", "select\n  /* A.b */ 1;\n"),
        ("-- c\nSELECT 'SELECT'", "-- c\nSELECT /* A.b */ 'SELECT'"),
        ("/* c /* d */ */ SELECT 1", "/* c /* d */ */ SELECT /* A.b */ 1"),
        ("SELECT /*+ SeqScan(t) */ 1", "SELECT /*+ SeqScan(t) */ /* A.b */ 1"),
        ("SELECT -- c\n1", "SELECT -- c\n/* A.b */ 1"),
        ("(SELECT 1)", "(/* A.b */ SELECT 1)"),
        ("VALUES(1)", "VALUES/* A.b */ (1)"),
        ("SELECT", "SELECT/* A.b */ "),
        ("SELECT;", "SELECT/* A.b */ ;"),
        ("WITH a AS (SELECT 1) TABLE a", "WITH /* A.b */ a AS (SELECT 1) TABLE a"),
    ],
)
def test_the_name_stands_behind_the_first_word(tmp_path: Path, body: str, expected: str) -> None:
    assert f"-- name: q :many\n{expected}" == tagged(written(tmp_path, body), "A.b").text


@given(st.text())
def test_no_name_can_end_the_comment_or_leave_ascii(name: str) -> None:
    file = BETWEEN
    sent = tagged(file, name)
    added = sent.text[sent.at : sent.at + sent.length]

    assert added.startswith("/* ")
    assert added.endswith(" */ ")
    assert (added.count("/*"), added.count("*/"), added.count("\n")) == (1, 1, 0)
    assert added.isascii()
    words = [[token.text for token in statement] for statement in statements("", file.text)]
    assert words == [[token.text for token in each] for each in statements("", sent.text)]


@given(st.integers(1, 10_000))
def test_every_place_in_the_file_is_found_again(place: int) -> None:
    file = BETWEEN
    sent = tagged(file, "TradeRepo.between")
    place = min(place, len(file.text))
    there = place if place <= sent.at else place + sent.length

    assert file.text[place - 1] == sent.text[there - 1]
    assert place == sent.in_file(there)
    assert file.line_of(place) == sent.text.count("\n", 0, there - 1) + 1


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("SELECT 1", "SELECT"),
        ("insert into t values (1)", "INSERT"),
        ("WITH a AS (DELETE FROM t RETURNING 1) SELECT 1", "SELECT"),
        ("WITH a AS (SELECT 1), b AS (SELECT (2)) INSERT INTO t SELECT 1", "INSERT"),
        ("WITH a AS (SELECT 1) TABLE a", "WITH"),
        ("(SELECT 1)", "SELECT"),
        ("CREATE TEMP TABLE t (id int)", "CREATE"),
    ],
)
def test_the_command_is_what_the_statement_does(tmp_path: Path, body: str, command: str) -> None:
    assert command == written(tmp_path, body).command


def test_the_first_class_that_holds_a_query_names_it(tmp_path: Path) -> None:
    (tmp_path / "by_day.sql").write_text("-- name: by_day :many\nSELECT 1")
    by_day = Query(tmp_path / "by_day.sql", int)
    assert f"{tmp_path.name}/by_day" == by_day.operation.name

    class FillRepo(Repo):
        _by_day = by_day

    class OtherRepo(FillRepo):
        _days = by_day

    for holder in (FillRepo, OtherRepo):
        held: dict[str, object] = dict(vars(holder))
        assert by_day in held.values()
    assert by_day.operation.name == "FillRepo.by_day"


def test_names_are_without_what_python_makes_of_them(tmp_path: Path) -> None:
    file = written(tmp_path, "SELECT 1")

    class _Fills:
        pass

    assert of_attribute(_Fills, "_Fills__own") == "_Fills.own"
    assert of_attribute(_Fills, "by_day") == "_Fills.by_day"
    assert f"{tmp_path.name}/q" == of_file(file)
    assert Operation("TradeRepo.get", file).of("find").name == "TradeRepo.find"
    assert Operation("v1.2/get", file).of("find").name == "v1.2/find"
