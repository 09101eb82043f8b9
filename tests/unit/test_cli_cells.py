"""A value that is written as a cell is read back as it was; what is no value is refused."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import decimals, instants

from quantdb.cli import cells
from quantdb.exact import Refused
from quantdb.sameness import same

read_instant = cells.instant()
SPANS = st.timedeltas(timedelta(microseconds=1), timedelta(days=4_000_000))


@given(decimals())
def test_a_decimal_is_written_digit_by_digit_and_read_back(value: Decimal) -> None:
    cell = cells.written(value)

    assert "e" not in cell.lower()
    assert same(value, cells.decimal(cell))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0.10", "0.10"),
        ("-1.5", "-1.5"),
        ("+7", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1E+3"),
        ("1.25E-7", "1.25E-7"),
        ("00.1", "0.1"),
    ],
)
def test_a_decimal_keeps_its_scale(cell: str, value: str) -> None:
    assert str(cells.decimal(cell)) == value


@pytest.mark.parametrize(
    "cell",
    [
        *("", " 1", "1 ", "1\n", "NaN", "sNaN", "inf", "-Infinity", "1_000", "1,000", "0x1"),
        *("١", "½", ".", "+", "-", "1e", "e5", "1.2.3", "--1"),
        *("1e9999999999", "1e999999999", "1e-99999"),
    ],
)
def test_what_is_no_plain_decimal_is_refused(cell: str) -> None:
    with pytest.raises(Refused):
        cells.decimal(cell)


@given(instants())
def test_an_instant_is_written_in_utc_and_read_back(value: datetime) -> None:
    cell = cells.written(value)

    assert cell.endswith("Z")
    assert same(value, read_instant(cell))


@pytest.mark.parametrize(
    "cell",
    [
        "2024-03-10T12:00:00Z",
        "2024-03-10T12:00:00.000000Z",
        "2024-03-10T12:00:00.000000000Z",
        "2024-03-10 12:00:00+00",
        "2024-03-10 12:00:00 +00:00",
        "2024-03-10T12:00:00 Z",
        "2024-03-10T13:00:00+01:00",
        "2024-03-10T07:00:00-0500",
        "2024-03-10T12:00Z",
    ],
)
def test_noon_can_be_written_in_several_ways(cell: str) -> None:
    assert read_instant(cell) == datetime(2024, 3, 10, 12, tzinfo=UTC)
    assert read_instant(cell).tzinfo is UTC


def test_a_fraction_of_any_length_up_to_microseconds_is_read() -> None:
    for digits in range(1, 7):
        cell = f"2024-03-10T12:00:00.{'1' * digits}Z"
        assert read_instant(cell).microsecond == int("1" * digits + "0" * (6 - digits))


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "ISO 8601"),
        ("1618677616732", "ISO 8601"),
        ("10/03/2024 12:00:00", "ISO 8601"),
        ("20240310T120000Z", "ISO 8601"),
        ("2024-W10-7", "ISO 8601"),
        ("2024-03-10T12:00:00Z ", "ISO 8601"),
        ("２０２４-03-10T12:00:00Z", "ISO 8601"),
        ("2024-03-10T12:00:00", "zone"),
        ("2024-03-10", "without a time"),
        ("2024-02-30T12:00:00Z", "is no time"),
        ("2024-03-10T12:00:60Z", "is no time"),
        ("2024-03-10T12:00:00+99", "is no time"),
        ("0000-01-01T00:00:00Z", "is no time"),
        ("0001-01-01T00:00:00+01:00", "years 1 to 9999"),
        ("2024-03-10T12:00:00.1234567Z", "finer than a microsecond"),
        ("2024-03-10T12:00:00.0000000001Z", "finer than a microsecond"),
    ],
)
def test_what_is_no_instant_is_refused(cell: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read_instant(cell)


def test_a_time_without_a_zone_is_utc_only_when_that_is_said() -> None:
    assert cells.instant(assume_utc=True)("2024-03-10 12:00:00.5") == datetime(
        2024, 3, 10, 12, 0, 0, 500_000, tzinfo=UTC
    )
    east = timezone(timedelta(hours=1))
    assert cells.instant(assume_utc=True)("2024-03-10T12:00:00+01:00") == datetime(
        2024, 3, 10, 12, tzinfo=east
    )


def test_a_date_is_the_first_instant_of_its_day_only_where_dates_are_taken() -> None:
    assert cells.instant(dates=True)("2024-03-10") == datetime(2024, 3, 10, tzinfo=UTC)
    with pytest.raises(Refused, match="without a time"):
        cells.instant(assume_utc=True)("2024-03-10")


@given(SPANS)
def test_an_interval_is_written_and_read_back(value: timedelta) -> None:
    assert cells.interval(cells.written(value)) == value


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        *(("1s", 1), ("5m", 300), ("1h", 3600), ("1d", 86400), ("1w", 604800), ("15 min", 900)),
        *(("second", 1), ("minute", 60), ("hour", 3600), ("hourly", 3600), ("daily", 86400)),
        *(("Daily", 86400), ("250ms", 0.25), ("60S", 60), ("day", 86400), ("weekly", 604800)),
    ],
)
def test_intervals_go_by_their_common_names(cell: str, seconds: float) -> None:
    assert cells.interval(cell) == timedelta(seconds=seconds)


@pytest.mark.parametrize("cell", ["1M", "M", "1mo", "monthly", "1y", "", "5", "-1h", "1.5h", "1h "])
def test_what_has_no_length_is_no_interval(cell: str) -> None:
    with pytest.raises(Refused):
        cells.interval(cell)


def test_an_interval_that_is_too_long_is_refused() -> None:
    with pytest.raises(Refused, match="too long"):
        cells.interval("9999999999999w")


@pytest.mark.parametrize("cell", ["buy", "BUY", "Buy", "b", "B"])
def test_a_buy_is_known_whatever_its_case(cell: str) -> None:
    assert cells.side(cell) == "buy"


@pytest.mark.parametrize("cell", ["", "bid", "long", "1", " buy", "sel"])
def test_no_side_is_guessed(cell: str) -> None:
    with pytest.raises(Refused):
        cells.side(cell)


def test_a_uuid_is_read_in_its_usual_form_only() -> None:
    assert cells.uuid("0178E0B6-cf5e-7e27-bbff-46f567a6138b") == UUID(
        "0178e0b6-cf5e-7e27-bbff-46f567a6138b"
    )
    for cell in (
        "12",
        "0178e0b6cf5e7e27bbff46f567a6138b",
        "{0178e0b6-cf5e-7e27-bbff-46f567a6138b}",
    ):
        with pytest.raises(Refused, match="--map venue_trade_id"):
            cells.uuid(cell)


@pytest.mark.parametrize("cell", ["", "1.0", "1_0", " 1", "1e3", "१"])
def test_what_is_no_whole_number_is_refused(cell: str) -> None:
    with pytest.raises(Refused):
        cells.whole(cell)


def test_none_is_an_empty_cell() -> None:
    assert cells.written(None) == ""
