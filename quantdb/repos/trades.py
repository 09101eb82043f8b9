"""Trades: what was executed, where, at what price."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import asyncpg
import attrs

from quantdb import exact
from quantdb.bulkrows import Models
from quantdb.calls import call, commits_alone
from quantdb.database import Connection
from quantdb.errors import Ambiguous, Conflict, Contention, InexactValue, NotFound, QuantDBError
from quantdb.exact import on_grid
from quantdb.ingest import (
    NAMED,
    Source,
    and_others,
    bulk_timeout,
    changed,
    copied,
    ingested,
    may_alter,
)
from quantdb.models import Ingest, Page, Position, Price, Trade
from quantdb.outcomes import is_overflow
from quantdb.paging import as_instant, as_limit, as_uuid, opened, paged, sealed
from quantdb.query import Query
from quantdb.repo import Repo
from quantdb.rows import trusted
from quantdb.scopes import refusable, taken_back
from quantdb.sqlfile import sql_folder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TradeRepo"]

P = TypeVar("P")
R = TypeVar("R")

_SQL: Final = sql_folder() / "trades"


@attrs.frozen
class _Refused:
    """A staged row that is not stored as it was given."""

    n: int
    id: UUID
    constraint_name: str
    stored_id: UUID | None


@attrs.frozen
class _Orphan:
    """A staged row whose user is none."""

    n: int
    id: UUID
    user_id: int


@attrs.frozen
class _Average:
    currency: str
    vwap: Decimal
    notional: Decimal
    quantity: Decimal
    decimals: int


_SIGNIFICANT: Final = 16
"""Digits that PostgreSQL's division gives, unless the quotient is too small for its decimals."""


_price: Final = trusted(Price)


def _bar(*columns: object) -> tuple[Price, object]:
    *values, currency = columns
    return _price(*values), currency


_position: Final = trusted(Position)


def _summed(*columns: object) -> tuple[Position, object]:
    *values, decimals = columns
    return _position(*values), decimals


class TradeRepo(Repo):
    """The trades of a database.

    Times are instants; spans of time are half-open, ``[start, end)``. Lists are ordered by
    (executed_at, id), oldest first, unless a method says otherwise.
    """

    __slots__ = ()

    _bars = Query(_SQL / "bars.sql", _bar)
    _between = Query(_SQL / "between.sql", Trade)
    _conflicts = Query(_SQL / "conflicts.sql", _Refused)
    _count = Query(_SQL / "count.sql", int)
    _find_by_venue_id = Query(_SQL / "find_by_venue_id.sql", Trade)
    _get = Query(_SQL / "get.sql", Trade)
    _insert = Query(_SQL / "insert.sql", Trade)
    _latest = Query(_SQL / "latest.sql", Trade)
    _merge = Query(_SQL / "merge.sql")
    _orphans = Query(_SQL / "orphans.sql", _Orphan)
    _page = Query(_SQL / "page.sql", Trade)
    _positions = Query(_SQL / "positions.sql", _summed)
    _stage = Query(_SQL / "stage.sql")
    _staged = Query(_SQL / "staged.sql", Trade)
    _stored = Query(_SQL / "stored.sql", Trade)
    _symbols = Query(_SQL / "symbols.sql", str)
    _taken = Query(_SQL / "taken.sql", bool)
    _unstage = Query(_SQL / "unstage.sql")
    _vwap = Query(_SQL / "vwap.sql", _Average)

    async def insert(self, trade: Trade) -> Trade:
        """Store a trade and return it as stored; to insert it again changes nothing.

        Raises:
            Conflict: Another trade has its id (``trades_pkey``), or its venue, symbol and
                venue_trade_id (``trades_venue_key``). The transaction stays usable.
            InexactValue: The database changed a value; nothing is stored.
            Contention: The trade that held its key was deleted meanwhile.
        """
        alone = commits_alone(self.db)

        async def work(connection: Connection) -> Trade:
            try:
                return await self._insert.store_in(connection, trade, alone)
            except NotFound:  # its id or its venue key is taken, perhaps by itself
                holders = await self._stored.all(
                    connection, trade.id, trade.venue, trade.symbol, trade.venue_trade_id
                )
            if trade in holders:
                return holders[holders.index(trade)]
            if not holders:
                raise Contention(f"the trade that held the key of {trade.id} was just deleted")
            by_id = any(holder.id == trade.id for holder in holders)
            key = f"id {trade.id}" if by_id else f"venue_trade_id {trade.venue_trade_id!r}"
            raise Conflict(
                f"another trade is stored under {key}",
                "trades_pkey" if by_id else "trades_venue_key",
            )

        return await call(
            self.db,
            work,
            self._insert.store_way(Trade, alone),
            operation=self._insert.operation,
            repeat="always",
            looks=True,
        )

    async def insert_many(self, trades: Iterable[Trade] | AsyncIterable[Trade]) -> Ingest:
        """Store trades by COPY, all or none, in constant memory; to do it again changes nothing.

        Raises:
            Conflict: A trade is not the one that has its id or its venue key already, or that came
                before it; ``row`` is its number, from 1. Nothing is stored.
            InexactValue: A row is no `Trade`, its ``user_id`` is of no user, or a value was changed
                by the database (a column's scale, a trigger); ``row`` is its number, ``field``
                its field. Nothing is stored.
            Contention: Another bulk write had the same trades in another order. Nothing is stored.
        """
        return await self._ingest(Models(Trade, trades), method="insert_many")

    async def insert_table(self, table: object) -> Ingest:
        """Store columns: anything with the Arrow C stream interface; else as `insert_many`.

        A table of pyarrow, polars, pandas or DuckDB, a record batch or a stream of them. Its
        columns are found by the names of the model's fields, in any order; an optional one that
        is missing is left to its default. Decimals may be of any precision up to 38 digits,
        instants of any zone, texts and ids of any type that holds them.

        Raises:
            InexactValue: A column is unknown, missing or of a type that would not go in exactly (a
                float for money, a timestamp without a zone), or a value would not (nanoseconds),
                or the model refuses a row; ``field`` and ``row`` say which. Nothing is stored.
            Conflict: As for `insert_many`.
        """
        from quantdb.columns.given import Given  # noqa: PLC0415 - the extra arrow
        from quantdb.columns.suspects import of_trade  # noqa: PLC0415

        return await self._ingest(Given(Trade, table, of_trade), method="insert_table")

    async def _ingest(self, source: Source[P], method: str) -> Ingest:
        async def work(connection: Connection) -> Ingest:
            rules = await may_alter(connection, "trades", Trade)
            copy = await copied(connection, "trades", self._stage, source, rules)
            stored, given = copy.stored, copy.given
            if not copy.staged:
                return Ingest(inserted=given, existing=0)
            limit = bulk_timeout(connection, given)
            inserted = stored + await self._merged(connection, limit)
            if inserted < given or rules:
                refused = await self._conflicts.all(connection, NAMED, timeout=limit)
                if refused:
                    raise await self._refusal(connection, refused, limit, alters=bool(rules))
            await self._unstage.run(connection)
            return Ingest(inserted=inserted, existing=given - inserted)

        return await ingested(self.db, self._merge.operation.of(method), source, work)

    async def _merged(self, connection: Connection, limit: float) -> int:
        try:
            async with refusable(connection):
                return await self._merge.run(connection, timeout=limit)
        except asyncpg.ForeignKeyViolationError as error:
            orphans: list[_Orphan] = []
            # Who may not read the users is told what the server said.
            with suppress(asyncpg.InsufficientPrivilegeError):
                orphans = await self._orphans.all(connection, NAMED, timeout=limit)
            if not orphans:
                raise
            raise _orphaned(orphans) from error

    async def _refusal(
        self, connection: Connection, refused: list[_Refused], limit: float, *, alters: bool
    ) -> QuantDBError:
        """Return why the first of *refused* is not stored as it was staged."""
        first = refused[0]
        if alters:
            stored = await self._get.find(connection, first.id)
            await taken_back(connection)
            if not await self._taken.one(connection, first.n, timeout=limit):
                staged = await self._staged.one(connection, first.n, timeout=limit)
                return changed(first.n, staged, stored)
        return _conflict(refused)

    async def get(self, id: UUID) -> Trade:  # noqa: A002 - the field's name
        """Return the trade with that id.

        Raises:
            NotFound: There is none.
        """
        return await self._get.one(self.db, id)

    async def find(self, id: UUID) -> Trade | None:  # noqa: A002 - the field's name
        """Return the trade with that id, or None."""
        return await self._get.find(self.db, id, method="find")

    async def find_by_venue_id(self, venue: str, symbol: str, venue_trade_id: str) -> Trade | None:
        """Return the trade to which a venue gave that id, or None."""
        return await self._find_by_venue_id.find(self.db, venue, symbol, venue_trade_id)

    async def between(self, symbol: str, start: datetime, end: datetime) -> list[Trade]:
        """Return the trades of a symbol in ``[start, end)``."""
        return await self._between.all(self.db, symbol, start, end)

    def stream(self, symbol: str, start: datetime, end: datetime) -> AsyncGenerator[Trade, None]:
        """Iterate over the trades of a symbol in ``[start, end)``, in constant memory.

        A connection is held until the iteration ends; whoever may leave it early closes it with
        `contextlib.aclosing`.
        """
        return self._between.stream(self.db, symbol, start, end, method="stream")

    async def table(self, symbol: str, start: datetime, end: datetime) -> "pa.Table":
        """Return the trades of a symbol in ``[start, end)`` as columns of Arrow; see `Query.table`.

        Raises:
            InexactValue: A number has more than 20 digits before the point, or 18 decimals.
        """
        return await self._between.table(self.db, symbol, start, end, method="table")

    def batches(
        self, symbol: str, start: datetime, end: datetime
    ) -> "AsyncGenerator[pa.RecordBatch, None]":
        """Iterate over what `table` returns, in constant memory; see `Query.batches`."""
        return self._between.batches(self.db, symbol, start, end, method="batches")

    async def page(self, symbol: str, limit: int = 100, after: str | None = None) -> Page[Trade]:
        """Return at most *limit* trades of a symbol that come after a cursor.

        A trade that is inserted between two pages is on a later page if it comes after the cursor;
        no trade is on two pages, and none that was there is missed.

        Args:
            symbol: The instrument.
            limit: Most trades on the page, from 1.
            after: ``next`` of the page before; None for the first page.
        """
        size = as_limit(limit)
        at, last = None, None
        if after is not None:
            moment, key = opened(after, "trades", symbol, keys=2)
            at, last = as_instant(moment), as_uuid(key)
        rows = await self._page.all(self.db, symbol, at, last, size + 1)
        return paged(
            rows,
            size,
            lambda trade: sealed("trades", symbol, trade.executed_at.isoformat(), str(trade.id)),
        )

    async def latest(self, symbol: str, limit: int = 1) -> list[Trade]:
        """Return the last *limit* trades of a symbol, newest first."""
        return await self._latest.all(self.db, symbol, as_limit(limit))

    async def count(self, symbol: str, start: datetime, end: datetime) -> int:
        """Return how many trades of a symbol there are in ``[start, end)``."""
        return await self._count.one(self.db, symbol, start, end)

    async def symbols(self) -> list[str]:
        """Return every symbol that has trades, by code point."""
        return await self._symbols.all(self.db)

    async def vwap(self, symbol: str, start: datetime, end: datetime) -> Decimal | None:
        """Return the volume-weighted average price of a symbol in ``[start, end)``.

        Σ(price × quantity) / Σ quantity: the sums are exact, the one division is PostgreSQL's
        numeric one, of at least 16 significant digits. None if there is no trade.

        Raises:
            Ambiguous: The trades are in several currencies.
            InexactValue: The sums, or so many digits, are beyond PostgreSQL's numeric.
        """
        averages = await _summed_by(self._vwap.all(self.db, symbol, start, end))
        if len(averages) > 1:
            raise _several(symbol, [average.currency for average in averages])
        return _quotient(averages[0]) if averages else None

    async def bars(
        self, symbol: str, interval: timedelta, start: datetime, end: datetime
    ) -> list[Price]:
        """Return bars made of the trades of a symbol in ``[start, end)``, oldest first.

        They begin at *start* and every *interval* after it; one without trades is absent,
        and the last ends early when *end* is not where a bar ends. Open and close are the first
        and the last trade by (executed_at, id).

        Raises:
            Ambiguous: The trades are in several currencies.
            InexactValue: *interval* is not longer than zero, or the last bar would end after the
                year 9999.
        """
        on_grid(start, end, interval, "interval")
        bars = await self._bars.all(self.db, symbol, interval, start, end)
        currencies = sorted({str(currency) for _price, currency in bars})
        if len(currencies) > 1:
            raise _several(symbol, currencies)
        return [bar for bar, _currency in bars]

    async def positions(
        self,
        at: datetime | None = None,
        user_id: int | None = None,
        strategy: str | None = None,
    ) -> list[Position]:
        """Return what the trades add up to, one position per symbol and currency, in that order.

        Args:
            at: Only trades executed at or before this instant.
            user_id: Only trades of this user.
            strategy: Only trades of this strategy.

        Raises:
            InexactValue: A sum or a notional is beyond PostgreSQL's numeric: more than 131072
                digits, or 16383 decimals.
        """
        summed = await _summed_by(self._positions.all(self.db, at, user_id, strategy))
        for position, decimals in summed:
            _within_numeric(decimals, f"the notional of {position.symbol}")
        return [position for position, _decimals in summed]


def _conflict(refused: list[_Refused]) -> Conflict:
    first = refused[0]
    if first.constraint_name == "trades_pkey":
        what = "another trade has that id"
    elif first.stored_id is None:
        what = "another row has its venue key"
    else:
        what = f"its venue, symbol and venue_trade_id are those of trade {first.stored_id}"
    return Conflict(
        f"row {first.n} (id {first.id}): {what}{and_others(refused)}; nothing was stored",
        first.constraint_name,
        first.n,
    )


def _orphaned(orphans: list[_Orphan]) -> InexactValue:
    first = orphans[0]
    return InexactValue(
        f"row {first.n} (id {first.id}): user_id {first.user_id} is of no user"
        f"{and_others(orphans)}; nothing was stored",
        "user_id",
        first.n,
    )


async def _summed_by(rows: Awaitable[list[R]]) -> list[R]:
    try:
        return await rows
    except Exception as error:
        if is_overflow(error):
            raise InexactValue(f"a sum is beyond numeric: {error}", "price") from error
        raise


def _within_numeric(decimals: object, what: str) -> None:
    if isinstance(decimals, int) and decimals > exact.MAX_DECIMALS:
        raise InexactValue(f"{what} has {decimals} decimals, beyond numeric", "price")


def _quotient(average: _Average) -> Decimal:
    _within_numeric(average.decimals, "a notional")
    digits = len(average.vwap.as_tuple().digits) if average.vwap else 0
    if digits < _SIGNIFICANT:
        product = exact.ARITHMETIC.multiply(average.vwap, average.quantity)
        if product != average.notional:
            raise InexactValue("the average has too many decimals for numeric", "vwap")
    return average.vwap


def _several(symbol: str, currencies: list[str]) -> Ambiguous:
    return Ambiguous(f"the trades of {symbol} are in several currencies: {', '.join(currencies)}")
