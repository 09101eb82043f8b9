"""Whether a value is finite for certain: some functions give NULL of infinity and of NaN."""

from collections.abc import Iterator
from typing import Final, Literal

from quantdb.check.nulls.codes import Entry, PgType
from quantdb.check.nulls.levels import Here
from quantdb.check.nulls.origins import origins
from quantdb.check.tree import Node, walk

__all__ = ["is_given_finite"]

# What extract gives of infinity is infinity for these fields, and NULL for others.
_MONOTONE: Final = frozenset(
    {b"century", b"decade", b"epoch", b"isoyear", b"julian", b"millennium", b"year"}
)
_NOW: Final = frozenset(
    {"clock_timestamp", "make_date", "now", "statement_timestamp", "transaction_timestamp"}
)
# What gives a finite value of finite ones, or an error.
_KEEPING: Final = frozenset(
    {
        *("abs", "avg", "ceil", "ceiling", "div", "floor", "max", "min", "mod", "numeric"),
        *("numeric_abs", "numeric_add", "numeric_div", "numeric_mod", "numeric_mul"),
        *("numeric_sub", "numeric_uminus", "numeric_uplus", "round", "sum", "trunc"),
        *("date", "date_trunc", "timestamp", "timestamptz", "timezone"),
        *("timestamp_mi_interval", "timestamp_pl_interval"),
        *("timestamptz_mi_interval", "timestamptz_pl_interval"),
    }
)
_RESULTS: Final = ("aggtype", "consttype", "funcresulttype", "opresulttype", "paramtype", "vartype")
_MAY_BE_INFINITE: Final = frozenset(PgType)
_COMPARED: Final = frozenset({"date", "numeric", "timestamp", "timestamptz"})
_NAN: Final = 0xC0
_TURNED: Final = {"ge": "le", "gt": "lt"}

_Side = Literal["lower", "upper"]


def is_given_finite(node: Node, here: Here) -> bool:
    """Tell whether a function that gives NULL of infinity, or of no format, is given neither."""
    function, arguments = here.function(node), node.children("args")
    match function.name if function else "":
        case "extract" | "date_part":
            return _text(arguments[0]).lower() in _MONOTONE or _is_finite(arguments[1], here)
        case "to_char":
            return bool(_text(arguments[1])) and _is_finite(arguments[0], here)
        case "to_number":
            return bool(_text(arguments[1]))
        case _:
            return _is_finite(arguments[0], here)


def _text(node: Node) -> bytes:
    """Return a constant text; empty if it is none."""
    datum = node.fields.get("constvalue")
    return datum[4:] if node.name == "CONST" and isinstance(datum, bytes) else b""


def _is_finite(node: Node, here: Here) -> bool:
    """Tell whether an expression is neither infinite nor NaN, whatever the row."""
    return all(_is_finite_itself(made, at) for made, at in origins(node, here))


def _is_finite_itself(node: Node, here: Here) -> bool:
    type_oid = next((node.integer(field) for field in _RESULTS if node.has(field)), None)
    is_other = type_oid is not None and type_oid not in _MAY_BE_INFINITE
    if is_other or node.name == "SQLVALUEFUNCTION":
        return True
    match node.name:
        case "CONST":
            return _is_finite_constant(node)
        case "RELABELTYPE":
            return _is_finite(node.child("arg"), here)
        case "CASEEXPR":
            results = (each.child("result") for each in node.children("args"))
            return all(_is_finite(each, here) for each in (*results, node.child("defresult")))
        case "COALESCEEXPR" | "MINMAXEXPR":
            return all(_is_finite(each, here) for each in node.children("args"))
        case "AGGREF":
            values = tuple(entry.child("expr") for entry in node.children("args"))
            inside = here.in_rows()
            return _is(_KEEPING, node, here) and all(_is_finite(each, inside) for each in values)
        case "FUNCEXPR" | "OPEXPR":
            values = node.children("args")
            return _is(_NOW, node, here) or (
                _is(_KEEPING, node, here) and all(_is_finite(each, here) for each in values)
            )
        case "VAR":
            return _is_bounded(node, here)
        case _:
            return False


def _is(names: frozenset[str], node: Node, here: Here) -> bool:
    function = here.function(node)
    return function is not None and function.builtin and function.name in names


def _is_finite_constant(node: Node) -> bool:
    datum = node.fields.get("constvalue")
    if not isinstance(datum, bytes):
        return True  # NULL
    match node.integer("consttype"):
        case PgType.NUMERIC:
            return _special(datum) == 0
        case PgType.DATE:
            return not _is_extreme(datum[:4])
        case PgType.TIMESTAMP | PgType.TIMESTAMPTZ:
            return not _is_extreme(datum[:8])
        case PgType.INTERVAL:
            return not _is_extreme(datum[12:16])  # the months
        case _:
            return False


def _special(datum: bytes) -> int:
    """Return what a numeric is instead of a number, by the bits of its sign; 0 if it is one."""
    sign = datum[5] & 0xF0
    return sign if sign >= _NAN else 0


def _is_nan(node: Node) -> bool:
    datum = node.fields.get("constvalue")
    is_numeric = node.integer("consttype") == PgType.NUMERIC
    return is_numeric and isinstance(datum, bytes) and _special(datum) == _NAN


def _is_extreme(number: bytes) -> bool:
    return number[:-1].strip(b"\xff") == number[-1:].strip(b"\x7f") == b"" or (
        number[:-1].strip(b"\0") == number[-1:].strip(b"\x80") == b""
    )


def _is_bounded(node: Node, here: Here) -> bool:
    """Tell whether the CHECK constraints of a table keep a column from infinity, on both sides."""
    entry = here.level.entry(node.integer("varno"))
    relation = None
    if entry.integer("rtekind") == Entry.RELATION and node.integer("varattno") > 0:
        relation = here.reasoning.catalogue.relations.get(entry.integer("relid"))
    if relation is None or relation.has_foreign:
        return False
    stored = here.reasoning.stored(relation.oid)
    compared = [pair for check in relation.checks for pair in _compared(check, stored)]
    column = node.integer("varattno")
    return all(column in _bounded(side, compared, stored) for side in _SIDES)


_SIDES: Final[tuple[_Side, _Side]] = ("lower", "upper")


def _compared(check: Node, here: Here) -> Iterator[tuple[Node, str, Node]]:
    """Give each comparison that a CHECK demands: what is less, ``lt`` or ``le``, what is more."""
    if check.name == "BOOLEXPR" and check.text("boolop") == "and":
        for each in check.children("args"):
            yield from _compared(each, here)
    function = here.function(check) if check.name == "OPEXPR" else None
    if function is None or not function.builtin:
        return
    compared, _, how = function.name.partition("_")
    left, right = (check.children("args") * 2)[:2]
    if compared in _COMPARED and how in {"le", "lt"}:
        yield left, how, right
    elif compared in _COMPARED and how in _TURNED:
        yield right, _TURNED[how], left


def _is_limit(limit: Node, how: str, here: Here) -> bool:
    """Tell whether what is compared with a number is kept from infinity on one side."""
    if any(node.name == "VAR" for node in walk(limit)):
        return False
    is_number = limit.name == "CONST" and not _is_nan(limit)
    return (how == "lt" and is_number) or _is_finite(limit, here)


def _bounded(side: _Side, compared: list[tuple[Node, str, Node]], here: Here) -> set[int]:
    """Return the columns that something keeps from infinity on one side: a number, or another."""
    bounded: set[int] = set()
    before = -1
    while len(bounded) > before:
        before = len(bounded)
        for less, how, more in compared:
            value, limit = (less, more) if side == "upper" else (more, less)
            by_number = _is_limit(limit, how, here)
            # A CHECK holds also where it is NULL, so the other column must not be.
            by_other = (
                limit.name == "VAR"
                and limit.integer("varattno") in bounded
                and here.nullable(limit) is False
            )
            if value.name == "VAR" and (by_number or by_other):
                bounded.add(value.integer("varattno"))
    return bounded
