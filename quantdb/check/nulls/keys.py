"""What an expression is, so that what is known of it is known wherever it is written again."""

from typing import Final

from quantdb.check.nulls.codes import Entry, Parameter, Returning
from quantdb.check.nulls.levels import Key, Place, Reasoning
from quantdb.check.tree import Node, Value, command

__all__ = ["key", "resolved"]

# What says nothing of the value, or only how it is shown.
_MUTE: Final = frozenset(
    {
        "coerceformat",
        "colnames",
        "funcformat",
        "location",
        "relabelformat",
        "row_format",
        "varattnosyn",
        "varnosyn",
        "varnullingrels",
    }
)
# What is NULL exactly when its argument is.
_SAME: Final = frozenset({"COERCETODOMAIN", "COLLATEEXPR", "RELABELTYPE"})
# What is not the same wherever it is written.
_OWN: Final = frozenset({"CASETESTEXPR", "NEXTVALUEEXPR", "SETTODEFAULT", "SUBLINK", "WINDOWFUNC"})
_CALLED: Final = {"FUNCEXPR": "funcid", "OPEXPR": "opfuncid"}


def key(node: Node, place: Place, reasoning: Reasoning) -> Key | None:
    """Return what an expression is; None if it may be another each time."""
    if node.name in _SAME:
        return reasoning.key(node.child("arg"), place)
    if node.name == "VAR":
        return _of_variable(node, place, reasoning)
    if node.name == "PARAM":
        given = node.integer("paramkind") == Parameter.GIVEN
        return Key(f"${node.integer('paramid')}") if given else None
    if node.name in _OWN or _is_volatile(node, reasoning):
        return None
    if node.name == "AGGREF":
        if node.integer("agglevelsup"):
            return None
        place = place.of_rows()
    keys: list[Key] = []
    text = _text(node, place, reasoning, keys)
    levels = frozenset(level for each in keys for level in each.levels)
    return Key(text, levels) if text else None


def _is_volatile(node: Node, reasoning: Reasoning) -> bool:
    field = _CALLED.get(node.name)
    if field is None:
        return False
    function = reasoning.catalogue.functions.get(node.integer(field))
    return function is None or function.volatile or function.returns_set


def _text(value: Value, place: Place, reasoning: Reasoning, keys: list[Key]) -> str | None:
    """Write an expression out, and collect the keys of what it is made of."""
    if isinstance(value, tuple):
        parts = [_part(each, place, reasoning, keys) for each in value]
        return f"({' '.join(map(str, parts))})" if None not in parts else None
    if isinstance(value, Node):
        named = {
            name: _part(each, place, reasoning, keys)
            for name, each in value.fields.items()
            if name not in _MUTE
        }
        if None in named.values():
            return None
        return f"{value.name}({' '.join(f'{name}={part}' for name, part in named.items())})"
    return repr(value)


def _part(value: Value, place: Place, reasoning: Reasoning, keys: list[Key]) -> str | None:
    if not isinstance(value, Node):
        return _text(value, place, reasoning, keys)
    part = reasoning.key(value, place)
    if part is None:
        return None
    keys.append(part)
    return part.text


def resolved(node: Node, place: Place) -> tuple[Node, Place]:
    """Return what a column of a join, or of a group, stands for, and where.

    A column of any other table is itself.
    """
    at = place.up(node.integer("varlevelsup"))
    entry = at.level.entry(node.integer("varno"))
    kind, column = entry.integer("rtekind"), node.integer("varattno")
    if kind == Entry.JOIN and column > 0:
        return entry.children("joinaliasvars")[column - 1], at
    if kind == Entry.GROUP and at.level.grouping != "sets":
        return entry.children("groupexprs")[column - 1], at.of_rows()
    return node, at


def _of_variable(node: Node, place: Place, reasoning: Reasoning) -> Key | None:
    meant, at = resolved(node, place)
    if meant is not node:
        return reasoning.key(meant, at)
    level, table, number = at.level, node.integer("varno"), node.integer("varattno")
    text = f"{level.number}.{table}.{number}"
    if at.writes_to(table):
        which = node.integer("varreturningtype", Returning.DEFAULT)
        # What is deleted is as it was.
        kept = which == Returning.DEFAULT and command(level.query) == "delete"
        if not kept and which != Returning.OLD:
            text = f"{text}.new"
    elif at.stage == "groups" and level.grouping == "sets":
        text = f"{text}.group"
    return Key(text, frozenset({level.number}), (level.number, table, number))
