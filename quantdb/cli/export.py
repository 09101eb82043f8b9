"""``quantdb export``: the rows of one snapshot into a file, all of them or no file."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import attrs
from cyclopts import Parameter

from quantdb.cli import cells
from quantdb.cli.columns import shown
from quantdb.cli.connect import Dsn, configured, named, opened
from quantdb.cli.console import Tell, clock, err, facts, figures, out, progress, speed
from quantdb.cli.failures import Usage
from quantdb.cli.sink import Sink, opened_sink
from quantdb.database import Connection
from quantdb.exact import Refused
from quantdb.ingest import BULK_TIMEOUT
from quantdb.models import Price, Trade
from quantdb.repos import PriceRepo, TradeRepo
from quantdb.transaction import transaction

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["prices", "trades"]

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_BATCH: Final = 1_000
"""Rows that are written at once."""

T = TypeVar("T")
Row = Trade | Price
File = Annotated[
    str,
    Parameter(
        help="The file: Parquet if its name ends in .parquet, else CSV, gzipped if it ends in .gz; "
        "- is the standard output."
    ),
]
Symbols = Annotated[
    list[str] | None,
    Parameter(name="--symbol", negative=(), help="Only this symbol. Repeatable."),
]
Start = Annotated[
    str | None,
    Parameter(help="Only from this instant on: 2024-03-10T12:00:00Z, or a date for 00:00 UTC."),
]
End = Annotated[str | None, Parameter(help="Only before this instant.")]
Force = Annotated[
    bool, Parameter(negative=(), show_default=False, help="Overwrite a file that is there.")
]


@attrs.frozen
class _Series:
    """Rows that belong together."""

    symbol: str
    rows: Callable[[], AsyncGenerator[Row, None]]
    batches: Callable[[], "AsyncGenerator[pa.RecordBatch, None]"]
    at_the_end: Callable[[], Awaitable[Sequence[Row]]]
    """The rows at the last instant there is, which no half-open span of batches holds."""


@attrs.frozen
class _Job:
    """What to export, and where to."""

    file: str
    model: type[Row]
    symbols: Sequence[str]
    start: datetime
    end: datetime
    force: bool
    dsn: str | None


def trades(  # noqa: PLR0913 - an option each
    file: File,
    /,
    *,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    force: Force = False,
    dsn: Dsn = None,
) -> int:
    """Write trades to a CSV or Parquet file, by symbol, then executed_at, then id.

    ```text
    quantdb export trades all.csv.gz
    quantdb export trades all.parquet
    quantdb export trades march.csv --start 2024-03-01 --end 2024-04-01
    quantdb export trades - --symbol AAPL | head
    ```

    The file is one snapshot of the database, and it is there whole or not at all. Decimals are
    written digit by digit, times in UTC with a Z. To load it again changes nothing: every row is
    found existing.

    **Parquet** needs the extra `arrow`. Decimals are decimal128(38, 18): a number of more than 20
    digits before the point, or 18 after it, is refused by name, and there is no file.
    """
    job = _job(file, Trade, symbols, (start, end), force=force, dsn=dsn)
    return asyncio.run(_export(job, _of_trades))


def prices(  # noqa: PLR0913 - an option each
    file: File,
    /,
    *,
    symbols: Symbols = None,
    interval: Annotated[
        str | None, Parameter(help="Only bars of this length: 1s, 5m, 1h, 1d.")
    ] = None,
    start: Start = None,
    end: End = None,
    force: Force = False,
    dsn: Dsn = None,
) -> int:
    """Write price bars to a CSV or Parquet file, by symbol, then interval, then start.

    ```text
    quantdb export prices all.csv.gz
    quantdb export prices all.parquet
    quantdb export prices daily.csv --interval 1d --start 2024-01-01
    quantdb export prices - --symbol BTCUSD --interval 1m | head
    ```

    The file is one snapshot of the database, and it is there whole or not at all. Decimals are
    written digit by digit, times in UTC with a Z. To load it again changes nothing: every row is
    found existing.

    **Parquet** needs the extra `arrow`. Decimals are decimal128(38, 18): a number of more than 20
    digits before the point, or 18 after it, is refused by name, and there is no file.
    """
    only = None if interval is None else _read("--interval", cells.interval, interval)
    job = _job(file, Price, symbols, (start, end), force=force, dsn=dsn)
    return asyncio.run(_export(job, lambda job, db: _of_prices(job, db, only)))


def _job(  # noqa: PLR0913 - an option each
    file: str,
    model: type[Row],
    symbols: Sequence[str] | None,
    span: tuple[str | None, str | None],
    *,
    force: bool,
    dsn: str | None,
) -> _Job:
    instant = cells.instant(dates=True)
    start = _FIRST if span[0] is None else _read("--start", instant, span[0])
    end = _LAST if span[1] is None else _read("--end", instant, span[1])
    if start >= end:
        raise Usage(f"--start {start.isoformat()} does not lie before --end {end.isoformat()}")
    return _Job(file, model, list(dict.fromkeys(symbols or ())), start, end, force, dsn)


def _read(option: str, read: Callable[[str], T], given: str) -> T:
    try:
        return read(given)
    except Refused as refusal:
        raise Usage(f"{option} {given!r}: {refusal}") from None


async def _export(
    job: _Job, find: Callable[[_Job, Connection], Awaitable[Sequence[_Series]]]
) -> int:
    config = configured(job.dsn, command_timeout=BULK_TIMEOUT)
    seconds = clock()
    rows: Counter[str] = Counter()
    with opened_sink(job.file, force=job.force) as sink:
        async with (
            opened(config) as pool,
            transaction(pool, isolation="repeatable_read", readonly=True) as db,
        ):
            series = await find(job, db)
            with progress("writing", len(series)) as tell:
                write = _write_columns if job.file.endswith(".parquet") else _write
                await write(sink, job.model, series, rows, tell)
    took = seconds()
    # The standard output may be the file itself.
    console = err if job.file == "-" else out
    figures(
        console,
        ["rows", "symbols", "bytes", "time", "rows/s"],
        [
            f"{rows.total():,}",
            f"{len(rows):,}",
            f"{sink.size:,}",
            f"{took:.1f} s",
            speed(rows.total(), took),
        ],
    )
    nothing = [symbol for symbol in job.symbols if symbol not in rows]
    facts(
        console,
        [
            ("from", named(config)),
            ("into", "standard output" if job.file == "-" else job.file),
            *([("no rows", ", ".join(map(shown, nothing)))] if nothing else []),
        ],
    )
    return 0


async def _write(
    sink: Sink, model: type[Row], series: Sequence[_Series], rows: Counter[str], tell: Tell
) -> None:
    names = [field.name for field in attrs.fields(model)]
    sink.write(",".join(names) + "\n")
    for done, each in enumerate(series):
        async with aclosing(each.rows()) as models:
            batch: list[str] = []
            async for row in models:
                rows[each.symbol] += 1
                batch.append(",".join([cells.written(getattr(row, name)) for name in names]))
                if len(batch) == _BATCH:
                    sink.write("\n".join([*batch, ""]))
                    batch.clear()
                    tell(done, f"{rows.total():,} rows")
            sink.write("\n".join([*batch, ""]))
    tell(len(series), f"{rows.total():,} rows")


async def _write_columns(
    sink: Sink, model: type[Row], series: Sequence[_Series], rows: Counter[str], tell: Tell
) -> None:
    from quantdb.cli.parquet import ParquetFile  # noqa: PLC0415 - the extra arrow
    from quantdb.columns.types import schema_of  # noqa: PLC0415

    with ParquetFile(sink, schema_of(model)) as file:
        for done, each in enumerate(series):
            async with aclosing(each.batches()) as batches:
                async for batch in batches:
                    file.write(batch)
                    rows[each.symbol] += batch.num_rows
                    tell(done, f"{rows.total():,} rows")
            last = await each.at_the_end()
            if last:
                file.write_rows([attrs.asdict(row) for row in last])
                rows[each.symbol] += len(last)
    tell(len(series), f"{rows.total():,} rows")


async def _of_trades(job: _Job, db: Connection) -> list[_Series]:
    repo = TradeRepo(db)
    symbols = job.symbols or await repo.symbols()
    return [
        _Series(
            symbol,
            partial(_trades_of, job, repo, symbol),
            partial(repo.batches, symbol, job.start, job.end),
            partial(_trades_at_the_end, job, repo, symbol),
        )
        for symbol in symbols
    ]


async def _trades_of(job: _Job, repo: TradeRepo, symbol: str) -> AsyncGenerator[Trade, None]:
    async with aclosing(repo.stream(symbol, job.start, job.end)) as rows:
        async for trade in rows:
            yield trade
    for trade in await _trades_at_the_end(job, repo, symbol):
        yield trade


async def _trades_at_the_end(job: _Job, repo: TradeRepo, symbol: str) -> list[Trade]:
    return await _at_the_last_instant(repo, symbol) if job.end == _LAST else []


async def _at_the_last_instant(repo: TradeRepo, symbol: str) -> list[Trade]:
    """Return the trades at the last instant there is, which no half-open span holds."""
    limit = 1
    while True:
        newest = await repo.latest(symbol, limit)
        found = [trade for trade in newest if trade.executed_at == _LAST]
        if len(found) < limit:
            return found[::-1]
        limit *= 10


async def _of_prices(job: _Job, db: Connection, interval: timedelta | None) -> list[_Series]:
    repo = PriceRepo(db)
    return [
        _Series(
            each.symbol,
            partial(repo.stream, each.symbol, each.interval, job.start, job.end),
            partial(repo.batches, each.symbol, each.interval, job.start, job.end),
            _none,  # a bar ends in time, so none begins at its last instant
        )
        for each in await repo.coverage()
        if (not job.symbols or each.symbol in job.symbols)
        and (interval is None or each.interval == interval)
    ]


async def _none() -> Sequence[Row]:
    return ()
