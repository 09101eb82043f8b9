"""Cursors: they come back as they were, and any other is refused."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from quantdb import InexactValue, PoolConfig, PriceRepo, TradeRepo, UserRepo, create_pool
from quantdb.paging import as_limit, opened, paged, sealed

R = TypeVar("R")

MINUTE: Final = timedelta(minutes=1)
# What refuses a cursor needs no database, so nobody opens this pool.
UNOPENED: Final = create_pool(PoolConfig("postgresql:///none?host=/none"))


def loose(call: Callable[..., R]) -> Callable[..., R]:
    """The same, for arguments that type checkers refuse."""
    return call


def refused(cursor: object, *belongs_to: str, keys: int) -> None:
    with pytest.raises(InexactValue, match="no cursor of this list") as caught:
        loose(opened)(cursor, *belongs_to, keys=keys)

    assert caught.value.field == "after"


@given(owner=st.lists(texts(), max_size=3), keys=st.lists(texts(), max_size=4))
def test_a_cursor_comes_back_as_it_was(owner: list[str], keys: list[str]) -> None:
    cursor = sealed(*owner, *keys)

    assert keys == opened(cursor, *owner, keys=len(keys))
    assert cursor.isascii()
    assert not set(cursor) & set(" +/?&#%\"'<>")  # it goes into an address as it is


@given(
    owner=st.tuples(texts(), texts()),
    other=st.tuples(texts(), texts()),
    keys=st.lists(texts(), max_size=3),
)
def test_a_cursor_of_another_list_is_refused(
    owner: tuple[str, str], other: tuple[str, str], keys: list[str]
) -> None:
    if owner != other:
        refused(sealed(*owner, *keys), *other, keys=len(keys))


@given(owner=texts(), keys=st.lists(texts(), max_size=3), more=st.integers(-3, 3))
def test_a_cursor_of_other_keys_is_refused(owner: str, keys: list[str], more: int) -> None:
    if more:
        refused(sealed(owner, *keys), owner, keys=len(keys) + more)


@given(owner=texts(), keys=st.lists(texts(), max_size=3), data=st.data())
def test_a_truncated_cursor_is_refused(owner: str, keys: list[str], data: st.DataObject) -> None:
    cursor = sealed(owner, *keys)
    end = data.draw(st.integers(0, len(cursor) - 1))
    start = data.draw(st.integers(1, len(cursor)))

    refused(cursor[:end], owner, keys=len(keys))
    refused(cursor[start:], owner, keys=len(keys))


@given(
    cursor=texts()
    | st.binary()
    | st.none()
    | st.integers()
    | st.lists(texts())
    | texts().map(lambda text: base64.urlsafe_b64encode(text.encode()).decode())
)
def test_what_is_no_cursor_is_refused(cursor: object) -> None:
    refused(cursor, "trades", "AAPL", keys=2)


@pytest.mark.parametrize(
    "parts",
    [
        {"trades": "AAPL"},
        "trades",
        ["trades"],
        ["trades", "AAPL"],
        ["trades", "AAPL", "1"],
        ["trades", "AAPL", "1", "2", "3"],
        ["trades", ["AAPL"], "1", "2"],
        ["trades", None, "1", "2"],
        None,
        7,
        True,
    ],
)
def test_other_json_is_no_cursor(parts: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()

    refused(cursor, "trades", "AAPL", keys=2)


# Python's base64 skips what is not of its alphabet.
@pytest.mark.parametrize("garbage", ["!", " ", "\n", ".", "é", "=", "%3D"])
def test_a_garbled_cursor_is_refused(garbage: str) -> None:
    cursor = sealed("users", "12")

    for at in (0, 5, len(cursor)):
        refused(cursor[:at] + garbage + cursor[at:], "users", keys=1)


@pytest.mark.parametrize("key", [12, None, True, 1.5, ["12"], {"a": 1}])
def test_a_key_that_is_no_text_is_refused(key: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["users", key]).encode()).decode()

    refused(cursor, "users", keys=1)


# json.loads raises RecursionError for these.
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_cursor_that_is_nested_without_end_is_refused(opening: str) -> None:
    cursor = base64.urlsafe_b64encode((opening * 100_000).encode()).decode()

    refused(cursor, "users", keys=1)


# Cursors come from clients of a web server, which must tell their mistakes from its own.
@pytest.mark.parametrize(
    "keys",
    [
        ("yesterday", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("2024-07-01T12:00:00+00:00", "no-uuid"),
        ("2024-07-01T12:00:00+00:00", ""),
        ("", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ],
)
async def test_a_forged_cursor_of_trades_is_refused(keys: tuple[str, str]) -> None:
    with pytest.raises(InexactValue, match="after"):
        await TradeRepo(UNOPENED).page("AAPL", after=sealed("trades", "AAPL", *keys))


@pytest.mark.parametrize("key", ["yesterday", "", "2024-13-01", "2024-07-01"])
async def test_a_forged_cursor_of_prices_is_refused(key: str) -> None:
    cursor = sealed("prices", "AAPL", str(MINUTE), key)

    with pytest.raises(InexactValue, match="after"):
        await PriceRepo(UNOPENED).page("AAPL", MINUTE, after=cursor)


@pytest.mark.parametrize("key", ["x", "", "1.5", "1e3", "0x10", "9223372036854775808"])
async def test_a_forged_cursor_of_users_is_refused(key: str) -> None:
    with pytest.raises(InexactValue, match="after"):
        await UserRepo(UNOPENED).page(after=sealed("users", key))


@given(symbol=texts(), other=texts())
async def test_a_cursor_of_another_symbol_or_interval_is_refused(symbol: str, other: str) -> None:
    at = datetime(2024, 7, 1, tzinfo=UTC).isoformat()
    if symbol != other:
        trades = sealed("trades", other, at, "id")
        with pytest.raises(InexactValue, match="after"):
            await TradeRepo(UNOPENED).page(symbol, after=trades)
        prices = sealed("prices", other, str(MINUTE), at)
        with pytest.raises(InexactValue, match="after"):
            await PriceRepo(UNOPENED).page(symbol, MINUTE, after=prices)
    minutes = sealed("prices", symbol, str(MINUTE), at)
    with pytest.raises(InexactValue, match="after"):
        await PriceRepo(UNOPENED).page(symbol, MINUTE * 2, after=minutes)


# Pages.


@given(rows=st.lists(st.integers(), max_size=12), limit=st.integers(1, 12))
def test_a_page_ends_where_its_limit_is_and_says_whether_more_follows(
    rows: list[int], limit: int
) -> None:
    page = paged(rows[: limit + 1], limit, str)

    assert rows[:limit] == page.items
    assert page.next == (str(rows[limit - 1]) if len(rows) > limit else None)


@given(rows=st.lists(st.integers(), unique=True), limit=st.integers(1, 5))
def test_the_pages_of_a_list_are_the_list(rows: list[int], limit: int) -> None:
    seen: list[int] = []
    after: str | None = None
    while True:
        start = 0 if after is None else rows.index(int(opened(after, "list", keys=1)[0])) + 1
        page = paged(rows[start : start + limit + 1], limit, lambda row: sealed("list", str(row)))
        seen += page.items
        if page.next is None:
            break
        after = page.next

    assert rows == seen


@given(limit=st.integers(1, 2**31))
def test_a_limit_is_a_whole_number_from_one(limit: int) -> None:
    assert limit == as_limit(limit)


@pytest.mark.parametrize("limit", [0, -1, -(2**63), 2**63, True, 1.0, "10", None])
def test_any_other_limit_is_refused(limit: object) -> None:
    with pytest.raises(InexactValue, match="limit") as caught:
        loose(as_limit)(limit)

    assert caught.value.field == "limit"


# A page asks for one row more.
async def test_the_greatest_limit_is_refused_by_its_name() -> None:
    with pytest.raises(InexactValue, match="limit"):
        as_limit(2**63 - 1)
