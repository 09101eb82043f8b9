"""Values for every type: what comes back as it went, what takes another form, what is refused."""

import enum
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from types import MappingProxyType
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg
import attrs
from asyncpg import BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon

__all__ = ["KINDS", "SETUP", "Kind", "between"]

D = Decimal
between: Final[Callable[..., object]] = getattr(asyncpg, "Range")  # noqa: B009 - of any bounds
NOTHING: Final = between(empty=True)
disc: Final[Callable[..., object]] = getattr(asyncpg, "Circle")  # noqa: B009 - whose centre is no Point
NONE: Final[list[object]] = []
ORDERED: Final[dict[str, int]] = OrderedDict(b=1, a=2)

SETUP: Final = """
CREATE TYPE mood AS ENUM ('calm', 'wild', 'a ''b'', "c"\\', 'NULL');
CREATE TYPE leg AS (price numeric(10, 2), size integer);
CREATE TYPE trip AS (leg leg, legs leg[], notes jsonb, moods mood[], at tstzrange, sums numeric[]);
CREATE TYPE bare AS (n numeric, t timestamptz, s text, d date, f char(3));
CREATE DOMAIN cents AS numeric(10, 2);
CREATE DOMAIN change AS cents CHECK (value < 100);
CREATE DOMAIN word AS varchar(4) CHECK (value <> 'bad');
CREATE DOMAIN ints AS integer[];
CREATE DOMAIN sums AS numeric(6, 2)[];
CREATE DOMAIN leg_of AS leg;
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN bag AS jsonb;
CREATE DOMAIN later AS timestamptz(0);
CREATE TYPE floatrange AS RANGE (subtype = float8, multirange_type_name = floatmultirange);
CREATE TYPE timerange AS RANGE (subtype = time, multirange_type_name = timemultirange);
CREATE TYPE textrange AS RANGE (subtype = text, multirange_type_name = textmultirange);
CREATE TYPE centrange AS RANGE (subtype = cents, multirange_type_name = centmultirange);
CREATE SCHEMA "Odd one";
CREATE TYPE "Odd one"."A ""type" AS ENUM ('x');
"""


class Text(str):
    __slots__ = ()


class Mood(enum.StrEnum):
    CALM = "calm"


class OldMood(str, enum.Enum):  # noqa: UP042 - which is what StrEnum is not
    CALM = "calm"


class Count(enum.IntEnum):
    THREE = 3


class Whole(int):
    pass


class Real(float):
    pass


class Sum(Decimal):
    pass


class Moment(datetime):
    pass


class FineMoment(datetime):
    nanosecond = 7


class Day(date):
    pass


class Span(timedelta):
    pass


class FineSpan(timedelta):
    nanoseconds = 7


class Identity(UUID):
    pass


class Raw(bytes):
    pass


class Scalar:
    """As numpy's are: none of Python's numbers, and ready to become any of them."""

    def __int__(self) -> int:
        return 1

    __index__ = __int__

    def __float__(self) -> float:
        return 1.0


def zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:  # a slim container has none
        return timezone(timedelta(hours=-5))


def deep(levels: int, *, objects: bool = False) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"k": value} if objects else [value]
    return value


def itself() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@attrs.frozen
class Kind:
    """A type of column, and values for it.

    Attributes:
        name: The type, as a column has it.
        kept: What comes back equal and of the same type.
        made: What comes back in another form, and that form.
        refused: What no way lets in.
        changed: What the column's modifier would change, which a cast to the bare type does not
            tell.
        refused_by_server: What only the server can refuse.
        parameter: The type in ``SELECT $1::type``, if it is not that of the column.
        plain: Whether a plain asyncpg pool takes and gives the same values.
        nests: Whether it can stand in composites: the driver has no composites of types that
            travel as text.
    """

    name: str
    kept: Sequence[object] = ()
    made: Sequence[tuple[object, object]] = ()
    refused: Sequence[object] = ()
    changed: Sequence[object] = ()
    refused_by_server: Sequence[object] = ()
    parameter: str = ""
    plain: bool = True
    nests: bool = True

    @property
    def asked(self) -> str:
        return self.parameter or self.name

    @property
    def forms(self) -> list[tuple[object, object]]:
        """What it takes, each with the form in which it comes back."""
        return [*((value, value) for value in self.kept), *self.made]

    @property
    def is_array(self) -> bool:
        return self.name.endswith("[]") or self.name in {"ints", "sums"}


NOON: Final = datetime(2024, 7, 1, 12, tzinfo=UTC)
NAIVE: Final = NOON.replace(tzinfo=None)
DAWN: Final = datetime.min.replace(tzinfo=UTC)
DUSK: Final = datetime.max.replace(tzinfo=UTC)
KEY: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NEW_YORK: Final = zone("America/New_York")
LORD_HOWE: Final = zone("Australia/Lord_Howe")
EAST: Final = timezone(timedelta(hours=1))


def seconds_east(seconds: float) -> timezone:
    return timezone(timedelta(seconds=seconds))


def in_utc(*values: datetime) -> list[tuple[object, object]]:
    return [(value, value.astimezone(UTC)) for value in values]


NO_NUMBERS: Final[list[object]] = ["1", "", b"1", [1], (1,), {}, 1j, None.__class__, Scalar()]
NO_INTEGERS: Final[list[object]] = [
    *(True, False, 1.0, 0.5, math.nan, D(1), D("1.9")),
    *NO_NUMBERS,
    *(10**200_000, -(10**200_000)),
]
NO_TEXT: Final[list[object]] = [
    *("a\0", "\0", "\ud800", "a\udfff", "\ud83d\ude00", Text("a\0")),
    *(b"a", 1, 1.0, True, ["a"], ("a",), {"a": 1}, Scalar(), str),
]
# What most ways of writing text have tripped over.
TEXTS: Final[list[object]] = [
    *("", " ", "a ", " a", "NULL", "null", r"\N", r"\.", "\\", "'", '"', "''", '"a"', "{", "}"),
    *("{}", ",", ";", "$1", "%s", "--", "/*", "\t", "\n", "\r\n", "\x01\x7f", "e\u0301", "é"),
    *("\ufeffa", "\uffff", "𝒜😀\U0010ffff", "\u2028", "İıßẞ", "()", "(a,b)", "[1,2)", "E'\\n'"),
]
NUMBERS: Final[list[object]] = [
    *map(D, ("0", "0.0", "0.00000", "1", "-1", "1.5", "1.50", "-0.10", "10", "10000", "1.0E-7")),
    *map(D, ("99999999999999999999.99999999999999999999", "1E-16383", "-1E-16383", "0E-16383")),
    *(
        D("1" + "0" * 131_071),
        D("9" * 131_072),
        D(f"0.{'9' * 16_383}"),
        D(f"-{'9' * 131_072}.{'9' * 99}"),
    ),
    *map(D, ("0.1", "0.2", "0.30000000000000004", "123456789.000000001", "1" + "0" * 40)),
]
NO_NUMERICS: Final[list[object]] = [
    *(0.1, 1.0, math.nan, math.inf, True, False, Real(0.5)),
    *map(D, ("NaN", "sNaN", "-NaN", "NaN123", "Infinity", "-Infinity")),
    *map(D, ("1E+131072", "-1E+131072", "1E+262143", "1E+999999", "1E-16384", "0E-16384")),
    *(D("9" * 131_073), D(f"0.{'0' * 16_383}1"), 10**140_000, 10**200_000),
    *NO_NUMBERS,
]
NO_TIMES: Final[list[object]] = [1, 1.0, "2024-01-01", "infinity", "", timedelta(1), True, D(1)]

_NUMERIC: Final = [
    Kind(
        "numeric",
        kept=NUMBERS,
        made=[
            *(
                (D("1E+4"), D(10_000)),
                (D("1.50E+3"), D(1500)),
                (D("1E+131071"), D("1" + "0" * 131_071)),
            ),
            *((D("-0"), D(0)), (D("-0.00"), D("0.00")), (D("0E+9"), D(0)), (D("0E+999999"), D(0))),
            *((0, D(0)), (-7, D(-7)), (2**64, D(2**64)), (10**4_999, D(10**4_999))),
            *((Count.THREE, D(3)), (Whole(5), D(5)), (Sum("1.50"), D("1.50"))),
        ],
        refused=NO_NUMERICS,
    ),
    Kind(
        "numeric(10, 2)",
        kept=[D("0.00"), D("1.50"), D("-1.05"), D("99999999.99"), D("-99999999.99")],
        made=[
            *((D("1.5"), D("1.50")), (D("1.500"), D("1.50")), (D("1E+2"), D("100.00"))),
            *((D("-0"), D("0.00")), (7, D("7.00")), (D("0E-9"), D("0.00"))),
        ],
        refused=[0.01, D("NaN"), D("Infinity"), "1.00", True],
        changed=[
            *map(D, ("1.005", "0.001", "-0.005", "0.0000000001", "100000000", "99999999.995")),
            *(10**8, -(10**8), D("1E+131071"), D("1E-16383")),
        ],
        parameter="numeric",
    ),
    Kind("numeric(3, 5)", kept=[D("0.00999")], changed=[D("0.01"), D("0.000001"), 1]),
    Kind(
        "numeric(3, -2)", kept=[D(1200)], made=[(D("1E+4"), D(10_000))], changed=[D(50), D(10**5)]
    ),
    Kind("numeric(4)", kept=[D(9999), D(0)], made=[(D("1.0"), D(1))], changed=[D("0.5"), 10_000]),
    Kind(
        "cents",
        kept=[D("1.50"), D("0.00")],
        made=[(D("1.5"), D("1.50")), (3, D("3.00"))],
        refused=[D("1.005"), D("100000000"), 0.5, D("NaN")],
    ),
    Kind(
        "change",
        kept=[D("99.99")],
        refused=[D("1.005"), 0.5],
        refused_by_server=[D(100)],
    ),
]

_INTEGERS: Final = [
    *(
        Kind(
            name,
            kept=[0, 1, -1, 1 << bits - 2, (1 << bits - 1) - 1, -(1 << bits - 1)],
            made=[(Count.THREE, 3), (Whole(5), 5)],
            refused=[1 << bits - 1, -(1 << bits - 1) - 1, 1 << 64, *NO_INTEGERS],
        )
        for name, bits in (("smallint", 16), ("integer", 32), ("bigint", 64))
    ),
    *(
        Kind(name, kept=[0, 1, 2**31, 2**32 - 1], refused=[-1, 2**32, *NO_INTEGERS])
        for name in ("oid", "xid", "cid")
    ),
    Kind("xid8", kept=[0, 3, 2**63, 2**64 - 1], refused=[-1, 2**64, *NO_INTEGERS]),
    Kind("pg_lsn", kept=[0, 1, 2**32, 2**63 - 1], refused=[-1, 2**63, 2**64, *NO_INTEGERS]),
]

_FLOATS: Final = [
    Kind(
        "double precision",
        kept=[
            *(0.0, -0.0, 0.1, 0.1 + 0.2, 1 / 3, 1e308, 5e-324, 2.0**53, -1.5),
            *(math.inf, -math.inf, math.nan, math.pi, 2.2250738585072014e-308),
        ],
        made=[
            *((0, 0.0), (-7, -7.0), (2**53, 2.0**53), (2**60, 2.0**60), (10**22, 1e22)),
            (Real(0.1), 0.1),
        ],
        refused=[
            *(2**53 + 1, -(2**53) - 1, 10**23, 10**400, 10**200_000, True, D("0.5"), D("NaN")),
            *NO_NUMBERS,
        ],
    ),
    Kind(
        "real",
        kept=[0.0, -0.0, 0.5, -1.5, 0.10000000149011612, 1.401298464324817e-45, math.inf, math.nan],
        made=[(1, 1.0), (2**24, 2.0**24), (2**100, 2.0**100)],
        refused=[0.1, 1 / 3, 1e39, -1e39, 1e-50, 2**24 + 1, 2**53 + 1, 10**400, True, D(1), "1"],
    ),
]

_BOOLEANS: Final = [
    Kind("boolean", kept=[True, False], refused=[1, 0, "t", "true", "", D(1), 1.0, [], Scalar()])
]

_TEXTS: Final = [
    *(
        Kind(
            name,
            kept=[*TEXTS, "x" * 1_000_000],
            made=[(Text("a"), "a"), (Mood.CALM, "calm"), (OldMood.CALM, "calm")],
            refused=NO_TEXT,
        )
        for name in ("text", "varchar")
    ),
    Kind(
        "varchar(3)",
        kept=["", " ", "a", "abc", "ab ", "   ", "ééé", "𝒜𝒜𝒜", "\\\\\\"],
        made=[(Text("ab"), "ab")],
        refused=["a\0", "\ud800", b"a", 1],
        changed=["abcd", "abc ", "    ", "é" * 4, "x" * 100_000],
        parameter="varchar",
    ),
    Kind(
        "char(3)",
        kept=["abc", "ab ", "   ", "ééé"],
        made=[("a", "a  "), ("", "   "), ("a ", "a  "), ("é", "é  "), (Text("ab"), "ab ")],
        refused=["a\0", "\ud800", b"a", 1],
        changed=["abcd", "é" * 4],
        parameter="char(3)",
    ),
    Kind("char", kept=["a", " ", "é"], refused=[b"a", "\0"], changed=["ab"], parameter="bpchar"),
    Kind("bpchar", kept=["", "a", "a  "], refused=["\0", 1]),
    Kind(
        "name",
        kept=["", "a", "x" * 63, "é" * 31],
        made=[(Text("a"), "a")],
        refused=["x" * 64, "é" * 32, *NO_TEXT],
    ),
    Kind(
        '"char"',
        kept=[b"a", b"\0", b"\xff", b" "],
        refused=[b"", b"ab", "a", 97, bytearray(b"a"), True],
    ),
    Kind(
        "word",
        kept=["", "abcd", "ab  "],
        refused=["abcde", "abcd ", "a\0", "\ud800", b"a", 1],
        refused_by_server=["bad"],
    ),
    Kind(
        "bytea",
        kept=[b"", b"\0", bytes(range(256)), b"\\x41", b"x" * 1_000_000],
        made=[
            *((bytearray(b"a\0"), b"a\0"), (memoryview(b"abc"), b"abc"), (Raw(b"a"), b"a")),
            (memoryview(b"abcd")[::2], b"ac"),
        ],
        refused=["a", "", 1, [1], None.__class__, True],
    ),
    Kind(
        "mood",
        kept=["calm", "wild", "a 'b', \"c\"\\", "NULL"],
        made=[(Mood.CALM, "calm"), (OldMood.CALM, "calm"), (Text("wild"), "wild")],
        refused=["angry", "Calm", "calm ", "", "null", "calm\0", "\ud800", b"calm", 1, Mood],
    ),
    Kind("feeling", kept=["calm"], made=[(Mood.CALM, "calm")], refused=["angry", 1]),
    Kind('"Odd one"."A ""type"', kept=["x"], refused=["y"]),
]

_MIDDAY_EAST: Final = NOON.astimezone(EAST)
_TIMES: Final = [
    Kind(
        "timestamptz",
        kept=[
            *(
                NOON,
                NOON.replace(microsecond=999_999),
                DAWN.replace(year=2),
                DUSK.replace(year=9998),
            ),
            *(datetime(1883, 11, 18, 12, 3, 57, 5, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)),
        ],
        made=[
            *in_utc(
                _MIDDAY_EAST,
                datetime(2024, 3, 10, 2, 30, tzinfo=NEW_YORK),
                datetime(2024, 3, 10, 2, 30, fold=1, tzinfo=NEW_YORK),
                datetime(2024, 11, 3, 1, 30, tzinfo=NEW_YORK),
                datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=NEW_YORK),
                datetime(2024, 4, 7, 1, 45, fold=1, tzinfo=LORD_HOWE),
                datetime(1900, 1, 1, tzinfo=NEW_YORK),
                datetime(2024, 1, 1, tzinfo=seconds_east(3601)),
                datetime(2024, 1, 1, tzinfo=seconds_east(-86_399.999999)),
                datetime(9999, 12, 30, tzinfo=NEW_YORK),
            ),
            (Moment(2024, 7, 1, 13, tzinfo=EAST), NOON),
        ],
        refused=[
            *(NAIVE, NOON.date(), NOON.time(), FineMoment(2024, 7, 1, tzinfo=UTC), *NO_TIMES),
            datetime.max.replace(tzinfo=seconds_east(-1)),
            datetime.min.replace(tzinfo=seconds_east(1)),
        ],
    ),
    Kind(
        "timestamptz",
        kept=[DAWN, DUSK],
        made=[
            (datetime.max.replace(tzinfo=seconds_east(3600)), DUSK - timedelta(hours=1)),
            (datetime.min.replace(tzinfo=seconds_east(-3600)), DAWN + timedelta(hours=1)),
        ],
        plain=False,
    ),
    Kind(
        "timestamptz(3)",
        kept=[NOON, NOON.replace(microsecond=1_000)],
        made=in_utc(_MIDDAY_EAST),
        refused=[NAIVE],
        changed=[NOON.replace(microsecond=1), NOON.replace(microsecond=999_999)],
        parameter="timestamptz",
    ),
    Kind("later", kept=[NOON], refused=[NOON.replace(microsecond=500_000), NAIVE]),
    Kind(
        "timestamp",
        kept=[NAIVE, NAIVE.replace(microsecond=1), NAIVE.replace(year=2), NAIVE.replace(year=9998)],
        made=[(NAIVE.replace(fold=1), NAIVE), (Moment(2024, 7, 1, 12), NAIVE)],
        refused=[NOON, NOON.date(), NOON.time(), FineMoment(2024, 7, 1), *NO_TIMES],
    ),
    Kind("timestamp", kept=[DAWN.replace(tzinfo=None), DUSK.replace(tzinfo=None)], plain=False),
    Kind(
        "timestamp(0)", kept=[NAIVE], changed=[NAIVE.replace(microsecond=1)], parameter="timestamp"
    ),
    Kind(
        "date",
        kept=[NOON.date(), date(2, 1, 1), date(9998, 12, 31), date(2024, 2, 29)],
        made=[(Day(2024, 7, 1), NOON.date())],
        refused=[NOON, NAIVE, NOON.time(), Moment(2024, 7, 1), *NO_TIMES],
    ),
    Kind("date", kept=[date.min, date.max], plain=False),
    Kind(
        "time",
        kept=[time.min, time.max, time(12, 30, 1, 5), time(0, 0, 0, 1)],
        made=[(time(1, fold=1), time(1))],
        refused=[time(1, tzinfo=UTC), time(1, tzinfo=NEW_YORK), NOON, NAIVE, *NO_TIMES],
    ),
    Kind("time(2)", kept=[time(1, 2, 3, 10_000)], changed=[time(1, 2, 3, 4)], parameter="time"),
    Kind(
        "timetz",
        kept=[
            *(time(12, tzinfo=UTC), time.max.replace(tzinfo=EAST), time.min.replace(tzinfo=EAST)),
            time(1, tzinfo=timezone(timedelta(hours=-15, minutes=-59))),
        ],
        refused=[
            *(time(1), NOON, NAIVE, time(1, tzinfo=seconds_east(0.5))),
            time(1, tzinfo=timezone(timedelta(hours=16))),
            *NO_TIMES,
        ],
    ),
    Kind("timetz", kept=[time(1, tzinfo=seconds_east(-3601))], plain=False),
    Kind(
        "interval",
        kept=[
            *(timedelta(0), timedelta(microseconds=1), timedelta(days=-1, microseconds=1)),
            *(timedelta.max, timedelta.min, timedelta(days=40, hours=25), timedelta(seconds=-1)),
        ],
        made=[(Span(1), timedelta(1))],
        refused=[FineSpan(1), 1, 1.0, "1 day", "", NOON, time(1), D(1), True],
    ),
    Kind(
        "interval(3)",
        kept=[timedelta(milliseconds=1)],
        changed=[timedelta(microseconds=1), timedelta(days=1, microseconds=-1)],
        parameter="interval",
    ),
    Kind(
        "interval hour to minute",
        kept=[timedelta(hours=1, minutes=5), timedelta(0)],
        changed=[timedelta(seconds=1), timedelta(minutes=1, microseconds=1)],
        parameter="interval",
    ),
]

_UUIDS: Final = [
    Kind(
        "uuid",
        kept=[KEY, UUID(int=0), UUID(int=2**128 - 1)],
        made=[(Identity(str(KEY)), KEY)],
        refused=[str(KEY), KEY.bytes, KEY.int, "", 1],
    )
]

JSON_KEPT: Final[list[object]] = [
    *({}, [], "", "a", 0, -1, 2**63, 10**10_000, True, False, D("1.50"), D("0.0"), D("1E-16383")),
    *({"a": [1, D("1.10"), None, True, "x", {}, []]}, {"": 1}, {"é": "𝒜"}, {"b": 1, "a": 2}),
    *([[1], [2, 3]], [None], "null", "NULL", '"\\\n\t\r\x01\x7f\u2028/', "\\u0000", {"a\\": "\\"}),
    *(deep(100), deep(100, objects=True), [[]], {"a": {}}, "x" * 100_000, {"x" * 1_000: 1}),
]
JSON_REFUSED: Final[list[object]] = [
    *(0.5, 1.0, math.nan, math.inf, {"a": math.nan}, {"a": [0.5]}, [[-math.inf]], Real(1)),
    *map(D, ("NaN", "sNaN", "Infinity", "1E+131072", "1E-16384")),
    *(10**140_000, [10**200_000], {1: 2}, {None: 1}, {True: 1}, {("a",): 1}, {b"a": 1}),
    *("\0", ["a\0"], {"a\0": 1}, {"a": "\0"}, "\ud800", {"\ud800": 1}, ["\udfff"]),
    *({1, 2}, frozenset({1}), b"a", range(3), iter([1]), deque([1]), NOON, KEY, 1j, Scalar(), int),
    *(deep(1_000), deep(1_000, objects=True), deep(100_000), itself()),
]
_JSON: Final = [
    *(
        Kind(
            name,
            kept=JSON_KEPT,
            made=[
                *((D(10), D("10.0")), (D("1E+4"), D("10000.0")), ((1, (2,)), [1, [2]])),
                *(({"a": (1,)}, {"a": [1]}), (ORDERED, {"b": 1, "a": 2})),
                *((MappingProxyType({"a": 1}), {"a": 1}), (Count.THREE, 3), (Mood.CALM, "calm")),
                *(({Mood.CALM: Text("x")}, {"calm": "x"}), (Sum("1.5"), D("1.5"))),
            ],
            refused=JSON_REFUSED,
            plain=False,
        )
        for name in ("json", "jsonb", "bag")
    ),
    Kind("json", kept=[D("-0.0")], made=[(D("-0"), D("-0.0"))], plain=False),
    Kind("jsonb", made=[(D("-0"), D("0.0")), (D("-0.00"), D("0.00"))], plain=False),
]

_RANGES: Final = [
    Kind(
        "int4range",
        kept=[between(1, 5), between(None, 5), between(1, None), between(), NOTHING],
        made=[
            *((between(1, 5, upper_inc=True), between(1, 6)),),
            *((between(1, 5, lower_inc=False), between(2, 5)),),
            *((between(1, 5, lower_inc=False, upper_inc=True), between(2, 6)),),
            *((between(1, 1, upper_inc=True), between(1, 2)), (between(1, 1), NOTHING)),
            *((between(1, 2, lower_inc=False), NOTHING),),
            *((between(None, 5, upper_inc=True), between(None, 6)),),
            (between(-(2**31), 2**31 - 2, upper_inc=True), between(-(2**31), 2**31 - 1)),
        ],
        refused=[
            *(between(5, 1), between(1.0, 2.0), between(True, 5), between(D(1), D(2))),
            *(between(1, 2**31), between(1, 2**31 - 1, upper_inc=True), between("1", "2")),
            *(
                (1, 5),
                [1, 5],
                range(1, 5),
                "[1,5)",
                slice(1, 5),
                1,
                between(2**31 - 1, lower_inc=False),
            ),
        ],
    ),
    Kind("int8range", kept=[between(-(2**63), 2**63 - 1)], refused=[between(0, 2**63)]),
    Kind(
        "numrange",
        kept=[
            *(between(D("1.50"), D(2)), between(D(1), D(1), upper_inc=True), between(None, D(0))),
            between(D(1), D(2), lower_inc=False, upper_inc=True),
        ],
        made=[
            *((between(D(1), D(1)), NOTHING), (between(1, 2), between(D(1), D(2)))),
            (between(D("1E+2"), None), between(D(100), None)),
        ],
        refused=[
            *(between(0.5, 1.5), between(D("NaN"), None), between(None, D("Infinity"))),
            *(between(D(2), D(1)), between(D("1E+131072"), None), between(True, None)),
        ],
    ),
    Kind(
        "daterange",
        kept=[between(date(2024, 1, 1), date(2024, 1, 3))],
        made=[
            (
                between(date(2024, 1, 1), date(2024, 1, 3), upper_inc=True),
                between(date(2024, 1, 1), date(2024, 1, 4)),
            ),
            (between(date(2024, 1, 1), date(2024, 1, 1)), NOTHING),
        ],
        refused=[
            *(
                between(NOON, None),
                between(NAIVE, None),
                between(date(2024, 1, 2), date(2024, 1, 1)),
            ),
            *(between(None, date.max, upper_inc=True), between(date.max, None, lower_inc=False)),
        ],
    ),
    Kind("daterange", kept=[between(date.min, date.max)], plain=False),
    Kind(
        "tstzrange",
        kept=[between(NOON, NOON + timedelta(1)), between(NOON, NOON, upper_inc=True)],
        made=[
            (between(_MIDDAY_EAST, None), between(NOON, None)),
            (between(NOON, _MIDDAY_EAST), NOTHING),
        ],
        refused=[
            *(between(NAIVE, None), between(NOON, NAIVE), between(NOON.date(), None)),
            *(between(NOON, NOON - timedelta(1)), between("2024-01-01", None)),
        ],
    ),
    Kind("tstzrange", kept=[between(DAWN, DUSK, upper_inc=True)], plain=False),
    Kind(
        "tsrange",
        kept=[between(NAIVE, NAIVE + timedelta(1)), between(None, None)],
        refused=[between(NOON, None), between(NOON.date(), None)],
    ),
    Kind(
        "floatrange",
        kept=[between(0.1, 0.3), between(-math.inf, math.inf), between(1.0, 1.0, upper_inc=True)],
        made=[(between(1.0, 1.0), NOTHING), (between(1, 2), between(1.0, 2.0))],
        refused=[between(2.0, 1.0), between(D(1), None), between(True, None), between(2**53 + 1)],
    ),
    Kind(
        "timerange",
        kept=[between(time(1), time(2))],
        made=[(between(time(1), time(1)), NOTHING)],
        refused=[between(time(2), time(1)), between(time(1, tzinfo=UTC), None)],
    ),
    Kind(
        "textrange",
        kept=[between("a", "b"), between("", None), between("a", "a", upper_inc=True)],
        made=[(between("a", "a"), NOTHING)],
        refused=[between("a\0", None), between(1, 2)],
        refused_by_server=[between("b", "a")],
    ),
    Kind(
        "centrange",
        kept=[between(D("1.50"), D("2.00"))],
        made=[(between(D("1.5"), D(2)), between(D("1.50"), D("2.00")))],
        refused=[between(D("1.005"), None), between(0.5, None)],
    ),
    Kind(
        "int4multirange",
        kept=[[], [between(1, 2)], [between(1, 2), between(5, None)], [between()]],
        made=[
            *(([between(1, 2), between(2, 3)], [between(1, 3)]), ([NOTHING], [])),
            *(([between(5, 6), between(1, 2)], [between(1, 2), between(5, 6)]),),
            *(
                ((between(1, 2),), [between(1, 2)]),
                ([between(1, 9), between(2, 3)], [between(1, 9)]),
            ),
            *(([between(1, 2, upper_inc=True), between(3, 4)], [between(1, 4)]),),
            ([between(), between(1, 2)], [between()]),
        ],
        refused=[
            *([between(5, 1)], [None], [(1, 2)], between(1, 2), [between(1.0, 2.0)], "{}"),
            *({between(1, 2)}, [[between(1, 2)]], iter([between(1, 2)])),
        ],
    ),
    Kind(
        "nummultirange",
        kept=[[between(D(1), D(2)), between(D(2), D(3), lower_inc=False)]],
        made=[
            (
                [between(D(1), D(2), upper_inc=True), between(D(2), D(3), lower_inc=False)],
                [between(D(1), D(3))],
            )
        ],
        refused=[[between(0.5, None)], [between(D("NaN"), None)]],
    ),
    Kind(
        "floatmultirange",
        kept=[[between(1.0, 2.0), between(3.0, 4.0)]],
        made=[
            (
                [between(3.0, 4.0), between(1.0, 2.0), between(9.0, 9.0)],
                [between(1.0, 2.0), between(3.0, 4.0)],
            )
        ],
        refused=[[between(2.0, 1.0)]],
    ),
    Kind("textmultirange", kept=[[between("a", "b")]], refused=[[between("\0", None)]]),
    Kind(
        "tstzmultirange",
        made=[([between(_MIDDAY_EAST, None)], [between(NOON, None)])],
        refused=[[between(NAIVE, None)]],
    ),
]

_NETWORKS: Final = [
    Kind(
        "inet",
        kept=[
            *(IPv4Address("1.2.3.4"), IPv4Interface("1.2.3.4/24"), IPv4Interface("0.0.0.0/0")),
            *(IPv6Address("::1"), IPv6Interface("fe80::1/64"), IPv6Address("::ffff:1.2.3.4")),
        ],
        made=[
            (IPv4Interface("1.2.3.4/32"), IPv4Address("1.2.3.4")),
            (IPv6Interface("::1/128"), IPv6Address("::1")),
        ],
        refused=[
            *(
                IPv6Address("fe80::1%eth0"),
                IPv6Interface("fe80::1%1/64"),
                IPv4Network("1.2.3.0/24"),
            ),
            *("1.2.3.4", "", 16_909_060, b"\1\2\3\4", ("1.2.3.4", 24)),
        ],
    ),
    Kind(
        "cidr",
        kept=[IPv4Network("1.2.3.0/24"), IPv4Network("0.0.0.0/0"), IPv6Network("fe80::/64")],
        refused=[
            *(IPv4Interface("1.2.3.4/24"), IPv4Address("1.2.3.4"), "1.2.3.0/24", 1),
            IPv4Interface("1.2.3.0/24"),
        ],
    ),
    Kind(
        "macaddr",
        kept=["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"],
        made=[
            (form, "08:00:2b:01:02:0f")
            for form in (
                *("08:00:2B:01:02:0F", "08-00-2b-01-02-0f", "08002b:01020f", "08002b-01020f"),
                *("0800.2b01.020f", "0800-2b01-020f", "08002b01020F", Text("08:00:2b:01:02:0f")),
            )
        ],
        refused=[
            *("", "x", "08:00:2b:01:02", "08:00:2b:01:02:03:04", "08:00:2b:01:02:0g"),
            *(" 08:00:2b:01:02:03", "08:00-2b:01:02:03", b"\x08\0+\1\2\3", 1),
        ],
        nests=False,
    ),
    Kind(
        "macaddr8",
        kept=["08:00:2b:01:02:03:04:05"],
        made=[
            ("08:00:2b:01:02:03", "08:00:2b:ff:fe:01:02:03"),
            ("08002B0102030405", "08:00:2b:01:02:03:04:05"),
        ],
        refused=["", "08:00:2b:01:02:03:04", "x", 1],
        nests=False,
    ),
]


def bits(text: str) -> BitString:
    return BitString.from_int(int(text or "0", 2), len(text)) if text else BitString()


_BITS: Final = [
    Kind(
        "bit(3)",
        kept=[bits("101"), bits("000")],
        refused=["101", b"101", 5, [1, 0, 1], True],
        changed=[bits("1010"), bits("10"), bits(""), bits("1" * 100)],
        parameter="varbit",
    ),
    Kind(
        "varbit",
        kept=[bits(""), bits("1"), bits("0" * 9), bits("10" * 5_000)],
        made=[(BitString.frombytes(b"\xff", 3), bits("111"))],
        refused=["101", b"101", 5, bytearray(b"a")],
    ),
    Kind(
        "varbit(3)",
        kept=[bits(""), bits("10"), bits("101")],
        refused=["1"],
        changed=[bits("1010")],
        parameter="varbit",
    ),
]

_FIGURES: Final = [
    Kind(
        "point",
        kept=[Point(1.5, -0.0), Point(math.nan, math.inf), Point(0.1, 1e308)],
        refused=[(1.0, 2.0), [1.0, 2.0], "(1,2)", 1j, between(1.0, 2.0)],
    ),
    Kind(
        "line",
        kept=[Line(1.0, 2.0, 3.0), Line(0.0, -1.0, 0.1)],
        made=[(Line(1, 2, 3), Line(1.0, 2.0, 3.0))],
        refused=[(1.0, 2.0, 3.0), Line(2**53 + 1, 1.0, 1.0), Line(True, 1.0, 1.0)],
        refused_by_server=[Line(0.0, 0.0, 1.0)],
    ),
    Kind(
        "lseg",
        kept=[LineSegment((1, 2), (3, 4)), LineSegment((3, 4), (1, 2))],
        refused=[((1, 2), (3, 4)), Box((3, 4), (1, 2))],
    ),
    Kind(
        "box",
        kept=[Box((3, 4), (1, 2)), Box((1, 1), (1, 1))],
        made=[
            (Box((1, 2), (3, 4)), Box((3, 4), (1, 2))),
            (Box((1, 4), (3, 2)), Box((3, 4), (1, 2))),
        ],
        refused=[((3, 4), (1, 2)), LineSegment((1, 2), (3, 4))],
    ),
    Kind(
        "path",
        kept=[
            Path((1, 2)),
            Path((1, 2), (3, 4), is_closed=True),
            Path(*[(n, n) for n in range(99)]),
        ],
        refused=[[(1, 2)], ((1, 2), (3, 4)), "[(1,2)]"],
        refused_by_server=[Path()],
    ),
    Kind(
        "polygon",
        kept=[Polygon((1, 2), (3, 4), (5, 6)), Polygon((0, 0))],
        refused=[Path((1, 2), (3, 4)), Path((1, 2), is_closed=True), [(1, 2)]],
        refused_by_server=[Polygon()],
    ),
    Kind(
        "circle",
        kept=[disc((1.0, 2.0), 3.0), disc((0.0, 0.0), 0.0)],
        made=[(Circle(Point(1, 2), 3), disc((1.0, 2.0), 3.0))],
        refused=[((1.0, 2.0), 3.0), Circle(Point(1, 2), True)],
        refused_by_server=[Circle(Point(1, 2), -1.0)],
    ),
]

_WRITTEN: Final = [
    Kind(
        "money",
        kept=["$1,234.50", "-$1.00", "$0.00", "$92,233,720,368,547,758.07"],
        made=[("1234.50", "$1,234.50"), ("(1.00)", "-$1.00"), ("$1234.50", "$1,234.50")],
        refused=[
            *("1.5", "1", "$1.005", "1,50", "1.234,50", "", "x", "1.2.3", "$12,34.50", "1.50\0"),
            *(D("1.50"), 1, 1.5, True, b"$1.00"),
        ],
        refused_by_server=["$92,233,720,368,547,758.08", "1.50 EUR"],
        nests=False,
    ),
    Kind(
        "tsvector",
        kept=["", "'a'", "'a':1A,2 'b'", "'it''s'", "'null'"],
        made=[("a fat cat a", "'a' 'cat' 'fat'"), (Text("b a"), "'a' 'b'")],
        refused=["a\0", "\ud800", 1, b"a", ["a"]],
        refused_by_server=["'a"],
        nests=False,
    ),
    Kind(
        "tsquery",
        kept=["", "'a'", "'fat' & 'rat'", "!'a' | 'b':*"],
        made=[("fat & rat", "'fat' & 'rat'"), ("a<->b", "'a' <-> 'b'")],
        refused=["a\0", "\ud800", 1],
        refused_by_server=["a b"],
        nests=False,
    ),
    Kind(
        "jsonpath",
        kept=['$."a"', "strict $[*]", "$?(@ > 1)"],
        made=[("$.a", '$."a"')],
        refused=["$.a\0", 1, {"a": 1}],
        refused_by_server=["", "x y"],
    ),
    Kind(
        "regclass",
        kept=["pg_class", "information_schema.tables"],
        made=[("pg_catalog.pg_class", "pg_class"), ("1259", "pg_class")],
        refused=[1259, "a\0"],
        refused_by_server=["no_such_table", ""],
        nests=False,
    ),
    Kind("regtype", kept=["integer", "numeric[]"], made=[("int4", "integer")], nests=False),
    Kind("regproc", kept=["now"], refused=[1], refused_by_server=["nope"], nests=False),
    Kind("regrole", kept=["pg_monitor"], refused_by_server=["nobody here"], nests=False),
    Kind("regnamespace", kept=["pg_catalog"], refused=[11], nests=False),
    Kind("refcursor", kept=["", "a b"], refused=["a\0", 1], nests=False),
    Kind(
        "tid",
        kept=[(0, 1), (2**32 - 1, 65_535)],
        made=[([0, 1], (0, 1))],
        refused=[
            (0,),
            (0, 1, 2),
            (-1, 1),
            (2**32, 1),
            (0, 65_536),
            (0.0, 1),
            (True, 1),
            "(0,1)",
            1,
        ],
    ),
    Kind(
        "pg_snapshot",
        kept=[(10, 20, (10, 14)), (10, 10, ())],
        made=[((10, 20, [14]), (10, 20, (14,)))],
        refused=[(10, 20), (10.0, 20, ()), (True, 2, ()), (1, 2, 1), (1, 2, (1.5,)), (-1, 2, ())],
        refused_by_server=[(20, 10, ())],
    ),
]

_COMPOSITES: Final = [
    Kind(
        "leg",
        kept=[(D("1.50"), 2), (None, None), (D("0.00"), None)],
        made=[
            *(((D("1.5"), 2), (D("1.50"), 2)), ({"price": D(1), "size": 2}, (D("1.00"), 2))),
            *(({"size": None, "price": None}, (None, None)),),
            (MappingProxyType({"size": 2, "price": 1}), (D("1.00"), 2)),
        ],
        refused=[
            *((D("1.005"), 2), (0.5, 2), (D(1), 2.0), (D(1), True), (D(1), 2**31), (D("NaN"), 1)),
            *((D(1),), (D(1), 2, 3), (), [D(1), 2], {"price": D(1)}, {}, {"price": D(1), "x": 2}),
            *({"price": D(1), "size": 2, "x": 3}, {D(1), 2}, "(1.00,2)", 1, {0: D(1), 1: 2}),
        ],
    ),
    Kind(
        "trip",
        kept=[
            (None, None, None, None, None, None),
            (
                (D("1.50"), 2),
                [(D("1.50"), 2), None, (None, None)],
                {"a": [D("1.10"), "é", None]},
                ["calm", None, "a 'b', \"c\"\\"],
                between(NOON, None),
                [D("1.50"), None],
            ),
        ],
        made=[
            (
                {
                    "leg": {"price": 1, "size": None},
                    "legs": ({"price": 2, "size": 3},),
                    "notes": (1,),
                    "moods": (Mood.CALM,),
                    "at": between(_MIDDAY_EAST, _MIDDAY_EAST),
                    "sums": [[1], [2]],
                },
                ((D("1.00"), None), [(D("2.00"), 3)], [1], ["calm"], NOTHING, [[D(1)], [D(2)]]),
            )
        ],
        refused=[
            ((D("1.005"), 2), None, None, None, None, None),
            (None, [(D("1.005"), 2)], None, None, None, None),
            (None, [None, (D(1),)], None, None, None, None),
            (None, None, {"a": 0.5}, None, None, None),
            (None, None, {"a\0": 1}, None, None, None),
            (None, None, None, ["angry"], None, None),
            (None, None, None, None, between(NAIVE, None), None),
            (None, None, None, None, None, [0.1]),
            (None, None, None, None, None, [[D(1)], [D(1), D(2)]]),
        ],
        plain=False,
    ),
    Kind(
        "bare",
        kept=[(D("1.50"), NOON, "NULL", NOON.date(), "abc"), (None, None, "", None, None)],
        made=[((1, _MIDDAY_EAST, Mood.CALM, None, "a"), (D(1), NOON, "calm", None, "a  "))],
        refused=[
            *((0.1, None, None, None, None), (None, NAIVE, None, None, None)),
            *((None, None, "a\0", None, None), (None, None, None, NOON, None)),
            *((None, None, "\ud800", None, None), (None, None, None, None, "abcd")),
        ],
    ),
    Kind(
        "leg_of",
        kept=[(D("1.50"), 2)],
        made=[({"price": 1, "size": 1}, (D("1.00"), 1))],
        refused=[(D("1.005"), 2), [D(1), 2]],
    ),
]

_ARRAYS: Final = [
    Kind(
        "integer[]",
        kept=[
            *([], [1, None, 3], [[1, 2], [3, None]], [[[[[[1]]]]]], [None], list(range(5_000))),
            [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
        ],
        made=[((1, 2), [1, 2]), ((), []), (((1,), (2,)), [[1], [2]]), ([Count.THREE], [3])],
        refused=[
            *(
                [True],
                [1.0],
                [D(1)],
                [2**31],
                ["1"],
                [[1, 2], [3]],
                [[1], [2, 3]],
                [NONE],
                [NONE, NONE],
            ),
            *([[1], 2], [1, [2]], [[1], None], [None, [1]], [[[[[[[1]]]]]]], itself()),
            *([[[1, 2], [3, 4]], [[5], [6, 7, 8]]], [[[1], [2]], [[3], 4]], [[[1]], [NONE]]),
            *(1, "{1}", "12", {1}, {1: 2}, iter([1]), (n for n in (1, 2)), range(3), deque([1])),
            *(b"ab", bytearray(b"ab"), [Scalar()]),
        ],
    ),
    Kind(
        "text[]",
        kept=[[*TEXTS], [*TEXTS, None], [["a", "NULL"], ["", None]], [], ["x" * 100_000]],
        made=[([Text("a"), Mood.CALM], ["a", "calm"]), (("a",), ["a"])],
        refused=[
            *([text] for text in NO_TEXT if not isinstance(text, list | tuple)),
            "abc",
            [[["a"], ["b"]], [["c"], "d"]],
            {"a"},
        ],
    ),
    Kind(
        "numeric[]",
        kept=[[*NUMBERS], [D("1.50"), None], [[D("1.0")], [D("2.00")]]],
        made=[([1, D("1E+2")], [D(1), D(100)])],
        refused=[*([D(1), number] for number in NO_NUMERICS), [[0.1]], (n for n in [D(1)])],
    ),
    Kind(
        "numeric(10, 2)[]",
        kept=[[D("1.50"), None], [[D("1.00")], [D("2.00")]], []],
        made=[([D("1.5")], [D("1.50")])],
        refused=[[0.5]],
        changed=[[D("1.00"), D("1.005")], [[D(1)], [D("0.001")]], [None, 10**8]],
        parameter="numeric[]",
    ),
    Kind(
        "varchar(2)[]",
        kept=[["a", "ab", None]],
        changed=[["abc"], ["a", "ab "]],
        parameter="text[]",
    ),
    Kind("char(2)[]", kept=[["ab"]], made=[(["a", None], ["a ", None])], changed=[["abc"]]),
    Kind(
        "timestamptz[]",
        kept=[[NOON, None], [[NOON], [NOON]]],
        made=[([_MIDDAY_EAST], [NOON])],
        refused=[[NAIVE], [NOON, NAIVE], [NOON.date()]],
    ),
    Kind("timestamptz[]", kept=[[DAWN, DUSK]], plain=False),
    Kind(
        "jsonb[]",
        kept=[
            *([{"a": 1}, [1, 2], "x", None, 1, D("1.5"), True], [[1, 2], [3]], [[1], [2]], [NONE]),
            *([[1, [2, [3]]]], [], ["null", "NULL", ""]),
        ],
        made=[([(1, 2), (3,)], [[1, 2], [3]]), (({"a": (1,)},), [{"a": [1]}])],
        refused=[[0.5], [{"a": math.nan}], [["a\0"]], {"a": 1}, "[]", [{1: 2}], [deep(1_000)]],
        plain=False,
    ),
    Kind("json[]", kept=[[{"b": 1, "a": 2}, [[1], 2], None, "'\"\\"]], plain=False),
    Kind("mood[]", kept=[["calm", None, "NULL"]], refused=[["angry"], ["calm", 1], "calm"]),
    Kind(
        "leg[]",
        kept=[[], [(D("1.50"), 2), None], [[(D("1.00"), 1)], [(D("2.00"), 2)]], [(None, None)]],
        made=[
            *(([{"price": 1, "size": 2}], [(D("1.00"), 2)]), (((D(1), 1),), [(D("1.00"), 1)])),
        ],
        refused=[
            *([(D("1.005"), 2)], [[D(1), 2]], [{"price": 1}], [(D(1),)], (D(1), 2), {"price": 1}),
            [[(D(1), 1)], [(D(1), 1), (D(1), 1)]],
        ],
    ),
    Kind("cents[]", kept=[[D("1.50"), None]], made=[([1], [D("1.00")])], refused=[[D("1.005")]]),
    Kind("sums", kept=[[D("1.50")]], made=[([1], [D("1.00")])], refused=[[D("1.005")], [10_000]]),
    Kind("ints", kept=[[1, 2], [[1], [2]], []], refused=[[True], [[1], [2, 3]], 1]),
    Kind(
        "ints[]",
        kept=[[[1, 2], [3]], [[1], None], [], [NONE]],
        made=[([(1, 2), (3,)], [[1, 2], [3]])],
        refused=[[1], [[True]], [[[1], [2, 3]]]],
    ),
    Kind(
        "int4range[]",
        kept=[[between(1, 3), NOTHING, None], [[between(1, 3)], [between(1, None)]]],
        made=[([between(1, 1)], [NOTHING])],
        refused=[[(1, 3)], [between(3, 1)]],
    ),
    Kind(
        "int4multirange[]",
        kept=[[[between(1, 3)], [between(1, 2), between(5, 6)], [], None], []],
        made=[([(between(1, 2), between(2, 3))], [[between(1, 3)]])],
        refused=[[between(1, 2)], [[between(3, 1)]], [[[between(1, 2)]]]],
    ),
    Kind("point[]", kept=[[Point(1, 2), None], [[Point(1, 2)], [Point(3, 4)]]], refused=[[(1, 2)]]),
    Kind(
        "box[]", kept=[[Box((3, 4), (1, 2))]], made=[([Box((1, 2), (3, 4))], [Box((3, 4), (1, 2))])]
    ),
    Kind("line[]", kept=[[Line(1.0, 2.0, 3.0)]], refused=[[(1.0, 2.0, 3.0)]]),
    Kind("lseg[]", kept=[[LineSegment((1, 2), (3, 4))]]),
    Kind(
        "path[]",
        kept=[[Path((1, 2), (3, 4), is_closed=True), None]],
        refused=[[Path((1, 2), (3, 4))], Path((1, 2), is_closed=True)],
    ),
    Kind("polygon[]", kept=[[Polygon((1, 2), (3, 4))], [[Polygon((1, 2))], [Polygon((3, 4))]]]),
    Kind("tid[]", kept=[[(0, 1), (0, 2), None], [[(0, 1)], [(0, 2)]]], refused=[[(0, -1)]]),
    Kind("inet[]", kept=[[IPv4Address("1.2.3.4"), None, IPv6Interface("fe80::1/64")]]),
    Kind("cidr[]", kept=[[IPv4Network("1.2.3.0/24"), None]], refused=[["1.2.3.0/24"]]),
    Kind("bit(3)[]", kept=[[bits("101"), None]], changed=[[bits("10")]], parameter="varbit[]"),
    Kind('"char"[]', kept=[[b"a", b"\0", None]], refused=[["a"], [b"ab"]]),
    Kind("bytea[]", kept=[[b"", b"\0", None]], made=[([bytearray(b"a")], [b"a"])], refused=[b"ab"]),
    Kind("uuid[]", kept=[[KEY, None]], refused=[[str(KEY)]]),
    Kind("boolean[]", kept=[[True, None, False]], refused=[[1]]),
    Kind("double precision[]", kept=[[0.1, math.nan, None, -0.0]], refused=[[D(1)], [2**53 + 1]]),
    Kind("interval[]", kept=[[timedelta.max, None]], refused=[[1]]),
    Kind("date[]", kept=[[NOON.date(), None]], refused=[[NOON], [NAIVE]]),
    Kind("time[]", kept=[[time.max, None]], refused=[[time(1, tzinfo=UTC)]]),
    Kind("macaddr[]", kept=[["08:00:2b:01:02:03", None]], refused=[["x"]], nests=False),
    Kind(
        "money[]",
        kept=[["$1,234.50", None]],
        made=[(["1.50"], ["$1.50"])],
        refused=[["1.5"]],
        nests=False,
    ),
    Kind(
        "tsvector[]",
        kept=[["'a'", None, "'null'"]],
        made=[(["b a", "null"], ["'a' 'b'", "'null'"])],
        refused=[[""], ["a\0"]],
        nests=False,
    ),
]

KINDS: Final[list[Kind]] = [
    *(_NUMERIC + _INTEGERS + _FLOATS + _BOOLEANS + _TEXTS + _TIMES + _UUIDS + _JSON + _RANGES),
    *(_NETWORKS + _BITS + _FIGURES + _WRITTEN + _COMPOSITES + _ARRAYS),
]
