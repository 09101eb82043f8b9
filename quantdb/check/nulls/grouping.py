"""How the rows of a query become groups, and what an expression is by which they are grouped."""

from quantdb.check.nulls.codes import GroupingSet
from quantdb.check.nulls.levels import Level, Place, Reasoning
from quantdb.check.tree import Node

__all__ = ["grouped_by", "read_grouping"]


def grouped_by(node: Node, place: Place, reasoning: Reasoning) -> int | None:
    """Return the reference of the item of GROUP BY that an expression is; None of any other.

    Before PostgreSQL 18 it is written again in the columns, as it stands in GROUP BY.
    """
    query, rows = place.level.query, place.of_rows()
    key = None if query.flag("hasGroupRTE") else reasoning.key(node, rows)
    if key is None:
        return None
    grouped = {entry.integer("tleSortGroupRef") for entry in query.children("groupClause")}
    same = {
        entry.integer("ressortgroupref")
        for entry in query.children("targetList")
        if entry.integer("ressortgroupref") in grouped
        and reasoning.key(entry.child("expr"), rows) == key
    }
    # One that is in every set, if there is one.
    return min(same, key=lambda each: each not in place.level.always, default=None)


def read_grouping(level: Level) -> None:
    """Note how the rows of a level become groups."""
    query = level.query
    sets = query.children("groupingSets")
    if sets:
        level.grouping = "sets"
        level.always = frozenset(number for each in sets for number in _in_all(each))
        level.has_rows = not all(_may_be_empty(each) for each in sets)
    elif query.has("groupClause"):
        level.grouping, level.has_rows = "plain", True
    elif query.flag("hasAggs") or query.has("havingQual"):
        level.grouping = "all"


def _in_all(item: Node) -> set[int]:
    """Return the references that are in every set that an item of GROUP BY stands for."""
    kind = item.integer("kind")
    if kind == GroupingSet.SIMPLE:
        return set(item.integers("content"))
    if kind != GroupingSet.SETS:
        return set()
    first, *others = (_in_all(each) for each in item.children("content"))
    return first.intersection(*others)


def _may_be_empty(item: Node) -> bool:
    """Tell whether one of the sets that an item of GROUP BY stands for is empty: all rows."""
    if item.integer("kind") == GroupingSet.SETS:
        return any(_may_be_empty(each) for each in item.children("content"))
    return item.integer("kind") != GroupingSet.SIMPLE
