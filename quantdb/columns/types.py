"""Which Arrow type a column has: by the model and the statement, never by the rows.

| in Python | in Arrow |
|---|---|
| Decimal | decimal128(38, 18): 20 digits before the point and 18 after it |
| datetime | timestamp[us, UTC]; without a zone for a column ``timestamp`` |
| date, time, timedelta | date32, time64[us], duration[us] |
| str | string; dictionary of strings for a Literal and a field marked as `REPEATS` |
| UUID, bytes, bool | uuid, binary, bool |
| int, float | int64, double; float for a column ``real`` |

A field with ``metadata={"arrow": pyarrow.decimal256(76, 38)}`` has that type instead.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
import pyarrow as pa

from quantdb.columns.arrow import Field, field_of, fields_of, label_of, schema_of_fields
from quantdb.database import Attribute
from quantdb.errors import ShapeMismatch
from quantdb.models import REPEATS

__all__ = ["DECIMAL", "LABELS", "schema_of", "schema_of_result"]

DECIMAL: Final = pa.decimal128(38, 18)
LABELS: Final = pa.dictionary(pa.int32(), pa.string())

_OF: Final[Mapping[object, pa.DataType]] = {
    Decimal: DECIMAL,
    UUID: pa.uuid(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
    float: pa.float64(),
    int: pa.int64(),
    str: pa.string(),
    time: pa.time64("us"),
    timedelta: pa.duration("us"),
}

# What the server calls the types that are read as each; text is whatever no other claims.
_BY_SERVER: Final[Mapping[str, object]] = {
    "numeric": Decimal,
    "uuid": UUID,
    "bool": bool,
    "bytea": bytes,
    "date": date,
    "timestamptz": datetime,
    "timestamp": datetime,
    "float4": float,
    "float8": float,
    "int2": int,
    "int4": int,
    "int8": int,
    "time": time,
    "interval": timedelta,
}

# Types of which Python has only the wider form.
_NARROWER: Final[Mapping[str, pa.DataType]] = {
    "float4": pa.float32(),
    "timestamp": pa.timestamp("us"),
}


def schema_of(model: type) -> pa.Schema:
    """Return the columns of a model, in the order of its fields."""
    hints = get_type_hints(model)
    fields: list[Field] = []
    for field in attrs.fields(model):
        if field.init:
            kind, optional = _required(hints.get(field.name, field.type))
            name = field.alias or field.name
            fields.append(field_of(name, _type_of(field, kind, name), nullable=optional))
    return schema_of_fields(fields)


def _required(hint: object) -> tuple[object, bool]:
    """Return a type without its None, and whether it had one."""
    choices = get_args(hint)
    if type(None) not in choices or get_origin(hint) is None:
        return hint, False
    others = [choice for choice in choices if choice is not type(None)]
    return (others[0] if len(others) == 1 else hint), True


def _type_of(field: "attrs.Attribute[object]", kind: object, name: str) -> pa.DataType:
    given: object = field.metadata.get("arrow")
    if isinstance(given, pa.DataType):
        return given
    if kind is str and field.metadata.get(REPEATS):
        return LABELS
    labels = get_args(kind)
    if labels and all(isinstance(label, str) for label in labels):
        return LABELS
    if kind not in _OF:
        raise ShapeMismatch(
            f"{name}: there is no Arrow type for {kind}; give one by metadata={{'arrow': …}}"
        )
    return _OF[kind]


def schema_of_result(
    columns: Sequence[Attribute], model: pa.Schema | None, where: str
) -> pa.Schema:
    """Return the columns of a result: those of the model, as the server can give them.

    Raises:
        ShapeMismatch: They are not the fields of the model, or a type is none of a column.
    """
    names = [column.name for column in columns]
    wanted = fields_of(model) if model is not None else []
    if model is not None and names != model.names:
        raise ShapeMismatch(
            f"{where}: the columns are {', '.join(names)}; the fields are {', '.join(model.names)}"
        )
    if len(set(names)) < len(names):
        raise ShapeMismatch(f"{where}: two columns have one name: {', '.join(names)}")
    return schema_of_fields(
        [
            _column(column, wanted[place] if wanted else None, where)
            for place, column in enumerate(columns)
        ]
    )


def _column(column: Attribute, wanted: Field | None, where: str) -> Field:
    name = column.type.name
    if column.type.kind != "scalar":
        raise ShapeMismatch(f"{where}: {column.name} is {name}, which is no column of Arrow")
    given = _OF[_BY_SERVER.get(name, str)]
    if wanted is not None and not _fits(given, wanted.type):
        raise ShapeMismatch(f"{where}: {column.name} is {name}; the field wants {wanted.type}")
    given = _NARROWER.get(name, given)
    if wanted is None:
        return field_of(column.name, given)
    return wanted.with_type(given) if name in _NARROWER else wanted


def _fits(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether values of a server's type can be read as *wanted* without a loss."""
    if pa.types.is_decimal(wanted):
        return pa.types.is_decimal(given) or pa.types.is_integer(given)
    if pa.types.is_dictionary(wanted):
        return given == pa.string() == label_of(wanted)
    if pa.types.is_timestamp(wanted):
        return pa.types.is_timestamp(given) and wanted.unit == "us"
    return given == wanted
