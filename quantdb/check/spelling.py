"""Parse trees written otherwise, with the same meaning."""

from collections.abc import Callable
from typing import Final

from quantdb.check.tree import Node, Value, walk

__all__ = ["replaced", "spelled_out"]


def replaced(value: Value, by: Callable[[Node], Node | None]) -> Value:
    """Return a tree in which *by* says what stands in the place of a node; None leaves it."""
    if isinstance(value, tuple):
        return tuple(replaced(each, by) for each in value)
    if not isinstance(value, Node):
        return value
    other = by(value)
    if other is not None:
        return other
    return Node(value.name, {name: replaced(each, by) for name, each in value.fields.items()})


def spelled_out(tree: Node) -> Node:
    """Return a tree in which ``CASE x WHEN 1`` is ``CASE WHEN x = 1``."""
    if not any(node.name == "CASEEXPR" and node.has("arg") for node in walk(tree)):
        return tree

    def spell(node: Node) -> Node | None:
        subject = node.maybe("arg") if node.name == "CASEEXPR" else None
        if subject is None:
            return None
        fields = {name: replaced(each, spell) for name, each in node.fields.items()}
        said, fields["arg"] = fields["arg"], None
        fields["args"] = tuple(
            Node(when.name, {**when.fields, "expr": _about(when.child("expr"), said)})
            for when in Node(node.name, fields).children("args")
        )
        return Node(node.name, fields)

    spelled = replaced(tree, spell)
    return spelled if isinstance(spelled, Node) else tree


# What stands for an element there stands for no subject of a CASE.
_OWN_TEST: Final = {"ARRAYCOERCEEXPR": "elemexpr", "JSONCONSTRUCTOREXPR": "coercion"}


def _about(condition: Node, subject: Value) -> Value:
    """Put the *subject* of a CASE where its conditions speak of it."""

    def put(node: Node) -> Node | None:
        if node.name == "CASETESTEXPR" and isinstance(subject, Node):
            return subject
        own = _OWN_TEST.get(node.name)
        if own is None:
            return None
        fields = {
            name: each if name == own else replaced(each, put) for name, each in node.fields.items()
        }
        return Node(node.name, fields)

    return replaced(condition, put)
