"""What the columns of subqueries, CTEs and views are made of, down to tables."""

from quantdb.check.nulls.codes import Entry
from quantdb.check.nulls.keys import resolved
from quantdb.check.nulls.levels import NOTHING, Here, Level, Place
from quantdb.check.tree import Node

__all__ = ["origins"]


def origins(node: Node, here: Here) -> list[tuple[Node, Here]]:
    """Return what an expression is made of, and where: itself, unless it is a column of a query.

    Of a UNION that is one expression a branch. A column of a table is itself.
    """
    if node.name != "VAR":
        return [(node, here)]
    meant, at = resolved(node, here.place)
    here = here.at(at)
    if meant is not node:
        return origins(meant, here)
    own = Node("VAR", {**node.fields, "varlevelsup": "0"})
    source = _query(at.level.entry(node.integer("varno")), here)
    number = node.integer("varattno")
    if source is None or not 1 <= number <= len(source.targets):
        return [(own, here)]
    return [
        origin
        for level in _branches(source, here)
        for origin in origins(
            level.targets[number - 1].child("expr"),
            Here(Place(level, "groups"), level.groups, here.reasoning),
        )
    ]


def _query(entry: Node, here: Here) -> Level | None:
    """Return the query that an entry of FROM is, but of a recursive CTE."""
    if entry.integer("rtekind") != Entry.RELATION:
        recurses = entry.flag("self_reference")
        source = None if recurses else here.reasoning.source(entry, here)
        reads = source is not None and source.query.integer("commandType") == 1
        return source if reads and not _is_recursive(source) else None
    relation = here.reasoning.catalogue.relations.get(entry.integer("relid"))
    if relation is None or relation.view is None:
        return None
    return here.reasoning.level(relation.view, None, NOTHING)


def _is_recursive(level: Level | None) -> bool:
    return level is not None and any(entry.flag("self_reference") for entry in level.table)


def _branches(level: Level, here: Here) -> list[Level]:
    """Return the queries that a UNION and the like is made of; any other is itself."""
    if not level.query.has("setOperations"):
        return [level]
    inside = Here(Place(level, "rows"), level.rows, here.reasoning)
    parts = [entry for entry in level.table if entry.integer("rtekind") == Entry.SUBQUERY]
    found = (here.reasoning.source(entry, inside) for entry in parts)
    return [branch for part in found if part is not None for branch in _branches(part, here)]
