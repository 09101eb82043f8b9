"""The strict boundary: what each rule lets in, what it refuses, and what is the same."""

import decimal
import enum
import math
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    MAX_AFTER,
    MAX_BEFORE,
    dates,
    decimals,
    durations,
    folds_and_gaps,
    instants,
    naive_datetimes,
    texts,
    zones,
)

from quantdb import InexactValue, exact, rarer
from quantdb.catalog import DRIVERS_OWN
from quantdb.containers import array_of, array_of_lists, array_of_tuples, nullable
from quantdb.exact import Padded, Refused, Rule
from quantdb.jsontext import json_value, parsed
from quantdb.ranges import range_of
from quantdb.rarer import Amount
from quantdb.sameness import same

between: Final[Callable[..., object]] = getattr(asyncpg, "Range")  # noqa: B009 - of any bounds
NONE: Final[list[object]] = []
NOON: Final = datetime(2024, 7, 1, 12, tzinfo=UTC)
KEY: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
EAST: Final = timezone(timedelta(hours=1))


def rule_for(kind: str) -> Rule:
    """The rule of a type, or of an array of it (``"int4[]"``)."""
    if kind.endswith("[]"):
        return array_of(rule_for(kind[:-2]))
    rule = rarer.rule_of(kind)
    assert rule is not None
    return rule


class Text(str):
    __slots__ = ()


class Choice(enum.StrEnum):
    A = "a"


class Count(enum.IntEnum):
    ONE = 1


class Number(Decimal):
    pass


class Moment(datetime):
    pass


class Fine(datetime):
    nanosecond = 7


class Day(date):
    pass


class Span(timedelta):
    pass


class FineSpan(timedelta):
    nanoseconds = 7


class Key(UUID):
    """As the driver's own is."""


# One value of every kind, some of them awkward.
ZOO: Final[dict[str, object]] = {
    "True": True,
    "False": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "2**15": 2**15,
    "2**31": 2**31,
    "2**53+1": 2**53 + 1,
    "2**63": 2**63,
    "IntEnum": Count.ONE,
    "0.5": 0.5,
    "1.0": 1.0,
    "0.1": 0.1,
    "1e39": 1e39,
    "inf": math.inf,
    "-inf": -math.inf,
    "nan": math.nan,
    "Decimal": Decimal("1.50"),
    "Decimal 1": Decimal(1),
    "Decimal subclass": Number("1.50"),
    "Decimal NaN": Decimal("NaN"),
    "Decimal sNaN": Decimal("sNaN"),
    "Decimal Infinity": Decimal("Infinity"),
    "text": "text",
    "empty text": "",
    "str subclass": Text("a"),
    "StrEnum": Choice.A,
    "NUL": "a\0b",
    "lone surrogate": "a\ud800",
    "pair of surrogates": "\ud83d\ude00",
    "bytes": b"a\0b",
    "bytearray": bytearray(b"ab"),
    "memoryview": memoryview(b"ab"),
    "aware datetime": NOON,
    "aware datetime elsewhere": NOON.astimezone(EAST),
    "naive datetime": NOON.replace(tzinfo=None),
    "datetime subclass": Moment(2024, 7, 1, 12, tzinfo=EAST),
    "naive datetime subclass": Moment.fromisoformat("2024-07-01T12:00"),
    "nanoseconds": Fine(2024, 7, 1, 12, tzinfo=UTC),
    "naive nanoseconds": Fine.fromisoformat("2024-07-01T12:00"),
    "before year 1": datetime.min.replace(tzinfo=EAST),
    "date": date(2024, 7, 1),
    "date subclass": Day(2024, 7, 1),
    "time": time(12, 30),
    "aware time": time(12, 30, tzinfo=EAST),
    "duration": timedelta(days=1, microseconds=1),
    "duration subclass": Span(1),
    "duration with nanoseconds": FineSpan(1),
    "uuid": KEY,
    "uuid subclass": Key(str(KEY)),
    "uuid text": str(KEY),
    "list": [1],
    "tuple": (1,),
    "set": {1},
    "dict": {"a": 1},
    "complex": 1j,
    "object": object(),
    "class": int,
}

# Which of them each type lets in; every other one it must refuse.
ADMITTED: Final[dict[str, set[str]]] = {
    "bool": {"True", "False"},
    "int2": {"0", "1", "-1", "IntEnum"},
    "int4": {"0", "1", "-1", "2**15", "IntEnum"},
    "int8": {"0", "1", "-1", "2**15", "2**31", "2**53+1", "IntEnum"},
    "numeric": {
        *("0", "1", "-1", "2**15", "2**31", "2**53+1", "2**63", "IntEnum"),
        *("Decimal", "Decimal 1", "Decimal subclass"),
    },
    "float4": {"0", "1", "-1", "2**15", "2**31", "2**63", "IntEnum"}
    | {"0.5", "1.0", "inf", "-inf", "nan"},
    "float8": {"0", "1", "-1", "2**15", "2**31", "2**63", "IntEnum"}
    | {"0.5", "1.0", "0.1", "1e39", "inf", "-inf", "nan"},
    "text": {"text", "empty text", "str subclass", "StrEnum", "uuid text"},
    "bytea": {"bytes", "bytearray", "memoryview"},
    "timestamptz": {"aware datetime", "aware datetime elsewhere", "datetime subclass"},
    "timestamp": {"naive datetime", "naive datetime subclass"},
    "date": {"date", "date subclass"},
    "time": {"time"},
    "timetz": {"aware time"},
    "interval": {"duration", "duration subclass"},
    "uuid": {"uuid", "uuid subclass"},
    "oid": {"0", "1", "2**15", "2**31", "IntEnum"},
}
for alias in ("bpchar", "varchar", "name"):
    ADMITTED[alias] = ADMITTED["text"]


@pytest.mark.parametrize("value", ZOO)
@pytest.mark.parametrize("kind", ADMITTED)
def test_a_type_lets_in_its_own_values_and_no_others(kind: str, value: str) -> None:
    rule = rule_for(kind)

    if value in ADMITTED[kind]:
        assert same(ZOO[value], rule(ZOO[value]))
    else:
        with pytest.raises(Refused):
            rule(ZOO[value])


PLAIN: Final = (bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, UUID)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(kind, value) for kind, values in ADMITTED.items() for value in sorted(values)],
)
def test_what_is_sent_is_of_a_plain_type(kind: str, value: str) -> None:
    sent = rule_for(kind)(ZOO[value])

    # The driver reads every uuid as a subclass of its own; that may go back as it is.
    # Text for char(n) remembers that it is, so that blanks at its end do not count.
    assert isinstance(sent, UUID | exact.Padded) or type(sent) in PLAIN


@pytest.mark.parametrize("kind", [*ADMITTED, "text[]", "int4[]"])
def test_null_is_null_where_it_may_stand(kind: str) -> None:
    assert nullable(rule_for(kind))(None) is None
    assert rule_for(f"{kind}[]")([None]) == [None]
    with pytest.raises(Refused):
        rule_for(kind)(None)


@pytest.mark.parametrize("value", ZOO)
def test_a_type_without_a_rule_is_left_to_the_driver(value: str) -> None:
    assert rarer.rule_of("gtsvector") is None
    assert exact.anything(ZOO[value]) is ZOO[value]


def test_a_refusal_is_checked_into_an_error_that_names_the_field_and_the_value() -> None:
    with pytest.raises(InexactValue) as caught:
        exact.check(exact.numeric, 0.1, "price")

    assert caught.value.field == "price"
    assert str(caught.value) == (
        "price: must be a Decimal (or an int), never a float, a bool or text; got 0.1 (float)"
    )
    assert caught.value.__cause__ is None


def test_a_secret_value_is_not_shown() -> None:
    with pytest.raises(InexactValue) as caught:
        exact.check(exact.text, "canary\0", exact.SecretName("token"))

    assert "canary" not in str(caught.value)


# numeric


@given(value=decimals())
def test_every_decimal_that_numeric_holds_is_let_in_as_it_is(value: Decimal) -> None:
    sent = exact.numeric(value)

    assert value == sent
    assert value == 0 or value.as_tuple() == sent.as_tuple()


@given(value=decimals(), more=st.integers(1, 10**6))
def test_one_digit_too_many_is_refused_wherever_it_stands(value: Decimal, more: int) -> None:
    sign, digits, _exponent = value.as_tuple()
    low = Decimal((sign, digits, -MAX_AFTER - more))
    with pytest.raises(Refused, match="16383 digits after"):
        exact.numeric(low)
    if value:
        digits = tuple(Decimal(value).normalize(decimal.Context(200_000)).as_tuple().digits)
        high = Decimal((sign, digits, MAX_BEFORE - len(digits) + more))
        with pytest.raises(Refused, match="131072 digits before"):
            exact.numeric(high)


@pytest.mark.parametrize("exponent", [1, 131_071, 131_072, 10**6, decimal.MAX_EMAX])
def test_a_zero_of_any_size_is_zero(exponent: int) -> None:
    for sign in (0, 1):
        sent = exact.numeric(Decimal((sign, (0,), exponent)))

        assert sent == 0
        assert len(str(sent)) < 20


@given(value=st.integers(-(10**60), 10**60))
def test_an_int_is_let_in_as_the_decimal_of_that_value(value: int) -> None:
    sent = exact.numeric(value)

    assert type(sent) is Decimal
    assert str(value) == str(sent)


def test_the_bounds_of_numeric_are_those_of_postgresql() -> None:
    highest = Decimal("9" * MAX_BEFORE + "." + "9" * MAX_AFTER)
    lowest = Decimal(f"1E-{MAX_AFTER}")

    for edge in (highest, lowest):
        assert exact.numeric(edge) is edge
        assert exact.numeric(edge.copy_negate()) == edge.copy_negate()


def test_an_int_beyond_numeric_is_refused_at_once() -> None:
    assert exact.numeric(10**131_072 - 1) == Decimal("9" * 131_072)
    for beyond in (10**131_072, -(10**131_072), 10**3_000_000):
        with pytest.raises(Refused, match="131072 digits before"):
            exact.numeric(beyond)


# integers and floats


@pytest.mark.parametrize(("kind", "bits"), [("int2", 16), ("int4", 32), ("int8", 64)])
def test_an_integer_fits_or_is_refused(kind: str, bits: int) -> None:
    rule = rule_for(kind)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    assert [low, 0, high] == [rule(low), rule(0), rule(high)]
    for beyond in (low - 1, high + 1, 10**5000):
        with pytest.raises(Refused, match=f"{bits} bits"):
            rule(beyond)


@given(value=st.floats())
def test_double_precision_takes_every_float(value: float) -> None:
    assert same(value, rule_for("float8")(value))


@given(value=st.integers(-(2**70), 2**70) | st.integers(2**1020, 2**1030))
def test_double_precision_takes_an_int_that_it_holds_exactly(value: int) -> None:
    try:
        fits = int(float(value)) == value
    except OverflowError:
        fits = False

    if fits:
        assert value == rule_for("float8")(value)
    else:
        with pytest.raises(Refused):
            rule_for("float8")(value)


@given(value=st.floats(width=32))
def test_single_precision_takes_what_it_holds(value: float) -> None:
    assert same(value, rule_for("float4")(value))


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_single_precision_refuses_what_it_would_round(value: float) -> None:
    try:
        fits = struct.unpack("f", struct.pack("f", value))[0] == value
    except OverflowError:
        fits = False

    if fits:
        assert value == rule_for("float4")(value)
    else:
        with pytest.raises(Refused):
            rule_for("float4")(value)


# times


@given(value=instants())
def test_an_instant_is_sent_in_utc(value: datetime) -> None:
    sent = exact.instant(value)

    assert sent.tzinfo is UTC
    assert value.astimezone(UTC) == sent


@given(value=naive_datetimes(), fold=st.integers(0, 1))
def test_a_naive_datetime_is_sent_as_it_is_and_never_as_an_instant(
    value: datetime, fold: int
) -> None:
    naive = value.replace(fold=fold)

    assert value == exact.naive_datetime(naive)
    with pytest.raises(Refused):
        exact.instant(naive)
    with pytest.raises(Refused):
        exact.naive_datetime(naive.replace(tzinfo=UTC))


@given(value=dates())
def test_a_date_is_sent_as_it_is(value: date) -> None:
    assert value == exact.calendar_date(value)


@given(value=durations())
def test_a_duration_is_sent_as_it_is(value: timedelta) -> None:
    assert value == exact.duration(value)


# PostgreSQL keeps the seconds of an offset and nothing finer, and refuses offsets from 16 hours.
@pytest.mark.parametrize(
    "offset",
    [
        timedelta(hours=16),
        -timedelta(hours=23),
        timedelta(microseconds=1),
        -timedelta(hours=1, microseconds=1),
    ],
)
def test_a_time_whose_offset_would_be_cut_is_refused(offset: timedelta) -> None:
    with pytest.raises(Refused):
        rule_for("timetz")(time(12, tzinfo=timezone(offset)))


# asyncpg reads back hours and minutes of an offset only: 1:00:01 would come back as 1:00:00.
def test_the_seconds_of_an_offset_are_refused_only_where_the_driver_reads_them_itself() -> None:
    odd = time(12, tzinfo=timezone(timedelta(hours=-1, seconds=1)))

    assert odd == rule_for("timetz")(odd)
    with pytest.raises(Refused, match="whole minutes"):
        DRIVERS_OWN["pg_catalog", "timetz"](odd)
    assert DRIVERS_OWN["pg_catalog", "timetz"](time(12, tzinfo=EAST)) == time(12, tzinfo=EAST)


class Seasonal(tzinfo):
    """A zone whose offset depends on the day, which a time alone does not have."""

    def utcoffset(self, at: datetime | None, /) -> timedelta | None:
        return None if at is None else timedelta(hours=2)

    def dst(self, at: datetime | None, /) -> timedelta | None:
        return None if at is None else timedelta(hours=1)

    def tzname(self, _at: datetime | None, /) -> str:
        return "seasonal"


def test_a_time_whose_zone_depends_on_the_day_is_refused() -> None:
    with pytest.raises(Refused, match="fixed UTC offset"):
        rule_for("timetz")(time(12, tzinfo=Seasonal()))


# text


@given(value=texts())
def test_text_without_nul_or_surrogates_is_let_in(value: str) -> None:
    assert value == exact.text(value)


@given(value=st.text(st.characters()))
def test_text_is_let_in_exactly_if_utf8_can_write_it_without_nul(value: str) -> None:
    storable = "\0" not in value and not any(0xD800 <= ord(one) <= 0xDFFF for one in value)

    if storable:
        assert value == exact.text(value)
    else:
        with pytest.raises(Refused):
            exact.text(value)


# arrays


def test_every_element_of_an_array_obeys_the_rule_of_its_type() -> None:
    rule = rule_for("numeric[]")

    assert rule([]) == []
    assert rule([1, None, Decimal("1.50")]) == [Decimal(1), None, Decimal("1.50")]
    assert rule((1, 2)) == [1, 2]
    for bad in ([0.1], [1, True], [Decimal("NaN")], [None, "1"]):
        with pytest.raises(Refused):
            rule(bad)


def test_a_nested_array_is_looked_through() -> None:
    rule = rule_for("int4[]")

    assert rule([[1, None], [2, 3]]) == [[1, None], [2, 3]]
    assert rule([([1],), ([2],)]) == [[[1]], [[2]]]
    for bad in ([[1, 2], [3, 0.5]], [[[True]]], [[1, "2"]], [[2**31]]):
        with pytest.raises(Refused):
            rule(bad)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([[1, 2], [3]], "lists of one length"),
        ([[[1, 2], [3, 4]], [[5], [6, 7, 8]]], "lists of one length"),
        ([[[1], [2]], [[3], 4]], "lists of one length"),
        ([[1], None], "lists of one length"),
        ([1, [2]], "lists of one length"),
        ([NONE], "empty dimension"),
        ([[[1]], [NONE]], "empty dimension"),
        ([[NONE, NONE]], "empty dimension"),
        ([[[[[[[1]]]]]]], "more than 6 dimensions"),
    ],
)
def test_an_array_is_as_regular_as_postgresql_s(value: object, why: str) -> None:
    for kind in ("int4[]", "text[]"):
        with pytest.raises(Refused, match=why):
            rule_for(kind)(value)


def test_a_list_in_an_array_of_lists_is_an_element() -> None:
    rule = array_of_lists(json_value)

    assert rule([[1, 2], [3], None, {"a": [1]}]) == [(1, 2), (3,), None, {"a": [1]}]
    assert rule([NONE]) == [()]
    for bad in ([0.5], [[0.5]], {"a": 1}, "[]"):
        with pytest.raises(Refused):
            rule(bad)


def test_a_tuple_in_an_array_of_tuples_is_an_element() -> None:
    rule = array_of_tuples(rule_for("tid"))

    assert rule([(0, 1), None]) == [(0, 1), None]
    assert rule(([(0, 1)], [(0, 2)])) == [[(0, 1)], [(0, 2)]]
    with pytest.raises(Refused):
        rule([[0, 1]])


@pytest.mark.parametrize("value", ["ab", b"ab", {1}, {1: 2}, iter([1]), range(2), 1])
@pytest.mark.parametrize("kind", ["text[]", "int4[]", "bytea[]"])
def test_an_array_is_a_list_or_a_tuple(kind: str, value: object) -> None:
    with pytest.raises(Refused, match="must be a list"):
        rule_for(kind)(value)


@given(values=st.lists(instants()))
def test_the_instants_of_an_array_are_sent_in_utc(values: list[datetime]) -> None:
    assert [value.astimezone(UTC) for value in values] == rule_for("timestamptz[]")(values)


# JSON, ranges


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


def test_json_is_as_deep_as_python_reads_it() -> None:
    assert json_value(nested(100)) == nested(100)
    circle: list[object] = []
    circle.append(circle)
    for deep in (nested(101), nested(10_000), circle):
        with pytest.raises(InexactValue, match="nested more than 200 deep"):
            exact.check(json_value, deep, "notes")
    with pytest.raises(InexactValue, match="nested deeper than Python reads"):
        parsed("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("int8", 1, 2),
        ("numeric", Decimal("1.0"), Decimal("1.1")),
        ("float8", -math.inf, 0.5),
        ("time", time(1), time(2)),
        ("interval", timedelta(1), timedelta(2)),
        ("date", date(2024, 1, 1), date(2024, 1, 2)),
        ("timestamptz", NOON, NOON.replace(hour=13)),
        ("timestamp", NOON.replace(tzinfo=None), NOON.replace(tzinfo=None, hour=13)),
    ],
)
def test_a_range_has_an_order_and_is_empty_where_its_bounds_meet(
    kind: str, low: object, high: object
) -> None:
    rule, nothing = range_of(rule_for(kind)), between(empty=True)

    assert between(low, high) == rule(between(low, high))
    assert nothing == rule(between(low, low))
    assert between(low, low, upper_inc=True) == rule(between(low, low, upper_inc=True))
    with pytest.raises(Refused, match="lower bound below"):
        rule(between(high, low))


def test_text_is_equal_to_itself_in_any_order() -> None:
    rule = range_of(rule_for("text"))

    assert between(empty=True) == rule(between("a", "a"))
    assert between("b", "a") == rule(between("b", "a"))  # its order is the server's to know


# same


@given(value=decimals())
def test_a_decimal_is_the_same_whatever_its_trailing_zeros(value: Decimal) -> None:
    wide = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)

    assert same(value, value.normalize(wide))
    assert not same(value, wide.add(value, Decimal(f"1E-{MAX_AFTER}")))


@given(value=instants(), zone=zones())
def test_an_instant_is_the_same_in_any_zone(value: datetime, zone: tzinfo) -> None:
    moment = value.astimezone(UTC)
    later = moment + timedelta(microseconds=1 if moment.year < 9999 else -1)

    assert same(value, moment)
    assert same(moment, value)
    assert not same(value, later)
    try:
        elsewhere = moment.astimezone(zone)
    except OverflowError:
        return
    assert same(value, elsewhere)


@given(value=folds_and_gaps())
def test_an_instant_in_a_fold_or_gap_is_the_same_as_itself_in_utc(value: datetime) -> None:
    assert same(value, value.astimezone(UTC))


@given(value=naive_datetimes())
def test_a_naive_datetime_is_not_the_same_as_an_instant(value: datetime) -> None:
    assert same(value, value)
    assert not same(value, value.replace(tzinfo=UTC))
    assert not same(value.replace(tzinfo=UTC), value)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (True, 1),
        (1, True),
        (0, False),
        (0.0, False),
        (None, 0),
        (0, None),
        (None, ""),
        ("a", "a "),
        ("a", b"a"),
        ("1", 1),
        (date(2024, 7, 1), datetime.fromisoformat("2024-07-01")),
        (datetime.fromisoformat("2024-07-01"), date(2024, 7, 1)),
        (Decimal(1), Decimal("1.0000000001")),
        (Decimal("0.1"), 0.1),
        (math.nan, 0.0),
        (0.0, math.nan),
        (math.inf, -math.inf),
        ([1], [1, 2]),
        ([1, 2], [2, 1]),
        ([1], 1),
        ([[1]], [1]),
        ([True], [1]),
        ([None], []),
        (KEY, str(KEY)),
        (time(12), time(12, tzinfo=UTC)),
        (Amount("1.50"), "$15.00"),
        (Amount("1.50"), "-$1.50"),
        (asyncpg.Path((1, 2)), asyncpg.Path((1, 2), is_closed=True)),
    ],
)
def test_these_are_not_the_same(sent: object, stored: object) -> None:
    assert not same(sent, stored)
    assert not same([sent], [stored])


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (None, None),
        (True, True),
        (5, Decimal(5)),
        (5, 5.0),
        (math.nan, math.nan),
        (math.inf, math.inf),
        (Amount("1234.50"), "$1,234.50"),
        (Amount("(1.00)"), "-$1.00"),
        (Padded("a"), "a  "),
        (asyncpg.Path((1, math.nan)), asyncpg.Path((1, math.nan))),
        (((1.0, 2.0),), asyncpg.Path((1, 2), is_closed=True)),
        (Decimal("-0"), Decimal(0)),
        (Decimal("1E+4"), Decimal(10000)),
        (bytearray(b"a"), b"a"),
        ((1, (2, None)), [1, [2, None]]),
        ([math.nan], [math.nan]),
        (Key(str(KEY)), KEY),
        (Choice.A, "a"),
        (NOON, NOON.astimezone(EAST)),
        (timedelta(hours=24), timedelta(days=1)),
    ],
)
def test_these_are_the_same(sent: object, stored: object) -> None:
    assert same(sent, stored)
    assert same([sent], [stored])


@given(one=decimals(), other=decimals())
def test_decimals_are_compared_exactly_under_any_context(one: Decimal, other: Decimal) -> None:
    equal = one == other

    with decimal.localcontext(decimal.Context(prec=1, traps=[decimal.Inexact])):
        assert same(one, one)
        assert equal is same(one, other) is same(other, one)


# shown


@pytest.mark.parametrize("value", ZOO)
def test_a_shown_value_names_its_type(value: str) -> None:
    assert exact.shown(ZOO[value]).endswith(f"({type(ZOO[value]).__name__})")


def test_a_shown_value_is_short_whatever_its_size() -> None:
    for value in (10**5000, "x" * 10**6, [1] * 10**5, Decimal("9" * 10**5), *ZOO.values()):
        assert len(exact.shown(value)) < 120
