"""A moving-average crossover, point in time and exact: what is decided at t knows only t's past.

Long while the average of the last 20 closes is above that of the last 50, out otherwise. Each
symbol has a capital of its own and goes in with all of it, in whole shares.
"""

import decimal
from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import islice
from typing import Final
from uuid import UUID

import attrs

from quantdb.database import Database
from quantdb.demo.bars import BEGINNING, DAY, END, SPLITS
from quantdb.errors import NotFound
from quantdb.ids import millisecond_of, uuid7_of
from quantdb.models import Ingest, Side, Trade
from quantdb.repos import PriceRepo, TradeRepo

__all__ = ["CAPITAL", "EXACT", "STRATEGY", "VENUE", "Account", "trade_symbol"]

STRATEGY: Final = "ma_cross_20_50"
VENUE: Final = "demo"
CAPITAL: Final = Decimal(100_000)
"""USD that each symbol begins with."""

_SHORT: Final = 20
_LONG: Final = 50
_FEE: Final = Decimal("0.005")
"""USD a share."""
_BEFORE_A_SPLIT: Final = timedelta(days=7)

EXACT: Final = decimal.Context(
    prec=60, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow]
)
"""Arithmetic in which a digit that would be lost is an error."""


@attrs.define
class Account:
    """What the strategy knows and holds in one symbol.

    Attributes:
        symbol: The instrument.
        cash: USD that is not invested.
        shares: Whole shares held.
        closes: The last 50 closes since the last split, oldest first, in USD.
    """

    symbol: str
    cash: Decimal = CAPITAL
    shares: Decimal = Decimal(0)
    closes: deque[Decimal] = attrs.field(factory=lambda: deque(maxlen=_LONG))

    def decide(self, at: datetime, close: Decimal) -> Side | None:
        """Take in the close of the bar that is complete at *at*; return what to do then, if any.

        Ahead of a split it sells, and its averages begin anew after it, because the prices before
        and after are of different shares.
        """
        if any(at <= split < at + _BEFORE_A_SPLIT for split in SPLITS.get(self.symbol, ())):
            self.closes.clear()
            return "sell" if self.shares else None
        self.closes.append(close)
        if len(self.closes) < _LONG:
            return None
        with decimal.localcontext(EXACT):
            # Σ20 / 20 > Σ50 / 50, without the divisions.
            recent = sum(islice(self.closes, _LONG - _SHORT, None))
            is_above = recent * _LONG > sum(self.closes) * _SHORT
            if self.shares:
                return None if is_above else "sell"
            return "buy" if is_above and self.cash >= close + _FEE else None

    def fill(self, side: Side, price: Decimal, at: datetime) -> Trade:
        """Trade at a price: all the cash into shares, or all the shares into cash."""
        with decimal.localcontext(EXACT):
            if side == "buy":
                quantity = self.cash // (price + _FEE)
                fee = quantity * _FEE
                self.cash -= quantity * price + fee
                self.shares += quantity
            else:
                quantity = self.shares
                fee = quantity * _FEE
                self.cash += quantity * price - fee
                self.shares -= quantity
        return Trade(
            symbol=self.symbol,
            side=side,
            quantity=quantity,
            price=price,
            executed_at=at,
            venue=VENUE,
            strategy=STRATEGY,
            fee=fee,
            id=_trade_id(self.symbol, at),
        )


async def trade_symbol(db: Database, symbol: str, market: PriceRepo | None = None) -> Ingest:
    """Walk through the days of a symbol, decide at the end of each and store the fills.

    A day's bar is complete at 00:00 UTC of the next day. That is when the strategy decides, and
    the fill is at the last close known then. A second walk finds every fill stored.

    Args:
        db: Takes the fills.
        symbol: What is traded.
        market: Gives the prices, if not *db*.

    Returns:
        How many fills were new, and how many were there; two walks at once may each count a fill
        as new that is stored once.

    Raises:
        Conflict: A fill of another run with other prices is stored.
    """
    prices, trades, account = market or PriceRepo(db), TradeRepo(db), Account(symbol)
    inserted = existing = 0
    for bar in await prices.between(symbol, DAY, BEGINNING, END):
        at = bar.start + bar.interval
        side = account.decide(at, bar.close)
        if side is None:
            continue
        known = await prices.as_of(symbol, DAY, at)
        if known is None:
            raise NotFound(f"no bar of {symbol} was complete at {at.isoformat()}")
        fill = account.fill(side, known.close, at)
        is_new = await trades.find(fill.id) is None
        await trades.insert(fill)
        inserted, existing = inserted + is_new, existing + (not is_new)
    return Ingest(inserted=inserted, existing=existing)


def _trade_id(symbol: str, at: datetime) -> UUID:
    """Make the id of the fill of that instant: the same in every run.

    A UUID of version 7 (RFC 9562), with a hash where chance would be.
    """
    key = f"{STRATEGY}|{symbol}|{at.isoformat()}".encode()
    high, low = divmod(int.from_bytes(blake2b(key, digest_size=10).digest()), 1 << 64)
    # Two of the 80 bits stood where the variant is, four where the version is: they are left out.
    return uuid7_of(millisecond_of(at), high << 62 | low % (1 << 62))
