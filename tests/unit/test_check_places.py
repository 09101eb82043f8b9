"""Where things are in a statement: its output columns, its comments, what a position means."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantdb.check.places import columns, outputs, verb
from quantdb.check.problems import Place
from quantdb.check.source import Source, source

HEADER = "-- name: q :many\n"


def statement(sql: str) -> Source:
    return source("q.sql", HEADER + sql)


def shown(made: Source, item: tuple[int, int]) -> str:
    begin, end = item
    return made.text[made.tokens[begin].at : made.tokens[end - 1].end]


def items(sql: str) -> list[str]:
    made = statement(sql)
    return [shown(made, item) for item in outputs(made)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a, b FROM t", ["a", "b"]),
        ("SELECT a", ["a"]),
        ("SELECT", []),
        ("SELECT FROM t", []),
        ("SELECT ALL a FROM t", ["a"]),
        ("SELECT DISTINCT a, b FROM t", ["a", "b"]),
        ("SELECT DISTINCT ON (a, b) a, c FROM t", ["a", "c"]),
        ("select\n  a -- , x\n, /* y, */ b from t", ["a", "b"]),
        ("SELECT f(a, b), (c, d), ARRAY[e, f] FROM t", ["f(a, b)", "(c, d)", "ARRAY[e, f]"]),
        ("SELECT a[1:2], x, 'a, b', $$c, d$$", ["a[1:2]", "x", "'a, b'", "$$c, d$$"]),
        ('SELECT "a, b", "from" FROM t', ['"a, b"', '"from"']),
        # What ends a list is a name where it is a label, an attribute or quoted.
        ("SELECT a AS from, t.order, b AS limit FROM t", ["a AS from", "t.order", "b AS limit"]),
        # FROM and GROUP that end nothing.
        ("SELECT a IS DISTINCT FROM b AS d, c FROM t", ["a IS DISTINCT FROM b AS d", "c"]),
        ("SELECT a IS NOT DISTINCT FROM b, c", ["a IS NOT DISTINCT FROM b", "c"]),
        ("SELECT extract(year FROM x), c FROM t", ["extract(year FROM x)", "c"]),
        ("SELECT substring(a FROM 1 FOR 2), c FROM t", ["substring(a FROM 1 FOR 2)", "c"]),
        (
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a, b) AS m, c FROM t",
            ["percentile_cont(0.5) WITHIN GROUP (ORDER BY a, b) AS m", "c"],
        ),
        (
            "SELECT CASE WHEN a THEN b ELSE (SELECT 1, 2) END AS x, sum(a) OVER (ORDER BY b, c)",
            ["CASE WHEN a THEN b ELSE (SELECT 1, 2) END AS x", "sum(a) OVER (ORDER BY b, c)"],
        ),
        ("SELECT count(*) FILTER (WHERE a), b FROM t", ["count(*) FILTER (WHERE a)", "b"]),
        ("SELECT (SELECT a, b FROM t), c FROM u", ["(SELECT a, b FROM t)", "c"]),
        # What ends a list without FROM.
        ("SELECT 1, 2 WHERE true", ["1", "2"]),
        ("SELECT 1, 2 ORDER BY 1, 2", ["1", "2"]),
        ("SELECT 1, 2 LIMIT 1", ["1", "2"]),
        ("SELECT a, b INTO x FROM t", ["a", "b"]),
        # The first arm names the columns.
        ("SELECT a, b FROM t UNION ALL SELECT c, d FROM u", ["a", "b"]),
        ("SELECT 1, 2 EXCEPT SELECT 3, 4", ["1", "2"]),
        ("(SELECT a, b FROM t) UNION SELECT c, d FROM u ORDER BY 1", ["a", "b"]),
        ("((SELECT a, b FROM t LIMIT 1)) INTERSECT SELECT c, d", ["a", "b"]),
        ("VALUES (1, 'a'), (2, 'b')", ["1", "'a'"]),
        ("TABLE t", []),
        # Behind WITH.
        ("WITH x AS (SELECT 1, 2) SELECT a, b FROM x", ["a", "b"]),
        ("WITH RECURSIVE x (a, b) AS (SELECT 1, 2), y AS (SELECT 3) SELECT c FROM y", ["c"]),
        ("WITH x AS MATERIALIZED (SELECT 1), y AS NOT MATERIALIZED (SELECT 2) SELECT c", ["c"]),
        ("WITH update AS (SELECT 1), insert AS (SELECT 2) SELECT a, b FROM insert", ["a", "b"]),
        (
            "WITH RECURSIVE x AS (SELECT 1) SEARCH DEPTH FIRST BY a, b SET o SELECT a, o FROM x",
            ["a", "o"],
        ),
        (
            "WITH RECURSIVE x AS (SELECT 1) CYCLE a, b SET c USING p, y AS (SELECT 2) SELECT d, e",
            ["d", "e"],
        ),
        (
            "WITH d AS (DELETE FROM t RETURNING a, b) SELECT count(*), max(a) FROM d",
            ["count(*)", "max(a)"],
        ),
        ("WITH x AS (SELECT 1) (SELECT a, b FROM x) LIMIT 1", ["a", "b"]),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 2 FROM x RETURNING a", ["a"]),
        # RETURNING.
        ("INSERT INTO t (a, b) VALUES (1, 2) RETURNING a, b AS c", ["a", "b AS c"]),
        ("INSERT INTO t (a, b) SELECT c, d FROM u RETURNING a", ["a"]),
        ("INSERT INTO t (a, b) VALUES (1, 2)", []),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1, c = 2 RETURNING a, b",
            ["a", "b"],
        ),
        ("UPDATE t SET a = 1, b = 2 WHERE c RETURNING a, (b, c)", ["a", "(b, c)"]),
        ("DELETE FROM t USING u WHERE a = b RETURNING t.a, u.b", ["t.a", "u.b"]),
        ("INSERT INTO t VALUES (1) RETURNING WITH (OLD AS o, NEW AS n) o.a, n.b", ["o.a", "n.b"]),
        (
            "MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE RETURNING merge_action(), a",
            ["merge_action()", "a"],
        ),
    ],
)  # fmt: skip
def test_the_outermost_list_makes_the_columns(sql: str, expected: list[str]) -> None:
    assert expected == items(sql)


def test_a_column_stands_where_it_is_made() -> None:
    made = statement("SELECT\n    a, é AS b,\n    coalesce(\n        c, d\n    ) AS e\nFROM t")

    assert [place for place, _alone in columns(made, 3)] == [
        Place("q.sql", 3, 5, 1),
        Place("q.sql", 3, 8, 6),
        Place("q.sql", 4, 5, len("coalesce(")),  # what is on further lines is not underlined
    ]


def test_the_columns_of_a_star_stand_where_it_is() -> None:
    made = statement("SELECT a,\n  t.*,\n  b\nFROM t")
    star = Place("q.sql", 3, 3, 3)

    assert [
        (Place("q.sql", 2, 8, 1), True),
        (star, False),
        (star, False),
        (Place("q.sql", 4, 3, 1), True),
    ] == columns(made, 4)
    assert all(alone for _place, alone in columns(made, 2))


@pytest.mark.parametrize(
    "sql", ["SELECT a.*, b.* FROM t", "SELECT\n*, (c).* FROM t", "TABLE t", "SHOW x"]
)
def test_columns_that_nothing_tells_apart_stand_where_the_list_is(sql: str) -> None:
    made = statement(sql)
    first = made.place(outputs(made)[0][0] if outputs(made) else 0)

    assert [(first, False)] * 3 == columns(made, 3)


# Of up to three letters; none of them names a column.
RESERVED: Final = frozenset(
    {"all", "and", "any", "as", "asc", "do", "end", "for", "in", "is", "not", "on", "or", "to"}
)


@given(
    names=st.lists(
        st.from_regex(r"[a-z]{1,3}", fullmatch=True).filter(lambda name: name not in RESERVED),
        min_size=1,
        max_size=6,
    ),
    gap=st.sampled_from([" ", "\n", "\r\n  ", " -- x, y\n", " /* , */ "]),
    around=st.sampled_from(["{}", "({})", "f({}, 1)", "ARRAY[{}, 2]", "'{}, 3'", "({}).f"]),
)
def test_any_list_is_split_at_its_own_commas(names: list[str], gap: str, around: str) -> None:
    parts = [f"{around.format(name)}{gap}AS {name}" for name in names]

    assert parts == items(f"SELECT{gap}{f'{gap},{gap}'.join(parts)}{gap}FROM{gap}t")


def test_the_verb_is_behind_its_queries() -> None:
    made = statement("WITH a AS (SELECT 1), b (x) AS (VALUES (2)) DELETE FROM t")

    assert made.word(verb(made)) == "delete"


# Positions and comments


def test_a_position_is_a_line_and_a_character_of_it() -> None:
    made = statement("SELECT 'é😀',\r\n\tprice\r\nFROM t")
    at = made.text.index("price")

    assert Place("q.sql", 3, 2, 5) == made.at(at, 5)
    assert Place("q.sql", 3, 2, 5) == made.at(at, 50), "no place is longer than its line"
    number = made.found(at + 3)
    assert number is not None
    assert made.name(number) == "price"
    assert made.found(len(made.text)) is None


@pytest.mark.parametrize(
    ("key", "word", "expected"),
    [
        ("index", "trades_pkey", Place("q.sql", 2, 11, 11)),
        ("index", "trades", Place("q.sql", 3, 11, 6)),
        ("not null", "b", Place("q.sql", 4, 18, 1)),
        ("not null", "a_b", Place("q.sql", 4, 14, 3)),
        ("allow", "select-star", Place("q.sql", 5, 11, 11)),
        ("after", "stage", Place("q.sql")),
    ],
)
def test_a_comment_is_found_by_what_it_says(key: str, word: str, expected: Place) -> None:
    made = statement(
        "-- index: trades_pkey\n-- index: trades\n-- not null: a_b,b\n"
        "-- allow: select-star\r\nSELECT 1"
    )

    assert expected == made.said(key, word)
