"""Whether an expression can be NULL."""

from collections.abc import Callable
from typing import Final

from quantdb.check.nulls import aggregates, functions
from quantdb.check.nulls.codes import CURRENT_SCHEMA, VOID_TYPE, Link, Parameter
from quantdb.check.nulls.documents import json_found, json_made, xml
from quantdb.check.nulls.elements import elements, subscript
from quantdb.check.nulls.existing import has_row
from quantdb.check.nulls.finite import is_given_finite
from quantdb.check.nulls.levels import Fact, Here, Nullable, Outcome, Place, least, worst
from quantdb.check.nulls.sources import refuses_null, set_column, variable
from quantdb.check.nulls.truth import branches, truth
from quantdb.check.relations import Function
from quantdb.check.tree import Node

__all__ = ["nullable"]

_NEVER: Final = frozenset(
    {
        "ARRAYEXPR",
        "BOOLEANTEST",
        "CURRENTOFEXPR",
        "DISTINCTEXPR",
        "FIELDSTORE",
        "GROUPINGFUNC",
        "MERGESUPPORTFUNC",
        "NEXTVALUEEXPR",
        "NULLTEST",
        "ROWEXPR",
    }
)
# What is NULL when its argument is, by the name of the argument.
_AS_ARGUMENT: Final = {
    "ARRAYCOERCEEXPR": "arg",
    "COERCEVIAIO": "arg",
    "COLLATEEXPR": "arg",
    "CONVERTROWTYPEEXPR": "arg",
    "JSONISPREDICATE": "expr",
    "JSONVALUEEXPR": "formatted_expr",
    "NAMEDARGEXPR": "arg",
    "RELABELTYPE": "arg",
}


def nullable(node: Node, here: Here) -> Nullable:
    """Tell whether an expression can be NULL where it stands."""
    key = here.reasoning.key(node, here.place)
    if node.name in _NEVER or (key is not None and Fact("value", key) in here.known):
        return False
    if node.name in _AS_ARGUMENT:
        return here.nullable(node.child(_AS_ARGUMENT[node.name]))
    match node.name:
        case "CONST":
            return node.flag("constisnull")
        case "NULLIFEXPR":
            return True
        case "SQLVALUEFUNCTION":  # there may be no schema that is current
            return node.integer("op") == CURRENT_SCHEMA
        case name:
            rule = _RULES.get(name)
            return rule(node, here) if rule else None


def _parameter(node: Node, here: Here) -> Nullable:
    number = node.integer("paramid")
    match node.integer("paramkind"):
        case Parameter.GIVEN:
            return not refuses_null(node.integer("paramtype"), here.reasoning)
        case Parameter.TESTED if here.place.test is not None:
            outside = here.at(Place(here.level, here.place.stage))
            level = outside.subquery(here.place.test)
            return here.reasoning.column(level, number, frozenset())
        case Parameter.SEVERAL:
            return _of_several(number >> 16, number & 0xFFFF, here)
        case _:
            return None


def _of_several(link: int, number: int, here: Here) -> Nullable:
    """Tell whether a column of ``SET (a, b) = (SELECT …)`` can be NULL."""
    for entry in here.level.query.children("targetList"):
        query = entry.child("expr")
        if query.name == "SUBLINK" and query.integer("subLinkId") == link:
            return _first(query.child("subselect"), number, here)
    return None


def _first(query: Node, number: int, here: Here) -> Nullable:
    """Tell whether a column of the only row of a query can be NULL: also if there is none."""
    level = here.subquery(query)
    if not has_row(level, here.reasoning):
        return True
    return here.reasoning.column(level, number, frozenset())


def _call(node: Node, here: Here) -> Nullable:
    function = here.function(node)
    if function is None:
        return None
    if node.name == "FUNCEXPR" and node.integer("funcresulttype") == VOID_TYPE:
        return True
    if function.returns_set:
        # Of several that give rows, the shorter ones are filled up.
        return True if len(here.level.sets) > 1 else set_column(node, 1, here)
    return _by_effect(function, node, here)


def _by_effect(function: Function, node: Node, here: Here) -> Nullable:
    arguments = here.each(node.children("args"))
    # Of f(VARIADIC array) the array must not be NULL either.
    is_spread = node.flag("funcvariadic") and "any" in function.arguments
    spread = arguments[-1:] if is_spread else []
    match functions.effect(function, is_operator=node.name == "OPEXPR"):
        case "always":
            return worst(*spread)
        case "kept":
            return worst(*arguments)
        case "first":
            return worst(*arguments[:1], *spread)
        case "first two":
            return worst(*arguments[:2])
        case "one":
            return least(*arguments)
        case "may":
            return True
        case "finite":
            return worst(*arguments, False if is_given_finite(node, here) else None)
        case _:
            return True if function.strict and True in arguments else None


def _in_array(node: Node, here: Here) -> Nullable:
    function = here.function(node)
    value, array = node.children("args")
    found = worst(here.nullable(value), here.nullable(array), elements(array, here))
    if function is None or found is None:
        return None
    if functions.effect(function, is_operator=True) == "kept":
        return found
    return True if found and function.strict else None


def _boolean(node: Node, here: Here) -> Nullable:
    operator, arguments = node.text("boolop"), node.children("args")
    values = here.each(arguments)
    if operator == "not" or all(value is False for value in values):
        return worst(*values)
    if truth(node, here):
        return False
    # One that is false decides AND, and one that is true OR; so the others are not.
    undecided: Outcome = "not false" if operator == "and" else "not true"
    for number, argument in enumerate(arguments):
        if values[number] is not False:
            inside = here
            for other in (*arguments[:number], *arguments[number + 1 :]):
                inside = inside.where(inside.when(undecided, other))
            values[number] = inside.closed().nullable(argument)
    return worst(*values)


def _choice(node: Node, here: Here) -> Nullable:
    """Tell whether COALESCE, GREATEST or LEAST can be NULL: when every argument is."""
    return least(*here.each(node.children("args")))


def _case(node: Node, here: Here) -> Nullable:
    return worst(*(chosen.closed().nullable(result) for result, chosen in branches(node, here)))


def _row_comparison(node: Node, here: Here) -> Nullable:
    return worst(*here.each((*node.children("largs"), *node.children("rargs"))))


def _link(node: Node, here: Here) -> Nullable:
    query = node.child("subselect")
    match node.integer("subLinkType"):
        case Link.EXISTS | Link.ARRAY:
            return False
        case Link.ALL | Link.ANY:
            tested = here.at(Place(here.level, here.place.stage, query))
            return tested.nullable(node.child("testexpr"))
        case Link.VALUE:
            return _first(query, 1, here)
        case _:
            return True


def _domain(node: Node, here: Here) -> Nullable:
    if refuses_null(node.integer("resulttype"), here.reasoning):
        return False
    return here.nullable(node.child("arg"))


def _field(node: Node, here: Here) -> Nullable:
    whole, number = node.child("arg"), node.integer("fieldnum")
    if whole.name == "ROWEXPR":
        return here.nullable(whole.children("args")[number - 1])
    if whole.name != "FUNCEXPR":
        return True
    function = here.function(whole)
    if function is None or not function.returns_set or len(here.level.sets) > 1:
        return None
    return set_column(whole, number, here)


_RULES: Final[dict[str, Callable[[Node, Here], Nullable]]] = {
    "AGGREF": aggregates.aggregate,
    "BOOLEXPR": _boolean,
    "CASEEXPR": _case,
    "COALESCEEXPR": _choice,
    "COERCETODOMAIN": _domain,
    "FIELDSELECT": _field,
    "FUNCEXPR": _call,
    "JSONCONSTRUCTOREXPR": json_made,
    "JSONEXPR": json_found,
    "MINMAXEXPR": _choice,
    "OPEXPR": _call,
    "PARAM": _parameter,
    "ROWCOMPAREEXPR": _row_comparison,
    "SCALARARRAYOPEXPR": _in_array,
    "SUBLINK": _link,
    "SUBSCRIPTINGREF": subscript,
    "VAR": variable,
    "WINDOWFUNC": aggregates.window,
    "XMLEXPR": xml,
}
