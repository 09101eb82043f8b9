"""The rules of the types that a statement's parameters have, down to what they are made of."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Final, NamedTuple, Protocol

import attrs

from quantdb import exact, rarer, sqlfile
from quantdb.admission import Admit, admitting, one_by_one
from quantdb.containers import (
    array_of,
    array_of_lists,
    array_of_tuples,
    composite_of,
    nullable,
    one_of,
)
from quantdb.database import ColumnType, Row
from quantdb.errors import InexactValue
from quantdb.modifiers import NONE, within
from quantdb.ranges import multirange_of, range_of
from quantdb.rows import builder
from quantdb.targets import Target, target_of

__all__ = [
    "DRIVERS_OWN",
    "Learnt",
    "Rules",
    "TableColumn",
    "checked",
    "columns_of",
    "learnt_of",
    "of_row",
]

Rules = tuple[exact.Rule, ...]


class Learnt(NamedTuple):
    """What is known of a statement.

    Attributes:
        rules: What each of its parameters lets in besides None, which is NULL to all of them.
        admit: Gives what is sent for arguments that all the rules let in.
        stores_as_sent: Whether it does nothing but store what is sent, and the server changes
            nothing of what the rules let in.
        is_anonymous: Whether it returns values of types that nobody knows before they come.
        types: The numbers of its parameters' types.
        until: When, by ``time.monotonic``, it is asked again: nobody tells of an altered column.
    """

    rules: Rules
    admit: Admit
    stores_as_sent: bool = False
    is_anonymous: bool = False
    types: tuple[int, ...] = ()
    until: float = 0.0


def _no_infinity(rule: exact.Rule, *extremes: object) -> exact.Rule:
    def admit(value: object) -> object:
        sent = rule(value)
        if sent in extremes:
            raise exact.Refused("becomes infinity on a plain asyncpg connection")
        return sent

    return admit


def _of_whole_minutes(value: object) -> time:
    sent = exact.time_with_offset(value)
    if (sent.utcoffset() or timedelta(0)) % timedelta(minutes=1):
        raise exact.Refused("must have an offset of whole minutes on a plain asyncpg connection")
    return sent


_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001 - of either type
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001

DRIVERS_OWN: Final[Mapping[tuple[str, str], exact.Rule]] = {
    ("pg_catalog", "timestamptz"): _no_infinity(
        exact.instant, _FIRST.replace(tzinfo=UTC), _LAST.replace(tzinfo=UTC)
    ),
    ("pg_catalog", "timestamp"): _no_infinity(exact.naive_datetime, _FIRST, _LAST),
    ("pg_catalog", "date"): _no_infinity(exact.calendar_date, date.min, date.max),
    ("pg_catalog", "timetz"): _of_whole_minutes,
}
"""Rules for connections with the driver's own codecs, which take the ends of time for infinity and
read the hours and minutes of an offset only."""

# A mistake in them is said when they are wanted, so that `quantdb check` can start and find it.
with sqlfile.mistakes_deferred():
    _DESCRIBE: Final = sqlfile.read(sqlfile.sql_folder() / "types/describe.sql")
    _COLUMNS: Final = sqlfile.read(sqlfile.sql_folder() / "types/columns.sql")


_HOLDS: Final = 60.0
"""Seconds for which what is known of a statement holds, unless a refusal has it asked before."""

_FIRST_ASSIGNED: Final = 10_000
"""PostgreSQL's FirstGenbkiObjectId: its own types have numbers below."""


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
    """Return what is sent for *args*, as many as there are rules.

    Raises:
        InexactValue: A rule refuses its argument, which is named by *names* or ``$n``.
    """
    try:
        return one_by_one(rules, args)
    except exact.Refused:
        fields = names or [f"${number}" for number in range(1, len(args) + 1)]
        return [
            None if value is None else exact.check(rule, value, field)
            for rule, value, field in zip(rules, args, fields, strict=True)
        ]


def of_row(error: InexactValue, row: int) -> InexactValue:
    """Return *error* with the number of the row that it is about, from 1."""
    return InexactValue(f"row {row}: {error.message}", error.field, row)


async def learnt_of(
    source: Source,
    statement: str,
    types: Sequence[ColumnType],
    own: Mapping[tuple[str, str], exact.Rule],
) -> Learnt:
    """Return the rule of each parameter of a statement, for values that are not None: its type's.

    One that goes straight into a column is held to what the column keeps unchanged.

    Args:
        source: Is asked about types that are not PostgreSQL's own simple ones, and about columns.
        statement: The statement.
        types: The types of ``$1 … $n``.
        own: Rules that stand in for those of a (schema, name): types with a codec of the user's.
    """
    rules = await _rules_of(source, types, own)
    target = target_of(statement) if rules else None
    as_sent = False
    if target is not None:
        rules, as_sent = await _held_to_columns(source, target, types, rules, own)
    return Learnt(
        rules,
        admitting(rules),
        stores_as_sent=as_sent,
        types=tuple(kind.oid for kind in types),
        until=monotonic() + _HOLDS,
    )


async def _rules_of(
    source: Source, types: Sequence[ColumnType], own: Mapping[tuple[str, str], exact.Rule]
) -> Rules:
    simple = [_simple(kind, own) for kind in types]
    unknown = [kind.oid for kind, rule in zip(types, simple, strict=True) if rule is None]
    if not unknown:
        return tuple(rule for rule in simple if rule is not None)
    known = await _known(source, unknown)
    return tuple(
        _described(kind.oid, known, own) if rule is None else rule
        for kind, rule in zip(types, simple, strict=True)
    )


async def _held_to_columns(
    source: Source,
    target: Target,
    types: Sequence[ColumnType],
    rules: Rules,
    own: Mapping[tuple[str, str], exact.Rule],
) -> tuple[Rules, bool]:
    """Return the rules of parameters, narrowed for those that go straight into a column.

    And whether the statement does nothing but store them, as they are sent.
    """
    found = _columns(await source.fetch(_COLUMNS.text, target.table, target.columns, False))
    as_sent = target.is_whole and all(column.unchanged for column in found)
    wanted = [
        (number - 1, found[place])
        for number, place in target.places
        if number <= len(types)
        and place < len(found)
        and (found[place].modifier, found[place].type_oid) != (NONE, types[number - 1].oid)
    ]
    if not wanted:
        return rules, as_sent
    known = await _known(source, [column.type_oid for _place, column in wanted])
    held: dict[int, exact.Rule] = {}
    for place, column in wanted:
        if _base_of(column.type_oid, known).oid == types[place].oid:
            rule = _narrowed(column.type_oid, column.modifier, known, own)
            held[place] = _both(held[place], rule) if place in held else rule
        else:
            as_sent = False
    narrowed = tuple(held.get(place, rule) for place, rule in enumerate(rules))
    return narrowed, as_sent


def _both(one: exact.Rule, other: exact.Rule) -> exact.Rule:
    """Return the rule of a parameter that goes into two columns."""

    def rule(value: object) -> object:
        one(value)
        return other(value)

    return rule


@attrs.frozen
class _Column:
    name: str
    type_oid: int
    modifier: int
    unchanged: bool


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
        own: Rules that stand in for those of a (schema, name): types with a codec of the user's.
    """
    found = _columns(await source.fetch(_COLUMNS.text, table, names, True))
    known = await _known(source, [column.type_oid for column in found])
    return [
        TableColumn(column.name, nullable(_narrowed(column.type_oid, column.modifier, known, own)))
        for column in found
    ]


async def _known(source: Source, types: Sequence[int]) -> Mapping[int, _Type]:
    return {kind.oid: kind for kind in _types(await source.fetch(_DESCRIBE.text, types))}


def _simple(kind: ColumnType, own: Mapping[tuple[str, str], exact.Rule]) -> exact.Rule | None:
    """Return the rule of a type of PostgreSQL's own, or of an array of it; None for any other.

    The driver calls a domain by the name of its base, so only its number tells.
    """
    if kind.schema != "pg_catalog" or kind.oid >= _FIRST_ASSIGNED:
        return None
    name = kind.name.removesuffix("[]")
    rule = own.get(("pg_catalog", name), rarer.rule_of(name))
    if rule is None or not kind.name.endswith("[]"):
        return rule
    return _array_of(rule, name, own)


def _array_of(
    element: exact.Rule, type_name: str, own: Mapping[tuple[str, str], exact.Rule]
) -> exact.Rule:
    """Return the rule of an array of a type of PostgreSQL's own."""
    if type_name in {"json", "jsonb"}:
        return array_of_lists(element)
    if ("pg_catalog", type_name) not in own:
        element = rarer.as_element(element, type_name)
    return array_of_tuples(element) if rarer.is_tuple(type_name) else array_of(element)


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
    base = _base_of(kind.part, known)
    if base.schema == "pg_catalog" and base.kind == "b":
        return _array_of(part, base.name, own)
    return _array_of_foreign(part, base.kind)


def _array_of_foreign(element: exact.Rule, kind: str) -> exact.Rule:
    if kind == "c":
        return array_of_tuples(element)
    if kind in {"a", "m"}:  # an array in an array is a domain
        return array_of_lists(element)
    return array_of(rarer.filled(element) if kind == "b" else element)


def _base(kind: _Type) -> exact.Rule:
    """Return the rule of a type that is made of no others; the driver knows the foreign ones."""
    own = rarer.rule_of(kind.name) if kind.schema == "pg_catalog" else None
    return own or rarer.foreign


def _narrowed(
    oid: int,
    modifier: int,
    known: Mapping[int, _Type],
    own: Mapping[tuple[str, str], exact.Rule],
) -> exact.Rule:
    kind = known[oid]
    element = known[kind.part] if kind.kind == "a" and kind.part is not None else kind
    rule = _described(oid, known, own)
    if element.schema != "pg_catalog":
        return rule
    if own.get(("pg_catalog", element.name)) is exact.anything:
        return rule  # with a codec of the user's, values are his
    return within(rule, element.name, modifier)


def _own_name(kind: _Type) -> str:
    return kind.name if kind.schema == "pg_catalog" else ""


def _base_of(oid: int, known: Mapping[int, _Type]) -> _Type:
    kind = known[oid]
    return _base_of(kind.part, known) if kind.kind == "d" and kind.part is not None else kind
