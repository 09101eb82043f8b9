"""Values that a column may take, the likeliest first."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final
from uuid import UUID

import attrs

from quantdb.check.facts import PgType
from quantdb.new.annotations import bare
from quantdb.new.matching import matching

__all__ = ["OfServer", "samples"]


@attrs.frozen
class OfServer:
    """A value that no Python source of ours makes, but the server does.

    Attributes:
        text: What the server makes it of (``'101'``).
        sql_type: As what.
    """

    text: str
    sql_type: str


_NOON: Final = datetime(2024, 3, 1, 12, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_TEXTS: Final = (
    "abc", "ABC", "A", "a", "AAPL", "USD", "EURUSD", "BTC-USD", "BTC/USD", "XNAS", "1", "123", "x1",
    "0001", "a-b", "a_b", "a.b", "US0378331005", "ann@example.com", "https://example.com/",
    "2024-03-01", "12:00", "+15550100", "#00ff00", "en", "en_US", "10.0.0.1", "a b", "A B", "{}",
    "0190163d-8694-739b-aea5-966c26f8ad91", "",
)  # fmt: skip
_CALLED: Final[Mapping[str, str]] = {
    "ccy": "USD",
    "currency": "USD",
    "email": "ann@example.com",
    "exchange": "XNAS",
    "isin": "US0378331005",
    "mic": "XNAS",
    "symbol": "AAPL",
    "ticker": "AAPL",
    "venue": "XNAS",
}
_NUMBERS: Final = ("1", "10", "2", "100", "1000", "0", "5", "50", "-1")
_FRACTIONS: Final = ("1.5", "100.25", "0.5", "0.125", *_NUMBERS)
_BINARY: Final[Mapping[str, Sequence[str]]] = {
    "box": ["(3,4),(1,2)"],
    "circle": ["<(1,2),3>"],
    "line": ["{1,2,3}"],
    "lseg": ["[(1,2),(3,4)]"],
    "path": ["[(1,2),(3,4)]"],
    "point": ["(1,2)"],
    "polygon": ["((1,2),(3,4),(5,6))"],
}
_LONGEST: Final = 300
_RANGES: Final = ("[1,3)", "[2024-03-01,2024-04-01)", "[a,b)", "empty")
_OTHER: Final[Mapping[str, Sequence[object]]] = {
    "bool": [True, False],
    "bytea": [b"abc", b"", bytes(16), bytes(20), bytes(32), bytes(64)],
    "char": [b"a", b"A", b"1"],
    "cidr": [IPv4Network("10.0.0.0/8")],
    "hstore": ['"a"=>"1"'],
    "inet": [IPv4Address("10.0.0.1"), IPv4Interface("10.0.0.1/8")],
    "interval": [timedelta(minutes=1), _DAY, timedelta(hours=1), timedelta(0), timedelta(days=7)],
    "json": [{"key": "value"}, ["value"], "value", 1, True, {}],
    "jsonb": [{"key": "value"}, ["value"], "value", 1, True, {}],
    "jsonpath": ['$."a"'],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "money": ["$1.50"],
    "tid": [(0, 1)],
    "time": [time(9, 30), time(0, 0), time(16, 0)],
    "timetz": [time(9, 30, tzinfo=UTC)],
    "tsquery": ["'a'"],
    "tsvector": ["'a'"],
    "uuid": [UUID("0190163d-8694-739b-aea5-966c26f8ad91"), UUID(int=0)],
    "vector": ["[1,2,3]"],
    "xml": [],  # not every server was built to read it
    **{name: ["pg_class"] for name in ("regclass", "regtype")},
}


def samples(kind: PgType, sql_type: str, name: str, checks: Iterable[str]) -> list[object]:
    """Return values that a column may take, the likeliest first; not all of them pass its checks.

    Args:
        kind: Its type.
        sql_type: That as a statement has it.
        name: What it is called.
        checks: The expressions that its values must pass, which say what these look like.
    """
    said = "\n".join(checks)
    found = _of(bare(kind), sql_type, name, said)
    return [value for n, value in enumerate(found) if not _is_among(value, found[:n])]


def _is_among(value: object, values: Sequence[object]) -> bool:
    return any(type(value) is type(other) and value == other for other in values)


def _of(kind: PgType, sql_type: str, name: str, said: str) -> list[object]:
    match kind.kind:
        case "enum":
            return list(kind.labels)
        case "array":
            element = bare(kind.element) if kind.element else kind
            inner = _of(element, sql_type.removesuffix("[]"), name, said)
            return [*([each] for each in inner[:40]), []]
        case "range":
            return [OfServer(text, sql_type) for text in _RANGES]
        case "multirange":
            return [OfServer(f"{{{text}}}", sql_type) for text in _RANGES[:3]]
        case "composite":
            parts = [
                (_of(bare(part), part.name, attribute, "") or [None])[0]
                for attribute, part in kind.attributes
            ]
            return [tuple(parts)] if not any(isinstance(each, OfServer) for each in parts) else []
        case _:
            return _of_base(kind, sql_type, name, said)


def _of_base(kind: PgType, sql_type: str, name: str, said: str) -> list[object]:
    if re.match(r"interval (year|month)", sql_type):
        return []  # of no fixed length, and Python has none such
    if kind.name in {"bit", "varbit"}:
        length = re.search(r"\((\d+)\)", sql_type)
        return [OfServer("1" * (int(length[1]) if length else 1), sql_type)]
    if kind.name in _BINARY:
        return [OfServer(text, sql_type) for text in _BINARY[kind.name]]
    if kind.name in _OTHER:
        return list(_OTHER[kind.name])
    make = _MADE.get(kind.name)
    return _texts(sql_type, name, said) if make is None else make(said)


def _numbers(said: str) -> list[Decimal]:
    found = [Decimal(digits) for digits in re.findall(r"-?\b\d+(?:\.\d+)?\b", said)[:40]]
    return [near for number in found for near in (number, number + 1, number - 1)]


def _integers(said: str) -> list[object]:
    given = [Decimal(digits) for digits in _NUMBERS]
    return [int(each) for each in (*given, *_numbers(said)) if each == each.to_integral_value()]


def _decimals(said: str) -> list[object]:
    halves = [number + Decimal("0.5") for number in _numbers(said)]
    return [*(Decimal(digits) for digits in _FRACTIONS), *_numbers(said), *halves]


def _floats(said: str) -> list[object]:
    return [float(str(each)) for each in _decimals(said)]


def _dates_in(said: str) -> list[datetime]:
    found: list[datetime] = []
    for digits in re.findall(r"\b\d{4}-\d\d-\d\d\b", said)[:20]:
        try:
            day = datetime.fromisoformat(digits).replace(tzinfo=UTC)
            found += [day, day + _DAY, day - _DAY]
        except (ValueError, OverflowError):
            continue
    return found


def _instants(said: str) -> list[object]:
    midnight = _NOON.replace(hour=0)
    return [
        _NOON, midnight, _NOON + _DAY, _NOON - _DAY, _NOON.replace(year=1990), *_dates_in(said),
        _NOON.replace(year=2100),
    ]  # fmt: skip


def _moments(said: str) -> list[object]:
    return [each.replace(tzinfo=None) for each in _instants(said) if isinstance(each, datetime)]


def _days(said: str) -> list[object]:
    given = [each.date() for each in _instants(said) if isinstance(each, datetime)]
    return [*given, date(2024, 2, 29), date(2024, 3, 31), date(2024, 3, 4)]


_MADE: Final[Mapping[str, Callable[[str], list[object]]]] = {
    "date": _days,
    "float4": _floats,
    "float8": _floats,
    "numeric": _decimals,
    "timestamp": _moments,
    "timestamptz": _instants,
    **dict.fromkeys(["cid", "int2", "int4", "int8", "oid", "pg_lsn", "xid", "xid8"], _integers),
}


def _texts(sql_type: str, name: str, said: str) -> list[object]:
    called = [text for word, text in _CALLED.items() if word in name.lower().split("_")]
    quoted = [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", said)]
    matched = [text for text in map(matching, quoted) if text is not None]
    numbers = [int(digits) for digits in re.findall(r"\b\d{1,3}\b", f"{sql_type} {said}")]
    lengths = sorted(
        {n for each in numbers for n in (each, each - 1, each + 1) if 0 < n <= _LONGEST}
    )
    sized = [letter * length for length in lengths for letter in ("A", "a", "1")]
    return [*called, *_TEXTS, *matched, *quoted, *sized]
