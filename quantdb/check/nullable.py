"""Which columns of a statement's result can be NULL, by its parse tree and the catalogue."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import attrs

from quantdb import sqlfile
from quantdb.check.nulls.build import columns_of
from quantdb.check.nulls.levels import NOTHING
from quantdb.check.nulls.reasoner import Reasoner
from quantdb.check.relations import Catalogue, looked_up
from quantdb.check.savepoints import forgotten
from quantdb.check.spelling import spelled_out
from quantdb.check.tree import Node, only, parsed
from quantdb.database import Connection
from quantdb.query import Query

__all__ = ["Analysis", "analysed"]

_NAME: Final = "quantdb_check"
_parse_tree: Final = Query(sqlfile.sql_folder() / "check/parse_tree.sql", str)


@attrs.frozen
class Analysis:
    """What the parse tree of a statement tells.

    Attributes:
        nullable: Of each column of the result, whether it can be NULL; None where that cannot be
            known.
        at_large: The same, but for what the conditions of the statement (WHERE, ON, HAVING) tell:
            a column that is nullable in the table, and is not NULL only in the rows that are asked
            for, can be NULL here.
        tree: The statement as PostgreSQL has parsed it.
    """

    nullable: tuple[bool | None, ...]
    at_large: tuple[bool | None, ...]
    tree: Node


async def analysed(connection: Connection, text: str, parameters: Sequence[str]) -> Analysis | None:
    """Return what the parse tree of a statement tells, or None if the server gives none.

    It has none of a statement that PostgreSQL does not plan (SET, CREATE, …), of one that is wrong,
    and for a role that may not make temporary objects. The statement is not run, and nothing
    is left behind.

    Args:
        connection: In a transaction or not.
        text: One statement.
        parameters: The types of ``$1 … $n``, as SQL names them.
    """
    async with connection.transaction():
        try:
            async with forgotten(connection):
                tree = await _parsed(connection, text, parameters)
                catalogue = await looked_up(connection, tree) if tree else Catalogue()
        except asyncpg.PostgresError:
            return None
    if tree is None:  # of several statements
        return None
    return Analysis(_nullable(tree, catalogue), _nullable(tree, catalogue, heeds=False), tree)


async def _parsed(connection: Connection, text: str, parameters: Sequence[str]) -> Node | None:
    """Return the tree of a statement, by making it the body of a function."""
    # The body ends on a line of its own: the statement may end with a comment.
    function = await connection.prepare(
        f"CREATE FUNCTION pg_temp.{_NAME}({', '.join(parameters)}) RETURNS void "
        f"LANGUAGE sql BEGIN ATOMIC {text}\n;\nEND"
    )
    await function.fetch()
    return only(parsed(await _parse_tree.one(connection, _NAME)))


def _nullable(tree: Node, catalogue: Catalogue, *, heeds: bool = True) -> tuple[bool | None, ...]:
    """Tell of each column whether it can be NULL; of none if the tree is too deep for Python."""
    reasoner = Reasoner(catalogue, heeds=heeds)
    try:
        level = reasoner.level(spelled_out(tree), None, NOTHING)
        numbers = range(1, len(level.targets) + 1)
        return tuple(reasoner.column(level, number, frozenset()) for number in numbers)
    except RecursionError:
        return (None,) * len(columns_of(tree))
