"""What is told at once to be the same is the same, looked at closely."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from quantdb.sameness import at_once_the_same, same

KEY: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
NEW_YORK: Final = ZoneInfo("America/New_York")
TWICE: Final = datetime(2024, 11, 3, 1, 30, tzinfo=NEW_YORK)  # when the clock is put back


class Text(str):
    __slots__ = ()


# Of each kind some that are equal, or look it.
ALIKE: Final[list[object]] = [
    *(
        0,
        0.0,
        -0.0,
        False,
        Decimal(0),
        Decimal("0.00"),
        Decimal("-0"),
        1,
        1.0,
        True,
        Decimal("1.0"),
    ),
    *(float("nan"), "a", Text("a"), b"a", bytearray(b"a"), None, UUID(KEY), pgproto.UUID(KEY)),
    *(date(2024, 1, 1), datetime(2024, 1, 1), timedelta(0), timedelta(1)),  # noqa: DTZ001
    *(TWICE, TWICE.replace(fold=1), TWICE.astimezone(UTC), TWICE.replace(fold=1).astimezone(UTC)),
    *([1], [True], [1.0], (1,), {"a": 1}, {"a": True}, {"a": [0]}, {"a": [False]}, [], {}, ()),
]
ROWS: Final = st.lists(st.tuples(st.sampled_from(ALIKE), st.sampled_from(ALIKE)), max_size=4)


@given(pairs=ROWS)
def test_what_is_told_at_once_is_so_looked_at_closely(pairs: list[tuple[object, object]]) -> None:
    sent, stored = [one for one, _ in pairs], [other for _, other in pairs]

    if at_once_the_same(sent, stored, zoned=True):
        assert all(map(same, sent, stored))


@pytest.mark.parametrize("sent", ALIKE, ids=repr)
def test_each_pair_is_told_at_once_only_if_it_is_the_same(sent: object) -> None:
    told = [stored for stored in ALIKE if at_once_the_same([sent], [stored], zoned=True)]

    assert all(same(sent, stored) for stored in told)


@pytest.mark.parametrize(
    "value",
    [
        "a",
        1,
        1.5,
        True,
        None,
        Decimal("1.5"),
        datetime(2024, 1, 1, tzinfo=UTC),
        [1, "b"],
        {"a": [1]},
    ],
)
def test_a_usual_value_is_told_at_once(value: object) -> None:
    assert at_once_the_same((value,), [value])


def test_rows_of_different_lengths_are_not_the_same() -> None:
    assert not at_once_the_same([1, 2], [1])
    assert not at_once_the_same([], [1])


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    assert TWICE.replace(fold=1) == TWICE
    assert not at_once_the_same([TWICE], [TWICE.replace(fold=1)], zoned=True)
    assert at_once_the_same([TWICE], [TWICE.replace()], zoned=True)
    for fold in (0, 1):  # of those that were sent in UTC, none is taken for the other
        sent = TWICE.replace(fold=fold).astimezone(UTC)
        assert at_once_the_same([sent], [TWICE.astimezone(UTC)]) is not bool(fold)
        assert not at_once_the_same([sent], [TWICE.replace(fold=1 - fold)])
