"""Whether aggregates and window functions can give NULL."""

from typing import Final, Literal

from quantdb.check.nulls.codes import Frame
from quantdb.check.nulls.levels import Fact, Here, Nullable, worst
from quantdb.check.relations import Function
from quantdb.check.tree import Node

__all__ = ["aggregate", "is_never_empty", "window"]

_Effect = Literal["never", "rows", "values", "first value", "may", "unknown"]
"""When the result is NULL: ``rows``: when there is no row; ``values``, ``first value``: when there
is none in which the arguments, or the first, are not NULL; ``may``: also else."""

_NEVER: Final = "count cume_dist dense_rank percent_rank rank regr_count"
_ROWS: Final = """
    array_agg json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg
    jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
"""
_VALUES: Final = """
    any_value avg bit_and bit_or bit_xor bool_and bool_or covar_pop every max min mode
    percentile_cont percentile_disc range_agg range_intersect_agg regr_avgx regr_avgy regr_sxx
    regr_sxy regr_syy stddev_pop sum var_pop xmlagg
"""
_MAY: Final = """
    corr covar_samp regr_intercept regr_r2 regr_slope stddev stddev_samp var_samp variance
"""
_EFFECTS: Final[dict[str, _Effect]] = {
    **dict.fromkeys(_NEVER.split(), "never"),
    **dict.fromkeys(_ROWS.split(), "rows"),
    **dict.fromkeys(_VALUES.split(), "values"),
    **dict.fromkeys(_MAY.split(), "may"),
    "string_agg": "first value",
}

_NUMBERED: Final = frozenset({"cume_dist", "dense_rank", "percent_rank", "rank", "row_number"})

# Where a frame may begin and end so that the row itself is in it.
_BEGINS: Final = Frame.FROM_UNBOUNDED_PRECEDING | Frame.FROM_CURRENT_ROW | Frame.FROM_PRECEDING
_ENDS: Final = Frame.TO_UNBOUNDED_FOLLOWING | Frame.TO_CURRENT_ROW | Frame.TO_FOLLOWING
_EXCLUDES: Final = Frame.WITHOUT_CURRENT_ROW | Frame.WITHOUT_GROUP


def aggregate(node: Node, here: Here) -> Nullable:
    """Tell whether an aggregate can be NULL."""
    up = node.integer("agglevelsup")
    of_level = here.at(here.place.up(up))
    match _effect(here.function(node)):
        case "never":
            return False
        case "unknown":
            return None
        case "may":
            return True
        case _ if node.has("aggfilter") or not is_never_empty(of_level):
            return True
        case "rows":
            return False
        case _ if up:
            return None
        case effect:
            values = _arguments(node)[: 1 if effect == "first value" else None]
            direct = here.each(node.children("aggdirectargs"))
            return worst(_of_values(values, here), *direct)


def _arguments(node: Node) -> tuple[Node, ...]:
    entries = (entry for entry in node.children("args") if not entry.flag("resjunk"))
    return tuple(entry.child("expr") for entry in entries)


def _of_values(values: tuple[Node, ...], here: Here) -> Nullable:
    """Tell whether an expression can be NULL in all rows of a group."""
    rows = here.in_rows()
    found = worst(*rows.each(values))
    for count in here.level.counted if found is not False else ():
        # Of HAVING count(x) > 0 there is a row in which x is not NULL.
        row, chosen = rows, count.maybe("aggfilter")
        for each in _arguments(count):
            row = row.where(row.when("not null", each))
        if chosen is not None:
            row = row.where(row.when("true", chosen))
        if worst(*row.closed().each(values)) is False:
            return False
    return found


def is_never_empty(here: Here) -> bool:
    """Tell whether a group has a row for certain."""
    return here.level.has_rows or Fact.rows(here.level.number) in here.known


def _effect(function: Function | None) -> _Effect:
    if function is None or not function.builtin:
        return "unknown"
    return _EFFECTS.get(function.name, "unknown")


def window(node: Node, here: Here) -> Nullable:
    """Tell whether a window function, or an aggregate over a window, can be NULL."""
    function, arguments = here.function(node), node.children("args")
    if function is None or not function.builtin:
        return None
    # What is known of this row is known of no other of the window.
    known = here.level.windows | here.level.of_others(here.known)
    of_any = Here(here.place, known, here.reasoning)
    is_filled = _is_filled(node, here) and not node.has("aggfilter")
    match function.name:
        case name if name in _NUMBERED:
            return False
        case "ntile":
            return worst(*here.each(arguments))
        case "lag" | "lead":
            default = arguments[2:]
            of_this = worst(*here.each(arguments[1:])) if default else True
            return worst(of_any.nullable(arguments[0]), of_this)
        case "first_value" | "last_value":
            return of_any.nullable(arguments[0]) if is_filled else True
        case "nth_value":
            return True
        case _:
            return _of_aggregate(_effect(function), here.each(arguments), is_filled=is_filled)


def _of_aggregate(effect: _Effect, arguments: list[Nullable], *, is_filled: bool) -> Nullable:
    """Tell whether an aggregate can be NULL over a window that may have the row itself in it."""
    match effect:
        case "never":
            return False
        case "unknown":
            return None
        case _ if effect == "may" or not is_filled:
            return True
        case "rows":
            return False
        case "first value":
            return worst(*arguments[:1])
        case _:
            return worst(*arguments)


def _is_filled(node: Node, here: Here) -> bool:
    """Tell whether the row itself is in its frame for certain."""
    for each in here.level.query.children("windowClause"):
        if each.integer("winref") == node.integer("winref"):
            frame = each.integer("frameOptions")
            return bool(frame & _BEGINS and frame & _ENDS) and not frame & _EXCLUDES
    return False
