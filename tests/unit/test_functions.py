"""Which statements are known to do no more than read: those that call nothing that may write."""

import pytest

from quantdb.functions import may_write
from quantdb.lexer import statements


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT count(*), max(a) FILTER (WHERE b IN (1, 2)) OVER (PARTITION BY c) FROM t",
        "SELECT coalesce(sum(a)::numeric(10, 2), CAST(b AS varchar(3))) FROM s.t GROUP BY (b)",
        "WITH w (a, b) AS (SELECT 1, 2), v (c) AS NOT MATERIALIZED (SELECT 3) SELECT a FROM w, v",
        "SELECT a FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS w (a, place) WHERE (a) = b",
        "SELECT x FROM generate_series(1, 3) g (x) WHERE EXISTS (SELECT 1) AND NOT (x > ALL (y))",
        "SELECT pg_catalog.now(), clock_timestamp(), pg_sleep(1), random()",
        "SELECT 'put(1)', a /* put(1) */ FROM t -- put(1)",
        "SELECT DISTINCT ON (a) a, lower(b) FROM t ORDER BY a",
    ],
)
def test_a_statement_that_reads_is_known(statement: str) -> None:
    [tokens] = statements("", statement)

    assert not may_write(tokens)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT put($1)",
        'SELECT "put"($1)',
        "SELECT * FROM put($1)",
        "SELECT put($1) AS count",
        "SELECT a, PUT (a) AS b FROM t",
        "SELECT app.count($1)",
        'SELECT "pg_catalog2".lower($1)',
        "SELECT DISTINCT ON (a) put(b) FROM t",
        "SELECT nextval('s')",
        "SELECT pg_notify('a', 'b')",
        "SELECT (put(row(1))).a",
        "WITH w AS (SELECT put(1)) SELECT * FROM w",
        "WITH w AS (DELETE FROM t RETURNING a) SELECT * FROM w",
        "SELECT a FROM t FOR UPDATE",
    ],
)
def test_what_calls_a_function_that_nobody_knows_may_write(statement: str) -> None:
    [tokens] = statements("", statement)

    assert may_write(tokens)
