"""Which rows of a batch a model may refuse; it is asked itself about those, and only those."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from quantdb.columns.admitted import Array

__all__ = ["Suspects", "of_price", "of_trade"]

Columns: TypeAlias = Mapping[str, Array]
Suspects: TypeAlias = Callable[[Columns], pa.BooleanArray]

_SIDES: Final = pa.array(["buy", "sell"])
_NO_SPAN: Final = pa.scalar(0, pa.duration("us"))
_END_OF_TIME: Final = pa.scalar(253_402_300_799_999_999, pa.timestamp("us", "UTC"))


def of_trade(columns: Columns) -> pa.BooleanArray:
    """Tell which rows `quantdb.Trade` may refuse."""
    return _any(
        pc.invert(pc.is_in(columns["side"], _SIDES)),
        _is_not_above_zero(columns["quantity"]),
        *(
            _is_blank(columns[name])
            for name in ("symbol", "venue", "venue_trade_id", "strategy", "currency")
        ),
    )


def of_price(columns: Columns) -> pa.BooleanArray:
    """Tell which rows `quantdb.Price` may refuse."""
    low, high = columns["low"], columns["high"]
    return _any(
        _is_blank(columns["symbol"]),
        *(_is_outside(columns[name], low, high) for name in ("open", "close")),
        pc.less(columns["volume"], pa.scalar(0, pa.int64())),
        pc.less_equal(columns["interval"], _NO_SPAN),
        pc.greater(columns["interval"], pc.subtract(_END_OF_TIME, columns["start"])),
    )


def _any(*found: Array) -> pa.BooleanArray:
    together = found[0]
    for each in found[1:]:
        together = pc.or_(together, pc.fill_null(each, fill_value=False))
    return together


def _is_blank(texts: Array) -> Array:
    # A text is blank if it is nothing but spaces, and then begins with one.
    return pc.or_(pc.equal(texts, pa.scalar("")), pc.utf8_is_space(texts))


def _is_not_above_zero(numbers: Array) -> Array:
    return pc.less_equal(numbers, pa.scalar(0, pa.int64()))


def _is_outside(numbers: Array, low: Array, high: Array) -> Array:
    return pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
