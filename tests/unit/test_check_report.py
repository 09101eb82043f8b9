"""What a check found, as it is shown: exact to the caret, and to the escape."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from quantdb.check.excerpt import cells, excerpt, shown
from quantdb.check.problems import Place, Problem, Severity
from quantdb.check.report import Report, as_github, as_json, as_lines, as_text, reported

LOST = "\N{REPLACEMENT CHARACTER}"

SQL = """\
-- name: between :many
-- The trades of a symbol.
SELECT id,\tpricee, '表格' AS 名, quantity
FROM trades
"""
PYTHON = """\
@attrs.frozen
class Fill:
    price: Decimal
"""

PREPARE = Problem(
    Place("sql/trades/between.sql", 3, 12, 6),
    "prepare",
    'column "pricee" does not exist',
    "did you mean price?",
    (Place("fills.py", 3, 5, 5),),
)
UNUSED = Problem(
    Place("sql/trades/between.sql"), "unused", "no Query uses this file", severity="note"
)


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a statement and the code that uses it, which is the current one."""
    (tmp_path / "sql/trades").mkdir(parents=True)
    (tmp_path / "sql/trades/between.sql").write_text(SQL)
    (tmp_path / "fills.py").write_text(PYTHON)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return tmp_path


def told(*problems: Problem, room: int | None = None) -> list[str]:
    report = reported(problems, Path(), 23, 41)
    return ["".join(part for part, _style in line) for line in as_lines(report, room)]


def test_a_problem_is_shown_with_its_line_its_hint_and_what_is_related() -> None:
    assert told(PREPARE) == [
        "sql/trades/between.sql:3:12 prepare",
        '  column "pricee" does not exist',
        "     3 │ SELECT id,  pricee, '表格' AS 名, quantity",
        "       │             ^^^^^^",
        "  → did you mean price?",
        "  see fills.py:3",
        "     3 │     price: Decimal",
        "       │     ^^^^^",
        "",
        "23 statements, 41 queries: 1 problem.",
    ]


def test_carets_count_the_cells_of_wide_characters() -> None:
    wide = Problem(Place("sql/trades/between.sql", 3, 28, 1), "columns", "m")
    behind = Problem(Place("sql/trades/between.sql", 3, 31, 8), "columns", "m")

    assert told(wide)[2:4] == [
        "     3 │ SELECT id,  pricee, '表格' AS 名, quantity",
        "       │ " + " " * 30 + "^^",
    ]
    assert told(behind)[3] == "       │ " + " " * 34 + "^^^^^^^^"


def test_problems_stand_by_file_and_line_and_each_once() -> None:
    late = Problem(Place("sql/trades/between.sql", 4, 6, 6), "prepare", "late")

    heads = [line for line in told(late, PREPARE, UNUSED, PREPARE) if line[:1].strip()]

    assert heads == [
        "sql/trades/between.sql:1:1 unused (note)",
        "sql/trades/between.sql:3:12 prepare",
        "sql/trades/between.sql:4:6 prepare",
        "23 statements, 41 queries: 2 problems, 1 note.",
    ]


def test_a_place_that_is_a_whole_line_gets_no_caret() -> None:
    assert told(UNUSED)[1:4] == [
        "  no Query uses this file",
        "     1 │ -- name: between :many",
        "",
    ]


@pytest.mark.parametrize(
    "place",
    [Place("sql/missing.sql", 1), Place("sql/trades/between.sql", 99), Place("sql", 1)],
)
def test_a_line_that_cannot_be_read_is_left_out(place: Place) -> None:
    assert told(Problem(place, "file", "m"))[1:] == [
        "  m",
        "",
        "23 statements, 41 queries: 1 problem.",
    ]


def test_a_position_behind_the_end_of_the_line_has_a_caret_there() -> None:
    end = Problem(Place("fills.py", 2, 12, 1), "prepare", "syntax error at end of input")

    assert told(end)[2:4] == ["     2 │ class Fill:", "       │            ^"]


def test_a_place_that_only_says_where_a_word_begins_has_carets_under_the_word() -> None:
    def carets(column: int) -> int:
        return told(Problem(Place("fills.py", 3, column), "columns", "m"))[3].count("^")

    assert carets(5) == len("price")
    assert carets(6) == len("r"), "in a word"
    assert carets(10) == len(":")


def test_messages_are_wrapped_where_there_is_an_end_to_a_line() -> None:
    long = Problem(Place("x.sql", 1), "prepare", "one two three\nfour", "five six seven eight")

    assert told(long, room=14)[1:-2] == [
        "  one two",
        "  three",
        "  four",
        "  → five six",
        "    seven",
        "    eight",
    ]
    assert told(long)[1:-2] == ["  one two three", "  four", "  → five six seven eight"]


def test_nothing_that_a_terminal_would_obey_is_shown(tree: Path) -> None:
    (tree / "evil\x1b.sql").write_text("SELECT \x1b[31m\u202e 1 \x07\r\n")
    evil = Problem(Place("evil\x1b.sql", 1, 8, 2), "prepare", "no \x1b[2J\u2028", "\x1b]0;\x07")

    lines = told(evil)

    assert lines[:5] == [
        f"evil{LOST}.sql:1:8 prepare",
        f"  no {LOST}[2J",
        f"     1 │ SELECT {LOST}[31m{LOST} 1 {LOST}",
        "       │        ^^",
        f"  → {LOST}]0;{LOST}",
    ]


def test_the_text_for_people_without_colours_is_the_same_lines() -> None:
    assert as_text(reported([PREPARE], Path(), 23, 41)) == "\n".join(told(PREPARE))


@pytest.mark.parametrize(
    ("severities", "said", "failed"),
    [
        ([], "All is well: 1 statement and 2 queries, held against PostgreSQL 18.", False),
        (["note"], "1 statement, 2 queries: no problem, 1 note.", False),
        (["note", "note"], "1 statement, 2 queries: no problem, 2 notes.", False),
        (["problem"], "1 statement, 2 queries: 1 problem.", True),
        (["problem", "note"], "1 statement, 2 queries: 1 problem, 1 note.", True),
    ],
)
def test_the_last_line_counts_and_only_a_problem_fails(
    severities: list[Severity], said: str, *, failed: bool
) -> None:
    problems = [
        Problem(Place("f", number), "file", "m", severity=severity)
        for number, severity in enumerate(severities)
    ]
    report = reported(problems, Path(), 1, 2, "PostgreSQL 18")

    assert (str(report), report.failed) == (said, failed)


def test_files_are_relative_to_the_current_folder_if_they_are_below_it(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    away = tmp_path_factory.mktemp("away") / "a.sql"
    inside = Problem(Place("trades/between.sql", 1), "unused", "m", related=(Place(str(away), 2),))

    report = reported([inside], tree / "sql", 1, 1)

    assert report.problems[0].place.file == str(tree / "sql/trades/between.sql")
    assert as_text(report).splitlines()[0] == "sql/trades/between.sql:1:1 unused"
    assert f"  see {away}:2" in as_text(report)


def test_a_folder_that_is_reached_by_a_link_is_still_below_the_current_one(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("away") / "link"
    link.symlink_to(tree)

    report = reported([UNUSED], link, 1, 1)

    assert as_text(report).splitlines()[0] == "sql/trades/between.sql:1:1 unused (note)"


def test_the_report_for_programs_has_these_keys_and_no_others() -> None:
    assert json.loads(as_json(reported([PREPARE, UNUSED], Path(), 23, 41))) == {
        "version": 1,
        "statements": 23,
        "queries": 41,
        "problems": [
            {
                "file": "sql/trades/between.sql",
                "line": 1,
                "column": 1,
                "width": 1,
                "rule": "unused",
                "severity": "note",
                "message": "no Query uses this file",
                "hint": "",
                "related": [],
            },
            {
                "file": "sql/trades/between.sql",
                "line": 3,
                "column": 12,
                "width": 6,
                "rule": "prepare",
                "severity": "problem",
                "message": 'column "pricee" does not exist',
                "hint": "did you mean price?",
                "related": [{"file": "fills.py", "line": 3}],
            },
        ],
    }


def test_the_report_for_programs_is_ascii() -> None:
    assert as_json(reported([attrs_evolved("→ 表格")], Path(), 1, 1)).isascii()


def attrs_evolved(message: str) -> Problem:
    return Problem(Place("a,b:c%.sql", 2, 3, 4), "float-money", message, "100 %\r\nsure")


def test_github_gets_its_commands_with_its_escapes() -> None:
    report = reported([attrs_evolved("one\ntwo: a,b"), UNUSED, PREPARE], Path(), 23, 41)

    assert as_github(report).splitlines() == [
        (
            "::error file=a%2Cb%3Ac%25.sql,line=2,col=3,endColumn=7,"
            "title=quantdb check%3A float-money::one%0Atwo: a,b%0A→ 100 %25%0D%0Asure"
        ),
        (
            "::notice file=sql/trades/between.sql,line=1,col=1,endColumn=2,"
            "title=quantdb check%3A unused::no Query uses this file"
        ),
        (
            "::error file=sql/trades/between.sql,line=3,col=12,endColumn=18,"
            'title=quantdb check%3A prepare::column "pricee" does not exist'
            "%0A→ did you mean price?%0Asee fills.py:3"
        ),
        "23 statements, 41 queries: 2 problems, 1 note.",
    ]


def test_github_gets_paths_from_the_root_of_the_repository(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tree))
    monkeypatch.chdir(tree / "sql")

    command = as_github(reported([UNUSED], tree, 1, 1)).splitlines()[0]

    assert command.startswith("::notice file=sql/trades/between.sql,line=1,")


LINES = st.text("ab \t表é\u0301x\x1b", max_size=200)


@given(
    line=LINES,
    column=st.integers(1, 220),
    width=st.integers(0, 220),
    room=st.integers(20, 120),
)
def test_an_excerpt_fits_its_room_and_points_into_it(
    line: str, column: int, width: int, room: int
) -> None:
    cut = excerpt(line, column, width, room)

    assert cell_len(cut.line) <= room
    assert (cut.carets > 0) == ((column, width) != (1, 1))
    assert cut.before + cut.carets <= room + 1
    assert "\x1b" not in cut.line


@given(line=st.text("abcdefgh ", min_size=1, max_size=200), data=st.data())
def test_carets_stand_under_the_characters_that_are_meant(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(line)))
    width = data.draw(st.integers(2, 10))
    room = data.draw(st.integers(20, 120))

    cut = excerpt(line, column, width, room)

    meant = line[column - 1 : column - 1 + width].rstrip()
    assert cut.line[cut.before : cut.before + cut.carets].rstrip() == meant


@given(st.text("aZ é表ｱ\u0301名😀\t", max_size=20))
def test_cells_are_counted_as_rich_counts_them(text: str) -> None:
    assert cells(shown(text)) == cell_len(shown(text))


def test_an_empty_report_is_well() -> None:
    assert str(Report((), 0, 0)) == "All is well: 0 statements and 0 queries."
