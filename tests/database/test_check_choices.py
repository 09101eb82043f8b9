"""A text column whose CHECK names its values is held against Literals as an enum is."""

import asyncpg
import pytest

from quantdb.check.choices import with_choices
from quantdb.check.facts import Column, PgType
from quantdb.check.nullable import analysed

TEXT = PgType("text")


async def choices_of(connection: asyncpg.Connection, statement: str) -> list[tuple[str, ...]]:
    analysis = await analysed(connection, statement, [])
    assert analysis is not None
    columns = [Column(f"c{n}", TEXT, None, 1) for n in range(len(analysis.nullable))]
    return [each.choices for each in await with_choices(connection, columns, analysis.tree)]


@pytest.mark.parametrize(
    ("kind", "check", "choices"),
    [
        ("text", "a IN ('x', 'it''s', 'a, b', '')", ("x", "it's", "a, b", "")),
        ("varchar(9)", "a IN ('x', 'y')", ("x", "y")),
        ("varchar", "a = ANY (ARRAY['x', 'y'])", ("x", "y")),
        ("text", "a IN ('x', 'y') OR a LIKE 'z%'", ()),
        ("text", "a NOT IN ('x', 'y')", ()),
        ("text", "lower(a) IN ('x', 'y')", ()),
        ("text", "a <> 'x'", ()),
        ("integer", "a IN (1, 2)", ()),
    ],
)
async def test_a_check_names_the_values(
    connection: asyncpg.Connection, kind: str, check: str, choices: tuple[str, ...]
) -> None:
    await connection.execute(f"CREATE TABLE named (a {kind} CHECK ({check}), b text)")

    assert await choices_of(connection, "SELECT b, a FROM named") == [(), choices]


async def test_a_column_keeps_its_choices_on_its_way(connection: asyncpg.Connection) -> None:
    sides = ("buy", "sell")

    assert await choices_of(
        connection, "WITH t AS (SELECT side, symbol FROM trades) SELECT symbol, side FROM t"
    ) == [(), sides]
    assert await choices_of(connection, "UPDATE trades SET fee = 0 RETURNING side") == [sides]
    assert await choices_of(connection, "SELECT upper(side) AS s FROM trades") == [()]


async def test_a_check_that_is_not_validated_says_nothing(connection: asyncpg.Connection) -> None:
    await connection.execute("CREATE TABLE named (a text)")
    await connection.execute("ALTER TABLE named ADD CHECK (a IN ('x', 'y')) NOT VALID")

    assert await choices_of(connection, "SELECT a FROM named") == [()]
