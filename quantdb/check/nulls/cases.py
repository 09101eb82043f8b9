"""Cases of which one at least holds in every row: an expression may be looked at in each."""

from typing import Final

from quantdb.check.nulls.levels import Here, Known, Outcome
from quantdb.check.tree import Node

__all__ = ["alternatives", "conjuncts"]

_MOST: Final = 16


def alternatives(here: Here) -> list[list[Known]]:
    """Return cases of which one at least holds: the sides of a FULL JOIN, the arms of an OR."""
    level, rows = here.level, here.at(here.place.of_rows())
    found: list[list[Known]] = [
        [frozenset({left}), frozenset({right})] for left, right in level.full
    ]
    for condition in level.conditions:
        if condition.kind in {"row", "not null"} or not condition.guard <= here.known:
            continue
        outcome: Outcome = "true" if condition.kind == "true" else "not false"
        found.extend(
            [rows.when(outcome, arm) for arm in node.children("args")]
            for node in conjuncts(condition.node)
            if node.name == "BOOLEXPR" and node.text("boolop") == "or"
        )
    undecided = [cases for cases in found if not any(case <= here.known for case in cases)]
    return undecided[:_MOST]


def conjuncts(node: Node) -> list[Node]:
    """Return the conditions that AND holds together."""
    if node.name == "BOOLEXPR" and node.text("boolop") == "and":
        return [each for argument in node.children("args") for each in conjuncts(argument)]
    return [node]
