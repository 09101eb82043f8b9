"""What each type of the database is in Python."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from quantdb.check.choices import labels_in
from quantdb.check.facts import PgType
from quantdb.new.imports import Imports
from quantdb.new.layout import text, width
from quantdb.new.names import camel, is_class
from quantdb.new.table import Table

__all__ = ["Choice", "annotation", "bare", "choices", "remark"]

_Python = Sequence[tuple[str, str]]

_INT: Final = [("builtins", "int")]
_STR: Final = [("builtins", "str")]
_OBJECT: Final = [("builtins", "object")]

_PYTHON: Final[Mapping[str, _Python]] = {
    "bool": [("builtins", "bool")],
    "bytea": [("builtins", "bytes")],
    "char": [("builtins", "bytes")],
    "cidr": [("ipaddress", "IPv4Network"), ("ipaddress", "IPv6Network")],
    "date": [("datetime", "date")],
    "float4": [("builtins", "float")],
    "float8": [("builtins", "float")],
    # An interface is an address, too.
    "inet": [("ipaddress", "IPv4Address"), ("ipaddress", "IPv6Address")],
    "interval": [("datetime", "timedelta")],
    "numeric": [("decimal", "Decimal")],
    "time": [("datetime", "time")],
    "timestamp": [("datetime", "datetime")],
    "timestamptz": [("datetime", "datetime")],
    "timetz": [("datetime", "time")],
    "uuid": [("uuid", "UUID")],
    **dict.fromkeys(["cid", "int2", "int4", "int8", "oid", "pg_lsn", "xid", "xid8"], _INT),
    **dict.fromkeys(["bpchar", "name", "text", "varchar"], _STR),
    **dict.fromkeys(["macaddr", "macaddr8", "money", "tsquery", "tsvector", "xml"], _STR),
}
"""What a value of PostgreSQL's own types is; of all others nothing is known."""

_REMARKS: Final[Mapping[str, str]] = {
    "bit": "a BitString of asyncpg",
    "box": "a Box of asyncpg",
    "bpchar": "padded with blanks by the database",
    "char": "one byte",
    "circle": "a Circle of asyncpg",
    "float4": "a float: sums of it are not exact",
    "float8": "a float: sums of it are not exact",
    "interval": "days of 24 hours, no months",
    "json": "what JSON holds, with Decimal for numbers that have a point",
    "jsonb": "what JSON holds, with Decimal for numbers that have a point",
    "line": "a Line of asyncpg",
    "lseg": "a LineSegment of asyncpg",
    "money": "an amount as the server's locale writes it",
    "path": "a Path of asyncpg",
    "point": "a Point of asyncpg",
    "polygon": "a Polygon of asyncpg",
    "timestamp": "without a time zone",
    "timestamptz": "in UTC",
    "timetz": "with a UTC offset",
    "varbit": "a BitString of asyncpg",
}
_KINDS: Final[Mapping[str, str]] = {
    "composite": "a composite: a tuple goes in, a record comes out",
    "multirange": "a list of ranges of asyncpg",
    "range": "a Range of asyncpg",
}


@attrs.frozen
class Choice:
    """The texts that a column or an enum may hold.

    Attributes:
        name: What they are called in Python.
        labels: The texts.
    """

    name: str
    labels: Sequence[str]


def bare(kind: PgType) -> PgType:
    """Return what a domain is made of; any other type as it is."""
    return bare(kind.element) if kind.kind == "domain" and kind.element else kind


def annotation(kind: PgType, imports: Imports, named: Mapping[str, Choice], column: str) -> str:
    """Return the annotation of a value that is not NULL.

    Args:
        kind: Its type.
        imports: Where what it names is imported.
        named: The choices, by the column or the enum (``schema.name``) that has them.
        column: Whose value it is.
    """
    choice = named.get(column) or named.get(_key(kind))
    if choice is not None:
        return choice.name
    if kind.kind == "domain" and kind.element is not None:
        return annotation(kind.element, imports, named, "")
    if kind.kind == "array" and kind.element is not None:
        return f"{imports.name('builtins', 'list')}[{annotation(kind.element, imports, named, '')}]"
    if kind.kind == "enum":
        return imports.name("builtins", "str")
    known = kind.kind == "base" and kind.schema == "pg_catalog"
    python = _PYTHON.get(kind.name, _OBJECT) if known else _OBJECT
    if kind.kind == "base" and kind.name == "citext":
        python = _STR
    return " | ".join(imports.name(module, name) for module, name in python)


def remark(kind: PgType) -> str:
    """Return what there is to know of a type beside its annotation; empty if that is nothing."""
    kind = bare(kind)
    if kind.kind == "array" and kind.element is not None:
        inner = remark(kind.element)
        return f"each {inner}" if inner else ""
    if kind.kind in _KINDS:
        return _KINDS[kind.kind]
    return _REMARKS.get(kind.name, "") if kind.schema == "pg_catalog" else ""


def choices(table: Table, fields: Mapping[str, str], taken: Sequence[str]) -> dict[str, Choice]:
    """Return the choices of a table's columns and enums, by column or by ``schema.name``.

    Args:
        table: The table.
        fields: What its columns are called in Python.
        taken: Names that the choices cannot have.
    """
    found: dict[str, Choice] = {}
    used = set(taken)

    def give(key: str, name: str, labels: Sequence[str]) -> None:
        if key not in found and _are_short(labels):
            called = name
            while called in used or not is_class(called):
                called = f"{called}Choice"
            used.add(called)
            found[key] = Choice(called, labels)

    checks = {f"{made.schema}.{made.name}": made.checks for made in table.types}
    for column in table.columns:
        for kind in _named(column.type):
            labels: Sequence[str] = kind.labels
            if kind.kind == "domain" and bare(kind).name in _TEXTS:
                labels = _labels_of(checks.get(_key(kind), ()))
            give(_key(kind), camel(kind.name), labels)
    for constraint in table.of_kind("check"):
        labels = labels_in(constraint.expression or "")
        if labels and constraint.validated and len(constraint.columns) == 1:
            column = table.column(constraint.columns[0])
            if bare(column.type).name in _TEXTS:
                give(column.name, camel(fields[column.name]), labels)
    return found


def _key(kind: PgType) -> str:
    return f"{kind.schema}.{kind.name}"


def _named(kind: PgType) -> list[PgType]:
    """Return the enums and domains in a type."""
    inner = _named(kind.element) if kind.element and kind.kind in {"array", "domain"} else []
    return [kind, *inner] if kind.kind in {"domain", "enum"} else inner


def _labels_of(checks: Sequence[str]) -> Sequence[str]:
    """Return the texts of a domain whose only check is that it is one of them."""
    return labels_in(checks[0].partition(" CHECK ")[2]) if len(checks) == 1 else []


_TEXTS: Final = frozenset({"text", "varchar"})
_MOST: Final = 60
_LONGEST: Final = 66


def _are_short(labels: Sequence[str]) -> bool:
    """Tell whether labels are few, and short enough to stand in a line each."""
    return 0 < len(labels) <= _MOST and all(width(text(label)) <= _LONGEST for label in labels)
