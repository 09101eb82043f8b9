"""From rows to models: look once at the columns of a result, then be fast.

A row is the arguments of its type, by position. An attrs class takes columns that are named as
its fields, in their order; a plain type (`int`, `Decimal`) takes one column that is of it;
any other callable takes whatever the columns are.

**The twin.** Building a frozen attrs class runs its validators and sets every field through
``object.__setattr__``: three times the cost of a plain class, to check again what the database
has checked already. A row is therefore built as a *mutable* class with the same slots, whose
``__init__`` only assigns, and then becomes the frozen class by ``__class__``. CPython allows that
exactly when both have the same layout, which is tried once, when the builder is made.
A class for which it would change what construction means keeps its own ``__init__``: one with a
converter that is not merely the boundary's check, with ``__attrs_pre_init__``,
``__attrs_post_init__``, ``__new__`` or an ``__init__`` of its own, with a metaclass, or with
keyword-only fields or fields that are no arguments.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import starmap
from types import CodeType
from typing import Final, TypeVar
from uuid import UUID

import attrs

from quantdb.database import Row
from quantdb.errors import ShapeMismatch
from quantdb.models import CHECKED

__all__ = ["Builder", "builder", "trusted"]

R = TypeVar("R")


Builder = Callable[[Sequence[Row]], list[R]]

_PLAIN: Final = frozenset(
    {bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, UUID}
)


def builder(row: Callable[..., R], where: str) -> Builder[R]:
    """Return a function that builds *row* from each record of a result.

    It raises ShapeMismatch, with *where* to look, when the columns do not fit.
    """
    if not isinstance(row, type):
        return _by_calling(row)
    fields = _fields(row)
    if fields is not None:
        return _of_model(row, fields, where)
    return _of_plain(row, where) if _is_plain(row) else _by_calling(row)


def _fields(kind: type) -> "Sequence[attrs.Attribute[object]] | None":
    return attrs.fields(kind) if attrs.has(kind) else None


def _is_plain(kind: type) -> bool:
    return kind in _PLAIN


def _by_calling(row: Callable[..., R]) -> Builder[R]:
    def build(records: Sequence[Row]) -> list[R]:
        return list(starmap(row, records))

    return build


def _of_model(
    model: type[R], fields: "Sequence[attrs.Attribute[object]]", where: str
) -> Builder[R]:
    names = tuple(field.alias or field.name for field in fields if field.init)
    make = _by_twin(model, fields) or _by_calling(model)

    def build(records: Sequence[Row]) -> list[R]:
        if not records:
            return []
        columns = tuple(records[0].keys())
        if columns != names:
            raise ShapeMismatch(_difference(where, model, names, columns))
        return make(records)

    return build


def trusted(model: type[R]) -> Callable[..., R]:
    """Return a function that builds *model* from the columns of a row, by position."""
    fields = _fields(model)
    twin = _twin(model, fields) if fields is not None else None
    if twin is None:
        return model

    def make(*columns: object) -> R:
        one = twin(*columns)
        one.__class__ = model
        return one

    return make


def _by_twin(model: type[R], fields: "Sequence[attrs.Attribute[object]]") -> Builder[R] | None:
    twin = _twin(model, fields)
    if twin is None:
        return None

    def make(records: Sequence[Row]) -> list[R]:
        made = list(starmap(twin, records))
        for one in made:
            one.__class__ = model
        return made

    return make


def _twin(model: type[R], fields: "Sequence[attrs.Attribute[object]]") -> Callable[..., R] | None:
    """Return a mutable class of the same layout, or None if that is unsafe."""
    if not _is_plainly_built(model, fields):
        return None
    slots: Sequence[str] | None = vars(model).get("__slots__")
    twin: Callable[..., R] = attrs.make_class(
        model.__name__,
        {field.name: attrs.field(alias=field.alias) for field in fields},
        bases=model.__bases__,
        slots=slots is not None,
        weakref_slot=slots is not None and "__weakref__" in slots,
        eq=False,
        repr=False,
    )
    try:
        twin(*fields).__class__ = model
    except TypeError:
        return None
    return twin


def _is_plainly_built(model: type, fields: "Sequence[attrs.Attribute[object]]") -> bool:
    """Tell whether building *model* is no more than checking and assigning its fields."""
    own, above = vars(model), model.__mro__[1:-1]
    code = getattr(own.get("__init__"), "__code__", None)
    return (
        "__attrs_attrs__" in own
        and isinstance(code, CodeType)
        and code.co_filename.startswith("<attrs generated")
        and type(model) is type
        and not any("__new__" in vars(kind) for kind in model.__mro__[:-1])
        and not any("__init_subclass__" in vars(kind) for kind in above)
        and not hasattr(model, "__attrs_pre_init__")
        and not hasattr(model, "__attrs_post_init__")
        and all(
            field.init
            and not field.kw_only
            and (field.metadata.get(CHECKED) or getattr(field, "converter", None) is None)
            for field in fields
        )
    )


def _of_plain(kind: type[R], where: str) -> Builder[R]:
    def only(record: Row) -> R:
        values = tuple(record)
        if len(values) != 1:
            columns = ", ".join(record.keys())
            raise ShapeMismatch(
                f"{where}: {kind.__name__} takes one column; the result has {columns}"
            )
        value = values[0]
        # A bool is no int here, nor a datetime a date: a value keeps its type.
        if type(value) is not kind or not isinstance(value, kind):
            raise ShapeMismatch(
                f"{where}: column {next(record.keys())!r} is to be {kind.__name__}; "
                f"it is {type(value).__name__}"
            )
        return value

    def build(records: Sequence[Row]) -> list[R]:
        return [only(record) for record in records]

    return build


def _difference(where: str, model: type, names: tuple[str, ...], columns: tuple[str, ...]) -> str:
    missing = [name for name in names if name not in columns]
    surplus = [name for name in columns if name not in names]
    parts = [
        f"no column for {', '.join(missing)}" if missing else "",
        f"no field for {', '.join(surplus)}" if surplus else "",
        "" if missing or surplus else f"the order is {', '.join(columns)}",
    ]
    said = "; ".join(filter(None, parts))
    return f"{where}: the columns are not the fields of {model.__name__}: {said}"
