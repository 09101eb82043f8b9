"""Whether a query, or an item of FROM, has a row for certain."""

from quantdb.check.nulls.codes import IMPLICIT_CAST, Entry, Join, SetOperation
from quantdb.check.nulls.functions import constant, is_filled
from quantdb.check.nulls.levels import NOTHING, Here, Level, Place, Reasoning
from quantdb.check.tree import Node, command

__all__ = ["from_has_row", "has_row", "is_true", "item_has_row"]


def has_row(level: Level, reasoning: Reasoning) -> bool:
    """Tell whether a query has a row for certain, be the tables empty and the parameters NULL."""
    query = level.query
    if command(query) == "insert":
        return _inserts(level, reasoning)
    if command(query) != "select" or level.sets or query.has("havingQual"):
        return False
    if not _keeps_one(query):
        return False
    operation = query.maybe("setOperations")
    if operation is not None:
        return _of_operation(operation, level, reasoning)
    if level.grouping == "all" or (level.grouping == "sets" and not level.has_rows):
        return True
    return from_has_row(level, reasoning)


def _inserts(level: Level, reasoning: Reasoning) -> bool:
    """Tell whether an INSERT stores a row for certain, and so gives it back."""
    entry = level.entry(level.query.integer("resultRelation"))
    relation = reasoning.catalogue.relations.get(entry.integer("relid"))
    return (
        relation is not None
        and relation.kind in {"r", "p"}
        and not (relation.has_rules or relation.changes_inserted)
        and not level.query.has("onConflict")
        and from_has_row(level, reasoning)
    )


def from_has_row(level: Level, reasoning: Reasoning) -> bool:
    """Tell whether FROM and WHERE leave a row for certain."""
    tree = level.query.child("jointree")
    return is_true(tree.maybe("quals")) and all(
        item_has_row(item, level, reasoning) for item in tree.children("fromlist")
    )


def is_true(condition: Node | None) -> bool:
    """Tell whether there is no condition, or one that says no more than true."""
    return condition is None or (constant(condition) or 0) > 0


def _keeps_one(query: Node) -> bool:
    """Tell whether LIMIT and OFFSET leave the first row."""
    count, offset = query.maybe("limitCount"), query.maybe("limitOffset")
    return (count is None or (_number(count) or 0) > 0) and (offset is None or _number(offset) == 0)


def _number(node: Node) -> int | None:
    """Return a constant; LIMIT makes a bigint of it."""
    if node.name == "FUNCEXPR" and node.integer("funcformat") == IMPLICIT_CAST:
        node = node.children("args")[0]
    return constant(node)


def _of_operation(node: Node, level: Level, reasoning: Reasoning) -> bool:
    if node.name == "RANGETBLREF":
        return item_has_row(node, level, reasoning)
    return node.integer("op") == SetOperation.UNION and any(
        _of_operation(node.child(side), level, reasoning) for side in ("larg", "rarg")
    )


def item_has_row(item: Node, level: Level, reasoning: Reasoning) -> bool:
    """Tell whether an item of FROM has a row for certain."""
    if item.name == "RANGETBLREF":
        return _entry_has_row(level.entry(item.integer("rtindex")), level, reasoning)
    if item.name == "FROMEXPR":
        return is_true(item.maybe("quals")) and all(
            item_has_row(each, level, reasoning) for each in item.children("fromlist")
        )
    left = item_has_row(item.child("larg"), level, reasoning)
    right = item_has_row(item.child("rarg"), level, reasoning)
    match item.integer("jointype"):
        case Join.INNER:
            return left and right and is_true(item.maybe("quals"))
        case Join.LEFT:
            return left
        case Join.RIGHT:
            return right
        case _:
            return left or right


def _entry_has_row(entry: Node, level: Level, reasoning: Reasoning) -> bool:
    if entry.has("tablesample") or entry.flag("self_reference"):
        return False
    here = Here(Place(level, "rows"), NOTHING, reasoning)
    match entry.integer("rtekind"):
        case Entry.VALUES | Entry.RESULT:
            return True
        case Entry.FUNCTION:
            functions = entry.children("functions")
            return any(_gives_row(each.child("funcexpr"), here) for each in functions)
        case _:
            source = reasoning.source(entry, here)
            return source is not None and has_row(source, reasoning)


def _gives_row(expression: Node, here: Here) -> bool:
    """Tell whether a function in FROM gives a row: one that gives no set gives one."""
    if expression.name != "FUNCEXPR":
        return True
    function = here.function(expression)
    if function is None:
        return False
    arguments = expression.children("args")
    unnests = function.builtin and function.name == "unnest" and len(arguments) == 1
    return not function.returns_set or (unnests and is_filled(arguments[0]))
