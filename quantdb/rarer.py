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

__all__ = ["Amount", "as_element", "filled", "foreign", "is_tuple", "is_written", "rule_of"]

T = TypeVar("T")

_LONGEST_NAME: Final = 63
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


class Amount(str):
    """Money on its way into the database, which writes it with a symbol of its own."""

    __slots__ = ()

    @property
    def cents(self) -> int:
        """The figures as one number."""
        figures = int("".join(re.findall("[0-9]", self)) or "0")
        return -figures if "-" in self or "(" in self else figures


# The sign and the symbol stand where the server's lc_monetary has them. A comma for the point
# needs a symbol, by which a server that takes it for something else knows better.
_POINT: Final = re.compile(r"[^0-9.,]*(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,19})\.[0-9]{2}[^0-9.,]*")
_COMMA: Final = re.compile(
    r"[^0-9.,]*(?:[0-9]{1,3}(?:[. '\u00a0\u202f][0-9]{3})+|[0-9]{1,19}),[0-9]{2}[^0-9.,]*"
)
_SYMBOL: Final = re.compile(r"[^-0-9.,'()$\s]")


def _money(value: object) -> Amount:
    plain = text(value)
    if not _POINT.fullmatch(plain) and not (_COMMA.fullmatch(plain) and _SYMBOL.search(plain)):
        raise Refused("must be text of an amount with two decimals, as the server writes it")
    return Amount(plain)


_XML_ENCODING: Final = re.compile(
    r"""<\?xml\s[^>]*?\bencoding\s*=\s*["'](?!utf-?8["'])""", re.IGNORECASE
)


def _xml(value: object) -> str:
    plain = text(value)
    if _XML_ENCODING.match(plain):
        raise Refused("declares another encoding than UTF-8, in which it is sent")
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


def _closed(value: object) -> tuple[Point, ...]:
    """Return the points of a polygon or closed path, by which it can stand in an array.

    The driver takes what is no tuple, and can be iterated over, for a dimension.
    """
    if not isinstance(value, Path) or not value.is_closed:
        raise Refused("must be closed in an array, in which the driver has no open paths")
    return value.points


def _place(value: object) -> tuple[object, object]:
    block, offset = value if is_items(value) and len(value) == 2 else (None, None)  # noqa: PLR2004
    return whole_within(0, (1 << 32) - 1)(block), whole_within(0, (1 << 16) - 1)(offset)


_unsigned_64: Final = whole_within(0, (1 << 64) - 1)


def _snapshot(value: object) -> tuple[object, object, tuple[object, ...]]:
    parts = list(value) if is_items(value) else []
    if len(parts) != 3 or not is_items(parts[2]):  # noqa: PLR2004
        raise Refused("must be (xmin, xmax, transactions under way)")
    under_way = tuple(dict.fromkeys(map(_unsigned_64, parts[2])))
    return _unsigned_64(parts[0]), _unsigned_64(parts[1]), under_way


def foreign(value: object) -> object:
    """Admit what the driver, or a codec, takes for a type that is none of PostgreSQL's own."""
    return text(value) if isinstance(value, str) else value


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
    "pg_lsn": whole_within(0, (1 << 63) - 1),  # half of them, which the driver can send
    "pg_snapshot": _snapshot,
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
    "txid_snapshot": _snapshot,
    "unknown": text,
    "varbit": _bits,
    "xid8": _unsigned_64,
    "xml": _xml,
}

_WRITTEN: Final = frozenset(
    {"aclitem", "jsonpath", "tsquery", "tsvector", "xml"}
    | {name for name in _RULES if name.startswith("reg")}
)
_TUPLES: Final = frozenset(
    {"box", "circle", "line", "lseg", "path", "pg_snapshot", "point", "polygon", "tid"}
    | {"txid_snapshot"}
)


def rule_of(type_name: str) -> Rule | None:
    """Return the rule of a type of PostgreSQL's own that is no container; None if it has none."""
    return scalar_rule(type_name) or _RULES.get(type_name)


def is_tuple(type_name: str) -> bool:
    """Tell whether the values of a type of PostgreSQL's own are sent as tuples, in arrays."""
    return type_name in _TUPLES


def is_written(type_name: str) -> bool:
    """Tell whether the server writes the values of a type in a form of its own, not as given."""
    return type_name.removesuffix("[]") in _WRITTEN


def as_element(rule: Rule, type_name: str) -> Rule:
    """Return *rule* narrowed to what the driver can send in an array, and read back."""
    if type_name in {"path", "polygon"}:
        return lambda value: _closed(rule(value))
    return filled(rule) if type_name in {"refcursor", "tsquery", "tsvector"} else rule


def filled(rule: Rule) -> Rule:
    """Return *rule* without empty text, which the driver loses in arrays that travel as text."""

    def admit(value: object) -> object:
        sent = rule(value)
        if sent == "":
            raise Refused("is empty text, which the driver cannot read back from such an array")
        return sent

    return admit
