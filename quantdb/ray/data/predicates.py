"""Which of Ray's predicates the server decides as Ray would."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import pyarrow as pa
from ray.data.expressions import BinaryExpr, ColumnExpr, Expr, LiteralExpr, Operation

from quantdb.columns.arrow import fields_of
from quantdb.ray.data.plans import is_list
from quantdb.ray.data.texts import Condition, Operator

__all__ = ["conditions_of"]

_COMPARISONS: Final[Mapping[Operation, Operator]] = {
    Operation.EQ: "=",
    Operation.NE: "<>",
    Operation.LT: "<",
    Operation.LE: "<=",
    Operation.GT: ">",
    Operation.GE: ">=",
}
_TURNED: Final[Mapping[Operator, Operator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDERED: Final = frozenset({"<", "<=", ">", ">="})


def conditions_of(predicate: Expr, schema: pa.Schema) -> list[Condition] | None:
    """Return conditions that let the same rows in; None if not all of it can be said so.

    That are comparisons of a column with a value of its own kind, joined by ``&``. NULL meets no
    comparison, neither here nor there. Texts are not compared by order: the server's differs.
    """
    if not isinstance(predicate, BinaryExpr):
        return None
    if predicate.op == Operation.AND:
        left = conditions_of(predicate.left, schema)
        right = conditions_of(predicate.right, schema)
        return None if left is None or right is None else [*left, *right]
    match predicate.left, predicate.right:
        case ColumnExpr() as column, LiteralExpr() as literal:
            turned = False
        case LiteralExpr() as literal, ColumnExpr() as column:
            turned = True
        case _:
            return None
    kind = next((field.type for field in fields_of(schema) if field.name == column.name), None)
    if kind is None:
        return None
    values: object = literal.value
    if predicate.op == Operation.IN and not turned and is_list(values):
        fitting = [_fitted(kind, value, "=") for value in values]
        return None if None in fitting else [Condition(column.name, "any", fitting)]
    operator = _COMPARISONS.get(predicate.op)
    if operator is None:
        return None
    value = _fitted(kind, values, operator)
    if value is None:
        return None
    if turned and operator in _TURNED:
        operator = _TURNED[operator]
    return [Condition(column.name, operator, value)]


def _fitted(kind: pa.DataType, value: object, operator: Operator) -> object:
    if pa.types.is_decimal(kind):
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        return value if isinstance(value, Decimal) and value.is_finite() else None
    if kind == pa.timestamp("us", "UTC"):
        return value if isinstance(value, datetime) and value.tzinfo is not None else None
    if kind == pa.string():
        return value if isinstance(value, str) and operator not in _ORDERED else None
    if kind == pa.uuid():
        return value if isinstance(value, UUID) and operator not in _ORDERED else None
    return None
