"""The figures of the report for a terminal: every digit of a sum, aligned."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from rich import box
from rich.table import Table

from quantdb.demo.report import Line, Report

__all__ = ["amounts", "table"]

_ROUNDED: Final = Decimal("0.0001")
"""Of an average, the only figure that is a quotient and may have no end."""


def amounts(numbers: Sequence[Decimal], decimals: int = 2) -> list[str]:
    """Write numbers in full, all with as many decimals as the longest, at least *decimals*."""
    for number in numbers:
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)  # noqa: S101 - stored numbers are finite
        decimals = max(decimals, -exponent)
    return [f"{number:,.{decimals}f}" for number in numbers]


def table(report: Report) -> Table:
    """Return one line per symbol, and the totals."""
    lines, totals = report.lines, report.totals
    shown = Table(
        title="\nPositions, and profit and loss at the last close, in USD",
        caption="Exact to the last digit; only VWAP, Σ(shares × price) ÷ Σ shares, is rounded.\n",
        box=box.SIMPLE_HEAD,
        show_footer=True,
        title_justify="left",
        caption_justify="left",
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
        padding=(0, 1, 0, 0),
    )
    money = {
        "fees": amounts([*(line.position.fees for line in lines), totals.fees]),
        "close": [*amounts([line.mark for line in lines]), ""],
        "P&L": amounts([*(line.pnl for line in lines), totals.pnl]),
    }
    columns: dict[str, list[str]] = {
        "symbol": [*(line.position.symbol for line in lines), "total"],
        "fills": [*(f"{line.fills:,}" for line in lines), f"{totals.fills:,}"],
        "shares": [*amounts([line.position.quantity for line in lines], 0), ""],
        "VWAP buys": [*(_average(line, bought=True) for line in lines), ""],
        "VWAP sells": [*(_average(line, bought=False) for line in lines), ""],
        **money,
    }
    for name, cells in columns.items():
        shown.add_column(
            name, cells[-1], justify="left" if name == "symbol" else "right", overflow="fold"
        )
    for number, line in enumerate(lines):
        cells = [column[number] for column in columns.values()]
        shown.add_row(*cells[:-1], f"[{'green' if line.pnl >= 0 else 'red'}]{cells[-1]}")
    return shown


def _average(line: Line, *, bought: bool) -> str:
    """Return the volume-weighted average price of the buys, or of the sells."""
    position = line.position
    shares = position.bought if bought else position.sold
    if not shares:
        return "–"
    notional = position.bought_notional if bought else position.sold_notional
    return f"{(notional / shares).quantize(_ROUNDED, ROUND_HALF_EVEN):,}"
