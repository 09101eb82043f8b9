"""From the records of a tape to models."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Generic, TypeVar
from uuid import UUID

from quantdb import exact
from quantdb.cli import cells
from quantdb.cli.cells import Read
from quantdb.cli.columns import Plan, shown
from quantdb.cli.failures import Usage
from quantdb.cli.identity import id_of_row, id_of_venue_trade
from quantdb.cli.tape import Tape
from quantdb.errors import InexactValue
from quantdb.models import Price, Trade

__all__ = ["PriceReader", "TradeReader"]

M = TypeVar("M")

_DAY: Final = timedelta(days=1)
_VENUES_NAMED: Final = 5
_NO_ZONE: Final = "if it is UTC, say --assume-utc"


class _Values(Generic[M]):
    """The values of each record, by field; what a file leaves to a default is absent.

    Raises:
        Usage: A constant is no value of its field.
    """

    def __init__(self, plan: Plan, reads: Mapping[str, Read], model: Callable[..., M]) -> None:
        self._model = model
        self._columns = [
            (field, number, reads.get(field, cells.text), field in plan.optional)
            for field, number in plan.columns.items()
        ]
        try:
            self._constants = {
                field: _read(field, reads.get(field, exact.text), text)
                for field, text in plan.constants.items()
            }
        except InexactValue as error:
            raise Usage(f"--set {error}") from None

    def of(self, record: Sequence[str]) -> dict[str, object]:
        values = self._constants.copy()
        for field, number, read, optional in self._columns:
            cell = record[number]
            if cell:
                values[field] = _read(field, read, cell)
            elif not optional:
                raise InexactValue(f"{field}: is empty", field)
        return values

    def made(self, values: Mapping[str, object]) -> M:
        return self._model(**values)


def _read(field: str, read: Read, cell: str) -> object:
    try:
        return read(cell)
    except exact.Refused as refusal:
        given = exact.shown(cell).removesuffix(" (str)")
        raise InexactValue(f"{field}: {refusal}; got {given}", field) from None


def _placed(error: InexactValue, tape: Tape, plan: Plan) -> InexactValue:
    """Return *error* with the place in the file that is at fault."""
    where = f"{tape.name}:{tape.line}: {error} ({plan.source(error.field)}); nothing was stored"
    return InexactValue(where, error.field)


class TradeReader:
    """Makes the trades of a tape.

    A trade without an id gets one that the same file gives again: `identity`.

    Args:
        tape: The file.
        plan: Where each field comes from.
        assume_utc: Whether a time without a zone is in UTC; else it is refused.
        series: The name of the tape, which keeps its ids apart from those of other tapes.
    """

    def __init__(
        self, tape: Tape, plan: Plan, *, assume_utc: bool, series: str | None = None
    ) -> None:
        self._tape = tape
        self._plan = plan
        self._series = series
        self._values = _Values(
            plan,
            {
                "side": cells.side,
                "quantity": cells.decimal,
                "price": cells.decimal,
                "executed_at": cells.instant(assume_utc=assume_utc, advice=_NO_ZONE),
                "user_id": cells.whole,
                "fee": cells.decimal,
                "id": cells.uuid,
            },
            Trade,
        )
        self._by_venue_id = 0
        self._by_row: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Trade]:
        """Give each trade.

        Raises:
            InexactValue: A cell is no value of its field; file, line and column are named.
            Failure: The file is not what a tape must be.
        """
        for record in self._tape:
            try:
                values = self._values.of(record)
                if "id" not in values:
                    values["id"] = self._made_id(values)
                yield self._values.made(values)
            except InexactValue as error:
                raise _placed(error, self._tape, self._plan) from None

    def notes(self) -> list[tuple[str, str]]:
        """Return what a person should know of the ids, as titles and sentences."""
        made: list[str] = []
        if self._by_venue_id:
            made.append(f"{self._by_venue_id:,} made of venue, symbol and venue_trade_id.")
        if self._by_row:
            named = [shown(venue) for venue, _rows in self._by_row.most_common(_VENUES_NAMED)]
            more = ", …" if len(self._by_row) > len(named) else ""
            count = len(self._by_row)
            venues = "1 venue gives" if count == 1 else f"{count} venues give"
            if self._series is None:
                what = "the row's number and values"
                so = (
                    ". The same print at the same row of another file is taken for this one: to "
                    "keep both, give each file a --tape NAME of its own from its first load on."
                )
            else:
                what = f"the name of the tape ({shown(self._series)}), the row's number and values"
                so = ", and always as this --tape."
            made.append(
                f"{self._by_row.total():,} made of {what}, because {venues} "
                f"no trade id ({', '.join(named)}{more}): load this file again as it is or grown "
                f"at its end, but never cut at its start{so}"
            )
        return [("ids", " ".join(made))] if made else []

    def _made_id(self, values: Mapping[str, object]) -> UUID:
        match values:
            case {
                "venue": str() as venue,
                "symbol": str() as symbol,
                "venue_trade_id": str() as venue_trade_id,
                "executed_at": datetime() as executed_at,
            }:
                self._by_venue_id += 1
                return id_of_venue_trade(venue, symbol, venue_trade_id, executed_at)
            case {
                "venue": str() as venue,
                "symbol": str() as symbol,
                "executed_at": datetime() as executed_at,
                "side": str() as side,
                "price": Decimal() as price,
                "quantity": Decimal() as quantity,
            }:
                self._by_row[venue] += 1
                return id_of_row(
                    self._tape.rows,
                    venue,
                    symbol,
                    executed_at,
                    side,
                    price,
                    quantity,
                    self._series,
                )
            case _:
                raise AssertionError(f"a plan without {values}")


class PriceReader:
    """Makes the price bars of a tape.

    Args:
        tape: The file.
        plan: Where each field comes from.
        assume_utc: Whether a time without a zone is in UTC; else it is refused.
    """

    def __init__(self, tape: Tape, plan: Plan, *, assume_utc: bool) -> None:
        self._tape = tape
        self._plan = plan
        self._values = _Values(
            plan,
            {
                "interval": cells.interval,
                "start": cells.instant(assume_utc=assume_utc, dates=True, advice=_NO_ZONE),
                **dict.fromkeys(("open", "high", "low", "close", "volume"), cells.decimal),
            },
            Price,
        )
        self._start = plan.columns.get("start")
        self._dates = 0

    def __iter__(self) -> Iterator[Price]:
        """Give each bar.

        Raises:
            InexactValue: A cell is no value of its field; file, line and column are named.
            Failure: The file is not what a tape must be.
        """
        for record in self._tape:
            try:
                values = self._values.of(record)
                if self._start is not None and cells.is_date(record[self._start]):
                    self._count_date(values["interval"])
                yield self._values.made(values)
            except InexactValue as error:
                raise _placed(error, self._tape, self._plan) from None

    def notes(self) -> list[tuple[str, str]]:
        """Return what a person should know of the times, as titles and sentences."""
        if not self._dates:
            return []
        return [("dates", f"{self._dates:,} bars start on a date: taken as 00:00 UTC of that day.")]

    def _count_date(self, interval: object) -> None:
        if isinstance(interval, timedelta) and interval % _DAY:
            raise InexactValue(
                "start: is a date without a time, for a bar of less than days", "start"
            )
        self._dates += 1
