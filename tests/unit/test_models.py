"""The models: strict at every boundary, frozen, whole."""

import decimal
import enum
import os
import pickle
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Final
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    MAX_AFTER,
    MAX_BEFORE,
    decimals,
    durations,
    folds_and_gaps,
    instants,
    int64s,
    naive_datetimes,
    new_users,
    positive_decimals,
    prices,
    texts,
    trades,
    zones,
)

from quantdb import (
    Coverage,
    Gap,
    InexactValue,
    Ingest,
    NewUser,
    Page,
    Position,
    Price,
    Trade,
    User,
)

NOON: Final = datetime(2024, 7, 1, 12, tzinfo=UTC)
END: Final = datetime.max.replace(tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
_HIGHEST: Final = "9" * MAX_BEFORE


def made(model: Callable[..., object], values: dict[str, object], **changes: object) -> object:
    return model(**(values | changes))


def trade(**changes: object) -> Trade:
    values: dict[str, object] = {
        "symbol": "AAPL",
        "side": "buy",
        "quantity": Decimal(10),
        "price": Decimal("187.25"),
        "executed_at": NOON,
        "venue": "XNAS",
    }
    one = made(Trade, values, **changes)
    assert isinstance(one, Trade)
    return one


def price(**changes: object) -> Price:
    values: dict[str, object] = {
        "symbol": "AAPL",
        "interval": MINUTE,
        "start": NOON,
        "open": Decimal(2),
        "high": Decimal(4),
        "low": Decimal(1),
        "close": Decimal(3),
        "volume": Decimal(100),
    }
    one = made(Price, values, **changes)
    assert isinstance(one, Price)
    return one


def new_user(**changes: object) -> NewUser:
    one = made(NewUser, {"name": "Ada"}, **changes)
    assert isinstance(one, NewUser)
    return one


def user(**changes: object) -> User:
    values: dict[str, object] = {
        "id": 1,
        "name": "Ada",
        "email": None,
        "born": None,
        "active": True,
        "version": 1,
        "created_at": NOON,
    }
    one = made(User, values, **changes)
    assert isinstance(one, User)
    return one


Maker = Callable[..., Trade | Price | NewUser | User]

DECIMAL_FIELDS: list[tuple[Maker, str]] = [
    (trade, "quantity"),
    (trade, "price"),
    (trade, "fee"),
    (price, "open"),
    (price, "high"),
    (price, "low"),
    (price, "close"),
    (price, "volume"),
]
INSTANT_FIELDS: list[tuple[Maker, str]] = [
    (trade, "executed_at"),
    (price, "start"),
    (user, "created_at"),
]
TEXT_FIELDS: list[tuple[Maker, str]] = [
    (trade, "symbol"),
    (trade, "venue"),
    (trade, "venue_trade_id"),
    (trade, "strategy"),
    (trade, "currency"),
    (price, "symbol"),
    (new_user, "name"),
    (new_user, "email"),
    (user, "name"),
    (user, "email"),
]
INT_FIELDS: list[tuple[Maker, str]] = [(trade, "user_id"), (user, "id"), (user, "version")]
OPTIONAL_FIELDS: list[tuple[Maker, str]] = [
    (trade, "venue_trade_id"),
    (trade, "user_id"),
    (trade, "strategy"),
    (new_user, "email"),
    (new_user, "born"),
    (user, "email"),
    (user, "born"),
]

# For a property of each field: the fields share their rules, and the rules have tests of their own.
few = settings(max_examples=20)

decimal_fields = pytest.mark.parametrize(("make", "field"), DECIMAL_FIELDS)
instant_fields = pytest.mark.parametrize(("make", "field"), INSTANT_FIELDS)
text_fields = pytest.mark.parametrize(("make", "field"), TEXT_FIELDS)
int_fields = pytest.mark.parametrize(("make", "field"), INT_FIELDS)


def refused(make: Maker, field: str, value: object) -> InexactValue:
    """The error with which *value* is refused, after a look at what every such error says."""
    with pytest.raises(InexactValue) as caught:
        make(**{field: value})
    assert field == caught.value.field
    assert str(caught.value).startswith(f"{field}: ")
    assert len(str(caught.value)) < 500
    assert not caught.value.retryable
    assert caught.value.outcome == "not_applied"
    return caught.value


# Decimals.


@decimal_fields
@few
@given(value=st.floats())
def test_a_float_is_refused_and_named(make: Maker, field: str, value: float) -> None:
    assert "never a float" in str(refused(make, field, value))


@decimal_fields
@pytest.mark.parametrize("value", [True, False, "1", b"1", 1 + 0j, None, [Decimal(1)], object()])
def test_what_is_no_decimal_is_refused(make: Maker, field: str, value: object) -> None:
    refused(make, field, value)


@decimal_fields
@pytest.mark.parametrize("value", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_a_decimal_that_is_not_finite_is_refused(make: Maker, field: str, value: str) -> None:
    assert "must be finite" in str(refused(make, field, Decimal(value)))


@decimal_fields
def test_more_digits_than_numeric_has_are_refused(make: Maker, field: str) -> None:
    for value in (
        Decimal(f"1E+{MAX_BEFORE}"),
        Decimal(f"-1E+{MAX_BEFORE}"),
        Decimal("1" + "0" * MAX_BEFORE),
        Decimal(f"1E-{MAX_AFTER + 1}"),
        Decimal(f"0E-{MAX_AFTER + 1}"),
        Decimal("1." + "0" * (MAX_AFTER + 1)),
        Decimal((0, (1,), decimal.MAX_EMAX)),
        Decimal((0, (1,), decimal.MIN_ETINY)),
    ):
        assert "digits" in str(refused(make, field, value))


@given(value=decimals())
def test_any_other_decimal_is_kept_to_the_last_digit(value: Decimal) -> None:
    assert trade(price=value).price == value
    assert trade(fee=value).fee.as_tuple().digits == (value.as_tuple().digits if value else (0,))


@given(value=decimals().filter(bool))
def test_a_decimal_keeps_its_exponent_too(value: Decimal) -> None:
    assert value.as_tuple() == trade(price=value).price.as_tuple()


@given(value=st.integers(-(10**300), 10**300) | st.sampled_from([2**31, 2**63, -(2**64), 10**5000]))
def test_an_int_becomes_a_decimal_exactly(value: int) -> None:
    kept = trade(price=value).price

    assert type(kept) is Decimal
    assert int(kept) == value


def test_the_callers_decimal_context_changes_no_value() -> None:
    digits = "1." + "123456789" * 5
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact])):
        kept = trade(price=Decimal(digits), fee=123456789)

    assert digits == str(kept.price)
    assert str(kept.fee) == "123456789"


@given(value=decimals().filter(lambda value: value <= 0))
def test_a_quantity_is_greater_than_zero(value: Decimal) -> None:
    assert "greater than zero" in str(refused(trade, "quantity", value))


@given(quantity=positive_decimals(), cost=decimals(), fee=decimals())
def test_a_price_and_a_fee_may_be_negative(quantity: Decimal, cost: Decimal, fee: Decimal) -> None:
    one = trade(quantity=quantity, price=cost, fee=fee)

    assert (quantity, cost, fee) == (one.quantity, one.price, one.fee)


@given(value=decimals().filter(lambda value: value < 0))
def test_a_volume_is_not_negative(value: Decimal) -> None:
    assert "must not be negative" in str(refused(price, "volume", value))


def test_a_bar_without_volume_or_movement_is_a_bar() -> None:
    flat = Decimal("-37.63")

    bar = price(open=flat, high=flat, low=flat, close=flat, volume=Decimal("-0"))

    assert bar.volume == 0


@pytest.mark.parametrize("field", ["open", "close"])
@pytest.mark.parametrize("value", [Decimal("0.99"), Decimal("4.01"), Decimal(-1), 5])
def test_open_and_close_lie_between_low_and_high(field: str, value: object) -> None:
    assert "between low (1) and high (4)" in str(refused(price, field, value))


def test_a_low_above_the_high_is_refused_whatever_lies_between() -> None:
    for inside in (Decimal(1), Decimal("2.5"), Decimal(4)):
        with pytest.raises(InexactValue, match=r"low \(4\) and high \(1\)"):
            price(low=Decimal(4), high=Decimal(1), open=inside, close=inside)


def test_bars_are_compared_exactly_whatever_the_context() -> None:
    low = Decimal("1.0000000000000000000000000000000000000001")
    with decimal.localcontext(prec=4), pytest.raises(InexactValue):
        price(low=low, open=Decimal(1), high=Decimal(2), close=Decimal(2))


def test_the_message_on_a_bar_out_of_bounds_stays_short() -> None:
    with pytest.raises(InexactValue) as caught:
        price(low=Decimal(_HIGHEST), high=Decimal(_HIGHEST))

    assert len(str(caught.value)) < 500


@decimal_fields
def test_the_message_on_a_giant_stays_short(make: Maker, field: str) -> None:
    for giant in (Decimal(_HIGHEST + "9"), "9" * 100_000):
        refused(make, field, giant)


def test_an_int_of_too_many_digits_is_refused_by_a_short_message() -> None:
    assert "digits before" in str(refused(trade, "price", 10**MAX_BEFORE))


# Instants.


@instant_fields
@few
@given(value=naive_datetimes())
def test_a_naive_datetime_is_refused(make: Maker, field: str, value: datetime) -> None:
    assert "aware" in str(refused(make, field, value))


@instant_fields
@pytest.mark.parametrize("value", [date(2024, 7, 1), "2024-07-01T12:00Z", 1719835200, 1.5, None])
def test_what_is_no_datetime_is_refused(make: Maker, field: str, value: object) -> None:
    refused(make, field, value)


class Undecided(tzinfo):
    """A zone that does not say its offset, so that the datetime is naive after all."""

    nothing: timedelta | None = None

    def utcoffset(self, _at: datetime | None, /) -> timedelta | None:
        return self.nothing

    def dst(self, _at: datetime | None, /) -> timedelta | None:
        return self.nothing

    def tzname(self, _at: datetime | None, /) -> str | None:
        return type(self).__name__


@instant_fields
def test_a_datetime_whose_zone_has_no_offset_is_refused(make: Maker, field: str) -> None:
    assert "aware" in str(refused(make, field, NOON.replace(tzinfo=Undecided())))


@given(value=instants())
def test_an_instant_is_kept_to_the_microsecond_and_held_in_utc(value: datetime) -> None:
    moment = value.astimezone(UTC)
    starts = [price(start=value).start] if moment <= END - MINUTE else []
    for kept in (trade(executed_at=value).executed_at, *starts):
        assert moment == kept
        assert kept.tzinfo is UTC
        assert type(kept) is datetime


@given(value=folds_and_gaps())
def test_a_time_that_comes_twice_or_never_holds_the_same_instant(value: datetime) -> None:
    offset = value.utcoffset()
    assert offset is not None

    kept = trade(executed_at=value).executed_at

    assert value.replace(tzinfo=None, fold=0) - offset == kept.replace(tzinfo=None)


def test_the_two_folds_of_an_hour_are_two_instants() -> None:
    def folds(fold: int) -> datetime:
        local = datetime.fromisoformat("2024-10-27T02:30")
        return local.replace(tzinfo=timezone(timedelta(hours=2 - fold)), fold=fold)

    assert trade(executed_at=folds(0)).executed_at != trade(executed_at=folds(1)).executed_at


@instant_fields
@few
@given(zone=zones(), late=st.booleans())
def test_an_offset_that_leaves_the_years_1_to_9999_is_refused(
    make: Maker, field: str, zone: tzinfo, *, late: bool
) -> None:
    edge = datetime.max.replace(tzinfo=zone) if late else datetime.min.replace(tzinfo=zone)
    offset = edge.utcoffset()
    assert offset is not None
    leaves = offset < timedelta(0) if late else offset > timedelta(0)

    if leaves:
        assert "years 1 to 9999" in str(refused(make, field, edge))
    elif make is not price:  # a bar has an end too
        kept = getattr(make(**{field: edge}), field)
        assert edge.replace(tzinfo=None) - offset == kept.replace(tzinfo=None)


class Nanosecond(datetime):
    """As pandas.Timestamp is: a datetime with more digits than a datetime."""

    nanosecond = 1


@instant_fields
def test_nanoseconds_are_refused_not_dropped(make: Maker, field: str) -> None:
    for zone in (UTC, timezone(timedelta(hours=1))):
        value = Nanosecond(2024, 7, 1, 12, tzinfo=zone)

        assert "nanoseconds" in str(refused(make, field, value))


# Texts.


@text_fields
@few
@given(before=texts(max_size=5), after=texts(max_size=5))
def test_a_nul_is_refused(make: Maker, field: str, before: str, after: str) -> None:
    assert "NUL" in str(refused(make, field, f"{before}\0{after}"))


@text_fields
@few
@given(before=texts(max_size=5), after=texts(max_size=5), half=st.integers(0xD800, 0xDFFF))
def test_a_lone_surrogate_is_refused(
    make: Maker, field: str, before: str, after: str, half: int
) -> None:
    refused(make, field, f"{before}{chr(half)}{after}")


@text_fields
@pytest.mark.parametrize("value", [b"AAPL", bytearray(b"A"), 5, ["A"], ("A",), Decimal(1)])
def test_what_is_no_text_is_refused(make: Maker, field: str, value: object) -> None:
    refused(make, field, value)


@text_fields
@pytest.mark.parametrize("value", ["", " ", "\t\n", "\u3000", "\x85", "\u2028 "])
def test_a_blank_text_is_refused(make: Maker, field: str, value: str) -> None:
    assert "blank" in str(refused(make, field, value))


@text_fields
@few
@given(value=texts(1).filter(lambda text: not text.isspace()))
def test_any_other_text_is_kept_as_it_is(make: Maker, field: str, value: str) -> None:
    assert value == getattr(make(**{field: value}), field)


@pytest.mark.parametrize(
    "value", ["BUY", "Sell", " buy", "buy ", "b", "", "hold", None, 1, True, b"buy", ["buy"]]
)
def test_a_side_is_buy_or_sell_and_nothing_else(value: object) -> None:
    assert "'buy', 'sell'" in str(refused(trade, "side", value))


# Integers, dates, durations, ids, flags.


@int_fields
@few
@given(value=int64s())
def test_an_int_of_64_bits_is_kept(make: Maker, field: str, value: int) -> None:
    assert value == getattr(make(**{field: value}), field)


@int_fields
@few
@given(value=st.integers(1 << 63) | st.integers(max_value=-(1 << 63) - 1))
def test_an_int_beyond_64_bits_is_refused(make: Maker, field: str, value: int) -> None:
    assert "64 bits" in str(refused(make, field, value))


@int_fields
@pytest.mark.parametrize("value", [True, False, 1.0, Decimal(1), "1"])
def test_what_is_no_int_is_refused(make: Maker, field: str, value: object) -> None:
    refused(make, field, value)


@pytest.mark.parametrize("value", [0, 1, "true", None, Decimal(1)])
def test_what_is_no_bool_is_refused(value: object) -> None:
    refused(user, "active", value)


@pytest.mark.parametrize("make", [new_user, user])
@pytest.mark.parametrize("value", [NOON, NOON.replace(tzinfo=None), "1815-12-10", 1815])
def test_a_birthday_is_a_date_and_no_datetime(make: Maker, value: object) -> None:
    refused(make, "born", value)


@given(value=durations(max_value=timedelta(0)))
def test_an_interval_is_longer_than_zero(value: timedelta) -> None:
    assert "longer than zero" in str(refused(price, "interval", value))


@pytest.mark.parametrize("value", [60, 60.0, "1m", None, Decimal(60)])
def test_an_interval_is_a_timedelta(value: object) -> None:
    refused(price, "interval", value)


@given(value=durations(timedelta(microseconds=1), END - NOON))
def test_any_other_interval_is_kept(value: timedelta) -> None:
    assert value == price(interval=value).interval


@given(value=durations(timedelta(microseconds=1)), start=instants())
def test_a_bar_ends_by_the_year_9999(value: timedelta, start: datetime) -> None:
    if value <= END - start.astimezone(UTC):
        assert start.astimezone(UTC) == price(interval=value, start=start).start
    else:
        with pytest.raises(InexactValue, match="after the year 9999"):
            price(interval=value, start=start)


@pytest.mark.parametrize("value", ["01890a5d-ac96-774b-bcce-b302099a8057", 5, b"1" * 16, None])
def test_an_id_is_a_uuid(value: object) -> None:
    refused(trade, "id", value)


@pytest.mark.parametrize(("make", "field"), OPTIONAL_FIELDS)
def test_an_optional_field_may_be_none(make: Maker, field: str) -> None:
    assert getattr(make(**{field: None}), field) is None


REQUIRED_FIELDS = [
    (make, field.name)
    for make, model in ((trade, Trade), (price, Price), (new_user, NewUser), (user, User))
    for field in attrs.fields(model)
    if (make, field.name) not in OPTIONAL_FIELDS
]


@pytest.mark.parametrize(("make", "field"), REQUIRED_FIELDS)
def test_any_other_field_may_not_be_none(make: Maker, field: str) -> None:
    refused(make, field, None)


# Subclasses of the plain types come out plain, so that what is stored does not depend on them.


class Text(str):
    __slots__ = ()


class Number(Decimal):
    pass


class Whole(int):
    pass


class Moment(datetime):
    pass


class Day(date):
    pass


class Span(timedelta):
    pass


class Choice(enum.StrEnum):
    BUY = "buy"


class OldChoice(str, enum.Enum):  # noqa: UP042 - whose str() is not its value
    BUY = "buy"


KEY: Final = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("make", "field", "given_value", "kind"),
    [
        (trade, "symbol", Text("AAPL"), str),
        (trade, "symbol", Choice.BUY, str),
        (new_user, "email", Text("ada@example.com"), str),
        (trade, "price", Number("1.50"), Decimal),
        (trade, "price", Whole(7), Decimal),
        (trade, "user_id", Whole(7), int),
        (trade, "executed_at", Moment(2024, 7, 1, tzinfo=UTC), datetime),
        (trade, "executed_at", Moment(2024, 7, 1, tzinfo=timezone(timedelta(hours=1))), datetime),
        (new_user, "born", Day(1815, 12, 10), date),
        (price, "interval", Span(minutes=5), timedelta),
        (trade, "side", Choice.BUY, str),
        (trade, "side", OldChoice.BUY, str),
        (trade, "side", Text("buy"), str),
    ],
)
def test_a_subclass_comes_out_plain(
    make: Maker, field: str, given_value: object, kind: type
) -> None:
    kept = getattr(make(**{field: given_value}), field)

    assert kept == given_value
    assert kind is type(kept)


# The classes themselves.

FIELDS: list[tuple[type[attrs.AttrsInstance], str]] = [
    (
        Trade,
        (
            "symbol side quantity price executed_at venue venue_trade_id user_id strategy fee"
            " currency id"
        ),
    ),
    (Price, "symbol interval start open high low close volume"),
    (NewUser, "name email born"),
    (User, "id name email born active version created_at"),
    (
        Position,
        "symbol currency quantity bought sold bought_notional sold_notional fees",
    ),
    (Page, "items next"),
    (Ingest, "inserted updated existing"),
    (Gap, "start end"),
    (Coverage, "symbol interval first last bars"),
]


@pytest.mark.parametrize(("model", "names"), FIELDS)
def test_the_fields_stand_in_the_order_of_the_design(
    model: type[attrs.AttrsInstance], names: str
) -> None:
    assert names.split() == [field.name for field in attrs.fields(model)]


def test_models_are_built_by_position_in_that_order() -> None:
    one, key = Decimal(1), UUID(KEY)

    assert trade(
        quantity=one,
        price=2,
        venue_trade_id="v",
        user_id=3,
        strategy="s",
        fee=4,
        currency="EUR",
        id=key,
    ) == Trade("AAPL", "buy", one, Decimal(2), NOON, "XNAS", "v", 3, "s", Decimal(4), "EUR", key)
    assert price() == Price(
        "AAPL",
        MINUTE,
        NOON,
        Decimal(2),
        Decimal(4),
        Decimal(1),
        Decimal(3),
        Decimal(100),
    )
    assert new_user(email="e", born=date(1815, 12, 10)) == NewUser("Ada", "e", date(1815, 12, 10))
    assert user() == User(1, "Ada", None, None, active=True, version=1, created_at=NOON)


def test_what_a_trade_does_not_say_has_the_defaults_of_the_design() -> None:
    one = Trade("AAPL", "buy", Decimal(1), Decimal(2), NOON, "XNAS")

    assert (one.venue_trade_id, one.user_id, one.strategy) == (None, None, None)
    assert (Decimal(0), "USD") == (one.fee, one.currency)
    assert (NewUser("Ada").email, NewUser("Ada").born) == (None, None)


WHOLE: list[attrs.AttrsInstance] = [
    trade(),
    price(),
    new_user(),
    user(),
    Position("A", "USD", *[Decimal(0)] * 6),
    Page([1, 2], "next"),
    Ingest(inserted=1, existing=2),
    Gap(NOON, NOON),
    Coverage("A", timedelta(1), NOON, NOON, 1),
]


@pytest.mark.parametrize("model", WHOLE, ids=lambda model: type(model).__name__)
def test_a_model_is_frozen(model: attrs.AttrsInstance) -> None:
    for field in attrs.fields(type(model)):
        before = getattr(model, field.name)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(model, field.name, before)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(model, field.name)
        assert before is getattr(model, field.name)
    with pytest.raises(AttributeError):
        setattr(model, "colour", "red")  # noqa: B010 - type checkers refuse the plain form
    assert not hasattr(model, "__dict__")


@pytest.mark.parametrize("model", WHOLE, ids=lambda model: type(model).__name__)
def test_a_model_survives_a_pickle_and_a_copy(model: attrs.AttrsInstance) -> None:
    copies = [pickle.loads(pickle.dumps(model, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)]
    for copied in [*copies, deepcopy(model)]:
        assert type(model) is type(copied)
        assert model == copied
        assert repr(model) == repr(copied)


@given(one=trades())
def test_any_trade_survives_a_pickle_and_is_its_own_equal(one: Trade) -> None:
    copied = pickle.loads(pickle.dumps(one))

    assert one == copied == attrs.evolve(one)
    assert hash(one) == hash(copied) == hash(attrs.evolve(one))
    assert one != attrs.evolve(one, id=UUID(int=one.id.int ^ 1))


@given(bar=prices())
def test_any_bar_survives_a_pickle_and_holds_its_bounds(bar: Price) -> None:
    copied = pickle.loads(pickle.dumps(bar))

    assert (bar, hash(bar)) == (copied, hash(copied))
    assert bar.low <= min(bar.open, bar.close)
    assert max(bar.open, bar.close) <= bar.high


@given(new=new_users())
def test_any_new_user_survives_a_pickle(new: NewUser) -> None:
    assert new == pickle.loads(pickle.dumps(new))


def test_equal_figures_make_equal_models_whatever_their_trailing_zeros() -> None:
    key = UUID(KEY)
    one, other = trade(id=key, price=Decimal("1.50")), trade(id=key, price=Decimal("1.5"))

    assert one == other
    assert hash(one) == hash(other)


def test_evolving_a_model_checks_the_change() -> None:
    with pytest.raises(InexactValue, match="quantity"):
        attrs.evolve(trade(), quantity=Decimal(0))


# Ids.


def test_ids_are_unique_and_ordered_in_time() -> None:
    ids = [trade().id for _ in range(2_000)]

    assert {7} == {one.version for one in ids}
    assert {UUID} == {type(one) for one in ids}
    assert all(before < after for before, after in pairwise(ids))


def test_an_id_begins_with_the_time_in_milliseconds() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    made_at = datetime.fromtimestamp((trade().id.int >> 80) / 1_000, UTC)

    assert before <= made_at <= datetime.now(UTC) + timedelta(milliseconds=2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_processes_make_different_ids() -> None:
    trade()  # what the parent knows of the last id must not be repeated by its children
    ids: list[str] = []
    for _child in range(3):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.write(write, b"".join(trade().id.bytes for _ in range(200)))
            os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read, "rb") as stream:
            raw = stream.read()
        ids += [raw[at : at + 16].hex() for at in range(0, len(raw), 16)]

    assert len(ids) == 600
    assert len(set(ids)) == 600


# Positions.


def position(quantity: Decimal, bought: Decimal, sold: Decimal, fees: Decimal) -> Position:
    return Position("AAPL", "USD", quantity, abs(quantity), Decimal(0), bought, sold, fees)


def in_full(value: Decimal) -> int:
    """The value in units of the last digit that numeric has; int arithmetic does not round."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    figure = int("".join(map(str, digits)) + "0" * (exponent + 60))
    return -figure if sign else figure


def placed(digits: int, places: int) -> Decimal:
    return Decimal(digits).scaleb(-places)


figures = st.builds(placed, st.integers(-(10**25), 10**25), st.integers(0, 30))


@given(quantity=figures, bought=figures, sold=figures, fees=figures, mark=figures)
def test_profit_and_loss_is_exact_whatever_the_callers_context(
    quantity: Decimal, bought: Decimal, sold: Decimal, fees: Decimal, mark: Decimal
) -> None:
    held = Position("A", "USD", quantity, quantity, Decimal(0), bought, sold, fees)
    cash = in_full(sold) - in_full(bought) - in_full(fees)
    worth = in_full(quantity) * in_full(mark)

    strict = decimal.Context(prec=5, traps=[decimal.Inexact, decimal.Rounded])
    with decimal.localcontext(strict) as context:
        figure = held.pnl(mark)
        assert not context.flags[decimal.Inexact]

    assert cash * 10**60 + worth == in_full(figure) * 10**60


def test_profit_and_loss_is_exact_at_the_bounds_of_numeric() -> None:
    giant, speck = Decimal(f"1E+{MAX_BEFORE - 1}"), Decimal(f"1E-{MAX_AFTER}")

    figure = position(speck, Decimal(0), giant, speck).pnl(giant)

    assert figure.as_tuple().exponent == -2 * MAX_AFTER + MAX_AFTER
    assert str(figure).startswith("1000")


def test_profit_and_loss_of_a_worked_example() -> None:
    held = Position(
        symbol="AAPL",
        currency="USD",
        quantity=Decimal(-5),
        bought=Decimal(10),
        sold=Decimal(15),
        bought_notional=Decimal("1000.10"),
        sold_notional=Decimal("1650.00"),
        fees=Decimal("-0.05"),
    )

    # 1650.00 − 1000.10 + 0.05 − 5 × 101.01
    assert held.pnl(Decimal("101.01")) == Decimal("144.90")
    assert held.pnl(Decimal(101)) == Decimal("144.95")


@pytest.mark.parametrize("mark", [1.5, True, "1", Decimal("NaN"), Decimal("-Infinity"), None])
def test_a_mark_is_a_finite_decimal(mark: object) -> None:
    pnl: Callable[..., Decimal] = position(*[Decimal(1)] * 4).pnl

    with pytest.raises(InexactValue, match="mark") as caught:
        pnl(mark)

    assert caught.value.field == "mark"
