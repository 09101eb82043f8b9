"""Records become models, exactly, and the same file gives the same ids again."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import prices, trades

from quantdb import InexactValue, Price, Trade
from quantdb.cli import cells
from quantdb.cli.columns import PRICES, TRADES, plan
from quantdb.cli.failures import Usage
from quantdb.cli.identity import id_of_row, id_of_venue_trade
from quantdb.cli.readers import PriceReader, TradeReader
from quantdb.cli.tape import opened_tape

HEADER = "symbol,side,price,size,time,venue,trade_id"
PRINT = "SPY,buy,510.01,100,2024-03-08T14:30:00.000001Z,XNAS,"
NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)


def read_trades(
    file: Path,
    lines: list[str],
    *,
    assume_utc: bool = False,
    series: str | None = None,
    **constants: str,
) -> tuple[list[Trade], list[tuple[str, str]]]:
    file.write_text("\n".join(lines), "utf-8")
    with opened_tape(str(file)) as tape:
        found = plan(TRADES, tape.header, {}, constants, tape.name)
        reader = TradeReader(tape, found, assume_utc=assume_utc, series=series)
        return list(reader), reader.notes()


def read_prices(
    file: Path, lines: list[str], **constants: str
) -> tuple[list[Price], list[tuple[str, str]]]:
    file.write_text("\n".join(lines), "utf-8")
    with opened_tape(str(file)) as tape:
        found = plan(PRICES, tape.header, {}, constants, tape.name)
        reader = PriceReader(tape, found, assume_utc=False)
        return list(reader), reader.notes()


def csv_of(model: type[Trade] | type[Price], rows: list[Trade] | list[Price]) -> Iterator[str]:
    names = [field.name for field in attrs.fields(model)]
    yield ",".join(names)
    for row in rows:
        yield ",".join(cells.written(getattr(row, name)) for name in names)


@given(st.lists(trades(), min_size=1, max_size=4))
def test_trades_that_are_written_are_read_back(rows: list[Trade]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read_trades(Path(folder, "f"), list(csv_of(Trade, rows))) == (rows, [])


@given(st.lists(prices(), min_size=1, max_size=4))
def test_prices_that_are_written_are_read_back(rows: list[Price]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read_prices(Path(folder, "f"), list(csv_of(Price, rows))) == (rows, [])


def test_prints_that_are_alike_get_ids_of_their_own(tmp_path: Path) -> None:
    rows, notes = read_trades(tmp_path / "f", [HEADER, *[PRINT] * 50])

    assert len({trade.id for trade in rows}) == 50
    assert len({attrs.evolve(trade, id=UUID(int=0)) for trade in rows}) == 1
    [(title, note)] = notes
    assert title == "ids"
    assert note.startswith(
        "50 made of the row's number and values, because 1 venue gives no trade id (XNAS): "
    )


def test_a_file_that_has_grown_gives_its_old_rows_their_old_ids(tmp_path: Path) -> None:
    short, _notes = read_trades(tmp_path / "f", [HEADER, PRINT, PRINT])
    # The way that a value is written is not the value.
    again = PRINT.replace("510.01,100", "510.010,1.00E+2").replace("Z", "+00:00")
    grown, _notes = read_trades(tmp_path / "f", [HEADER, PRINT, again, "", PRINT])

    assert [trade.id for trade in short] == [trade.id for trade in grown][:2]


def test_files_of_two_names_keep_a_print_that_they_share(tmp_path: Path) -> None:
    lines = [HEADER, PRINT, PRINT + "77"]
    nameless, [(_ids, note)] = read_trades(tmp_path / "f", lines)
    a, [(_ids, named)] = read_trades(tmp_path / "f", lines, series="a")
    b, _notes = read_trades(tmp_path / "g", lines, series="b")
    again, _notes = read_trades(tmp_path / "h", lines, series="a")

    assert a == again
    assert len({nameless[0].id, a[0].id, b[0].id}) == 3
    assert len({nameless[1].id, a[1].id, b[1].id}) == 1
    assert "The same print at the same row of another file is taken for this one" in note
    assert "--tape NAME" in note
    assert "made of the name of the tape (a), the row's number and values" in named
    assert named.endswith("and always as this --tape.")


def test_a_trade_that_its_venue_numbers_has_the_same_id_wherever_it_stands(tmp_path: Path) -> None:
    first, notes = read_trades(tmp_path / "f", [HEADER, PRINT, PRINT + "77"])
    second, _notes = read_trades(tmp_path / "f", [HEADER, PRINT + "77"])

    assert first[1] == second[0]
    assert notes[0][1].startswith("1 made of venue, symbol and venue_trade_id. 1 made of")


def test_the_ids_are_what_they_have_always_been() -> None:
    """They are in people's databases: another id for the same row would store it twice."""
    assert id_of_venue_trade("XNAS", "SPY", "77", NOON) == UUID(
        "018e283b-ee00-7751-af06-d0cfc8360d69"
    )
    assert id_of_row(3, "XNAS", "SPY", NOON, "buy", Decimal("510.010"), Decimal("1E+2")) == UUID(
        "018e283b-ee00-74fc-95bd-e1fffc2358e7"
    )
    assert id_of_row(
        3, "XNAS", "SPY", NOON, "buy", Decimal("510.010"), Decimal("1E+2"), "fills-b"
    ) == UUID("018e283b-ee00-7550-a96d-b6929cbf1ddb")


@pytest.mark.parametrize(
    "at",
    [
        NOON,
        NOON.replace(microsecond=999_999),
        datetime(1969, 1, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_an_id_is_a_uuid_of_version_7_that_begins_with_its_time(at: datetime) -> None:
    made = id_of_venue_trade("XNAS", "SPY", "77", at)

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    milliseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert made.int >> 80 == max(milliseconds, 0)


def test_no_two_trades_share_the_text_of_their_id() -> None:
    assert id_of_venue_trade("A", "BC", "D", NOON) != id_of_venue_trade("AB", "C", "D", NOON)
    one = Decimal(1)
    others = [
        id_of_row(1, "X", "S", NOON, "buy", one, one),
        id_of_row(2, "X", "S", NOON, "buy", one, one),
        id_of_row(1, "Y", "S", NOON, "buy", one, one),
        id_of_row(1, "X", "T", NOON, "buy", one, one),
        id_of_row(1, "X", "S", NOON + timedelta(microseconds=1), "buy", one, one),
        id_of_row(1, "X", "S", NOON, "sell", one, one),
        id_of_row(1, "X", "S", NOON, "buy", -one, one),
        id_of_row(1, "X", "S", NOON, "buy", one, 10 * one),
        id_of_row(1, "X", "S", NOON, "buy", 10 * one, one),
        id_of_row(1, "X", "S", NOON, "buy", one, one, "X"),
        id_of_row(1, "X", "S", NOON, "buy", one, one, "1"),
    ]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    ("equal", "other"),
    [("1.10", "1.1"), ("100", "1E+2"), ("-0", "0"), ("0.000", "0"), ("1E-3", "0.001")],
)
def test_equal_numbers_give_the_same_id(equal: str, other: str) -> None:
    def made(price: str) -> UUID:
        return id_of_row(1, "X", "S", NOON, "buy", Decimal(price), Decimal(1))

    assert made(equal) == made(other)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            "SPY,buy,x,1,2024-03-10T12:00:00Z,X,",
            "price: is no plain decimal number; got 'x' (column 'price')",
        ),
        ("SPY,buy,1,0,2024-03-10T12:00:00Z,X,", "quantity: must be greater than zero"),
        ("SPY,buy,1,,2024-03-10T12:00:00Z,X,", "quantity: is empty (column 'size')"),
        (
            "SPY,buy,1,1,2024-03-10T12:00:00,X,",
            "executed_at: has no zone; if it is UTC, say --assume-utc",
        ),
        ("SPY,buy,1,1,2024-03-10,X,", "executed_at: is a date without a time"),
        (" ,buy,1,1,2024-03-10T12:00:00Z,X,", "symbol: must not be blank"),
        ("S\x1bY,up,1,1,2024-03-10T12:00:00Z,X,", "side: is neither buy"),
    ],
)
def test_a_bad_cell_is_named_with_file_line_field_and_column(
    tmp_path: Path, bad: str, said: str
) -> None:
    file = tmp_path / "f.csv"
    with pytest.raises(InexactValue) as caught:
        read_trades(file, [HEADER, '"S\nP\nY"' + PRINT[3:], bad])

    assert str(caught.value).startswith(f"{file}:5: {said}")
    assert str(caught.value).endswith("nothing was stored")
    assert caught.value.field in said


def test_optional_cells_may_be_empty(tmp_path: Path) -> None:
    header = f"{HEADER},user_id,strategy,fee,currency,id"

    [trade], _notes = read_trades(tmp_path / "f", [header, f"{PRINT},,,,,"])

    assert (trade.venue_trade_id, trade.user_id, trade.strategy) == (None, None, None)
    assert (trade.fee, trade.currency) == (Decimal(0), "USD")


def test_times_without_a_zone_are_taken_as_utc_when_asked(tmp_path: Path) -> None:
    [trade], _notes = read_trades(
        tmp_path / "f", [HEADER, PRINT.replace("Z,", ",")], assume_utc=True
    )

    assert trade.executed_at == datetime(2024, 3, 8, 14, 30, 0, 1, tzinfo=UTC)


def test_a_constant_that_is_no_value_of_its_field_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="--set fee: is no plain decimal number; got 'much'"):
        read_trades(tmp_path / "f", [HEADER, PRINT], fee="much")
    with pytest.raises(Usage, match="--set currency: has a lone surrogate"):
        read_trades(tmp_path / "f", [HEADER, PRINT], currency="\udcff")


BARS = "symbol,resolution,date,open,high,low,close,volume"


def test_a_daily_bar_may_start_on_a_date_and_that_is_said(tmp_path: Path) -> None:
    [bar], notes = read_prices(tmp_path / "f", [BARS, "SPY,daily,2024-03-08,1,2,0.5,1.50,0"])

    assert bar.start == datetime(2024, 3, 8, tzinfo=UTC)
    assert (bar.interval, str(bar.close)) == (timedelta(days=1), "1.50")
    assert notes == [("dates", "1 bars start on a date: taken as 00:00 UTC of that day.")]


def test_a_shorter_bar_needs_a_time(tmp_path: Path) -> None:
    with pytest.raises(InexactValue, match="start: is a date without a time"):
        read_prices(tmp_path / "f", [BARS, "SPY,1h,2024-03-08,1,2,0.5,1.50,0"])


def test_the_interval_of_every_bar_may_be_a_constant(tmp_path: Path) -> None:
    lines = [BARS.replace("resolution,", ""), "SPY,2024-03-08T14:30:00Z,1,2,0.5,1.5,0"]

    [bar], notes = read_prices(tmp_path / "f", lines, interval="5m")

    assert bar.interval == timedelta(minutes=5)
    assert notes == []


def test_a_bar_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InexactValue, match=r":2: close: must lie between low .* \(column 'close'\)"
    ):
        read_prices(tmp_path / "f", [BARS, "SPY,1d,2024-03-08,1,2,0.5,3,0"])
