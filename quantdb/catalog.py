"""The rules of the types that a statement's parameters have, down to what they are made of."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, Protocol

import attrs

from quantdb import exact, rarer, sqlfile
from quantdb.containers import (
    array_of,
    array_of_composites,
    composite_of,
    nullable,
    one_of,
)
from quantdb.database import ColumnType, Row
from quantdb.errors import InexactValue
from quantdb.modifiers import within
from quantdb.ranges import multirange_of, range_of
from quantdb.rows import builder

__all__ = [
    "DRIVERS_OWN",
    "Rules",
    "TableColumn",
    "checked",
    "columns_of",
    "of_row",
    "rules_for",
]

Rules = tuple[exact.Rule, ...]


def _no_infinity(rule: exact.Rule, *extremes: object) -> exact.Rule:
    def admit(value: object) -> object:
        sent = rule(value)
        if sent in extremes:
            raise exact.Refused("becomes infinity on a plain asyncpg connection")
        return sent

    return admit


_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001 - of either type
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001

DRIVERS_OWN: Final[Mapping[tuple[str, str], exact.Rule]] = {
    ("pg_catalog", "timestamptz"): _no_infinity(
        exact.instant, _FIRST.replace(tzinfo=UTC), _LAST.replace(tzinfo=UTC)
    ),
    ("pg_catalog", "timestamp"): _no_infinity(exact.naive_datetime, _FIRST, _LAST),
    ("pg_catalog", "date"): _no_infinity(exact.calendar_date, date.min, date.max),
}
"""Rules for connections with the driver's own codecs, which take the ends of time for infinity."""

# A mistake in them is said when they are wanted, so that `quantdb check` can start and find it.
with sqlfile.mistakes_deferred():
    _DESCRIBE: Final = sqlfile.read(sqlfile.sql_folder() / "types/describe.sql")
    _COLUMNS: Final = sqlfile.read(sqlfile.sql_folder() / "types/columns.sql")


class Source(Protocol):
    """Where types are described: a connection."""

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> Sequence[Row]:
        """Run a statement and return its rows."""
        ...


@attrs.frozen
class _Type:
    oid: int
    schema: str
    name: str
    kind: str
    part: int | None
    labels: Sequence[str]
    attributes: Sequence[str]
    attribute_types: Sequence[int]
    modifier: int
    attribute_modifiers: Sequence[int]


_types: Final = builder(_Type, _DESCRIBE.path)


def checked(
    rules: Sequence[exact.Rule], args: Sequence[object], names: Sequence[str] = ()
) -> list[object]:
    """Return what is sent for *args*.

    Raises:
        InexactValue: A rule refuses its argument, which is named by *names* or ``$n``.
    """
    try:
        return [rule(value) for rule, value in zip(rules, args, strict=True)]
    except exact.Refused:
        fields = names or [f"${number}" for number in range(1, len(args) + 1)]
        return [
            exact.check(rule, value, field)
            for rule, value, field in zip(rules, args, fields, strict=True)
        ]


def of_row(error: InexactValue, row: int) -> InexactValue:
    """Return *error* with the number of the row that it is about, from 1."""
    return InexactValue(f"row {row}: {error.message}", error.field, row)


async def rules_for(
    source: Source,
    types: Sequence[ColumnType],
    own: Mapping[tuple[str, str], exact.Rule] | None = None,
) -> Rules:
    """Return the rule of each type, for parameters of it.

    Args:
        source: Is asked about types that are not PostgreSQL's own simple ones.
        types: The types of ``$1 … $n``.
        own: Rules that stand in for those of a (schema, name): types with a codec of the user's.
    """
    own = own or {}
    simple = [_simple(kind, own) for kind in types]
    unknown = [kind.oid for kind, rule in zip(types, simple, strict=True) if rule is None]
    if not unknown:
        return tuple(nullable(rule) for rule in simple if rule is not None)
    rows = await source.fetch(_DESCRIBE.text, unknown)
    known = {kind.oid: kind for kind in _types(rows)}
    return tuple(
        nullable(_described(kind.oid, known, own) if rule is None else rule)
        for kind, rule in zip(types, simple, strict=True)
    )


@attrs.frozen
class _Column:
    name: str
    type_oid: int
    modifier: int


_columns: Final = builder(_Column, _COLUMNS.path)


@attrs.frozen
class TableColumn:
    """A column that is written to.

    Attributes:
        name: Its name.
        rule: What it lets in.
    """

    name: str
    rule: exact.Rule


async def columns_of(
    source: Source,
    table: str,
    names: Sequence[str] | None,
    own: Mapping[tuple[str, str], exact.Rule],
) -> list[TableColumn]:
    """Return columns of a table, with rules that let in what they keep unchanged.

    Args:
        source: Is asked about the table and its types.
        table: Its name, quoted where it must be.
        names: The columns, in the order wanted; None for all that can be written, in the table's.
        own: As of `rules_for`.
    """
    found = _columns(await source.fetch(_COLUMNS.text, table, names))
    rows = await source.fetch(_DESCRIBE.text, [column.type_oid for column in found])
    known = {kind.oid: kind for kind in _types(rows)}
    return [
        TableColumn(column.name, nullable(_narrowed(column.type_oid, column.modifier, known, own)))
        for column in found
    ]


def _simple(kind: ColumnType, own: Mapping[tuple[str, str], exact.Rule]) -> exact.Rule | None:
    """Return the rule of a type of PostgreSQL's own, or of an array of it; None for any other."""
    if kind.schema != "pg_catalog":
        return None
    name = kind.name.removesuffix("[]")
    rule = own.get(("pg_catalog", name), rarer.rule_of(name))
    if rule is None:
        return None
    return array_of(rule) if kind.name.endswith("[]") else rule


def _described(
    oid: int, known: Mapping[int, _Type], own: Mapping[tuple[str, str], exact.Rule]
) -> exact.Rule:
    kind = known[oid]
    given = own.get((kind.schema, kind.name))
    if given is not None:
        return given
    if kind.kind == "e":
        return one_of(kind.labels)
    if kind.kind == "c":
        parts = zip(kind.attribute_types, kind.attribute_modifiers, strict=True)
        rules = [_narrowed(part, modifier, known, own) for part, modifier in parts]
        return composite_of(kind.attributes, rules)
    if kind.part is None or kind.kind == "b":
        return _base(kind)
    if kind.kind == "d":  # obeys the rule of its base; its CHECK is the server's
        return _narrowed(kind.part, kind.modifier, known, own)
    part = _described(kind.part, known, own)
    if kind.kind == "r":
        return range_of(part, _own_name(kind))
    if kind.kind == "m":
        return multirange_of(range_of(part, _own_name(kind).replace("multirange", "range")))
    return array_of_composites(part) if _is_composite(kind.part, known) else array_of(part)


def _base(kind: _Type) -> exact.Rule:
    """Return the rule of a type that is made of no others; the driver knows the foreign ones."""
    own = rarer.rule_of(kind.name) if kind.schema == "pg_catalog" else None
    return own or exact.anything


def _narrowed(
    oid: int,
    modifier: int,
    known: Mapping[int, _Type],
    own: Mapping[tuple[str, str], exact.Rule],
) -> exact.Rule:
    kind = known[oid]
    element = known[kind.part] if kind.kind == "a" and kind.part is not None else kind
    rule = _described(oid, known, own)
    if element.schema != "pg_catalog" or ("pg_catalog", element.name) in own:
        return rule  # with a codec of the user's, values are his
    return within(rule, element.name, modifier)


def _own_name(kind: _Type) -> str:
    return kind.name if kind.schema == "pg_catalog" else ""


def _is_composite(oid: int, known: Mapping[int, _Type]) -> bool:
    kind = known[oid]
    if kind.kind == "d" and kind.part is not None:
        return _is_composite(kind.part, known)
    return kind.kind == "c"
