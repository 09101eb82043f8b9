"""``quantdb load``: a CSV file into the database, all of it or nothing."""

import asyncio
import copy
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Annotated, Final, Protocol, TypeVar

import attrs
from cyclopts import Parameter

from quantdb import exact
from quantdb.cli.columns import PRICES, TRADES, Field, Plan, pairs, plan, shown
from quantdb.cli.connect import Dsn, configured, named, opened
from quantdb.cli.console import Tell, clock, facts, figures, out, progress, speed
from quantdb.cli.failures import Usage
from quantdb.cli.readers import PriceReader, TradeReader
from quantdb.cli.tape import Tape, opened_tape
from quantdb.database import Database
from quantdb.errors import Conflict, InexactValue, QuantDBError
from quantdb.ingest import BULK_TIMEOUT
from quantdb.models import Ingest
from quantdb.repos import PriceRepo, TradeRepo

__all__ = ["prices", "trades"]

M = TypeVar("M")
E = TypeVar("E", bound=QuantDBError)
M_co = TypeVar("M_co", covariant=True)

_EVERY: Final = 1_000
"""Rows between two looks at the progress."""

File = Annotated[str, Parameter(help="The file; - is the standard input.")]
Columns = Annotated[
    list[str] | None,
    Parameter(name="--map", negative=(), help="field=column: the column for a field. Repeatable."),
]
Constants = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative=(),
        help="field=value: a constant for a field that has no column. Repeatable.",
    ),
]
AssumeUtc = Annotated[
    bool,
    Parameter(
        negative=(),
        show_default=False,
        help="Take times without a zone as UTC instead of refusing them.",
    ),
]


Series = Annotated[
    str | None,
    Parameter(
        name="--tape",
        help="A name for this file, mixed into the ids that are made of its rows. See Ids.",
    ),
]


class _Reader(Protocol[M_co]):
    def __iter__(self) -> Iterator[M_co]: ...

    def notes(self) -> list[tuple[str, str]]: ...


@attrs.frozen
class _Job:
    """What to load, and how its columns are named."""

    file: str
    fields: Mapping[str, Field]
    mapped: Sequence[str]
    constants: Sequence[str]
    dsn: str | None


def trades(  # noqa: PLR0913 - an option each
    file: File,
    /,
    *,
    mapped: Columns = None,
    constants: Constants = None,
    assume_utc: AssumeUtc = False,
    series: Series = None,
    dsn: Dsn = None,
) -> int:
    """Load trades from a CSV file with a header, plain or gzipped.

    ```text
    quantdb load trades tape.csv.gz
    quantdb load trades fills.csv --map price=px --set venue=XNAS
    quantdb load trades fills.csv --assume-utc --set currency=EUR
    quantdb load trades fills-0308-b.csv --tape fills-0308-b
    ```

    One transaction: a row that cannot be stored exactly is named by its line, and nothing is
    stored. To load a file again stores nothing twice.

    **Columns** are found by name; capitals, blanks and hyphens do not matter.

    | field | its columns |
    |---|---|
    | symbol | symbol, ticker, instrument, pair |
    | side | side, taker_side, aggressor_side: buy or sell, b or s |
    | quantity | quantity, qty, size, amount, volume |
    | price | price, px, trade_price |
    | executed_at | executed_at, ts_utc, timestamp, timestamp_utc, time, time_utc, ts, datetime, date_time, trade_time, exec_time |
    | venue | venue, exchange, mic |
    | venue_trade_id | venue_trade_id, trade_id, tradeid, exec_id, execution_id, tid; may be empty |
    | user_id, strategy | only by these names; may be empty |
    | fee | fee, fees, commission; else 0 |
    | currency | currency, ccy, quote_currency; else USD |
    | id | id, uuid: a UUID; else it is made |

    **Values** are taken as they are written or refused: decimals as text, never through a float;
    times in ISO 8601 with Z or an offset, to the microsecond.

    **Ids.** A trade without an id gets a UUID that the same file gives again: made of venue,
    symbol and venue_trade_id; or, where the venue gives no trade id, of the row's number, venue,
    symbol, executed_at, side, price and quantity, so that prints that are alike stay apart. Such a
    file can be loaded again as it is, or grown at its end.

    **Several files** without trade ids: the same print at the same row of two files is one trade,
    stored once; with a file for each fill, every print stands at row 1. Where two such prints
    are two trades, give each file a name of its own by `--tape NAME`, which is mixed into these
    ids: files of two names keep both prints, a file loaded again by its name stores nothing twice.
    A file that was loaded without a name, or by another, is stored again as new trades.
    """  # noqa: E501 - a row of a table is one line
    if series is not None:
        _refuse_no_name(series)
    job = _Job(file, TRADES, mapped or (), constants or (), dsn)
    return asyncio.run(
        _load(
            job,
            lambda tape, found: TradeReader(tape, found, assume_utc=assume_utc, series=series),
            lambda db, rows: TradeRepo(db).insert_many(rows),
        )
    )


def prices(
    file: File,
    /,
    *,
    mapped: Columns = None,
    constants: Constants = None,
    assume_utc: AssumeUtc = False,
    dsn: Dsn = None,
) -> int:
    """Load price bars from a CSV file with a header, plain or gzipped.

    ```text
    quantdb load prices bars.csv.gz
    quantdb load prices daily.csv --set interval=1d --map close=last
    quantdb load prices minutes.csv --assume-utc --set symbol=AAPL
    ```

    One transaction: a row that cannot be stored exactly is named by its line, and nothing is
    stored. A bar that is there with other values is replaced, and counted as updated.

    **Columns** are found by name; capitals, blanks and hyphens do not matter.

    | field | its columns |
    |---|---|
    | symbol | symbol, ticker, instrument, pair |
    | interval | interval, resolution, timeframe: 1s, 5m, 1h, 1d, 1w, second, minute, hour, daily |
    | start | start, ts_utc, timestamp, timestamp_utc, time, time_utc, ts, datetime, date_time, date, start_time, open_time |
    | open | open, open_price, o |
    | high | high, high_price, h |
    | low | low, low_price, l |
    | close | close, close_price, c |
    | volume | volume, vol, v |

    **Values** are taken as they are written or refused: decimals as text, never through a float;
    times in ISO 8601 with Z or an offset, to the microsecond. The start of a bar of whole days may
    be a date: it is then 00:00 UTC of that day.
    """  # noqa: E501 - a row of a table is one line
    job = _Job(file, PRICES, mapped or (), constants or (), dsn)
    return asyncio.run(
        _load(
            job,
            lambda tape, found: PriceReader(tape, found, assume_utc=assume_utc),
            lambda db, rows: PriceRepo(db).upsert_many(rows),
        )
    )


def _refuse_no_name(series: str) -> None:
    try:
        exact.text(series)
    except exact.Refused as refusal:
        raise Usage(f"--tape: {refusal}") from None
    if not series.strip():
        raise Usage("--tape: must not be blank")


async def _load(
    job: _Job,
    read: Callable[[Tape, Plan], _Reader[M]],
    store: Callable[[Database, AsyncIterable[M]], Awaitable[Ingest]],
) -> int:
    mapped = pairs("--map", job.mapped, job.fields)
    constants = pairs("--set", job.constants, job.fields)
    config = configured(job.dsn, command_timeout=BULK_TIMEOUT)
    with opened_tape(job.file) as tape:
        found = plan(job.fields, tape.header, mapped, constants, tape.name)
        rows = read(tape, found)
        async with opened(config) as pool:
            seconds = clock()
            with progress("reading", tape.size) as tell:
                try:
                    report = await store(pool, _told(rows, tape, tell))
                except (Conflict, InexactValue) as error:
                    if error.row is None:
                        raise
                    raise _placed(error, tape, error.row) from error
            took = seconds()
        _report(tape, report, took)
        facts(out, [("into", named(config)), *_sources(found), *rows.notes()])
    return 0


async def _told(rows: Iterable[M], tape: Tape, tell: Tell) -> AsyncGenerator[M, None]:
    """Pass the rows on, and tell how far they are."""
    for row in rows:
        yield row
        if tape.rows % _EVERY == 0:
            tell(tape.bytes_read, f"{tape.rows:,} rows")
            # As long as the server takes all, nothing else waits, and Ctrl-C would not be heard.
            await asyncio.sleep(0)
    tell(None, f"{tape.rows:,} rows read, now being stored")


def _placed(error: E, tape: Tape, row: int) -> E:
    """Return *error* with the line of the row that it names."""
    placed = copy.copy(error)
    placed.message = f"{tape.name}:{tape.line_of(row)}: {error}"
    return placed


def _report(tape: Tape, report: Ingest, took: float) -> None:
    counts = {
        "rows": tape.rows,
        "inserted": report.inserted,
        "updated": report.updated,
        "existing": report.existing,
    }
    figures(
        out,
        [*counts, "time", "rows/s"],
        [*(f"{count:,}" for count in counts.values()), f"{took:.1f} s", speed(tape.rows, took)],
    )


def _sources(found: Plan) -> list[tuple[str, str]]:
    """Say where each field came from, as the options would."""
    taken = [
        field if found.header[number] == field else f"{field}={shown(found.header[number])}"
        for field, number in found.columns.items()
    ]
    lines = [("columns", ", ".join(taken))]
    if found.constants:
        lines.append(("set", ", ".join(f"{f}={shown(v)}" for f, v in found.constants.items())))
    defaults = [f"{field}={value}" for field, value in found.defaults.items() if value]
    if defaults:
        lines.append(("defaults", f"{', '.join(defaults)} for every row"))
    if found.unused:
        lines.append(("not used", ", ".join(found.unused)))
    return lines
