"""The strict boundary for PostgreSQL's rarer types: networks, bits, geometry and system types.

Their Python types are those of the driver and of `ipaddress`. What means the same is sent in the
one form that comes back, so that what is stored can be compared with it.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Final, TypeVar

from asyncpg import BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon

from quantdb.exact import Refused, Rule, is_items, scalar_rule, text, whole_within

__all__ = ["rule_of"]

T = TypeVar("T")

_LONGEST_NAME: Final = 63
_IPV6: Final = 6
_SIX: Final = 12
"""Hexadecimal digits of a MAC address of six bytes."""


def _inet(value: object) -> object:
    if not isinstance(value, IPv4Address | IPv6Address):
        raise Refused("must be an address or an interface of the module ipaddress")
    _without_scope(value)
    # An interface is an address, too; with a whole prefix it comes back as no more than that.
    if isinstance(value, IPv4Interface | IPv6Interface):
        return value.ip if value.network.prefixlen == value.max_prefixlen else value
    return value


def _cidr(value: object) -> object:
    if not isinstance(value, IPv4Network | IPv6Network):
        raise Refused("must be a network of the module ipaddress")
    _without_scope(value.network_address)
    return value


def _without_scope(value: IPv4Address | IPv6Address) -> None:
    if isinstance(value, IPv6Address) and value.scope_id is not None:
        raise Refused("has a scope, which PostgreSQL does not keep")


_MAC_FORMS: Final = re.compile(
    r"(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4,6}[0-9a-f]{2}"
    r"|[0-9a-f]{6}[:-][0-9a-f]{6}"
    r"|(?:[0-9a-f]{4}([.-])){2,3}[0-9a-f]{4}"
    r"|[0-9a-f]{12}|[0-9a-f]{16}",
    re.IGNORECASE,
)


def _mac(digits: int) -> Rule:
    def rule(value: object) -> str:
        given = text(value)
        plain = re.sub(r"[:.-]", "", given).lower()
        if not _MAC_FORMS.fullmatch(given) or len(plain) not in {_SIX, digits}:
            raise Refused(f"must be the text of a MAC address of {digits // 2} bytes")
        if len(plain) < digits:  # as PostgreSQL makes eight bytes of six
            plain = f"{plain[:6]}fffe{plain[6:]}"
        return ":".join(plain[at : at + 2] for at in range(0, digits, 2))

    return rule


def _bits(value: object) -> BitString:
    if not isinstance(value, BitString):
        raise Refused("must be a BitString")
    length = len(value)
    # Surplus bits in the last byte mean nothing, and come back as 0.
    return BitString.from_int(value.to_int(), length) if length else BitString()


def _name(value: object) -> str:
    plain = text(value)
    if len(plain.encode()) > _LONGEST_NAME:
        raise Refused("is longer than 63 bytes, to which PostgreSQL cuts a name")
    return plain


def _one_byte(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != 1:
        raise Refused("must be one byte, as bytes")
    return value


# The sign and the symbol stand where the server's lc_monetary has them.
_MONEY: Final = re.compile(r"\D*\d{1,3}(?:(?:[,.' \u00a0\u202f]?\d{3})*)[.,]\d\d\D*")


def _money(value: object) -> str:
    plain = text(value)
    if not _MONEY.fullmatch(plain):
        raise Refused("must be text of an amount with two decimals, as the server writes it")
    return plain


_coordinate: Final = scalar_rule("float8")


def _number(value: object) -> float:
    number = _coordinate(value) if _coordinate is not None else value
    if not isinstance(number, float):
        raise Refused("must be made of floats")
    return number


def _point(value: object) -> Point:
    pair = list(value) if is_items(value) else []
    if len(pair) != 2:  # noqa: PLR2004
        raise Refused("must be made of Points")
    return Point(_number(pair[0]), _number(pair[1]))


def _made(kind: type[T], make: Callable[[T], object]) -> Rule:
    def rule(value: object) -> object:
        if not isinstance(value, kind):
            raise Refused(f"must be a {kind.__name__}")
        return make(value)

    return rule


def _box(value: Box) -> Box:
    # Stored as its upper right corner and its lower left one, whichever two are given.
    (x1, y1), (x2, y2) = _point(value.high), _point(value.low)
    return Box((max(x1, x2), max(y1, y2)), (min(x1, x2), min(y1, y2)))


def _circle(value: Circle) -> Circle:
    return Circle(_point(value.center), _number(value.radius))


def _line(value: Line) -> Line:
    return Line(_number(value.A), _number(value.B), _number(value.C))


def _segment(value: LineSegment) -> LineSegment:
    return LineSegment(_point(value.p1), _point(value.p2))


def _path(value: Path) -> Path:
    return Path(*[_point(point) for point in value.points], is_closed=value.is_closed)


def _polygon(value: Polygon) -> Polygon:
    return Polygon(*[_point(point) for point in value.points])


def _place(value: object) -> tuple[object, object]:
    block, offset = value if is_items(value) and len(value) == 2 else (None, None)  # noqa: PLR2004
    return whole_within(0, (1 << 32) - 1)(block), whole_within(0, (1 << 16) - 1)(offset)


_unsigned_64: Final = whole_within(0, (1 << 64) - 1)

_RULES: Final[Mapping[str, Rule]] = {
    "aclitem": text,
    "bit": _bits,
    "box": _made(Box, _box),
    "char": _one_byte,
    "cidr": _cidr,
    "circle": _made(Circle, _circle),
    "inet": _inet,
    "jsonpath": text,
    "line": _made(Line, _line),
    "lseg": _made(LineSegment, _segment),
    "macaddr": _mac(12),
    "macaddr8": _mac(16),
    "money": _money,
    "name": _name,
    "path": _made(Path, _path),
    "pg_lsn": _unsigned_64,
    "point": _made(Point, _point),
    "polygon": _made(Polygon, _polygon),
    "refcursor": text,
    "regclass": text,
    "regcollation": text,
    "regconfig": text,
    "regdictionary": text,
    "regnamespace": text,
    "regoper": text,
    "regoperator": text,
    "regproc": text,
    "regprocedure": text,
    "regrole": text,
    "regtype": text,
    "tid": _place,
    "tsquery": text,
    "tsvector": text,
    "unknown": text,
    "varbit": _bits,
    "xid8": _unsigned_64,
    "xml": text,
}


def rule_of(type_name: str) -> Rule | None:
    """Return the rule of a type of PostgreSQL's own that is no container; None if it has none."""
    return scalar_rule(type_name) or _RULES.get(type_name)
