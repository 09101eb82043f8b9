"""Read from the catalogue what a table is."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from quantdb import sqlfile
from quantdb.check import types
from quantdb.check.facts import PgType
from quantdb.database import Connection
from quantdb.new.finding import NoSuchTable, found
from quantdb.new.table import Column, Constraint, Function, Index, Made, MadeType, Table
from quantdb.query import Query

__all__ = ["described", "settle"]


@attrs.frozen
class _Table:
    comment: str | None
    unlogged: bool
    partition_key: str | None
    parents: Sequence[str]
    triggers: Sequence[str]
    rules: Sequence[str]
    row_security: bool
    has_children: bool


@attrs.frozen
class _Column:
    name: str
    type_oid: int
    sql_type: str
    not_null: bool
    identity: str
    generated: str
    expression: str | None
    sequence: str | None
    collation: str | None
    comment: str | None
    functions: Sequence[int]


_SQL: Final = sqlfile.sql_folder() / "new"
_columns: Final = Query(_SQL / "columns.sql", _Column)
_constraints: Final = Query(_SQL / "constraints.sql", Constraint)
_functions: Final = Query(_SQL / "functions.sql", Function)
_indexes: Final = Query(_SQL / "indexes.sql", Index)
_reserved: Final = Query(_SQL / "reserved.sql", str)
_search_path: Final = Query(_SQL / "search_path.sql", str)
_table: Final = Query(_SQL / "table.sql", _Table)
_types: Final = Query(_SQL / "types.sql", MadeType)

_RESERVED_LATER: Final = frozenset({"system_user"})
"""Words that a newer PostgreSQL reserves than the oldest that we know."""


async def settle(connection: Connection) -> None:
    """Have names of ``public`` stand alone and all others with their schema.

    *connection* is in a transaction, for the rest of which this holds.
    """
    await _search_path.one(connection)


async def described(connection: Connection, name: str) -> Table:
    """Return what the catalogue says of a table.

    Args:
        connection: In a transaction, in the rest of which the search path is ``public`` alone.
        name: ``table`` or ``schema.table``, with or without quotes.

    Raises:
        NoSuchTable: There is none, or it is a view, a foreign table or a partition, or empty of
            columns.
    """
    relation = await found(connection, name)
    await settle(connection)
    table = await _table.one(connection, relation.oid)
    columns = await _columns.all(connection, relation.oid)
    if not columns:
        raise NoSuchTable(f"{relation} has no columns")
    constraints = await _constraints.all(connection, relation.oid)
    indexes = await _indexes.all(connection, relation.oid)
    known = await types.described(connection, [column.type_oid for column in columns])
    made = {kind.oid: kind for kind in await _types.all(connection, list(known))}
    called = [
        *(oid for each in columns for oid in each.functions),
        *(oid for each in constraints for oid in each.functions),
        *(oid for each in indexes for oid in each.functions),
        *(oid for each in made.values() for oid in each.functions),
    ]
    functions = await _functions.all(connection, sorted({*called}))
    return Table(
        schema=relation.schema,
        name=relation.name,
        columns=[_column(column, known[column.type_oid].type, made) for column in columns],
        constraints=constraints,
        indexes=indexes,
        comment=table.comment,
        unlogged=table.unlogged,
        partition_key=table.partition_key,
        parents=table.parents,
        triggers=table.triggers,
        rules=table.rules,
        row_security=table.row_security,
        has_children=table.has_children,
        types=_in_order(made),
        functions={function.oid: function for function in functions},
        reserved=frozenset(await _reserved.all(connection)) | _RESERVED_LATER,
    )


def _column(column: _Column, kind: PgType, types: Mapping[int, MadeType]) -> Column:
    made: Made = "counted" if column.sequence is not None else ""
    if column.identity:
        made = "identity"
    elif column.generated:
        made = "generated"
    return Column(
        name=column.name,
        type=kind,
        sql_type=column.sql_type,
        not_null=column.not_null,
        nullable=not column.not_null and not _refuses_null(column.type_oid, types),
        made=made,
        always=column.identity == "a" or made == "generated",
        kept=column.generated != "v",
        expression=column.expression,
        sequence=column.sequence,
        collation=column.collation,
        comment=column.comment,
        functions=column.functions,
    )


def _refuses_null(oid: int, types: Mapping[int, MadeType]) -> bool:
    """Tell whether a type is a domain that refuses NULL, or is made of one."""
    kind = types.get(oid)
    if kind is None or kind.kind != "d":
        return False
    return kind.not_null or any(_refuses_null(part, types) for part in kind.parts)


def _in_order(types: Mapping[int, MadeType]) -> list[MadeType]:
    """Return the types that are made by a statement, each after those that it is made of."""
    visited: dict[int, MadeType] = {}

    def visit(kind: MadeType) -> None:
        if kind.oid not in visited:
            for part in kind.parts:
                if part in types:
                    visit(types[part])
            visited[kind.oid] = kind

    for kind in types.values():
        visit(kind)
    # Arrays and multiranges come with what they are of.
    return [
        kind for kind in visited.values() if kind.kind in {"c", "d", "e", "r"} or kind.extension
    ]
