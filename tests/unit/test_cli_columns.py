"""Columns are found by their names, explicit ones first, and nothing is guessed."""

import re
from collections.abc import Callable

import attrs
import pytest

from quantdb import Price, Trade
from quantdb.cli import load
from quantdb.cli.columns import PRICES, TRADES, Field, Plan, pairs, plan
from quantdb.cli.failures import Failure, Usage

ALL = ["symbol", "side", "quantity", "price", "executed_at", "venue"]


def planned(header: list[str], **given: dict[str, str]) -> Plan:
    return plan(TRADES, header, given.get("mapped", {}), given.get("constants", {}), "f.csv")


def test_the_fields_are_those_of_the_models() -> None:
    assert list(TRADES) == [field.name for field in attrs.fields(Trade)]
    assert list(PRICES) == [field.name for field in attrs.fields(Price)]


@pytest.mark.parametrize(("fields", "command"), [(TRADES, load.trades), (PRICES, load.prices)])
def test_every_name_of_a_column_stands_in_the_help(
    fields: dict[str, Field], command: Callable[..., int]
) -> None:
    documented = set(re.findall(r"\w+", command.__doc__ or ""))

    assert {name for field in fields.values() for name in field.names} <= documented


def test_common_names_are_found_whatever_their_case() -> None:
    header = ["Exchange", "TICKER", "Trade Time", "px", "Size", "taker-side", "Trade ID", "Fees"]

    found = planned(header)

    assert {field: header[number] for field, number in found.columns.items()} == {
        "symbol": "TICKER",
        "side": "taker-side",
        "quantity": "Size",
        "price": "px",
        "executed_at": "Trade Time",
        "venue": "Exchange",
        "venue_trade_id": "Trade ID",
        "fee": "Fees",
    }
    assert found.unused == []
    assert found.defaults == {"user_id": "", "strategy": "", "currency": "USD", "id": ""}


def test_an_explicit_column_is_taken_before_any_other() -> None:
    found = planned([*ALL, "amount", "id"], mapped={"quantity": "amount", "venue_trade_id": "id"})

    assert found.columns["quantity"] == ALL.index("venue") + 1
    assert "id" not in found.columns
    assert "quantity" in found.unused


def test_two_columns_for_one_field_are_both_named() -> None:
    with pytest.raises(Failure, match=r"'size' and 'Qty' could each be quantity"):
        planned(["symbol", "side", "size", "Qty", "price", "time", "venue"])


def test_a_constant_stands_for_a_column_that_is_not_there() -> None:
    found = planned(ALL[:-1], constants={"venue": "XNAS"})

    assert found.constants == {"venue": "XNAS"}
    assert found.source("venue") == "--set"


def test_a_constant_for_a_column_that_is_there_is_refused() -> None:
    with pytest.raises(Failure, match="--set gives venue, and so does the column 'venue'"):
        planned(ALL, constants={"venue": "XNAS"})


def test_a_field_that_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(Failure, match="no column for side, venue; name one by --map side=COLUMN"):
        planned(["symbol", "quantity", "price", "executed_at"])


def test_a_column_that_is_not_there_cannot_be_mapped() -> None:
    with pytest.raises(Failure, match="--map price=px: no such column; the columns are symbol"):
        planned(ALL, mapped={"price": "px"})


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(Failure, match="two columns are named 'price'"):
        planned([*ALL, "price"])


def test_columns_without_a_name_are_not_used() -> None:
    assert planned(["", *ALL, ""]).unused == ["''", "''"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_recognised(separator: str) -> None:
    with pytest.raises(Failure, match="quantdb reads commas"):
        planned([separator.join(ALL)])


def test_a_field_is_mapped_or_set_but_not_both() -> None:
    with pytest.raises(Usage, match="both --map and --set"):
        planned(ALL, mapped={"venue": "venue"}, constants={"venue": "X"})


def test_pairs_are_split_at_the_first_equals_sign() -> None:
    assert pairs("--map", ["price=a=b", "side=s"], TRADES) == {"price": "a=b", "side": "s"}


@pytest.mark.parametrize("given", [["price"], ["price="], ["px=price"], ["price=a", "price=b"]])
def test_what_is_no_pair_is_wrong_usage(given: list[str]) -> None:
    with pytest.raises(Usage, match="--map"):
        pairs("--map", given, TRADES)
