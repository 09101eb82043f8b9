"""Which table is meant by a name on a command line."""

import difflib
import re
from collections.abc import Sequence
from typing import Final

import attrs

from quantdb import sqlfile
from quantdb.database import Connection
from quantdb.errors import QuantDBError
from quantdb.query import Query

__all__ = ["NoSuchTable", "Relation", "found"]


class NoSuchTable(QuantDBError):
    """Nothing can be written for what was named: it is not there, or it is no table."""


@attrs.frozen
class Relation:
    """A table, or something like it.

    Attributes:
        oid: Its number.
        schema: Its schema.
        name: Its name, as it is.
        kind: ``pg_class.relkind``.
        visible: Whether the search path leads to it.
        parent: The table that it is a partition of, as a statement has it.
    """

    oid: int
    schema: str
    name: str
    kind: str
    visible: bool
    parent: str | None

    def __str__(self) -> str:
        parts = (self.schema, self.name)
        return ".".join(part if _PLAIN.fullmatch(part) else f'"{part}"' for part in parts)


_relations: Final = Query(sqlfile.sql_folder() / "new/relations.sql", Relation)

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_PARTS: Final = re.compile(r'(?:"((?:[^"]|"")+)"|([^".]+))(?:\.|$)')
_NO_TABLES: Final = {
    "v": "a view; quantdb new is for tables, which have keys and take rows",
    "m": "a materialized view; quantdb new is for tables, which have keys and take rows",
    "f": "a foreign table, whose rows and keys are another server's",
}


async def found(connection: Connection, name: str) -> Relation:
    """Return the table of that name: as it is written, or else as a statement would read it.

    Args:
        connection: Its search path counts where *name* has no schema.
        name: ``table`` or ``schema.table``, with or without quotes.

    Raises:
        NoSuchTable: There is none, or it is a view, a foreign table or a partition.
    """
    parts = [quoted.replace('""', '"') or plain for quoted, plain in _PARTS.findall(name)]
    readings = [[name], parts, [part.lower() for part in parts]]
    wanted = [reading[-1] for reading in readings if reading]
    relations = await _relations.all(connection, wanted)
    for reading in readings:
        matches = [each for each in relations if _is_meant(each, reading)]
        if matches:
            return _table(matches[0])
    raise NoSuchTable(f"there is no table {name}{_near(wanted[-1], relations)}")


def _is_meant(relation: Relation, reading: Sequence[str]) -> bool:
    match reading:
        case [name]:
            return relation.visible and relation.name == name
        case [schema, name]:
            return (relation.schema, relation.name) == (schema, name)
        case _:
            return False


def _table(relation: Relation) -> Relation:
    if relation.kind in _NO_TABLES:
        raise NoSuchTable(f"{relation} is {_NO_TABLES[relation.kind]}")
    if relation.parent is not None:
        raise NoSuchTable(
            f"{relation} is a partition, whose rows are those of {relation.parent}; "
            f"say: quantdb new {relation.parent}"
        )
    return relation


def _near(name: str, relations: Sequence[Relation]) -> str:
    tables = [each for each in relations if each.kind in {"r", "p"} and each.parent is None]
    near = difflib.get_close_matches(name.lower(), {each.name.lower() for each in tables}, n=3)
    known = [str(each) for each in tables if each.name.lower() in near]
    if known:
        return f"; is it {' or '.join(known[:3])}?"
    return "" if tables else ": this role sees no table in the database"
