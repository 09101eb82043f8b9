"""Hypothesis strategies for what PostgreSQL can hold: all of it, and nothing else."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Final, get_args
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

from quantdb import NewUser, Price, Side, Trade

__all__ = [
    "MAX_AFTER",
    "MAX_BEFORE",
    "dates",
    "decimals",
    "durations",
    "folds_and_gaps",
    "instants",
    "int64s",
    "naive_datetimes",
    "new_users",
    "positive_decimals",
    "prices",
    "texts",
    "trades",
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
