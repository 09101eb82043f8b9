"""Hypothesis strategies for what PostgreSQL can hold: all of it, and nothing else."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from typing import Final, get_args
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import asyncpg
from asyncpg import BitString, Box, Circle, Line, LineSegment, Path, Point, Polygon
from hypothesis import strategies as st

from quantdb import NewUser, Price, Side, Trade

__all__ = [
    "BY_TYPE",
    "MAX_AFTER",
    "MAX_BEFORE",
    "MOODS",
    "arrays",
    "dates",
    "decimals",
    "durations",
    "folds_and_gaps",
    "instants",
    "int64s",
    "json_values",
    "legs",
    "multiranges",
    "naive_datetimes",
    "new_users",
    "positive_decimals",
    "prices",
    "ranges",
    "texts",
    "trades",
    "trips",
    "words",
    "zones",
]

# PostgreSQL manual, "Numeric Types".
MAX_BEFORE: Final = 131_072
MAX_AFTER: Final = 16_383

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# Each is special: daylight saving of half an hour, of minus one hour, by night and by day, a day
# that was skipped, offsets with minutes and, before 1972, with seconds.
_ZONE_NAMES: Final = (
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
)
_ZONES: Final = tuple(
    ZoneInfo(name) for name in _ZONE_NAMES if name in available_timezones()
)  # a slim container has none

# Local times that come twice or never, by zone.
_FOLDS_AND_GAPS: Final = {
    "America/New_York": ("2023-03-12T02:30", "2023-11-05T01:30", "1945-08-14T19:00"),
    "Australia/Lord_Howe": ("2024-10-06T02:15", "2024-04-07T01:45"),
    "Europe/Berlin": ("2024-03-31T02:30", "2024-10-27T02:30", "1945-05-24T02:30"),
    "Europe/Dublin": ("2024-03-31T01:30", "2024-10-27T01:30"),
    "Pacific/Apia": ("2011-12-30T12:00", "2012-04-01T03:30"),
}

_AWKWARD_TEXTS: Final = (
    "\\",
    r"\N",
    r"\.",
    "a\\nb",
    "tab\there",
    "line\nline",
    "return\r\nline",
    "it's",
    '"quoted"',
    "$1",
    "%s",
    "{}",
    "--",
    "/*",
    ";",
    "NULL",
    "\x01\x1f\x7f",
    "\u2028\u2029\x85",
    "e\u0301 é",
    "\ufeff\ufffe\uffff",
    "İı ẞß",
    "𝒜😀\U0010ffff",
)


def int64s(min_value: int = -(1 << 63), max_value: int = (1 << 63) - 1) -> st.SearchStrategy[int]:
    """Integers of 64 bits."""
    return st.integers(min_value, max_value)


def decimals() -> st.SearchStrategy[Decimal]:
    """Every kind of finite Decimal within the bounds of ``numeric``, zeros of both signs too."""
    return st.one_of(_money(), _scaled(), _long(), st.sampled_from(_EXTREMES))


def positive_decimals() -> st.SearchStrategy[Decimal]:
    """Decimals above zero within the bounds of ``numeric``."""
    return decimals().map(_absolute).filter(bool)


def _absolute(value: Decimal) -> Decimal:
    return value.copy_abs()  # abs() would round to the context


_EXTREMES: Final = (
    Decimal(0),
    Decimal("-0"),
    Decimal("0.00"),
    Decimal("0E+10"),
    Decimal("1E+10"),
    Decimal(f"1E+{MAX_BEFORE - 1}"),
    Decimal(f"-1E+{MAX_BEFORE - 1}"),
    Decimal(f"1E-{MAX_AFTER}"),
    Decimal(f"-1E-{MAX_AFTER}"),
    Decimal(f"0E-{MAX_AFTER}"),
    Decimal("9" * MAX_BEFORE),
    Decimal("0." + "9" * MAX_AFTER),
    Decimal("-" + "9" * MAX_BEFORE + "." + "9" * MAX_AFTER),
)


def _money() -> st.SearchStrategy[Decimal]:
    """Figures of up to twenty digits, trailing zeros kept."""
    return st.builds(_placed, st.integers(-(10**20) + 1, 10**20 - 1), st.integers(0, 12))


def _placed(digits: int, places: int) -> Decimal:
    return Decimal(digits).scaleb(-places)


@st.composite
def _scaled(draw: st.DrawFn) -> Decimal:
    """Few digits anywhere between the bounds."""
    digits = draw(st.lists(st.integers(0, 9), min_size=1, max_size=12))
    exponent = draw(st.integers(-MAX_AFTER, MAX_BEFORE - len(digits)))
    return Decimal((draw(st.integers(0, 1)), tuple(digits), exponent))


@st.composite
def _long(draw: st.DrawFn) -> Decimal:
    """Very many digits; a short run of them is repeated, since drawing each takes too long."""
    before, after = draw(st.integers(1, MAX_BEFORE)), draw(st.integers(0, MAX_AFTER))
    run = draw(st.text("0123456789", min_size=1, max_size=9))
    digits = (run * ((before + after) // len(run) + 1))[: before + after]
    sign = draw(st.sampled_from(["", "-"]))
    return Decimal(f"{sign}{digits[:before]}.{digits[before:]}")


def texts(min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[str]:
    """Texts without NUL and lone surrogates, which is all that PostgreSQL cannot hold."""
    awkward = [text for text in _AWKWARD_TEXTS if min_size <= len(text) <= max_size]
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    drawn = st.text(characters, min_size=min_size, max_size=max_size)
    return drawn | st.sampled_from(awkward) if awkward else drawn


def words(max_size: int = 40) -> st.SearchStrategy[str]:
    """Texts that are not blank, as symbols and names are."""
    return texts(1, max_size).filter(lambda text: not text.isspace())


def dates() -> st.SearchStrategy[date]:
    """Dates of the years 1 to 9999."""
    return st.dates()


def zones() -> st.SearchStrategy[tzinfo]:
    """UTC, zones with daylight saving, and fixed offsets down to the microsecond."""
    fixed = st.timedeltas(-timedelta(hours=24) + _MICROSECOND, timedelta(hours=24) - _MICROSECOND)
    always = st.just(UTC) | fixed.map(timezone)
    return always | st.sampled_from(_ZONES) if _ZONES else always


@st.composite
def instants(
    draw: st.DrawFn, min_value: datetime = _FIRST, max_value: datetime = _LAST
) -> datetime:
    """Aware datetimes in any zone, between two instants; in a fold or a gap as well."""
    if draw(st.integers(0, 3)) == 0:
        special = draw(folds_and_gaps())
        if min_value <= special.astimezone(UTC) <= max_value:
            return special
    low, high = min_value.replace(tzinfo=None), max_value.replace(tzinfo=None)
    moment = draw(st.datetimes(low, high) | st.sampled_from([low, high])).replace(tzinfo=UTC)
    try:
        return moment.astimezone(draw(zones()))
    except OverflowError:  # the zone's own clock stands outside the years 1 to 9999
        return moment


def folds_and_gaps() -> st.SearchStrategy[datetime]:
    """Local times that daylight saving makes come twice or never, of either fold."""
    known = [
        datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold)
        for zone in _ZONES
        for local in _FOLDS_AND_GAPS.get(zone.key, ())
        for fold in (0, 1)
    ]
    return st.sampled_from(known) if known else st.just(_FIRST)


def naive_datetimes() -> st.SearchStrategy[datetime]:
    """Datetimes without a zone, of the years 1 to 9999."""
    return st.datetimes()


def durations(
    min_value: timedelta = timedelta.min, max_value: timedelta = timedelta.max
) -> st.SearchStrategy[timedelta]:
    """Timedeltas to the microsecond."""
    return st.timedeltas(min_value, max_value)


def trades(
    symbols: st.SearchStrategy[str] | None = None,
    user_ids: st.SearchStrategy[int | None] | None = None,
    times: st.SearchStrategy[datetime] | None = None,
) -> st.SearchStrategy[Trade]:
    """Whole trades; of nobody, unless the ids of stored users are given."""
    sides: tuple[Side, ...] = get_args(Side)
    ids: st.SearchStrategy[UUID] = st.uuids()
    return st.builds(
        Trade,
        symbol=words() if symbols is None else symbols,
        side=st.sampled_from(sides),
        quantity=positive_decimals(),
        price=decimals(),
        executed_at=instants() if times is None else times,
        venue=words(),
        venue_trade_id=st.none() | words(),
        user_id=st.none() if user_ids is None else user_ids,
        strategy=st.none() | words(),
        fee=decimals(),
        currency=words(),
        id=ids,
    )


@st.composite
def prices(draw: st.DrawFn, symbols: st.SearchStrategy[str] | None = None) -> Price:
    """Whole bars, which end within the year 9999."""
    start = draw(instants(max_value=_LAST - _MICROSECOND))
    left = _LAST - start.astimezone(UTC)
    usual = [span for span in (timedelta(minutes=1), timedelta(days=1)) if span <= left]
    spans = durations(_MICROSECOND, left)
    low, first, last, high = sorted(draw(st.tuples(*[decimals()] * 4)))
    opened, closed = draw(st.permutations([first, last]))
    return Price(
        symbol=draw(words() if symbols is None else symbols),
        interval=draw(st.sampled_from(usual) | spans if usual else spans),
        start=start,
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=draw(decimals()).copy_abs(),
    )


def new_users() -> st.SearchStrategy[NewUser]:
    """Whole new users."""
    return st.builds(NewUser, name=words(), email=st.none() | words(), born=st.none() | dates())


# The other types of PostgreSQL, and what can be made of them


MOODS: Final = ("calm", "wild", "a 'b', \"c\"\\", "NULL")
_Range: Final[Callable[..., object]] = getattr(asyncpg, "Range")  # noqa: B009 - of any bounds
_Circle: Final[Callable[..., object]] = Circle  # the driver gives one without a Point


def money(places: int = 2, digits: int = 8) -> st.SearchStrategy[Decimal]:
    """Figures that fit into ``numeric(digits, places)``, with that many places."""
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda value: Decimal(value).scaleb(-places))


def singles() -> st.SearchStrategy[float]:
    """Floats that single precision holds."""
    return st.floats(width=32, allow_nan=False)


def json_values() -> st.SearchStrategy[object]:
    """What JSON can say with exact numbers; a fraction has decimals, so that it stays one."""
    leaves: st.SearchStrategy[object] = st.one_of(
        st.none(), st.booleans(), st.integers(), texts(), money(places=3), int64s()
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=12,
    )


def ranges(
    bounds: st.SearchStrategy[object], *, discrete: bool = False
) -> st.SearchStrategy[object]:
    """Ranges in the form that PostgreSQL stores, of bounds that have an order."""

    @st.composite
    def drawn(draw: st.DrawFn) -> object:
        low, high = sorted(draw(st.tuples(bounds, bounds)), key=_order)
        lower, upper = draw(st.sampled_from([(low, high), (low, None), (None, high), (None, None)]))
        if discrete:
            return _Range(empty=True) if low == high else _Range(lower, upper)
        inside = draw(st.tuples(st.booleans(), st.booleans()))
        if lower is not None and upper is not None and lower == upper and not all(inside):
            return _Range(empty=True)
        return _Range(lower, upper, lower_inc=inside[0], upper_inc=inside[1])

    return drawn() | st.just(_Range(empty=True))


def _order(value: object) -> int | Decimal | float:
    """Return a number in whose order the values of a type stand."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - datetime(1, 1, 1)) // _MICROSECOND  # noqa: DTZ001
    if isinstance(value, date):
        return value.toordinal()
    assert isinstance(value, int | Decimal | float)
    return value


def multiranges(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[list[object]]:
    """Lists of ranges over integers, in order and apart, as PostgreSQL stores them."""

    def apart(bounds: list[int]) -> list[object]:
        pairs = zip(bounds[::2], bounds[1::2], strict=False)
        return [_Range(low, high) for low, high in pairs]

    return st.lists(numbers, unique=True, max_size=6).map(sorted).map(apart)


def arrays(elements: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """Lists with NULLs, of one dimension, and regular ones of two and three."""

    @st.composite
    def drawn(draw: st.DrawFn) -> list[object]:
        shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
        return _filled(draw, elements | st.none(), shape)

    flat: st.SearchStrategy[list[object]] = st.lists(elements | st.none(), max_size=6)
    return flat | drawn()


def _filled(draw: st.DrawFn, elements: st.SearchStrategy[object], shape: list[int]) -> list[object]:
    if len(shape) == 1:
        return [draw(elements) for _ in range(shape[0])]
    return [_filled(draw, elements, shape[1:]) for _ in range(shape[0])]


def legs() -> st.SearchStrategy[tuple[object, ...]]:
    """Composites ``(price numeric(10, 2), size integer)``."""
    return st.tuples(st.none() | money(), st.none() | st.integers(-(2**31), 2**31 - 1))


def trips() -> st.SearchStrategy[tuple[object, ...]]:
    """Composites of a composite, an array of them, JSON, enums, a range and numbers."""
    return st.tuples(
        st.none() | legs(),
        st.none() | arrays(legs()),
        st.none() | json_values(),
        st.none() | arrays(st.sampled_from(MOODS)),
        st.none() | ranges(_utc()),
        st.none() | arrays(money(places=4)),
    )


def _utc() -> st.SearchStrategy[datetime]:
    return instants().map(lambda value: value.astimezone(UTC))


def _times_with_offset() -> st.SearchStrategy[time]:
    offsets = st.integers(-57_599, 57_599).map(lambda value: timezone(timedelta(seconds=value)))
    return st.times(timezones=offsets)


def _bits(min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[BitString]:
    return st.lists(st.booleans(), min_size=min_size, max_size=max_size).map(
        lambda drawn: BitString.from_int(sum(bit << n for n, bit in enumerate(drawn)), len(drawn))
    )


def _addresses() -> st.SearchStrategy[object]:
    four = st.builds(IPv4Interface, st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 31)))
    six = st.builds(IPv6Interface, st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 127)))
    return st.ip_addresses() | four | six


def _networks() -> st.SearchStrategy[object]:
    four = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32))
    six = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128))
    return st.builds(IPv4Network, four, st.just(False)) | st.builds(
        IPv6Network, six, st.just(False)
    )


def _macs(octets: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=octets, max_size=octets).map(lambda value: value.hex(":"))


def _amounts() -> st.SearchStrategy[str]:
    def written(cents: int) -> str:
        whole, rest = divmod(abs(cents), 100)
        return f"{'-' if cents < 0 else ''}${whole:,}.{rest:02}"

    return int64s(-(2**63) + 1).map(written)


def _lexemes() -> st.SearchStrategy[str]:
    drawn = st.lists(st.text("abcé'", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)
    in_order = drawn.map(lambda found: sorted(found, key=str.encode))
    return in_order.map(
        lambda found: " ".join("'" + word.replace("'", "''") + "'" for word in found)
    )


def _boxes() -> st.SearchStrategy[Box]:
    def between(one: Point, two: Point) -> Box:
        (x1, y1), (x2, y2) = one, two
        return Box((max(x1, x2), max(y1, y2)), (min(x1, x2), min(y1, y2)))

    return st.builds(between, _points, _points)


_floats: Final = st.floats(allow_nan=False)
_coordinates: Final = st.floats(-1e9, 1e9)
_points: Final = st.builds(Point, _coordinates, _coordinates)
_smalls: Final = st.integers(-1000, 1000)

BY_TYPE: Final[Mapping[str, st.SearchStrategy[object]]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": int64s(),
    "numeric": decimals(),
    "numeric(10, 2)": money(),
    "real": singles(),
    "double precision": _floats,
    "boolean": st.booleans(),
    "text": texts(),
    "varchar": texts(),
    "varchar(40)": texts(),
    "char(3)": st.text("abé ", min_size=3, max_size=3),
    "name": texts(max_size=15),
    '"char"': st.binary(min_size=1, max_size=1),
    "bytea": st.binary(),
    "uuid": st.uuids(),
    "date": dates(),
    "time": st.times(),
    "timetz": _times_with_offset(),
    "timestamp": naive_datetimes(),
    "timestamptz": instants(),
    "timestamptz(0)": _utc().map(lambda value: value.replace(microsecond=0)),
    "interval": durations(),
    "json": json_values(),
    "jsonb": json_values(),
    "mood": st.sampled_from(MOODS),
    "leg": legs(),
    "trip": trips(),
    "cents": money(),
    "int4range": ranges(_smalls, discrete=True),
    "int8range": ranges(int64s(), discrete=True),
    "numrange": ranges(money(places=5)),
    "daterange": ranges(dates(), discrete=True),
    "tsrange": ranges(naive_datetimes()),
    "tstzrange": ranges(_utc()),
    "floatrange": ranges(_floats),
    "int4multirange": multiranges(_smalls),
    "inet": _addresses(),
    "cidr": _networks(),
    "macaddr": _macs(6),
    "macaddr8": _macs(8),
    "bit(5)": _bits(5, 5),
    "varbit": _bits(),
    "point": _points,
    "line": st.builds(Line, st.floats(0.01, 1e9), _coordinates, _coordinates),
    "lseg": st.builds(LineSegment, _points, _points),
    "box": _boxes(),
    "path": st.lists(_points, min_size=1, max_size=4).flatmap(
        lambda points: st.booleans().map(lambda closed: Path(*points, is_closed=closed))
    ),
    "polygon": st.lists(_points, min_size=1, max_size=4).map(lambda points: Polygon(*points)),
    "circle": st.builds(_Circle, _points, st.floats(0, 1e9)),
    "money": _amounts(),
    "tsvector": _lexemes(),
    "oid": st.integers(0, 2**32 - 1),
    "xid8": st.integers(0, 2**64 - 1),
    "pg_lsn": st.integers(0, 2**63 - 1),
    "tid": st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)),
    "integer[]": arrays(st.integers(-(2**31), 2**31 - 1)),
    "numeric[]": arrays(decimals()),
    "numeric(10, 2)[]": arrays(money()),
    "text[]": arrays(texts()),
    "timestamptz[]": arrays(instants()),
    "jsonb[]": st.lists(json_values(), max_size=5),
    "mood[]": arrays(st.sampled_from(MOODS)),
    "leg[]": arrays(legs()),
    "cents[]": arrays(money()),
    "int4range[]": arrays(ranges(_smalls, discrete=True)),
    "int4multirange[]": st.lists(st.none() | multiranges(_smalls), max_size=4),
    "point[]": arrays(_points),
    "tid[]": arrays(st.tuples(st.integers(0, 9), st.integers(0, 9))),
}
"""Values of every type that come back equal; the composites, the enum, the domain and the range of
their own are those of ``cases.SETUP``."""
