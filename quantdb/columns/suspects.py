"""Which rows of a batch a model may refuse; it is asked itself about those, and only those."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import pyarrow as pa

from quantdb.columns.arrow import Array, Scalar, array_of, cast, function

__all__ = ["Suspects", "of_price", "of_trade"]

Columns: TypeAlias = Mapping[str, Array]
Suspects: TypeAlias = Callable[[Columns], Array]

_equal: Final = function("equal")
_fill_null: Final = function("fill_null")
_greater: Final = function("greater")
_invert: Final = function("invert")
_is_in: Final = function("is_in")
_less: Final = function("less")
_less_equal: Final = function("less_equal")
_or: Final = function("or_")
_subtract: Final = function("subtract")
_utf8_is_space: Final = function("utf8_is_space")

_SIDES: Final = array_of(["buy", "sell"], pa.string())
_WIDEST: Final = pa.decimal256(76, 38)
"""Holds what is sent as any decimal type: up to 38 digits, on either side of the point."""
_NO_SPAN: Final = pa.scalar(0, pa.duration("us"))
_END_OF_TIME: Final = pa.scalar(253_402_300_799_999_999, pa.timestamp("us", "UTC"))


def of_trade(columns: Columns) -> Array:
    """Tell which rows `quantdb.Trade` may refuse."""
    return _any(
        _invert(_is_in(columns["side"], _SIDES)),
        _is_not_above_zero(columns["quantity"]),
        *(
            _is_blank(columns[name])
            for name in ("symbol", "venue", "venue_trade_id", "strategy", "currency")
        ),
    )


def of_price(columns: Columns) -> Array:
    """Tell which rows `quantdb.Price` may refuse."""
    opened, high, low, close = _alike([columns[name] for name in ("open", "high", "low", "close")])
    return _any(
        _is_blank(columns["symbol"]),
        _is_outside(opened, low, high),
        _is_outside(close, low, high),
        _less(columns["volume"], _zero(columns["volume"])),
        _less_equal(columns["interval"], _NO_SPAN),
        _greater(columns["interval"], _subtract(_END_OF_TIME, columns["start"])),
    )


def _any(*found: Array) -> Array:
    together = found[0]
    for each in found[1:]:
        together = _or(together, _fill_null(each, False))
    return together


def _is_blank(texts: Array) -> Array:
    # A text is blank if it is nothing but spaces, and then begins with one.
    return _or(_equal(texts, pa.scalar("")), _utf8_is_space(texts))


def _is_not_above_zero(numbers: Array) -> Array:
    return _less_equal(numbers, _zero(numbers))


def _zero(numbers: Array) -> Scalar:
    return array_of([Decimal(0)], numbers.type)[0]


def _alike(columns: Sequence[Array]) -> Sequence[Array]:
    """Return columns of one type: Arrow compares no decimals that have no common one."""
    if len({column.type for column in columns}) == 1:
        return columns
    return [cast(column, _WIDEST) for column in columns]


def _is_outside(numbers: Array, low: Array, high: Array) -> Array:
    return _or(_less(numbers, low), _greater(numbers, high))
