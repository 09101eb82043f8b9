"""The arguments of a statement, let in all in one go.

To call a rule for each argument is a good part of what it costs to send a statement of a dozen.
Nearly every value can be told at a glance: it is of the very type that is meant, and has nothing
unusual. So a function is compiled for the rules of a statement that looks first, and calls the rule
of a value only if there is more to see, as attrs compiles the ``__init__`` of a class.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from uuid import UUID

from quantdb import exact

__all__ = ["GLANCES", "Admit", "admitting"]

Admit = Callable[[Sequence[object]], list[object]]

GLANCES: Final[Mapping[exact.Rule, str]] = {
    exact.boolean: "type({0}) is bool",
    exact.calendar_date: "type({0}) is date",
    exact.duration: "type({0}) is timedelta",
    exact.instant: "type({0}) is datetime and {0}.tzinfo is UTC",
    exact.integer: "type({0}) is int and -0x8000_0000_0000_0000 <= {0} < 0x8000_0000_0000_0000",
    exact.numeric: (
        "type({0}) is Decimal and {0}.is_finite()"
        " and -8_000 < {0}.adjusted() < 8_000 and len(str({0})) < 8_000"
    ),
    exact.double: "type({0}) is float",
    exact.short_integer: "type({0}) is int and -0x8000_0000 <= {0} < 0x8000_0000",
    exact.text: r"type({0}) is str and {0}.isascii() and '\0' not in {0}",
    exact.uuid: "isinstance({0}, UUID)",
}
"""By rule, an expression of a value ``{0}``: if it is true, the rule lets that in as it is."""

_NAMES: Final[Mapping[str, object]] = {
    kind.__name__: kind for kind in (Decimal, UUID, date, datetime, timedelta)
} | {"UTC": UTC}


@lru_cache(1_000)
def admitting(rules: tuple[exact.Rule, ...]) -> Admit:
    """Return a function that gives what is sent for arguments, as many as there are *rules*.

    It raises `Refused` if the rule of an argument does. None is NULL to all of them.
    """
    if not rules:
        return list
    values = [f"value{place}" for place in range(len(rules))]
    sent = ", ".join(map(_sent, rules, values, range(len(rules))))
    source = f"def admit(arguments):\n    {', '.join(values)}, = arguments\n    return [{sent}]"
    scope = {**_NAMES, **{f"rule{place}": rule for place, rule in enumerate(rules)}}
    exec(source, scope)  # noqa: S102 - of nothing but what stands above
    admit: object = scope["admit"]
    assert callable(admit)  # noqa: S101 - it was defined just now
    return admit


def _sent(rule: exact.Rule, value: str, place: int) -> str:
    """Return the expression of what is sent for a *value*."""
    glance = GLANCES.get(rule)
    plain = f"{value} is None" if glance is None else f"{value} is None or {glance.format(value)}"
    return f"{value} if {plain} else rule{place}({value})"
