"""Prices: bars of many symbols and intervals."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from quantdb import exact
from quantdb.bulkrows import Models
from quantdb.database import Connection
from quantdb.errors import Conflict, InexactValue
from quantdb.exact import lasting, on_grid
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
from quantdb.models import Coverage, Gap, Ingest, Page, Price
from quantdb.paging import as_instant, as_limit, opened, paged, sealed
from quantdb.query import Query
from quantdb.repo import Repo
from quantdb.rows import trusted
from quantdb.sqlfile import sql_folder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PriceRepo"]

P = TypeVar("P")

_SQL: Final = sql_folder() / "prices"


@attrs.frozen
class _Merged:
    inserted: int
    updated: int


@attrs.frozen
class _Refused:
    """A staged bar that came before with other values."""

    n: int
    symbol: str
    interval: timedelta
    start: datetime
    first_n: int


_price: Final = trusted(Price)


def _numbered(n: object, *columns: object) -> tuple[object, Price]:
    return n, _price(*columns)


class PriceRepo(Repo):
    """The price bars of a database.

    A bar covers ``[start, start + interval)`` and is known only at its end. Spans of time are
    half-open, and a bar belongs to the span in which it starts. Lists are ordered by start.
    """

    __slots__ = ()

    _altered = Query(_SQL / "altered.sql", _numbered)
    _as_of = Query(_SQL / "as_of.sql", Price)
    _as_of_many = Query(_SQL / "as_of_many.sql", _numbered)
    _between = Query(_SQL / "between.sql", Price)
    _conflicts = Query(_SQL / "conflicts.sql", _Refused)
    _coverage = Query(_SQL / "coverage.sql", Coverage)
    _gaps = Query(_SQL / "gaps.sql", Gap)
    _get = Query(_SQL / "get.sql", Price)
    _latest = Query(_SQL / "latest.sql", Price)
    _merge = Query(_SQL / "merge.sql", _Merged)
    _page = Query(_SQL / "page.sql", Price)
    _resample = Query(_SQL / "resample.sql", Price)
    _stage = Query(_SQL / "stage.sql")
    _unstage = Query(_SQL / "unstage.sql")
    _upsert = Query(_SQL / "upsert.sql", Price)

    async def upsert(self, price: Price) -> Price:
        """Store a bar, in place of the one of its symbol, interval and start; return it as stored.

        Raises:
            InexactValue: The database changed a value; nothing is stored.
        """
        return await self._upsert.store(self.db, price, idempotent=True)

    async def upsert_many(self, prices: Iterable[Price] | AsyncIterable[Price]) -> Ingest:
        """Store bars by COPY, all or none, in constant memory; to do it again changes nothing.

        Raises:
            Conflict: A bar came before in the same call with other values; ``row`` is its number,
                from 1. Nothing is stored.
            InexactValue: A row is no `Price`, or the database changed a value (a column's scale, a
                trigger); ``row`` is its number, ``field`` its field. Nothing is stored.
        """
        return await self._ingest(Models(Price, prices), method="upsert_many")

    async def upsert_table(self, table: object) -> Ingest:
        """Store columns: anything with the Arrow C stream interface; else as `upsert_many`.

        A table of pyarrow, polars, pandas or DuckDB, a record batch or a stream of them. Its
        columns are found by the names of the model's fields, in any order; an optional one that
        is missing is left to its default. Decimals may be of any precision up to 38 digits,
        instants of any zone, texts and ids of any type that holds them.

        Raises:
            InexactValue: A column is unknown, missing or of a type that would not go in exactly (a
                float for money, a timestamp without a zone), or a value would not (nanoseconds),
                or the model refuses a row; ``field`` and ``row`` say which. Nothing is stored.
            Conflict: As for `upsert_many`.
        """
        from quantdb.columns.given import Given  # noqa: PLC0415 - the extra arrow
        from quantdb.columns.suspects import of_price  # noqa: PLC0415

        return await self._ingest(Given(Price, table, of_price), method="upsert_table")

    async def _ingest(self, source: Source[P], method: str) -> Ingest:
        async def work(connection: Connection) -> Ingest:
            rules = await may_alter(connection, "prices", Price)
            copy = await copied(connection, "prices", self._stage, source, rules)
            stored, given = copy.stored, copy.given
            if not copy.staged:
                return Ingest(inserted=given, existing=0)
            limit = bulk_timeout(connection, given)
            merged = await self._merge.one(connection, timeout=limit)
            inserted = stored + merged.inserted
            if inserted + merged.updated < given or rules:
                refused = await self._conflicts.all(connection, NAMED, timeout=limit)
                if refused:
                    raise _conflict(refused)
            if rules:
                await self._kept(connection, limit)
            await self._unstage.run(connection)
            return Ingest(
                inserted=inserted,
                updated=merged.updated,
                existing=given - inserted - merged.updated,
            )

        return await ingested(self.db, self._merge.operation.of(method), source, work)

    async def _kept(self, connection: Connection, limit: float) -> None:
        """Raise unless every bar is stored as it was staged."""
        for n, staged in await self._altered.all(connection, 1, timeout=limit):
            assert isinstance(n, int)  # noqa: S101 - the number of the row
            stored = await self._get.find(connection, staged.symbol, staged.interval, staged.start)
            raise changed(n, staged, stored)

    async def get(self, symbol: str, interval: timedelta, start: datetime) -> Price:
        """Return the bar of that key.

        Raises:
            NotFound: There is none.
        """
        return await self._get.one(self.db, symbol, interval, start)

    async def find(self, symbol: str, interval: timedelta, start: datetime) -> Price | None:
        """Return the bar of that key, or None."""
        return await self._get.find(self.db, symbol, interval, start, method="find")

    async def between(
        self, symbol: str, interval: timedelta, start: datetime, end: datetime
    ) -> list[Price]:
        """Return the bars that start in ``[start, end)``."""
        return await self._between.all(self.db, symbol, interval, start, end)

    def stream(
        self, symbol: str, interval: timedelta, start: datetime, end: datetime
    ) -> AsyncGenerator[Price, None]:
        """Iterate over the bars that start in ``[start, end)``, in constant memory.

        A connection is held until the iteration ends; whoever may leave it early closes it with
        `contextlib.aclosing`.
        """
        return self._between.stream(self.db, symbol, interval, start, end, method="stream")

    async def table(
        self, symbol: str, interval: timedelta, start: datetime, end: datetime
    ) -> "pa.Table":
        """Return the bars that start in ``[start, end)`` as columns of Arrow; see `Query.table`.

        Raises:
            InexactValue: A number has more than 20 digits before the point, or 18 decimals.
        """
        return await self._between.table(self.db, symbol, interval, start, end, method="table")

    def batches(
        self, symbol: str, interval: timedelta, start: datetime, end: datetime
    ) -> "AsyncGenerator[pa.RecordBatch, None]":
        """Iterate over what `table` returns, in constant memory; see `Query.batches`."""
        return self._between.batches(self.db, symbol, interval, start, end, method="batches")

    async def page(
        self, symbol: str, interval: timedelta, limit: int = 100, after: str | None = None
    ) -> Page[Price]:
        """Return at most *limit* bars of a symbol and interval that come after a cursor.

        Args:
            symbol: The instrument.
            interval: Length of the bars.
            limit: Most bars on the page, from 1.
            after: ``next`` of the page before; None for the first page.
        """
        size = as_limit(limit)
        exact.check(exact.duration, interval, "interval")
        series = ("prices", symbol, str(interval))
        last = None
        if after is not None:
            last = as_instant(opened(after, *series, keys=1)[0])
        rows = await self._page.all(self.db, symbol, interval, last, size + 1)
        return paged(rows, size, lambda bar: sealed(*series, bar.start.isoformat()))

    async def latest(self, symbols: Iterable[str], interval: timedelta) -> dict[str, Price]:
        """Return the newest bar of each symbol, complete or not; one without bars is absent."""
        if isinstance(symbols, str):
            raise InexactValue(f"symbols: must be a list of symbols; got {symbols!r}", "symbols")
        bars = await self._latest.all(self.db, list(symbols), interval)
        return {bar.symbol: bar for bar in bars}

    async def as_of(
        self,
        symbol: str,
        interval: timedelta,
        at: datetime,
        tolerance: timedelta | None = None,
    ) -> Price | None:
        """Return the last bar that was complete at an instant: no look-ahead.

        A bar is complete at its end: ``start + interval ≤ at``.

        Args:
            symbol: The instrument.
            interval: Length of the bar.
            at: The instant.
            tolerance: How long before *at* the bar may have ended, inclusive; None is no limit.

        Returns:
            The bar, or None if none is complete, or none recently enough.
        """
        latest, oldest = _bounds(interval, at, tolerance)
        if latest is None:
            return None
        return await self._as_of.find(self.db, symbol, interval, latest, oldest)

    async def as_of_many(
        self,
        interval: timedelta,
        asked: Iterable[tuple[str, datetime]],
        tolerance: timedelta | None = None,
    ) -> list[Price | None]:
        """Return what `as_of` returns for each (symbol, at), in the order asked, by one statement.

        Args:
            interval: Length of the bars.
            asked: The symbols and instants.
            tolerance: How long before its instant a bar may have ended, inclusive.
        """
        symbols: list[str] = []
        latest: list[datetime | None] = []
        oldest: list[datetime | None] = []
        for symbol, at in asked:
            symbols.append(symbol)
            bounds = _bounds(interval, at, tolerance)
            latest.append(bounds[0])
            oldest.append(bounds[1])
        answers: list[Price | None] = [None] * len(symbols)
        for n, price in await self._as_of_many.all(self.db, symbols, interval, latest, oldest):
            assert isinstance(n, int)  # noqa: S101 - the position, from 1
            answers[n - 1] = price
        return answers

    async def resample(
        self,
        symbol: str,
        interval: timedelta,
        into: timedelta,
        start: datetime,
        end: datetime,
    ) -> list[Price]:
        """Return wider bars made of the bars that start in ``[start, end)``.

        They begin at *start* and every *into* after it; one without bars stays a gap, and the last
        is made of fewer when *end* is not where a wider bar ends.

        Raises:
            InexactValue: *into* is no multiple of *interval*, or the last bar would end after 9999.
        """
        lasting(interval, "interval")
        if lasting(into, "into") % interval:
            raise InexactValue(f"into: {into} is no multiple of the interval {interval}", "into")
        on_grid(start, end, into, "into")
        return await self._resample.all(self.db, symbol, interval, into, start, end)

    async def gaps(
        self, symbol: str, interval: timedelta, start: datetime, end: datetime
    ) -> list[Gap]:
        """Return the longest spans of ``[start, end)`` that no bar covers, oldest first.

        What a market's calendar closes is a gap too: quantdb knows no calendar.
        """
        lasting(interval, "interval")
        exact.check(exact.instant, start, "start")
        before = _before(start.astimezone(UTC), interval)
        return await self._gaps.all(self.db, symbol, interval, start, end, before)

    async def coverage(self) -> list[Coverage]:
        """Return what there is, per symbol and interval, in that order."""
        return await self._coverage.all(self.db)


def _bounds(
    interval: timedelta, at: datetime, tolerance: timedelta | None
) -> tuple[datetime | None, datetime | None]:
    """Return the latest and the oldest start of a bar that answers; None is before all time."""
    lasting(interval, "interval")
    exact.check(exact.instant, at, "at")
    moment = at.astimezone(UTC)
    latest = _before(moment, interval)
    if tolerance is None or latest is None:
        return latest, None
    exact.check(exact.duration, tolerance, "tolerance")
    if tolerance < timedelta(0):
        raise InexactValue(f"tolerance: must not be negative; got {tolerance!r}", "tolerance")
    return latest, _before(latest, tolerance)


def _before(moment: datetime, span: timedelta) -> datetime | None:
    try:
        return moment - span
    except OverflowError:
        return None


def _conflict(refused: Sequence[_Refused]) -> Conflict:
    first = refused[0]
    return Conflict(
        f"row {first.n} ({first.symbol}, {first.interval}, {first.start.isoformat()}): row "
        f"{first.first_n} is the same bar with other values{and_others(refused)}; "
        "nothing was stored",
        "prices_pkey",
        first.n,
    )
