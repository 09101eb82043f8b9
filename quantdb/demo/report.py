"""What the stored fills of the demo come to: figures that are exact, from the database alone."""

import decimal
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate

import attrs

from quantdb.database import Database
from quantdb.demo.bars import BEGINNING, DAY, END, SYMBOLS
from quantdb.demo.strategy import CAPITAL, EXACT, STRATEGY
from quantdb.models import Position, Price, Trade
from quantdb.repos import PriceRepo, TradeRepo

__all__ = ["Line", "Point", "Report", "Totals", "equity_curve", "read_report"]


@attrs.frozen
class Line:
    """The figures of one symbol, in USD unless they are shares.

    Attributes:
        position: What its fills add up to.
        fills: How many there are.
        mark: Its last close.
        pnl: Profit and loss, realised and not, after fees, at that close.
    """

    position: Position
    fills: int
    mark: Decimal
    pnl: Decimal


@attrs.frozen
class Totals:
    """The sums over all symbols, in USD."""

    fills: int
    bought: Decimal
    sold: Decimal
    fees: Decimal
    pnl: Decimal


@attrs.frozen
class Point:
    """The equity at the end of a day, in USD.

    Attributes:
        at: 00:00 UTC after the day.
        equity: Cash, and shares at the last close known.
    """

    at: datetime
    equity: Decimal


@attrs.frozen
class Report:
    """The outcome of the strategy.

    Attributes:
        lines: By symbol.
        totals: Over all of them.
        capital: USD at the beginning.
        equity: Day by day, all symbols together.
        equities: Day by day, of each symbol.
    """

    lines: list[Line]
    totals: Totals
    capital: Decimal
    equity: list[Point]
    equities: dict[str, list[Point]]


async def read_report(db: Database) -> Report:
    """Read the fills and the prices and work out the figures."""
    positions = {
        position.symbol: position for position in await TradeRepo(db).positions(strategy=STRATEGY)
    }
    lines: list[Line] = []
    equities: dict[str, list[Point]] = {}
    for symbol in SYMBOLS:
        bars = await PriceRepo(db).between(symbol, DAY, BEGINNING, END)
        trades = [
            trade
            for trade in await TradeRepo(db).between(symbol, BEGINNING, END)
            if trade.strategy == STRATEGY
        ]
        position = positions.get(symbol, _nothing(symbol))
        mark = bars[-1].close
        lines.append(Line(position, len(trades), mark, position.pnl(mark)))
        equities[symbol] = list(equity_curve(bars, trades, CAPITAL))
    with decimal.localcontext(EXACT):
        return Report(
            lines=lines,
            totals=_totals(lines),
            capital=CAPITAL * len(SYMBOLS),
            equity=_together(list(equities.values())),
            equities=equities,
        )


def equity_curve(
    bars: Sequence[Price], trades: Sequence[Trade], capital: Decimal
) -> Iterator[Point]:
    """Give the equity of one symbol at the end of each bar, fills of that instant included.

    Args:
        bars: By start.
        trades: By time.
        capital: USD before the first trade.
    """
    cash, shares, done = capital, Decimal(0), 0
    for bar in bars:
        at = bar.start + bar.interval
        with decimal.localcontext(EXACT):
            while done < len(trades) and trades[done].executed_at <= at:
                trade = trades[done]
                sign = 1 if trade.side == "buy" else -1
                cash -= sign * trade.quantity * trade.price + trade.fee
                shares += sign * trade.quantity
                done += 1
            equity = cash + shares * bar.close
        yield Point(at, equity)


def _together(curves: Sequence[Sequence[Point]]) -> list[Point]:
    """Add up the curves of all symbols; one that has not begun counts with its capital."""
    changes: dict[datetime, Decimal] = {}
    for curve in curves:
        before = CAPITAL
        for point in curve:
            changes[point.at] = changes.get(point.at, Decimal(0)) + point.equity - before
            before = point.equity
    days = sorted(changes)
    equities = accumulate((changes[day] for day in days), initial=CAPITAL * len(curves))
    next(equities)
    return [Point(day, equity) for day, equity in zip(days, equities, strict=True)]


def _totals(lines: Sequence[Line]) -> Totals:
    zero = Decimal(0)
    return Totals(
        fills=sum(line.fills for line in lines),
        bought=sum((line.position.bought_notional for line in lines), zero),
        sold=sum((line.position.sold_notional for line in lines), zero),
        fees=sum((line.position.fees for line in lines), zero),
        pnl=sum((line.pnl for line in lines), zero),
    )


def _nothing(symbol: str) -> Position:
    zero = Decimal(0)
    return Position(symbol, "USD", zero, zero, zero, zero, zero, zero)
