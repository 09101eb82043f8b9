"""What follows from the outcome of an expression: which others are then not NULL."""

from collections.abc import Callable, Iterable
from typing import Final

from quantdb.check.nulls import functions
from quantdb.check.nulls.codes import IS_NOT_NULL, BooleanTest, Link
from quantdb.check.nulls.keys import resolved
from quantdb.check.nulls.levels import NOTHING, Fact, Here, Known, Outcome, Place
from quantdb.check.nulls.truth import branches, is_possible
from quantdb.check.tree import Node

__all__ = ["consequences", "counted"]

# NOT turns the one into the other.
_TURNED: Final[dict[Outcome, Outcome]] = {
    "true": "false",
    "false": "true",
    "not true": "not false",
    "not false": "not true",
    "not null": "not null",
}
_TESTED: Final[dict[int, Outcome]] = {
    BooleanTest.IS_TRUE: "true",
    BooleanTest.IS_NOT_TRUE: "not true",
    BooleanTest.IS_FALSE: "false",
    BooleanTest.IS_NOT_FALSE: "not false",
    BooleanTest.IS_NOT_UNKNOWN: "not null",
}
_DECIDED: Final = frozenset({"true", "false", "not null"})
_POSITIVE: Final = frozenset({"true", "not false"})
# What is never NULL, so that what is not true is false.
_DEFINITE: Final = frozenset({"DISTINCTEXPR", "NULLTEST"})
# What says by itself what follows when it is not true, or not false, though it may be NULL.
_OPEN: Final = frozenset({"BOOLEANTEST", "BOOLEXPR", "CASEEXPR", "RELABELTYPE"})
# Comparisons of a count that are true of none below 1, if the number is as low as this.
_AT_LEAST: Final = {"int84eq": 1, "int84ge": 1, "int84gt": 0, "int8eq": 1, "int8ge": 1, "int8gt": 0}


def consequences(outcome: Outcome, node: Node, here: Here) -> Known:
    """Return what follows when that is the outcome of an expression."""
    if outcome in {"not true", "not false"} and node.name not in _OPEN:
        if node.name not in _DEFINITE and here.nullable(node) is not False:
            return NOTHING
        return here.when("false" if outcome == "not true" else "true", node)
    facts = NOTHING
    if node.name in _BY_OUTCOME:
        facts = _BY_OUTCOME[node.name](outcome, node, here)
    elif node.name in _OF_VALUE:
        facts = _OF_VALUE[node.name](node, here)
    key = here.reasoning.key(node, here.place) if outcome in _DECIDED else None
    return facts | {Fact("value", key)} if key else facts


def _all(nodes: Iterable[Node], outcome: Outcome, here: Here) -> Known:
    """Return what follows when that is the outcome of every one of *nodes*."""
    facts = NOTHING
    for node in nodes:
        facts |= here.where(facts).when(outcome, node)
    return facts


def _in_common(cases: Iterable[Known]) -> Known:
    """Return what follows in every case."""
    common: Known | None = None
    for case in cases:
        common = case if common is None else common & case
    return common or NOTHING


def _of_boolean(outcome: Outcome, node: Node, here: Here) -> Known:
    operator, arguments = node.text("boolop"), node.children("args")
    if operator == "not":
        return here.when(_TURNED[outcome], arguments[0])
    if outcome == "not null":
        return NOTHING
    if (operator == "and") == (outcome in _POSITIVE):
        return _all(arguments, outcome, here)
    possible = (each for each in arguments if is_possible(outcome, each))
    return _in_common(here.when(outcome, each) for each in possible)


def _of_null_test(outcome: Outcome, node: Node, here: Here) -> Known:
    argument, is_row = node.child("arg"), node.flag("argisrow")
    says_not_null = node.integer("nulltesttype") == IS_NOT_NULL
    if outcome == "not null" or says_not_null != (outcome == "true"):
        return NOTHING
    # A row IS NOT NULL when every column is; it IS NULL when every column is NULL.
    if is_row and argument.name == "ROWEXPR":
        return _all(argument.children("args") if says_not_null else (), "not null", here)
    facts = here.when("not null", argument)
    if is_row and says_not_null and argument.name == "VAR" and not argument.integer("varattno"):
        facts |= _of_whole_row(argument, here)
    return facts


def _of_whole_row(node: Node, here: Here) -> Known:
    at = here.place.up(node.integer("varlevelsup"))
    names = at.level.entry(node.integer("varno")).child("eref").items("colnames")
    columns = (
        Node("VAR", {**node.fields, "varattno": str(number)}) for number in range(1, len(names) + 1)
    )
    keys = (here.reasoning.key(column, here.place) for column in columns)
    return frozenset(Fact("value", key) for key in keys if key)


def _of_boolean_test(outcome: Outcome, node: Node, here: Here) -> Known:
    test = node.integer("booltesttype")
    said = _TESTED.get(test if outcome in _POSITIVE else test ^ 1)
    return here.when(said, node.child("arg")) if said and outcome != "not null" else NOTHING


def _of_distinct(outcome: Outcome, node: Node, here: Here) -> Known:
    left, right = node.children("args")
    facts = NOTHING
    for one, other in ((left, right), (right, left)):
        is_null = one.name == "CONST" and one.flag("constisnull")
        is_value = outcome == "false" and here.nullable(one) is False
        if is_value or (outcome == "true" and is_null):
            facts |= here.when("not null", other)
    return facts


def _of_call(outcome: Outcome, node: Node, here: Here) -> Known:
    """Return what follows of a function or an operator: if it is strict, nothing was NULL."""
    function, arguments = here.function(node), node.children("args")
    if function is None or function.returns_set:
        return NOTHING
    if node.name == "NULLIFEXPR":
        arguments = arguments[:1]
    elif not function.strict:
        arguments = arguments[: functions.needed(function)]
    facts = _all(arguments, "not null", here)
    if outcome == "true" and counted(node, here):
        facts |= {Fact.rows(here.level.number)}
    return facts


def counted(condition: Node, here: Here) -> Node | None:
    """Return the count of which a comparison demands one row at least: ``count(*) > 0``."""
    function, arguments = here.function(condition), condition.children("args")
    lowest = _AT_LEAST.get(function.name) if function is not None and function.builtin else None
    if lowest is None or arguments[0].name != "AGGREF":
        return None
    count, number = arguments[0], functions.constant(arguments[1])
    is_count = count.integer("aggfnoid") in functions.COUNTS and not count.integer("agglevelsup")
    return count if is_count and number is not None and number >= lowest else None


def _of_array(outcome: Outcome, node: Node, here: Here) -> Known:
    function = here.function(node)
    value, array = node.children("args")
    if function is None or not function.strict:
        return NOTHING
    facts = here.when("not null", array)
    # Nothing is compared with an empty array; of another, ANY is true by one and false by all.
    by_one = "true" if node.flag("useOr") else "false"
    if outcome != "not null" and (outcome == by_one or functions.is_filled(array)):
        facts |= here.when("not null", value)
    return facts


def _of_link(outcome: Outcome, node: Node, here: Here) -> Known:
    """Return what follows of a query in an expression: what shows that it had a row."""
    kind, query = node.integer("subLinkType"), node.child("subselect")
    by_row: dict[int, Outcome] = {Link.EXISTS: "true", Link.ALL: "false", Link.ANY: "true"}
    if kind != Link.VALUE and by_row.get(kind) != outcome:
        return NOTHING
    facts = NOTHING
    if kind in {Link.ALL, Link.ANY}:
        tested = here.at(Place(here.level, here.place.stage, query))
        facts = tested.when(outcome, node.child("testexpr"))
    level = here.subquery(query)
    inside = Here(Place(level, "groups"), level.groups, here.reasoning)
    if kind == Link.VALUE and not query.has("setOperations"):
        inside = inside.where(inside.when(outcome, level.targets[0].child("expr")))
    return facts | level.of_others(inside.known)


def _of_choice(outcome: Outcome, node: Node, here: Here) -> Known:
    """Return what follows of COALESCE and the like: the value is that of an argument."""
    possible = (each for each in node.children("args") if is_possible(outcome, each))
    return _in_common(here.when(outcome, each) for each in possible)


def _of_case(outcome: Outcome, node: Node, here: Here) -> Known:
    return _in_common(
        chosen.known - here.known | chosen.when(outcome, result)
        for result, chosen in branches(node, here)
        if is_possible(outcome, result)
    )


def _of_same(outcome: Outcome, node: Node, here: Here) -> Known:
    return here.when(outcome, node.child("arg"))


def _of_variable(outcome: Outcome, node: Node, here: Here) -> Known:
    meant, at = resolved(node, here.place)
    if meant is not node:
        return here.at(at).when(outcome, meant)
    table = node.integer("varno")
    if at.writes_to(table) or at.loses_rows:
        return NOTHING
    return at.level.sides.get(table, NOTHING)


def _of_argument(node: Node, here: Here) -> Known:
    return here.when("not null", node.child("arg"))


def _of_subscript(node: Node, here: Here) -> Known:
    if node.has("refassgnexpr"):
        return NOTHING
    parts = (*node.children("refupperindexpr"), *node.children("reflowerindexpr"))
    return _all((node.child("refexpr"), *parts), "not null", here)


def _of_row_comparison(node: Node, here: Here) -> Known:
    first = (node.children("largs")[0], node.children("rargs")[0])
    return _all(first, "not null", here)


def _of_json(node: Node, here: Here) -> Known:
    item = node.maybe("expr") or node.maybe("formatted_expr")
    return here.when("not null", item) if item else NOTHING


_BY_OUTCOME: Final[dict[str, Callable[[Outcome, Node, Here], Known]]] = {
    "BOOLEANTEST": _of_boolean_test,
    "BOOLEXPR": _of_boolean,
    "CASEEXPR": _of_case,
    "COALESCEEXPR": _of_choice,
    "DISTINCTEXPR": _of_distinct,
    "FUNCEXPR": _of_call,
    "MINMAXEXPR": _of_choice,
    "NULLIFEXPR": _of_call,
    "NULLTEST": _of_null_test,
    "OPEXPR": _of_call,
    "RELABELTYPE": _of_same,
    "SCALARARRAYOPEXPR": _of_array,
    "SUBLINK": _of_link,
    "VAR": _of_variable,
}
# What is as well known by being true or false as by not being NULL.
_OF_VALUE: Final[dict[str, Callable[[Node, Here], Known]]] = {
    "ARRAYCOERCEEXPR": _of_argument,
    "COERCETODOMAIN": _of_argument,
    "COERCEVIAIO": _of_argument,
    "COLLATEEXPR": _of_argument,
    "CONVERTROWTYPEEXPR": _of_argument,
    "FIELDSELECT": _of_argument,
    "JSONEXPR": _of_json,
    "JSONISPREDICATE": _of_json,
    "NAMEDARGEXPR": _of_argument,
    "ROWCOMPAREEXPR": _of_row_comparison,
    "SUBSCRIPTINGREF": _of_subscript,
}
