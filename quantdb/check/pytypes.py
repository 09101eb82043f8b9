"""Of which Python types the values of PostgreSQL's own types are, on the way out and in."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Final
from uuid import UUID

import asyncpg
from asyncpg import BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon

from quantdb.check.facts import PgType

__all__ = ["accepted", "base_of", "came", "is_json", "named", "sent", "written"]

_ADDRESSES: Final = (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface)
_NETWORKS: Final = (IPv4Network, IPv6Network)

_INTEGERS: Final = ("cid", "int2", "int4", "int8", "oid", "pg_lsn", "xid", "xid8")
_TEXTS: Final = ("bpchar", "citext", "name", "text", "varchar", "unknown", "xml")
_AS_TEXT: Final = (
    "aclitem", "jsonpath", "macaddr", "macaddr8", "money", "refcursor", "regclass", "regcollation",
    "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc",
    "regprocedure", "regrole", "regtype", "tsquery", "tsvector",
)  # fmt: skip
_JSON: Final = ("json", "jsonb")

# As asyncpg and quantdb's own codecs read them.
_CAME: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(_INTEGERS, (int,)),
    **dict.fromkeys((*_TEXTS, *_AS_TEXT), (str,)),
    **dict.fromkeys(_JSON, (dict, list, str, int, Decimal, bool)),
    "bit": (BitString,),
    "bool": (bool,),
    "box": (Box,),
    "bytea": (bytes,),
    "char": (bytes,),
    "cidr": _NETWORKS,
    "circle": (Circle,),
    "date": (date,),
    "float4": (float,),
    "float8": (float,),
    "inet": _ADDRESSES,
    "interval": (timedelta,),
    "line": (Line,),
    "lseg": (LineSegment,),
    "numeric": (Decimal,),
    "path": (Path,),
    "pg_snapshot": (tuple,),
    "point": (Point,),
    "polygon": (Polygon,),
    "tid": (tuple,),
    "time": (time,),
    "timestamp": (datetime,),
    "timestamptz": (datetime,),
    "timetz": (time,),
    "txid_snapshot": (tuple,),
    "uuid": (UUID,),
    "varbit": (BitString,),
}
# What the strict boundary lets in besides.
_SENT: Final[Mapping[str, tuple[type, ...]]] = {
    "bytea": (bytes, bytearray, memoryview),
    "float4": (float, int),
    "float8": (float, int),
    "numeric": (Decimal, int),
    "point": (Point, tuple, list),
    "tid": (tuple, list),
}


def base_of(kind: PgType) -> PgType:
    """Return what a domain is made of in the end; any other type as it is."""
    while kind.kind == "domain" and kind.element is not None:
        kind = kind.element
    return kind


def _is_known(kind: PgType) -> bool:
    return kind.kind in {"base", "pseudo"} and (
        kind.schema == "pg_catalog" or kind.name == "citext"
    )


def is_json(kind: PgType) -> bool:
    """Tell JSON, whose values are objects, and None among them (``null``)."""
    return _is_known(kind) and kind.name in _JSON


def came(kind: PgType) -> tuple[type, ...]:
    """Return what the values of a column are, as far as that is known; not of a domain."""
    match kind.kind:
        case "enum":
            return (str,)
        case "array" | "multirange":
            return (list, tuple)
        case "range":
            return (asyncpg.Range,)
        case _:
            return _CAME.get(kind.name, ()) if _is_known(kind) else ()


def sent(kind: PgType) -> tuple[type, ...]:
    """Return what may be given for a parameter, as far as that is known; not of a domain."""
    known = _SENT.get(kind.name) if _is_known(kind) else None
    return () if known is None and is_json(kind) else known or came(kind)


def named(kind: PgType) -> str:
    """Return the annotation that fits a type; empty if there is none to advise."""
    kind = base_of(kind)
    if kind.kind == "enum":
        return f"Literal[{', '.join(map(repr, kind.labels))}]"
    if kind.kind in {"array", "multirange"}:
        element = named(kind.element) if kind.element else ""
        return f"list[{element or 'object'}]"
    if kind.kind == "range":
        return "asyncpg.Range"
    if is_json(kind):
        return "object"
    return " | ".join(each.__name__ for each in came(kind))


def accepted(kind: PgType) -> str:
    """Return what may be given for a parameter, for messages; empty if that is not known."""
    kind = base_of(kind)
    if kind.kind in {"enum", "array", "multirange", "range"}:
        return named(kind)
    return " or ".join(each.__name__ for each in sent(kind))


def written(kind: PgType) -> str:
    """Return the name of a type, for messages."""
    local = kind.schema in {"pg_catalog", "public"}
    name = kind.name if local else f"{kind.schema}.{kind.name}"
    base = base_of(kind)
    return name if base is kind else f"{name} ({written(base)})"
