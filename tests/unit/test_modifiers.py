"""What a modifier lets through is what its type keeps unchanged."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantdb import exact
from quantdb.modifiers import within


def scaled(whole: int, exponent: int) -> Decimal:
    return Decimal(whole).scaleb(exponent)


VALUES: Final = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    scaled, st.integers(-(10**12), 10**12), st.integers(-12, 12)
)


def numeric(precision: int, scale: int) -> exact.Rule:
    """Return the rule of ``numeric(precision, scale)``; the form is that of numerictypmodin."""
    return within(exact.numeric, "numeric", (precision << 16 | scale & 0x7FF) + 4)


def fits(value: Decimal, precision: int, scale: int) -> bool:
    """Tell whether a number has no more decimals and no more digits, by its definition."""
    units = Fraction(value) * Fraction(10) ** scale
    return units.denominator == 1 and abs(units) < 10**precision


@given(value=VALUES, precision=st.integers(1, 40), scale=st.integers(-20, 50))
def test_a_number_is_let_in_exactly_if_it_fits(value: Decimal, precision: int, scale: int) -> None:
    rule = numeric(precision, scale)

    if fits(value, precision, scale):
        assert rule(value) is value
    else:
        with pytest.raises(exact.Refused, match=rf"numeric\({precision},{scale}\)"):
            rule(value)


@pytest.mark.parametrize(
    ("value", "precision", "scale", "why"),
    [
        ("1.001", 10, 2, "has more decimals than the 2 of numeric(10,2)"),
        ("99999999.99", 10, 2, ""),
        ("100000000", 10, 2, "has more digits than fit into numeric(10,2)"),
        ("1.500000000", 3, 1, ""),
        ("0.00099", 2, 5, ""),
        ("0.00100", 2, 5, "has more digits than fit into numeric(2,5)"),
        ("99900", 3, -2, ""),
        ("9.999", 3, 2, "has more decimals than the 2 of numeric(3,2)"),
        ("99950", 3, -2, "has more decimals than the -2 of numeric(3,-2)"),
        ("1E+5", 3, -2, "has more digits than fit into numeric(3,-2)"),
        ("0E-300", 3, 2, ""),
        ("0E+300", 3, 2, ""),
        ("-9.99", 3, 2, ""),
        ("-10", 3, 2, "has more digits than fit into numeric(3,2)"),
        ("1E-16000", 1000, 1000, "has more decimals than the 1000 of numeric(1000,1000)"),
        ("1E+131071", 1000, -1000, "has more digits than fit into numeric(1000,-1000)"),
    ],
)
def test_a_number_that_does_not_fit_is_told_why(
    value: str, precision: int, scale: int, why: str
) -> None:
    rule = numeric(precision, scale)

    try:
        said = "" if rule(Decimal(value)) == Decimal(value) else "changed"
    except exact.Refused as refusal:
        said = str(refusal)

    assert said == why


def test_an_array_is_looked_at_in_each_of_its_numbers() -> None:
    rule = within(lambda value: value, "numeric", (10 << 16 | 2) + 4)

    assert rule([Decimal("1.25"), [Decimal("2.50"), None]])
    with pytest.raises(exact.Refused, match="more decimals"):
        rule([Decimal("1.25"), [Decimal("2.501")]])
