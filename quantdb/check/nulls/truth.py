"""What a condition is, whatever the row, and which results of a CASE can be chosen."""

from quantdb.check.nulls.codes import BOOL_TYPE, IS_NOT_NULL
from quantdb.check.nulls.levels import Here, Outcome
from quantdb.check.tree import Node

__all__ = ["branches", "is_possible", "truth"]


def is_possible(outcome: Outcome, node: Node) -> bool:
    """Tell whether an expression can have an outcome, if it is a constant."""
    if node.name != "CONST":
        return True
    if node.flag("constisnull"):
        return outcome in {"not true", "not false"}
    datum = node.fields.get("constvalue")
    if node.integer("consttype") != BOOL_TYPE or not isinstance(datum, bytes):
        return True
    return outcome not in ({"false", "not true"} if any(datum) else {"true", "not false"})


def branches(node: Node, here: Here) -> list[tuple[Node, Here]]:
    """Return each result of a CASE that can be chosen, with what is known where it is."""
    chosen: list[tuple[Node, Here]] = []
    for branch in node.children("args"):
        condition = branch.child("expr")
        sure = truth(condition, here)
        if sure is not False:
            chosen.append((branch.child("result"), here.where(here.when("true", condition))))
        if sure:
            return chosen
        here = here.where(here.when("not true", condition))
    return [*chosen, (node.child("defresult"), here)]


def truth(node: Node, here: Here) -> bool | None:
    """Return whether a condition is true, or is not, whatever the row; None if it depends."""
    if node.name == "BOOLEXPR":
        found = [truth(each, here) for each in node.children("args")]
        match node.text("boolop"):
            case "not":
                # What is not true may be NULL, and so is then what NOT makes of it.
                return False if found[0] else None
            case "and":
                return False if False in found else None if None in found else True
            case _:
                return True if True in found else None if None in found else False
    if node.name == "NULLTEST" and not node.flag("argisrow"):
        if here.nullable(node.child("arg")) is not False:
            return None
        return node.integer("nulltesttype") == IS_NOT_NULL
    if not is_possible("true", node):
        return False
    return None if is_possible("not true", node) else True
