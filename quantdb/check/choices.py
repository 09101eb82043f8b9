"""What a text column may hold by its CHECK: ``side IN (...)`` is an enum to whoever reads it."""

import re
from collections.abc import Sequence
from typing import Final

import attrs

from quantdb.check.facts import Column
from quantdb.check.nulls.build import columns_of
from quantdb.check.tree import Node
from quantdb.database import Connection
from quantdb.query import Query
from quantdb.sqlfile import sql_folder

__all__ = ["labels_in", "with_choices"]

# What the server adds to ``column IN ('a', 'b')`` when it writes it down, in one way or another.
_ADDED: Final = re.compile(r"::[a-z_]+(?: [a-z_]+)*(?:\(\d+\))?(?:\[\])?|(?<![\w\"])\(|\)")
_TEXT: Final = r"'(?:[^']|'')*'"
_ONE_OF: Final = re.compile(
    r'(?:VALUE|[a-z_][a-z0-9_]*|"(?:[^"]|"")+") = '
    rf"(?:ANY ARRAY\[(?P<several>{_TEXT}(?:, {_TEXT})*)\]|(?P<one>{_TEXT}))"
)


@attrs.frozen
class _Choice:
    relation: int
    number: int
    expression: str


_choices: Final = Query(sql_folder() / "check/choices.sql", _Choice)


async def with_choices(
    connection: Connection, columns: Sequence[Column], tree: Node
) -> list[Column]:
    """Return *columns* with the choices that the CHECK of their table's column leaves them."""
    origins = [
        (entry.integer("resorigtbl"), entry.integer("resorigcol")) for entry in columns_of(tree)
    ]
    tables = sorted({table for table, _number in origins if table})
    if not tables or len(origins) != len(columns):
        return list(columns)
    known = {
        (each.relation, each.number): tuple(labels)
        for each in await _choices.all(connection, tables)
        if (labels := labels_in(each.expression))
    }
    return [
        attrs.evolve(column, choices=known.get(origin, ()))
        for column, origin in zip(columns, origins, strict=True)
    ]


def labels_in(expression: str) -> list[str]:
    """Return the texts of ``column IN (…)``; nothing for any other expression."""
    parts = re.split(rf"({_TEXT})", expression)
    plain = "".join(
        part if number % 2 else _ADDED.sub("", part) for number, part in enumerate(parts)
    )
    match = _ONE_OF.fullmatch(plain)
    if match is None:
        return []
    found = re.findall(r"'((?:[^']|'')*)'", match["several"] or match["one"])
    return list(dict.fromkeys(label.replace("''", "'") for label in found))
