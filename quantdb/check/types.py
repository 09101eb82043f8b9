"""Types as the catalogue has them, down to what they are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from quantdb import sqlfile
from quantdb.check.facts import Kind, PgType
from quantdb.database import Connection
from quantdb.query import Query

__all__ = ["Described", "described"]

_KINDS: Final[Mapping[str, Kind]] = {
    "a": "array",
    "b": "base",
    "c": "composite",
    "d": "domain",
    "e": "enum",
    "m": "multirange",
    "p": "pseudo",
    "r": "range",
}


@attrs.frozen
class _Type:
    oid: int
    schema: str
    name: str
    sql_name: str
    kind: str
    of: int | None
    labels: Sequence[str]
    attributes: Sequence[str]
    attribute_types: Sequence[int]


# Much of it is types/describe.sql, which a connection asks about what it sends. That one is checked
# as any other statement is, and the check must not fail where it has a mistake. And its answer is
# another: it has modifiers, no names as people and snapshots have them (numeric[], pg_temp), and of
# a multirange what its ranges are of, where this one has the range.
_types: Final = Query(sqlfile.sql_folder() / "check/types.sql", _Type)


@attrs.frozen
class Described:
    """A type, and how a statement names it.

    Attributes:
        type: The type.
        sql_name: Its name as ``format_type`` gives it (``"timestamp with time zone"``).
    """

    type: PgType
    sql_name: str


async def described(connection: Connection, oids: Iterable[int]) -> dict[int, Described]:
    """Return what the catalogue says of each of *oids*, and of what those are made of."""
    wanted = sorted(set(oids))
    if not wanted:
        return {}
    known = {row.oid: row for row in await _types.all(connection, wanted)}
    return {oid: Described(_made(row, known), row.sql_name) for oid, row in known.items()}


def _made(row: _Type, known: Mapping[int, _Type]) -> PgType:
    """Return the type of a *row*; a type is never made of itself."""
    return PgType(
        name=row.name,
        schema=row.schema,
        kind=_KINDS[row.kind],
        element=_made(known[row.of], known) if row.of is not None else None,
        labels=tuple(row.labels),
        attributes=tuple(
            (name, _made(known[oid], known))
            for name, oid in zip(row.attributes, row.attribute_types, strict=True)
        ),
    )
