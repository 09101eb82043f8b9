"""The statements that a dataset is read by, put together of names that are quoted and parameters.

Every value is a parameter. A query stands in them as its file has it, in parentheses.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import attrs

from quantdb.errors import ConfigError
from quantdb.lexer import statements
from quantdb.sqlfile import SqlFile

__all__ = [
    "Condition",
    "Operator",
    "Origin",
    "bounding",
    "counting",
    "explaining",
    "joining",
    "listing",
    "locking",
    "selecting",
    "without_end",
]

Operator: TypeAlias = Literal["<", "<=", "=", "<>", ">=", ">", "any", "null or <"]

_COMPARED: Final[Mapping[Operator, str]] = {
    "<": "<",
    "<=": "<=",
    "=": "=",
    "<>": "<>",
    ">=": ">=",
    ">": ">",
    "any": "= ANY",
    "null or <": "<",
}


@attrs.frozen
class Condition:
    """What a row must meet.

    Attributes:
        column: One of its columns, or ``ctid``, its place in its table.
        operator: How that is compared: ``any`` with a list, ``null or <`` lets NULL in.
        value: With what.
    """

    column: str
    operator: Operator
    value: object


@attrs.frozen
class Origin:
    """Where rows come from.

    Attributes:
        text: What stands behind FROM: a name that the server has quoted, or a query.
        args: The values of its parameters.
    """

    text: str
    args: Sequence[object] = ()


def without_end(file: SqlFile) -> str:
    """Return a statement as one that may stand in parentheses, in lines of their own."""
    tokens = next(statements(file.path, file.text))
    return f"(\n{file.text[: tokens[-1].end]}\n)"


def joining(name: str) -> str:
    """Return what lets a transaction see a snapshot; it takes no parameter."""
    if not re.fullmatch(r"[0-9A-F]+(-[0-9A-F]+)+", name):
        raise ConfigError(f"{name!r} is not the name of a snapshot")
    return f"SET TRANSACTION SNAPSHOT '{name}'"


def locking(origin: Origin) -> str:
    """Return what keeps a table, and its partitions, from being rewritten or truncated."""
    return f"LOCK TABLE {origin.text} IN ACCESS SHARE MODE"


def listing(origin: Origin) -> tuple[str, Sequence[object]]:
    """Return a statement that has all columns of *origin*; it is looked at, never run."""
    return f"SELECT * FROM {origin.text} AS quantdb_rows", origin.args  # noqa: S608


def selecting(
    origin: Origin, columns: Sequence[str], conditions: Sequence[Condition], order: Sequence[str]
) -> tuple[str, Sequence[object]]:
    """Return a statement that has some columns of the rows that meet all conditions.

    Args:
        origin: Where the rows come from.
        columns: Their names.
        conditions: What they meet.
        order: Expressions, see `quantdb.ray.data.plans`; none for the order in which they lie.
    """
    named = ", ".join([f"quantdb_rows.{quoted(name)}" for name in columns])
    where, args = _where(origin, conditions)
    sorted_by = f"\nORDER BY {', '.join(order)}" if order else ""
    return f"SELECT {named} FROM {origin.text} AS quantdb_rows{where}{sorted_by}", args  # noqa: S608


def counting(origin: Origin, conditions: Sequence[Condition]) -> tuple[str, Sequence[object]]:
    """Return a statement that counts the rows that meet all conditions."""
    where, args = _where(origin, conditions)
    return f"SELECT count(*) AS rows FROM {origin.text} AS quantdb_rows{where}", args  # noqa: S608


def explaining(statement: str) -> str:
    """Return what asks the server how it would run a statement."""
    return f"EXPLAIN (FORMAT JSON) {statement}"


def bounding(
    origin: Origin,
    column: str,
    conditions: Sequence[Condition],
    fractions: Sequence[float],
    sample: float,
) -> tuple[str, Sequence[object]]:
    """Return a statement that has the values below which *fractions* of a sample of rows lie."""
    where, args = _where(origin, conditions)
    args = [*args, list(fractions), sample]
    few = f"random() <= ${len(args)}::double precision"
    return (
        f"SELECT percentile_disc(${len(args) - 1}::double precision[]) WITHIN GROUP "  # noqa: S608
        f"(ORDER BY quantdb_rows.{quoted(column)}) AS bounds "
        f"FROM {origin.text} AS quantdb_rows{where}{' AND' if where else ' WHERE'} {few}"
    ), args


def quoted(name: str) -> str:
    """Return a name as a statement has it."""
    return '"' + name.replace('"', '""') + '"'


def _where(origin: Origin, conditions: Sequence[Condition]) -> tuple[str, Sequence[object]]:
    args = [*origin.args]
    tests: list[str] = []
    for condition in conditions:
        args.append(condition.value)
        column = f"quantdb_rows.{quoted(condition.column)}"
        test = f"{column} {_COMPARED[condition.operator]} (${len(args)})"
        if condition.operator == "null or <":
            test = f"({test} OR {column} IS NULL)"
        tests.append(test)
    return ("\nWHERE " + " AND ".join(tests) if tests else ""), args
