"""What is stored, as frozen classes that know no database.

Money and sizes are exact decimals. Instants are aware datetimes, held in UTC whatever zone they
came in. Intervals of time are half-open: ``[start, end)``. Building a model checks every value
and raises `InexactValue`, which names the field.
"""

import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, Generic, Literal, TypeVar, get_args
from uuid import UUID

import attrs

from quantdb import exact
from quantdb.errors import InexactValue
from quantdb.exact import ARITHMETIC

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils.compat import uuid7

__all__ = [
    "CHECKED",
    "REPEATS",
    "Coverage",
    "Gap",
    "Ingest",
    "NewUser",
    "Page",
    "Position",
    "Price",
    "Side",
    "Trade",
    "User",
]

Side = Literal["buy", "sell"]
T = TypeVar("T")

CHECKED: Final = "quantdb.checked"
"""Key in a field's metadata: its converter only admits or refuses what the database admits too,
so a row that comes from there need not pass it again."""

REPEATS: Final = "quantdb.repeats"
"""Key in a field's metadata: its texts are few, so a column of them is a dictionary."""

_FEW: Final = {REPEATS: True}

_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)

_RULES: Final[dict[object, exact.Rule]] = {
    Decimal: exact.numeric,
    bool: exact.boolean,
    date: exact.calendar_date,
    datetime: exact.instant,
    int: exact.integer,
    str: exact.text,
    timedelta: exact.duration,
    UUID: exact.uuid,
}


def _one_of(choices: tuple[object, ...]) -> exact.Rule:
    def rule(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise exact.Refused(f"must be one of {', '.join(map(repr, choices))}")
        return exact.text(value)

    return rule


def _rule(annotation: object) -> exact.Rule:
    choices = get_args(annotation)
    if type(None) in choices:
        inner = _rule(next(choice for choice in choices if choice is not type(None)))
        return lambda value: None if value is None else inner(value)
    # What has no rule is for `quantdb check` to judge, which must be able to import it.
    return _one_of(choices) if choices else _RULES.get(annotation, exact.anything)


def _strict(_cls: type, fields: list["attrs.Attribute[object]"]) -> list["attrs.Attribute[object]"]:
    """Give every field the rule of its type; the rules are those of the database."""

    def guarded(field: "attrs.Attribute[object]") -> "attrs.Attribute[object]":
        rule, name = _rule(field.type), field.name

        def admit(value: object) -> object:
            return exact.check(rule, value, name)

        return field.evolve(converter=admit, metadata={**field.metadata, CHECKED: True})

    return [guarded(field) for field in fields]


def _refused(field: "attrs.Attribute[T]", reason: str, value: T) -> InexactValue:
    return InexactValue(f"{field.name}: {reason}; got {exact.shown(value)}", field.name)


def _positive(_model: object, field: "attrs.Attribute[Decimal]", value: Decimal) -> None:
    if value <= 0:
        raise _refused(field, "must be greater than zero", value)


def _not_negative(_model: object, field: "attrs.Attribute[Decimal]", value: Decimal) -> None:
    if value < 0:
        raise _refused(field, "must not be negative", value)


def _lasting(bar: "Price", field: "attrs.Attribute[timedelta]", value: timedelta) -> None:
    if value <= timedelta(0):
        raise _refused(field, "must be longer than zero", value)
    if value > _END_OF_TIME - bar.start:
        raise _refused(field, f"ends the bar of {bar.start} after the year 9999", value)


def _within_bar(bar: "Price", field: "attrs.Attribute[Decimal]", value: Decimal) -> None:
    if not bar.low <= value <= bar.high:
        low, high = exact.brief(str(bar.low)), exact.brief(str(bar.high))
        raise _refused(field, f"must lie between low ({low}) and high ({high})", value)


def _filled(_model: object, field: "attrs.Attribute[str]", value: str) -> None:
    if not value or value.isspace():
        raise _refused(field, "must not be blank", value)


def _filled_or_none(
    _model: object, field: "attrs.Attribute[str | None]", value: str | None
) -> None:
    if value is not None and (not value or value.isspace()):
        raise _refused(field, "must not be blank", value)


@attrs.frozen(weakref_slot=False, field_transformer=_strict)
class Trade:
    """One execution (fill) at a venue.

    Attributes:
        symbol: The instrument as the strategy names it.
        side: ``"buy"`` or ``"sell"``, of the owner (or, on a public tape, the aggressor).
        quantity: Units of the instrument, greater than zero.
        price: Price of one unit in ``currency``; may be negative.
        executed_at: Instant of execution at the venue, in UTC, to the microsecond.
        venue: Exchange, broker or other source of the fill.
        venue_trade_id: The venue's id of the fill, unique per (venue, symbol); None if it has none.
        user_id: The `User` for whom it was made.
        strategy: Name of the strategy that made it.
        fee: What was paid in ``currency``, in all; negative for a rebate.
        currency: Currency of ``price`` and ``fee``.
        id: Key of the trade, made by the client and ordered in time (UUID version 7, RFC 9562);
            the same id makes a repeated insert harmless.
    """

    symbol: str = attrs.field(validator=_filled, metadata=_FEW)
    side: Side
    quantity: Decimal = attrs.field(validator=_positive)
    price: Decimal
    executed_at: datetime
    venue: str = attrs.field(validator=_filled, metadata=_FEW)
    venue_trade_id: str | None = attrs.field(default=None, validator=_filled_or_none)
    user_id: int | None = None
    strategy: str | None = attrs.field(default=None, validator=_filled_or_none, metadata=_FEW)
    fee: Decimal = Decimal(0)
    currency: str = attrs.field(default="USD", validator=_filled, metadata=_FEW)
    id: UUID = attrs.field(factory=uuid7)


@attrs.frozen(weakref_slot=False, field_transformer=_strict)
class Price:
    """One bar of prices over ``[start, start + interval)``; its key is (symbol, interval, start).

    Attributes:
        symbol: The instrument.
        interval: Length of the bar, greater than zero.
        start: First instant of the bar, in UTC.
        open: First price in the bar.
        high: Highest price in the bar.
        low: Lowest price in the bar; ``low ≤ open, close ≤ high``; may be negative.
        close: Last price in the bar; known only at ``start + interval``.
        volume: Units traded in the bar, zero or more.
    """

    symbol: str = attrs.field(validator=_filled, metadata=_FEW)
    interval: timedelta = attrs.field(validator=_lasting)
    start: datetime
    open: Decimal = attrs.field(validator=_within_bar)
    high: Decimal
    low: Decimal
    close: Decimal = attrs.field(validator=_within_bar)
    volume: Decimal = attrs.field(validator=_not_negative)


@attrs.frozen(weakref_slot=False, field_transformer=_strict)
class NewUser:
    """A user who is not stored yet.

    Attributes:
        name: What the user is called.
        email: Unique among users whatever its case; None if unknown.
        born: Date of birth.
    """

    name: str = attrs.field(validator=_filled)
    email: str | None = attrs.field(default=None, validator=_filled_or_none)
    born: date | None = None


@attrs.frozen(weakref_slot=False, field_transformer=_strict)
class User:
    """A stored user.

    Attributes:
        id: Key, given by the database.
        name: What the user is called.
        email: Unique among users whatever its case; None if unknown.
        born: Date of birth.
        active: False once the user was deactivated.
        version: Counts the changes, from 1; an update of a stale version is a `Conflict`.
        created_at: When the row was made, by the server's clock, in UTC.
    """

    id: int
    name: str = attrs.field(validator=_filled)
    email: str | None = attrs.field(validator=_filled_or_none)
    born: date | None
    active: bool
    version: int
    created_at: datetime


@attrs.frozen
class Position:
    """What the trades of one symbol in one currency add up to; every sum is exact.

    Attributes:
        symbol: The instrument.
        currency: Currency of the notionals and the fees.
        quantity: Net units: ``bought − sold``; negative when short.
        bought: Units bought.
        sold: Units sold.
        bought_notional: Σ quantity × price of the buys.
        sold_notional: Σ quantity × price of the sells.
        fees: Σ fee.
    """

    symbol: str
    currency: str
    quantity: Decimal
    bought: Decimal
    sold: Decimal
    bought_notional: Decimal
    sold_notional: Decimal
    fees: Decimal

    def pnl(self, mark: Decimal) -> Decimal:
        """Return profit and loss, realised and not, in ``currency``, when a unit is worth *mark*.

        ``sold_notional − bought_notional − fees + quantity × mark``, exact to the last digit
        whatever the caller's decimal context.

        Raises:
            InexactValue: *mark* is no finite Decimal.
        """
        exact.check(exact.numeric, mark, "mark")
        cash = ARITHMETIC.subtract(self.sold_notional, self.bought_notional)
        worth = ARITHMETIC.multiply(self.quantity, Decimal(mark))
        return ARITHMETIC.add(ARITHMETIC.subtract(cash, self.fees), worth)


@attrs.frozen
class Page(Generic[T]):
    """One page of a longer list.

    Attributes:
        items: The rows, in the order of the list.
        next: An opaque cursor to pass as ``after`` for the page that follows; None at the end.
    """

    items: list[T]
    next: str | None


@attrs.frozen(kw_only=True)
class Ingest:
    """Report of a bulk write; the three figures add up to the rows that were given.

    Attributes:
        inserted: Rows that were not there before.
        updated: Rows that were there with other values, now replaced (upserts only).
        existing: Rows that were there as given, or came twice.
    """

    inserted: int
    updated: int = 0
    existing: int


@attrs.frozen
class Gap:
    """A span of time without bars: ``[start, end)``, in UTC."""

    start: datetime
    end: datetime


@attrs.frozen
class Coverage:
    """Which bars there are of one symbol and interval.

    Attributes:
        symbol: The instrument.
        interval: Length of each bar.
        first: Start of the oldest bar, in UTC.
        last: Start of the newest bar, in UTC.
        bars: How many there are.
    """

    symbol: str
    interval: timedelta
    first: datetime
    last: datetime
    bars: int
