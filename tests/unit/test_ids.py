"""Made ids are UUIDs of version 7, and the same for ever: they are in people's databases."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantdb.ids import millisecond_of, uuid7_of

milliseconds = st.integers(0, 2**48 - 1)


@given(milliseconds, st.integers(0, 2**74 - 1))
def test_every_bit_that_is_given_is_in_the_id(millisecond: int, bits: int) -> None:
    made = uuid7_of(millisecond, bits)

    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == millisecond
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == bits


@given(milliseconds, st.integers(0))
def test_bits_above_the_74th_do_not_count(millisecond: int, bits: int) -> None:
    assert uuid7_of(millisecond, bits) == uuid7_of(millisecond, bits % 2**74)


@pytest.mark.parametrize(
    ("millisecond", "bits", "made"),
    [
        (0, 0, "00000000-0000-7000-8000-000000000000"),
        (1_710_072_000_000, 2**74 - 1, "018e283b-ee00-7fff-bfff-ffffffffffff"),
        (1_710_072_000_000, 2**62, "018e283b-ee00-7001-8000-000000000000"),
        (2**48 - 1, 1, "ffffffff-ffff-7000-8000-000000000001"),
    ],
)
def test_the_layout_is_that_of_the_rfc(millisecond: int, bits: int, made: str) -> None:
    assert uuid7_of(millisecond, bits) == UUID(made)


def test_a_millisecond_is_counted_from_1970_whatever_the_zone() -> None:
    noon = datetime(2024, 3, 10, 12, 0, 0, 999, tzinfo=UTC)

    assert millisecond_of(noon) == 1_710_072_000_000
    assert millisecond_of(noon.astimezone(timezone(timedelta(hours=9)))) == 1_710_072_000_000
    assert millisecond_of(datetime(1969, 12, 31, tzinfo=UTC)) == 0
    assert millisecond_of(datetime.max.replace(tzinfo=UTC)) == 253_402_300_799_999
