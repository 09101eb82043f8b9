"""What the defaults of columns are, where they are the same for every row."""

from collections.abc import Sequence

import asyncpg

from quantdb.database import Connection
from quantdb.errors import QuantDBError
from quantdb.new.designing import is_constant
from quantdb.new.table import Column

__all__ = ["defaults"]


async def defaults(connection: Connection, columns: Sequence[Column]) -> dict[str, object]:
    """Return the values of the constant defaults of *columns*, by column; none that is NULL.

    *connection* is in a transaction.
    """
    constant = {
        column.name: f"CAST(({column.expression}) AS {column.sql_type})"
        for column in columns
        if column.expression is not None and not column.made and is_constant(column.expression)
    }
    values = await _evaluated(connection, list(constant.values()))
    return {name: value for name, value in zip(constant, values, strict=True) if value is not None}


async def _evaluated(connection: Connection, expressions: Sequence[str]) -> list[object]:
    """Return the values of expressions; None for one that cannot be had."""
    if not expressions:
        return []
    try:
        async with connection.transaction():
            [row] = await connection.fetch(f"SELECT {', '.join(expressions)}")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, QuantDBError):
        if len(expressions) == 1:
            return [None]
        half = len(expressions) // 2
        return [
            *await _evaluated(connection, expressions[:half]),
            *await _evaluated(connection, expressions[half:]),
        ]
    return list(row)
