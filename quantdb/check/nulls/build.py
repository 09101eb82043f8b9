"""Reading a query as a level: what joins its tables, how it groups, what it gives."""

from collections.abc import Iterator

from quantdb.check.nulls.codes import Entry, Join, Match
from quantdb.check.nulls.grouping import read_grouping
from quantdb.check.nulls.levels import NOTHING, Condition, Fact, Known, Level, Place, Reasoning
from quantdb.check.relations import Function
from quantdb.check.spelling import replaced
from quantdb.check.tree import Node, Value, command, walk

__all__ = ["built", "columns_of", "given_to_set"]

# A CHECK that holds none of these says nothing of NULL that counts: it admits what it cannot tell.
_TELLING = frozenset({"BOOLEANTEST", "COALESCEEXPR", "DISTINCTEXPR", "NULLTEST"})


def built(
    number: int, query: Node, place: Place | None, inherited: Known, reasoning: Reasoning
) -> Level:
    """Return a query as a level, with its conditions and those of what it reads."""
    level = Level(
        number=number,
        query=query,
        parent=place,
        inherited=inherited,
        table=query.children("rtable"),
        targets=columns_of(query),
    )
    level.sets = tuple(_sets(query.items("targetList"), reasoning))
    read_grouping(level)
    tree = query.child("jointree")
    condition, there = tree.maybe("quals"), NOTHING
    if command(query) == "merge":
        condition, there = _of_merge(level, condition)
    for item in tree.children("fromlist"):
        _join(level, item, there)
    if condition is not None:
        level.conditions.append(Condition("true", condition, NOTHING))
    for entry, guard in list(level.sides.items()):
        level.conditions += _told(level, entry, guard, reasoning)
    return level


def columns_of(query: Node) -> tuple[Node, ...]:
    """Return the columns of a query's result, or of its RETURNING."""
    field = "targetList" if command(query) == "select" else "returningList"
    return tuple(entry for entry in query.children(field) if not entry.flag("resjunk"))


def _function(node: Node, reasoning: Reasoning) -> Function | None:
    if node.name != "FUNCEXPR":
        return None
    return reasoning.catalogue.functions.get(node.integer("funcid"))


def _sets(value: Value, reasoning: Reasoning) -> Iterator[Node]:
    """Give the functions in an expression that give rows, but for those of a query in it."""
    if isinstance(value, tuple):
        for each in value:
            yield from _sets(each, reasoning)
    elif isinstance(value, Node) and value.name != "QUERY":
        function = _function(value, reasoning)
        if function is not None and function.returns_set:
            yield value
        for each in value.fields.values():
            yield from _sets(each, reasoning)


def _of_merge(level: Level, condition: Node | None) -> tuple[Node | None, Known]:
    """Return the condition under which every action acts, and what must hold for a source row."""
    actions = level.query.children("mergeActionList")
    # Before PostgreSQL 17 a MERGE returns nothing.
    kinds = {action.integer("matchKind", Match.NOT_MATCHED_BY_TARGET) for action in actions}
    if kinds == {Match.MATCHED}:
        return level.query.maybe("mergeJoinCondition") or condition, NOTHING
    absent = {Fact.side(level.number, 0, "right")} if Match.NOT_MATCHED_BY_SOURCE in kinds else ()
    return None, frozenset(absent)


def _join(level: Level, item: Node, there: Known) -> None:
    """Note for each table of an item of FROM what must hold for a row of it to be there.

    And with it the conditions of the joins: they hold where no side was filled up.
    """
    if item.name == "RANGETBLREF":
        level.sides[item.integer("rtindex")] = there
        return
    matched = there
    if item.name == "JOINEXPR":
        matched = _join_two(level, item, there)
    else:
        for each in item.children("fromlist"):
            _join(level, each, there)
    condition = item.maybe("quals")
    if condition is not None:
        level.conditions.append(Condition("true", condition, matched))


def _join_two(level: Level, item: Node, there: Known) -> Known:
    """Read the two sides of a join, and return what holds where they matched."""
    number, kind = item.integer("rtindex"), item.integer("jointype")
    left = Fact.side(level.number, number, "left")
    right = Fact.side(level.number, number, "right")
    of_left = there | {left} if kind in {Join.FULL, Join.RIGHT} else there
    of_right = there | {right} if kind in {Join.FULL, Join.LEFT} else there
    _join(level, item.child("larg"), of_left)
    _join(level, item.child("rarg"), of_right)
    if number:
        level.sides[number] = there
    if kind == Join.FULL:
        level.full.append((left, right))
    return of_left | of_right


def _told(level: Level, number: int, guard: Known, reasoning: Reasoning) -> Iterator[Condition]:
    """Give what a row of a table tells by being there."""
    entry = level.entry(number)
    match entry.integer("rtekind"):
        case Entry.SUBQUERY | Entry.CTE:
            yield Condition("row", entry, guard)
        case Entry.FUNCTION:
            # A strict function gives no rows for NULL; beside others it is filled up.
            functions = entry.children("functions")
            if len(functions) == 1:
                called = functions[0].child("funcexpr")
                for argument in given_to_set(called, reasoning):
                    yield Condition("not null", argument, guard)
        case Entry.RELATION:
            relation = reasoning.catalogue.relations.get(entry.integer("relid"))
            checks = relation.checks if relation and not relation.has_foreign else ()
            for check in checks:
                if any(node.name in _TELLING for node in walk(check)):
                    yield Condition("not false", _moved(check, number), guard)
        case _:
            return


def given_to_set(called: Node, reasoning: Reasoning) -> tuple[Node, ...]:
    """Return the arguments of a function that gives no rows if one of them is NULL."""
    function = _function(called, reasoning)
    strict = function is not None and function.returns_set and function.strict
    return called.children("args") if strict else ()


def _moved(check: Node, number: int) -> Node:
    """Return a CHECK of a table as a condition of an entry of the range table."""

    def of_entry(node: Node) -> Node | None:
        return Node("VAR", {**node.fields, "varno": str(number)}) if node.name == "VAR" else None

    moved = replaced(check, of_entry)
    return moved if isinstance(moved, Node) else check
