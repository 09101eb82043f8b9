"""What is said of each hazard, wherever it is found."""

from quantdb.check.problems import Place, Problem, Rule

__all__ = ["hazard", "inexact", "rounding", "zoneless"]


def hazard(place: Place, rule: Rule, message: str, hint: str) -> Problem:
    """Return the problem that a hazard is, with how to say that it is meant."""
    return Problem(place, rule, message, f"{hint}; `-- allow: {rule}` if it is meant")


def rounding(place: Place, what: str, of: str = "its type") -> Problem:
    """Return the hazard of ``numeric(precision, scale)``."""
    message = f"{what} is rounded to the scale of {of}, without a word"
    return hazard(place, "numeric-scale", message, "write numeric, without (precision, scale)")


def zoneless(place: Place, message: str) -> Problem:
    """Return the hazard of ``timestamp``."""
    return hazard(place, "timestamp", message, "use timestamptz, which is an instant")


def inexact(place: Place, what: str, kind: str) -> Problem:
    """Return the hazard of money in a float, or in ``money``, which rounds too."""
    message = f"{what} {kind}, which cannot hold every amount exactly"
    return hazard(place, "float-money", message, "keep it numeric")
