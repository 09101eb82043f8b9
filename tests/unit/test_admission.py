"""Arguments are let in all in one go as their rules let them in one by one."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from functools import partial
from typing import Final
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from quantdb import exact
from quantdb.admission import GLANCES, admitting

KEY: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Text(str):
    __slots__ = ()


class Money(Decimal):
    __slots__ = ()


class Day(date):
    pass


class Small(IntEnum):
    ONE = 1


ODD: Final[list[object]] = [
    *(2**15 - 1, -(2**15), 2**15, -(2**15) - 1, datetime(2024, 1, 1, fold=1)),  # noqa: DTZ001
    *(True, False, 0, 1, -(2**31), 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 2**63),
    *(Small.ONE, 0.0, -0.0, 1.5, float("nan"), float("inf"), 10**400),
    *("", "a", "a\0b", "é", "\ud800", Text("a"), b"a", bytearray(b"a")),
    *(Decimal(0), Decimal("-0"), Decimal("1E+3"), Decimal("1E-16383"), Decimal("1E-16384")),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1E+131071"), Money("1.5")),
    *(Decimal("1E+131072"), Decimal("0E+7999"), Decimal("0E-99999"), Decimal("1." + "1" * 9_000)),
    *(date(2024, 1, 1), Day(2024, 1, 1), datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
    *(datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5))), datetime.max.replace(tzinfo=UTC)),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
    *(timedelta(1), timedelta.max, KEY, pgproto.UUID(str(KEY)), str(KEY)),
    *([1], (1,), {"a": 1}, object, None),
]
VALUES: Final = st.sampled_from(ODD) | st.one_of(
    st.integers(),
    st.decimals(),
    st.text(),
    st.floats(),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.uuids(),
)
RULES: Final[list[exact.Rule]] = [
    *GLANCES,
    exact.time_of_day,
    exact.time_with_offset,
    exact.anything,
    exact.whole_within(0, 9),
]


def outcome(rule: exact.Rule, value: object) -> object:
    """Return what is sent for a value, and its type, or why it is refused."""
    if value is None:
        return None
    try:
        sent = rule(value)
    except exact.Refused as refusal:
        return str(refusal)
    return type(sent), repr(sent)


def at_once(rule: exact.Rule, value: object) -> object:
    """Return the same by what was compiled for the rule."""
    try:
        (sent,) = admitting((rule,))([value])
    except exact.Refused as refusal:
        return str(refusal)
    return None if sent is None else (type(sent), repr(sent))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_whatever_is_odd_is_let_in_or_refused_as_its_rule_does(rule: exact.Rule) -> None:
    assert [outcome(rule, value) for value in ODD] == [at_once(rule, value) for value in ODD]


@given(rule=st.sampled_from(RULES), value=VALUES)
def test_any_value_is_let_in_or_refused_as_its_rule_does(rule: exact.Rule, value: object) -> None:
    assert outcome(rule, value) == at_once(rule, value)


@pytest.mark.parametrize(
    ("rule", "usual"),
    [
        (exact.boolean, True),
        (exact.calendar_date, date(2024, 1, 1)),
        (exact.duration, timedelta(1)),
        (exact.instant, datetime(2024, 1, 1, tzinfo=UTC)),
        (exact.integer, 7),
        (exact.numeric, Decimal("101.25")),
        (exact.double, 1.5),
        (exact.integer16, 7),
        (exact.integer32, 7),
        (exact.naive_datetime, datetime(2024, 1, 1)),  # noqa: DTZ001
        (exact.text, "AAPL"),
        (exact.uuid, KEY),
    ],
)
def test_a_usual_value_is_let_in_at_a_glance(rule: exact.Rule, usual: object) -> None:
    assert rule in GLANCES
    names: dict[str, object] = {"Decimal": Decimal, "UUID": UUID, "date": date}
    names |= {"datetime": datetime, "timedelta": timedelta, "UTC": UTC, "value": usual}

    assert eval(GLANCES[rule].format("value"), names) is True
    assert rule(usual) is usual


@given(st.data())
def test_many_arguments_are_let_in_in_their_order(data: st.DataObject) -> None:
    rules = tuple(data.draw(st.lists(st.sampled_from(RULES), max_size=20)))
    values = [data.draw(VALUES) for _rule in rules]
    one_by_one = [outcome(rule, value) for rule, value in zip(rules, values, strict=True)]

    if any(isinstance(one, str) for one in one_by_one):
        with pytest.raises(exact.Refused):
            admitting(rules)(values)
        return
    sent = admitting(rules)(values)

    assert one_by_one == [None if one is None else (type(one), repr(one)) for one in sent]


def test_rules_that_are_made_anew_are_not_compiled_anew() -> None:
    def narrowed(value: object) -> object:
        if value == "z":
            raise exact.Refused("no z")
        return value

    for _ in range(3):
        admit = admitting((exact.text, partial(narrowed)))
        assert admit(["a", "b"]) == ["a", "b"]
        with pytest.raises(exact.Refused, match="no z"):
            admit(["a", "z"])

    codes = {admitting((exact.text, lambda value: value)).__code__ for _ in range(3)}
    assert len(codes) == 1


@pytest.mark.parametrize("count", [0, 1, 100, 101, 2_000])
def test_any_number_of_arguments_is_let_in(count: int) -> None:
    admit = admitting((exact.text,) * count)

    assert admit(["a"] * count) == ["a"] * count
    assert admit([None] * count) == [None] * count
    if count:
        with pytest.raises(exact.Refused, match="must be a str"):
            admit([*["a"] * (count - 1), 7])


def test_no_other_number_of_arguments_is_let_in() -> None:
    admit = admitting((exact.text, exact.uuid))

    for arguments in ([], ["a"], ["a", KEY, "b"]):
        with pytest.raises(ValueError, match="unpack"):
            admit(arguments)
