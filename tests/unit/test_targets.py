"""Which parameters go straight into which columns: known of plain statements, of no others."""

import pytest

from quantdb.targets import Target, target_of


@pytest.mark.parametrize(
    ("statement", "table", "columns", "places"),
    [
        ("INSERT INTO t VALUES ($1, $2)", "t", None, ((1, 0), (2, 1))),
        ("insert into t values ($2, $1);", "t", None, ((2, 0), (1, 1))),
        ("INSERT INTO t (a, b) VALUES ($1, $2)", "t", ("a", "b"), ((1, 0), (2, 1))),
        ("INSERT INTO t (a) VALUES ($1), ($2)", "t", ("a",), ((1, 0), (2, 0))),
        ("INSERT INTO t (a, b) VALUES ($1, $1)", "t", ("a", "b"), ((1, 0), (1, 1))),
        ("INSERT INTO t (a, b, c) VALUES (1, $1 + 1, $2)", "t", ("a", "b", "c"), ((2, 2),)),
        ("INSERT INTO t (a, b) VALUES (f($1, $2), $3)", "t", ("a", "b"), ((3, 1),)),
        ("INSERT INTO t (a, b) VALUES (ARRAY[$1, $2], $3)", "t", ("a", "b"), ((3, 1),)),
        ("INSERT INTO t (a, b) VALUES ($1::int, $2)", "t", ("a", "b"), ((2, 1),)),
        ("INSERT INTO t (a, b) VALUES (DEFAULT, $1)", "t", ("a", "b"), ((1, 1),)),
        ("INSERT INTO s.t AS x (a) VALUES ($1) RETURNING *", "s.t", ("a",), ((1, 0),)),
        ('INSERT INTO "S"."a b" ("A""", b) VALUES ($1, $2)', '"S"."a b"', ('A"', "b"), None),
        ("INSERT INTO T (A) OVERRIDING SYSTEM VALUE VALUES ($1)", "T", ("a",), ((1, 0),)),
        (
            "-- name: x :one\n/* ( */ INSERT INTO t (a)\nVALUES ($1) -- )\nON CONFLICT DO NOTHING",
            "t",
            ("a",),
            ((1, 0),),
        ),
        ("UPDATE t SET a = $1, b = $2 WHERE c = $3", "t", ("a", "b"), ((1, 0), (2, 1))),
        ("UPDATE ONLY s.t AS x SET a = $2 FROM y WHERE y.b = $1", "s.t", ("a",), ((2, 0),)),
        ("UPDATE t x SET a = a + $1, b = $2 RETURNING b = $3", "t", ("b",), ((2, 0),)),
        ("UPDATE t SET a = (SELECT b FROM u WHERE c = $1), d = $2", "t", ("d",), ((2, 0),)),
        ("UPDATE t SET (a, b) = ($1, $2), c = $3", "t", ("c",), ((3, 0),)),
    ],
)
def test_a_parameter_alone_goes_into_its_column(
    statement: str,
    table: str,
    columns: tuple[str, ...] | None,
    places: tuple[tuple[int, int], ...] | None,
) -> None:
    everywhere = tuple((n + 1, n) for n, _name in enumerate(columns or ()))

    found = target_of(statement)

    assert found is not None
    assert Target(table, columns, places or everywhere, found.is_whole) == found


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES ($1, $2)",
        "INSERT INTO t (a, b) VALUES ($2, $1) RETURNING b, a;",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING RETURNING a, c",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a, lower(b)) WHERE c DO NOTHING",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT ON CONSTRAINT x DO UPDATE SET a = excluded.a",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = EXCLUDED.a, b=excluded.b",
        'INSERT INTO t (a, "B") VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET "B" = excluded."B"',
    ],
)
def test_a_statement_that_only_stores_is_known(statement: str) -> None:
    found = target_of(statement)

    assert found is not None
    assert found.is_whole


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES ($1), ($2)",
        "INSERT INTO t VALUES ($1, 1)",
        "INSERT INTO t VALUES ($1, $2 + 1)",
        "INSERT INTO t VALUES ($1, DEFAULT)",
        "INSERT INTO t (a) VALUES ($1) RETURNING *",
        # A row that conflicts keeps its b.
        "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET a = excluded.a",
        "INSERT INTO t (a, b, c) VALUES ($1, $2, $3) ON CONFLICT (a) DO UPDATE SET c = excluded.c",
        "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (lower(b)) DO UPDATE SET a = excluded.a",
        "INSERT INTO t VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a",
        "INSERT INTO t (a) VALUES ($1) RETURNING a + 1 AS a",
        "INSERT INTO t (a) VALUES ($1) RETURNING b AS a",
        "INSERT INTO t (a) VALUES ($1) RETURNING t.a",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.b",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a + t.a",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = t.a",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, b = 1",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET (a) = ROW(excluded.a)",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a WHERE t.b",
        "UPDATE t SET a = $1 RETURNING a",
    ],
)
def test_a_statement_that_does_more_than_store_is_known(statement: str) -> None:
    found = target_of(statement)

    assert found is None or not found.is_whole


@pytest.mark.parametrize(
    "statement",
    [
        "",
        ";",
        "SELECT $1",
        "INSERT INTO t SELECT $1",
        "INSERT INTO t (SELECT $1)",
        "INSERT INTO t DEFAULT VALUES",
        "INSERT INTO t (a[1], b) VALUES ($1, $2)",
        "INSERT INTO t (a.b) VALUES ($1)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t (a) VALUES ($1 || 'x')",
        "INSERT INTO",
        "INSERT INTO t (a",
        "INSERT INTO t (a) VALUES ($1",
        "WITH x AS (SELECT 1) INSERT INTO t VALUES ($1)",
        "UPDATE",
        "UPDATE t",
        "UPDATE t SET",
        "UPDATE t SET a[1] = $1",
        "UPDATE t SET a.b = $1",
        "UPDATE t SET a = b WHERE c = $1",
        "DELETE FROM t WHERE a = $1",
        "MERGE INTO t USING u ON t.a = $1 WHEN MATCHED THEN UPDATE SET b = $2",
        "INSERT INTO t VALUES ('never closed, $1)",
        "INSERT INTO t VALUES ($1); SELECT 1",
    ],
)
def test_any_other_statement_has_no_target(statement: str) -> None:
    assert target_of(statement) is None
