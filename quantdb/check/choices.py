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

__all__ = ["with_choices"]

# As PostgreSQL writes IN: (side = ANY (ARRAY['buy'::text, 'sell'::text])), with casts of varchar.
_IN: Final = re.compile(
    r"""CHECK\ \(\(+(?:\w+|"(?:[^"]|"")+")\)?(?:::text)?\ =\ ANY\ \(+
        ARRAY\[(?P<texts>(?:'(?:[^']|'')*'::[a-z ]+(?:,\ )?)+)\]\)?(?:::text\[\])?\)+""",
    re.VERBOSE,
)
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'::")


@attrs.frozen
class _Choice:
    relation: int
    number: int
    definition: str


_choices: Final = Query(sql_folder() / "check/choices.sql", _Choice)


async def with_choices(
    connection: Connection, columns: Sequence[Column], tree: Node
) -> list[Column]:
    """Return *columns* with the choices that the CHECK of their table's column leaves them."""
    origins = [
        (entry.integer("resorigtbl"), entry.integer("resorigcol")) for entry in columns_of(tree)
    ]
    if len(origins) != len(columns):
        return list(columns)
    tables = sorted({table for table, _number in origins if table})
    known = {
        (each.relation, each.number): texts
        for each in await _choices.all(connection, tables)
        if (texts := _texts(each.definition))
    }
    return [
        attrs.evolve(column, choices=known.get(origin, ()))
        for column, origin in zip(columns, origins, strict=True)
    ]


def _texts(definition: str) -> tuple[str, ...]:
    found = _IN.fullmatch(definition)
    if found is None:
        return ()
    return tuple(text.replace("''", "'") for text in _TEXT.findall(found["texts"]))
