"""From rows to models: look once at the columns of a result, then be fast.

A row is the arguments of its type, by position. An attrs class takes columns that are named as
its fields, in their order; a plain type (`int`, `Decimal`) takes one column that is of it;
any other callable takes whatever the columns are.

**The twin.** Building a frozen attrs class runs its validators and sets every field through
``object.__setattr__``: three times the cost of a plain class, to check again what the database
has checked already. A row is therefore built as a *mutable* class of the same layout, whose
``__init__`` only assigns, and then becomes the frozen class by ``__class__``. CPython allows that
exactly when both have the same layout, which is tried once, when the builder is made.
A class for which it would change what construction means keeps its own ``__init__``: one with a
converter that is not merely the boundary's check, with ``__attrs_pre_init__``,
``__attrs_post_init__``, ``__new__`` or an ``__init__`` of its own, with a metaclass, or with
keyword-only fields or fields that are no arguments.

A twin is a sibling of the model, with the same bases and the same slots. Before Python 3.12 the
layouts of two siblings differ if they have a slot for weak references, which attrs gives unless it
is told not to; the twin of such a model is a child of it, one for all its builders, without slots
of its own. It can be seen in the model's ``__subclasses__()``, as ``ModelTwin``: say
``weakref_slot=False`` if that is in the way.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import starmap
from types import CodeType, MemberDescriptorType, new_class
from typing import Final, TypeVar, get_origin
from uuid import UUID

import attrs

from quantdb.collector import MANY, at_rest
from quantdb.database import Row
from quantdb.errors import ShapeMismatch
from quantdb.models import CHECKED

__all__ = ["Builder", "builder", "is_twin", "trusted"]

R = TypeVar("R")


_ATTRS_SOURCE: Final = attrs.make_class.__code__.co_filename

Builder = Callable[[Sequence[Row]], list[R]]

_PLAIN: Final = frozenset(
    {bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, UUID}
)


def builder(row: Callable[..., R], where: str) -> Builder[R]:
    """Return a function that builds *row* from each record of a result.

    It raises ShapeMismatch, with *where* to look, when the columns do not fit.
    """
    kind: object = get_origin(row) or row  # of Model[int], Model has the fields
    fields = _fields(kind) if isinstance(kind, type) else None
    if fields is not None:
        model = _as_class(row)
        make = _by_twin(model, fields) if model is not None else None
        name: str = getattr(kind, "__name__", "")
        return _of_model(make or _by_calling(row), fields, where, name)
    if isinstance(row, type) and _is_plain(row):
        return _of_plain(row, where)
    return _resting(_by_calling(row))


def _resting(make: Builder[R]) -> Builder[R]:
    """Return a builder that has the collector rest while it makes many."""

    def build(records: Sequence[Row]) -> list[R]:
        if len(records) < MANY:
            return make(records)
        with at_rest():
            return make(records)

    return build


def _fields(kind: type) -> "Sequence[attrs.Attribute[object]] | None":
    return attrs.fields(kind) if attrs.has(kind) else None


def _is_plain(kind: type) -> bool:
    return kind in _PLAIN


def _by_calling(row: Callable[..., R]) -> Builder[R]:
    def build(records: Sequence[Row]) -> list[R]:
        return list(starmap(row, records))

    return build


def _of_model(
    make: Builder[R], fields: "Sequence[attrs.Attribute[object]]", where: str, name: str
) -> Builder[R]:
    names = tuple(field.alias or field.name for field in fields if field.init)
    resting = _resting(make)

    def build(records: Sequence[Row]) -> list[R]:
        if not records:
            return []
        columns = tuple(records[0].keys())
        if columns != names:
            raise ShapeMismatch(_difference(where, name, names, columns))
        return make(records) if len(records) < MANY else resting(records)

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


def _as_class(row: Callable[..., R]) -> type[R] | None:
    return row if isinstance(row, type) else None


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
    """Return a mutable class that makes what can become a *model*, or None if that is unsafe."""
    if not _is_plainly_built(model, fields):
        return None
    known = next(filter(is_twin, model.__subclasses__()), None)
    if known is not None:
        return known
    # attrs writes the assignments; a class of our own has them, the slots and nothing else.
    assigning = attrs.make_class(
        model.__name__,
        {field.name: attrs.field(alias=field.alias) for field in fields},
        slots=False,
    )
    # Both of these, or neither is the plain one: they share a slot.
    body: dict[str, object] = {
        "__init__": vars(assigning)["__init__"],
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    slots = vars(model).get("__slots__")
    own = body if slots is None else {**body, "__slots__": slots}
    sibling: Callable[..., R] = _class(model.__name__, model.__bases__, own)
    if _becomes(sibling, model, fields):
        return sibling
    if "__init_subclass__" in vars(model) or "__del__" in vars(model):
        return None
    own = {**body, "__slots__": (), "__module__": model.__module__}
    child = _class(f"{model.__name__}Twin", (model,), own)
    if not _becomes(child, model, fields):
        return None
    setattr(child, _TWIN, True)
    return child


_TWIN: Final = "__quantdb_twin__"


def is_twin(kind: type) -> bool:
    """Tell whether a class is none of its module's, but the twin of the one that it inherits."""
    return _TWIN in vars(kind)


def _class(name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
    return new_class(name, bases, exec_body=lambda own: own.update(body))


def _becomes(
    twin: Callable[..., R], model: type[R], fields: "Sequence[attrs.Attribute[object]]"
) -> bool:
    """Tell whether what *twin* makes can become a *model*."""
    trial = twin(*fields)
    try:
        trial.__class__ = model
    except TypeError:
        return False
    object.__setattr__(trial, "__class__", twin)  # so that it does not end as a model
    return True


_CACHED_HASH: Final = "_attrs_cached_hash"


def _is_plainly_built(model: type, fields: "Sequence[attrs.Attribute[object]]") -> bool:
    """Tell whether building *model* is no more than checking and assigning its fields."""
    own, family = vars(model), model.__mro__[:-1]
    code = getattr(own.get("__init__"), "__code__", None)
    return (
        "__attrs_attrs__" in own
        and isinstance(code, CodeType)
        and code.co_filename.startswith("<attrs generated")
        and _CACHED_HASH not in {*code.co_names, *code.co_consts}
        and type(model) is type
        and not any("__new__" in vars(kind) for kind in family)
        and not any({"__del__", "__init_subclass__"} & vars(kind).keys() for kind in family[1:])
        and not any(_is_computed(own.get(field.name)) for field in fields)
        and not any(_assigns_its_own_way(kind) for kind in family)
        and not hasattr(model, "__attrs_pre_init__")
        and not hasattr(model, "__attrs_post_init__")
        and all(
            field.init
            and not field.kw_only
            and (field.metadata.get(CHECKED) or getattr(field, "converter", None) is None)
            for field in fields
        )
    )


def _is_computed(attribute: object) -> bool:
    """Tell whether what a class has under a field's name is a property of its own."""
    return hasattr(attribute, "__set__") and not isinstance(attribute, MemberDescriptorType)


def _assigns_its_own_way(kind: type) -> bool:
    """Tell whether a class has a ``__setattr__`` that attrs did not give it."""
    code = getattr(vars(kind).get("__setattr__"), "__code__", None)
    return "__setattr__" in vars(kind) and (
        not isinstance(code, CodeType) or not code.co_filename.endswith(_ATTRS_SOURCE)
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
        # A UUID of the driver is of a class of its own.
        if (type(value) is not kind and kind is not UUID) or not isinstance(value, kind):
            raise ShapeMismatch(
                f"{where}: column {next(record.keys())!r} is to be {kind.__name__}; "
                f"it is {type(value).__name__}"
            )
        return value

    return _resting(lambda records: [only(record) for record in records])


def _difference(where: str, model: str, names: tuple[str, ...], columns: tuple[str, ...]) -> str:
    missing = [name for name in names if name not in columns]
    surplus = [name for name in columns if name not in names]
    parts = [
        f"no column for {', '.join(missing)}" if missing else "",
        f"no field for {', '.join(surplus)}" if surplus else "",
        "" if missing or surplus else f"the order is {', '.join(columns)}",
    ]
    said = "; ".join(filter(None, parts))
    return f"{where}: the columns are not the fields of {model}: {said}"
