"""What the type of a row takes: fields of a model, the value of a plain type, parameters."""

import ast
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import CodeType
from typing import Final, Literal, TypeVar, get_origin
from uuid import UUID

import attrs

from quantdb.check.hints import UNKNOWN, Hint, Variables, evaluated, own_annotation, variables_of
from quantdb.check.problems import Place
from quantdb.check.python import (
    Code,
    annotation_of,
    assigned_in,
    function_node,
    parameters,
    place_of_class,
    place_of_field,
    written,
)
from quantdb.models import CHECKED

__all__ = ["PLAIN", "Kind", "Shape", "Slot", "fields_of", "shape_of", "shown"]

Kind = Literal["model", "plain", "callable"]

PLAIN: Final = frozenset(
    {bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, UUID}
)
"""Types that take one column, which is of exactly that type."""


@attrs.frozen
class Slot:
    """What takes one column: a field or a parameter.

    Attributes:
        name: Its name.
        hint: Its annotation.
        said: Its annotation, as it is written.
        place: Where it is written.
        keeps: Whether it keeps the value as it comes, so that a None that never comes is a
            pretence; a converter or a function may well be made for more than it meets here.
        aliases: Where the names in its annotation are given their meaning (``Side = Literal[…]``).
    """

    name: str
    hint: Hint
    said: str
    place: Place | None
    keeps: bool
    aliases: tuple[Place, ...] = ()


@attrs.frozen
class Shape:
    """What a row type takes.

    Attributes:
        name: The row type, for messages.
        kind: Whether columns are its fields, by name and in order; one value of it; or merely its
            arguments, by position.
        slots: What takes the columns, in order.
        required: How many columns there must be at least.
        rest: What takes any more columns (``*columns``); None if nothing does.
        by_keyword: Fields or parameters that need a value and take none by position.
        place: Where it is defined.
    """

    name: str
    kind: Kind
    slots: tuple[Slot, ...]
    required: int
    rest: Slot | None
    by_keyword: tuple[str, ...]
    place: Place | None


def shown(annotation: object) -> str:
    """Return an annotation for a message."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    pieces = _QUOTED.split(str(annotation))
    return "".join(
        each if number % 2 else _MODULES.sub("", each) for number, each in enumerate(pieces)
    )


_QUOTED: Final = re.compile(r"('[^']*')")
_MODULES: Final = re.compile(r"\b(?:\w+\.)+(?=\w)")


def shape_of(row: object) -> Shape | None:
    """Return what a row type takes, by the rules of `quantdb.rows`; None if that is unknown."""
    kind = get_origin(row) or row
    if isinstance(kind, type) and attrs.has(kind):
        return _of_model(row, kind)
    if isinstance(row, type) and row in PLAIN:
        slot = Slot(row.__name__, Hint(row), row.__name__, None, keeps=True)
        return Shape(row.__name__, "plain", (slot,), 1, None, (), None)
    return _of_callable(row, kind) if callable(kind) else None


def fields_of(model: object) -> tuple[Slot, ...]:
    """Return the fields of an attrs class as they are once it is made, those that are arguments."""
    kind = get_origin(model) or model
    if not isinstance(kind, type) or not attrs.has(kind):
        return ()
    variables = variables_of(model)
    return tuple(
        _slot(field.alias or field.name, kind, field.name, variables, field.type)
        for field in attrs.fields(kind)
        if field.init
    )


def _of_model(row: object, kind: "type[attrs.AttrsInstance]") -> Shape:
    arguments = [field for field in attrs.fields(kind) if field.init]
    slots = tuple(
        _received(slot, field.metadata, getattr(field, "converter", None))
        for slot, field in zip(fields_of(row), arguments, strict=True)
    )
    by_keyword = tuple(
        slot.name for slot, field in zip(slots, arguments, strict=True) if field.kw_only
    )
    return Shape(kind.__name__, "model", slots, len(slots), None, by_keyword, place_of_class(kind))


def _received(slot: Slot, metadata: Mapping[object, object], converter: object) -> Slot:
    """Return what a field takes: by way of a converter, what that takes."""
    if converter is None or metadata.get(CHECKED):
        return slot
    inner: object = getattr(converter, "converter", converter)  # of attrs.Converter
    parameter = _parameters(inner)[:1]
    hint = _hint_of(inner, parameter[0]) if parameter else UNKNOWN
    said = f"what its converter takes, {shown(hint.annotation)}"
    return attrs.evolve(slot, hint=hint, said=said, keeps=False)


def _slot(
    name: str,
    kind: type,
    attribute: str,
    variables: Mapping[type, Variables],
    annotation: object,
) -> Slot:
    """Return a field of a class, which may be a field of one of its bases."""
    owner, own = next(
        ((each, found) for each in kind.__mro__ if (found := own_annotation(each, attribute))),
        (kind, None if isinstance(annotation, str) else annotation),
    )
    space = {**_type_parameters(owner), **vars(owner)}
    hint = UNKNOWN if own is None else evaluated(own, owner.__module__, space)
    hint = attrs.evolve(hint, variables=variables.get(owner, {}))
    said = annotation_of(kind, attribute) or shown(hint.annotation)
    place = place_of_field(kind, attribute)
    meant = hint.variables.get(hint.annotation) if isinstance(hint.annotation, TypeVar) else None
    if meant is not None:  # what a class gives to its generic base
        given = tuple(filter(None, [place_of_class(kind)]))
        return Slot(name, hint, shown(meant.annotation), place, keeps=True, aliases=given)
    return Slot(name, hint, said, place, keeps=True, aliases=_aliases(said, owner.__module__))


def _aliases(said: str, module: str) -> tuple[Place, ...]:
    """Return where the names in an annotation are assigned, in code of the user's."""
    try:
        names = [node.id for node in ast.walk(ast.parse(said)) if isinstance(node, ast.Name)]
    except SyntaxError:
        return ()
    found = [assigned_in(module, name) for name in names]
    return tuple(code.place(node) for code, node in filter(None, found) if _is_ours(code))


def _is_ours(code: Code) -> bool:
    return not Path(code.file).is_relative_to(_LIBRARY)


_LIBRARY: Final = Path(typing.__file__).parent


def _type_parameters(kind: type) -> dict[str, object]:
    """Return the type parameters of PEP 695, which are names inside the class alone."""
    found: tuple[object, ...] = getattr(kind, "__type_params__", ())
    return {str(each): each for each in found}


# Any other callable


def _of_callable(row: object, kind: object) -> Shape | None:
    given = _signature(kind)
    if given is None:
        return None
    positional = [each for each in given if each.kind in _POSITIONAL]
    variables = variables_of(row)
    slots = tuple(_argument(kind, each, variables) for each in positional)
    rest = [_argument(kind, each, variables) for each in given if each.kind is each.VAR_POSITIONAL]
    by_keyword = [
        each.name for each in given if each.kind is each.KEYWORD_ONLY and each.default is each.empty
    ]
    required = sum(each.default is each.empty for each in positional)
    place = place_of_class(kind) if isinstance(kind, type) else _place_of_function(kind)
    return Shape(
        name=_name(kind),
        kind="callable",
        slots=slots,
        required=required,
        rest=rest[0] if rest else None,
        by_keyword=tuple(by_keyword),
        place=place,
    )


_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def _name(kind: object) -> str:
    name: object = getattr(kind, "__qualname__", None)
    return name if isinstance(name, str) else type(kind).__name__


def _signature(kind: object) -> list[inspect.Parameter] | None:
    """Return the parameters of a callable that is written in Python; None of any other."""
    if not callable(kind) or (isinstance(kind, type) and _makes_its_own_way(kind)):
        return None
    try:
        signature = inspect.signature(kind, follow_wrapped=False)
    except (ValueError, TypeError):
        return None
    return [*signature.parameters.values()] if _function(kind) is not None else None


def _makes_its_own_way(kind: type) -> bool:
    """Tell whether a class is called by rules of its metaclass (an Enum is)."""
    return type(kind).__call__ is not type.__call__


def _function(kind: object) -> Callable[..., object] | None:
    """Return the function that a call of *kind* runs, if it is written in Python."""
    if isinstance(kind, type):
        made: list[object] = [getattr(kind, "__init__", None), getattr(kind, "__new__", None)]
    else:
        made = [
            kind,
            getattr(kind, "__func__", None),  # a method
            getattr(kind, "func", None),  # functools.partial
            inspect.getattr_static(type(kind), "__call__", None),
        ]
    for each in made:
        if callable(each) and isinstance(getattr(each, "__code__", None), CodeType):
            return each
    return None


def _parameters(kind: object) -> list[inspect.Parameter]:
    return [each for each in _signature(kind) or () if each.kind in _POSITIONAL]


def _hint_of(kind: object, parameter: inspect.Parameter) -> Hint:
    if parameter.annotation is parameter.empty:
        return UNKNOWN
    module: object = getattr(_function(kind), "__module__", "")
    return evaluated(parameter.annotation, str(module), {})


def _argument(
    kind: object, parameter: inspect.Parameter, variables: Mapping[type, Variables]
) -> Slot:
    hint = _hint_of(kind, parameter)
    if isinstance(kind, type):
        if _keeps_its_arguments(kind):
            return _slot(parameter.name, kind, parameter.name, variables, parameter.annotation)
        hint = attrs.evolve(hint, variables=variables.get(kind, {}))
    found = _written(kind, parameter.name)
    said = shown(hint.annotation) if found is None or not found[1] else found[1]
    return Slot(parameter.name, hint, said, found[0] if found else None, keeps=False)


def _keeps_its_arguments(kind: type) -> bool:
    """Tell a dataclass or a named tuple, whose parameters are its fields."""
    return hasattr(kind, "_fields") or is_dataclass(kind)


def _written(kind: object, name: str) -> tuple[Place, str] | None:
    """Return the place of a parameter, and its annotation as it is written."""
    code: object = getattr(_function(kind), "__code__", None)
    found = function_node(code) if isinstance(code, CodeType) else None
    node = parameters(found[1]).get(name) if found else None
    if found is None or node is None:
        return None
    said = written(node.annotation) if node.annotation else ""
    return found[0].place(node), said


def _place_of_function(kind: object) -> Place | None:
    code: object = getattr(_function(kind), "__code__", None)
    found = function_node(code) if isinstance(code, CodeType) else None
    if found is None:
        return None
    source, node = found
    return source.place(node)
