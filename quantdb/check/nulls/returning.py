"""Whether a column of a row that a statement has written can be NULL: what RETURNING gives."""

from quantdb.check.nulls.codes import CONFLICT_UPDATES, Action, Returning
from quantdb.check.nulls.levels import Here, Nullable, Reasoning, worst
from quantdb.check.relations import Relation
from quantdb.check.tree import Node, command

__all__ = ["inserted", "returned"]

_TABLES = frozenset({"p", "r"})


def returned(node: Node, here: Here) -> Nullable:
    """Tell whether a column of the table that a statement writes to can be NULL in RETURNING."""
    number, which = node.integer("varattno"), node.integer("varreturningtype", Returning.DEFAULT)
    relation = _relation(here)
    if relation is None or relation.has_rules or relation.kind == "f":
        return None
    kind = command(here.level.query)
    if kind == "merge":
        if which != Returning.DEFAULT and _merges_without(which, here.level.query):
            return True
    elif (kind == "insert" and which == Returning.OLD) or (
        kind == "delete" and which == Returning.NEW
    ):
        return True
    elif kind == "delete" or which == Returning.OLD:
        return here.at(here.place.of_rows()).nullable(node)
    if number <= 0:  # the row itself, ctid, …
        return False if relation.kind in _TABLES else None
    stored = _stored(relation, number, here.reasoning)
    if not stored or kind == "merge":
        return stored
    return inserted(number, here) if kind == "insert" else _updated(node, here)


def _merges_without(which: int, query: Node) -> bool:
    """Tell whether some action of a MERGE has no old row, or no new one."""
    without = Action.INSERT if which == Returning.OLD else Action.DELETE
    actions = query.children("mergeActionList")
    return any(action.integer("commandType") == without for action in actions)


def _relation(here: Here) -> Relation | None:
    entry = here.level.entry(here.level.query.integer("resultRelation"))
    return here.reasoning.catalogue.relations.get(entry.integer("relid"))


def _stored(relation: Relation, number: int, reasoning: Reasoning) -> Nullable:
    """Tell whether a column of a table can be NULL, or of the table below a view."""
    if relation.kind in _TABLES:
        column = Node("VAR", {"varno": "1", "varattno": str(number), "varlevelsup": "0"})
        return reasoning.stored(relation.oid).nullable(column)
    if relation.view is None or relation.changes_updated or relation.changes_inserted:
        return None  # a trigger writes, and says what was written
    below = relation.view.children("targetList")[number - 1].child("expr")
    if below.name != "VAR" or below.integer("varattno") <= 0:
        return None
    entry = relation.view.children("rtable")[below.integer("varno") - 1]
    base = reasoning.catalogue.relations.get(entry.integer("relid")) if entry.has("relid") else None
    if base is None or base.has_rules:
        return None
    return _stored(base, below.integer("varattno"), reasoning)


def inserted(number: int, here: Here) -> Nullable:
    """Tell whether what an INSERT stores in a column can be NULL, whatever the column admits.

    Of EXCLUDED too: that is the row as it would have been inserted.
    """
    relation, query = _relation(here), here.level.query
    if relation is None or relation.kind not in _TABLES or relation.changes_inserted:
        return True
    stored = _stored(relation, number, here.reasoning)
    if stored is False:
        return False
    rows = here.in_rows()
    value = _value(query, "targetList", number)
    new = _default(relation, number, rows) if value is None else _written(value, number, rows)
    conflict = query.maybe("onConflict")
    updates = conflict is not None and conflict.integer("action") == CONFLICT_UPDATES
    if here.place.stage != "returned" or conflict is None or not updates:
        return new
    # The row may be one that was there, changed.
    value = _value(conflict, "onConflictSet", number)
    if value is None or relation.changes_updated:
        return True
    return worst(new, _written(value, number, rows))


def _updated(node: Node, here: Here) -> Nullable:
    """Tell whether what an UPDATE leaves in a column can be NULL, whatever the column admits."""
    relation, number = _relation(here), node.integer("varattno")
    if relation is None or relation.kind not in _TABLES or relation.changes_updated:
        return True
    here = here.at(here.place.of_rows())
    value = _value(here.level.query, "targetList", number)
    if value is not None:
        return _written(value, number, here)
    column = here.reasoning.catalogue.columns.get((relation.oid, number))
    return True if column is None or column.generated else here.nullable(node)


def _value(node: Node, field: str, number: int) -> Node | None:
    """Return what is written to a column, or None."""
    for entry in node.children(field):
        if entry.integer("resno") == number and not entry.flag("resjunk"):
            return entry.child("expr")
    return None


def _written(value: Node, number: int, here: Here) -> Nullable:
    relation = _relation(here)
    if value.name == "SETTODEFAULT" and relation is not None:
        return _default(relation, number, here)
    return here.nullable(value)


def _default(relation: Relation, number: int, here: Here) -> Nullable:
    column = here.reasoning.catalogue.columns.get((relation.oid, number))
    if column is None or column.generated:
        return True
    if column.identity:
        return False
    if column.made_of is not None:
        return here.reasoning.stored(relation.oid).nullable(column.made_of)
    # A domain may have a default of its own.
    return None if column.type_oid in here.reasoning.catalogue.domains else True
