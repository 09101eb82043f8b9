"""Whether the elements of an array can be NULL, and what a subscript finds."""

from typing import Final

from quantdb.check.nulls import functions
from quantdb.check.nulls.aggregates import is_never_empty
from quantdb.check.nulls.codes import IMPLICIT_CAST, Link
from quantdb.check.nulls.levels import Here, Nullable, worst
from quantdb.check.nulls.origins import origins
from quantdb.check.nulls.truth import branches
from quantdb.check.tree import Node

__all__ = ["elements", "subscript"]

_OF_ARGUMENT: Final = frozenset({"ARRAYCOERCEEXPR", "COERCETODOMAIN", "COLLATEEXPR", "RELABELTYPE"})
_OF_FIRST: Final = frozenset({"array_reverse", "array_sample", "array_shuffle", "array_sort"})
_NOT_NULL: Final = frozenset({"current_schemas", "regexp_split_to_array", "tsvector_to_array"})


def elements(node: Node, here: Here) -> Nullable:
    """Tell whether an element of an array, should it have any, can be NULL."""
    if node.name in _OF_ARGUMENT:
        return elements(node.child("arg"), here)
    match node.name:
        case "CONST":
            return not (node.flag("constisnull") or functions.has_no_nulls(node))
        case "ARRAYEXPR":
            return _of_list(node, here)
        case "COALESCEEXPR":
            return worst(*(elements(each, here) for each in node.children("args")))
        case "CASEEXPR":
            return worst(
                *(elements(result, chosen.closed()) for result, chosen in branches(node, here))
            )
        case "SUBLINK" if node.integer("subLinkType") == Link.ARRAY:
            level = here.subquery(node.child("subselect"))
            return here.reasoning.column(level, 1, frozenset())
        case "AGGREF":
            return _of_aggregate(node, here)
        case "FUNCEXPR" | "OPEXPR":
            return _of_function(node, here)
        case "VAR":
            made = origins(node, here)
            return worst(*(each.name == "VAR" or elements(each, at) for each, at in made))
        case _:
            return True


def _of_list(node: Node, here: Here) -> Nullable:
    inner = node.children("elements")
    if node.flag("multidims"):
        return worst(*(elements(each, here) for each in inner))
    return worst(*here.each(inner))


def _of_aggregate(node: Node, here: Here) -> Nullable:
    function = here.function(node)
    if function is None or function.name != "array_agg" or node.integer("agglevelsup"):
        return True
    inside, chosen = here.in_rows(), node.maybe("aggfilter")
    if chosen is not None:
        inside = inside.where(inside.when("true", chosen)).closed()
    value = node.children("args")[0].child("expr")
    return elements(value, inside) if _is_of_arrays(node, here) else inside.nullable(value)


def _is_of_arrays(node: Node, here: Here) -> bool:
    function = here.function(node)
    return function is not None and "anyarray" in function.arguments


def _of_function(node: Node, here: Here) -> Nullable:
    function, arguments = here.function(node), node.children("args")
    if function is None or not function.builtin:
        return None
    match function.name:
        case name if name in _NOT_NULL:
            return False
        case name if name in _OF_FIRST:
            return elements(arguments[0], here)
        case "string_to_array":
            return not all(map(_is_null, arguments[2:]))
        case "array_remove":
            return not _is_null(arguments[1]) and elements(arguments[0], here)
        case "array_cat":
            return worst(*(elements(each, here) for each in arguments))
        case "array_append":
            return worst(elements(arguments[0], here), here.nullable(arguments[1]))
        case "array_prepend":
            return worst(elements(arguments[1], here), here.nullable(arguments[0]))
        case _:
            return True


def _is_null(node: Node) -> bool:
    return node.name == "CONST" and node.flag("constisnull")


def subscript(node: Node, here: Here) -> Nullable:
    """Tell whether a subscript can find nothing, or NULL; of a slice, whether it can be none."""
    whole = node.child("refexpr")
    upper, lower = node.items("refupperindexpr"), node.items("reflowerindexpr")
    if node.has("refassgnexpr"):
        return None
    if lower:
        bounds = tuple(each for each in (*lower, *upper) if isinstance(each, Node))
        return worst(here.nullable(whole), *here.each(bounds))
    place = upper[0] if len(upper) == 1 else None
    if not isinstance(place, Node):
        return True
    if whole.name == "ARRAYEXPR" and not whole.flag("multidims"):
        values, number = whole.children("elements"), functions.constant(place)
        found = number is not None and 1 <= number <= len(values)
        return here.nullable(values[number - 1]) if found and number is not None else True
    if whole.name == "AGGREF" and not _is_of_arrays(whole, here) and _finds_one(whole, place, here):
        return elements(whole, here)
    return True


def _finds_one(array: Node, place: Node, here: Here) -> bool:
    """Tell whether the subscript of an array_agg is the first, or ``count(*)``, so the last."""
    if array.has("aggfilter") or array.integer("agglevelsup") or not is_never_empty(here):
        return False
    if functions.constant(place) == 1:
        return True
    if place.name == "FUNCEXPR" and place.integer("funcformat") == IMPLICIT_CAST:
        place = place.children("args")[0]  # count is bigint, a subscript integer
    return (
        place.name == "AGGREF"
        and place.flag("aggstar")
        and not place.has("aggfilter")
        and not place.integer("agglevelsup")
        and not array.has("aggdistinct")
    )
