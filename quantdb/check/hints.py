"""Annotations as what they mean: names looked up, aliases followed, type variables filled in."""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType, NoneType, UnionType
from typing import (
    Annotated,
    ClassVar,
    Final,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from quantdb.check.python import code_of

__all__ = ["UNKNOWN", "Hint", "Variables", "evaluated", "own_annotation", "variables_of"]

Variables = Mapping[object, "Hint"]
"""What type variables stand for."""


@attrs.frozen
class Hint:
    """An annotation.

    Attributes:
        annotation: As it was evaluated.
        variables: What its type variables stand for.
    """

    annotation: object
    variables: Variables = attrs.field(factory=dict[object, "Hint"], eq=False, repr=False)

    def choices(self) -> "list[Hint]":
        """Return what a value may be: the members of a union, aliases and markers seen through."""
        found: list[Hint] = []
        _collect(self, found, depth=0)
        return found

    def arguments(self) -> "list[Hint]":
        """Return what stands in the brackets."""
        return [Hint(each, self.variables) for each in _arguments(self.annotation)]


UNKNOWN: Final = Hint(NotImplemented)
"""An annotation of which nothing is known."""

_DEEPEST: Final = 50
_MARKERS: Final = frozenset({"Final", "Required", "NotRequired", "ReadOnly", "ClassVar"})


def _arguments(annotation: object) -> tuple[object, ...]:
    found: tuple[object, ...] = get_args(annotation)
    return found


def _collect(hint: Hint, found: list[Hint], depth: int) -> None:
    inner = _seen_through(hint)
    if depth > _DEEPEST or inner is None:
        found.append(UNKNOWN)
    elif inner is not hint:
        _collect(inner, found, depth + 1)
    elif get_origin(hint.annotation) in {Union, UnionType}:
        for member in hint.arguments():
            _collect(member, found, depth + 1)
    else:
        found.append(hint)


def _seen_through(hint: Hint) -> Hint | None:
    """Return what an annotation stands for, itself if it is no alias, None if that is unknown."""
    annotation = hint.annotation
    if annotation is None:
        return Hint(NoneType)
    if isinstance(annotation, TypeVar):
        return hint.variables.get(annotation)
    if isinstance(annotation, NewType):
        supertype: object = annotation.__supertype__
        return Hint(supertype)
    origin = get_origin(annotation)
    if origin is Annotated or getattr(origin, "_name", "") in _MARKERS:
        return hint.arguments()[0]
    if annotation is ClassVar or annotation is Final:
        return None
    alias = annotation if origin is None else origin
    if type(alias).__name__ == "TypeAliasType":  # of PEP 695, or of typing_extensions
        return _of_alias(alias, hint)
    return hint


def _of_alias(alias: object, hint: Hint) -> Hint | None:
    try:
        value: object = getattr(alias, "__value__", None)
    except (NameError, TypeError, AttributeError):  # it is evaluated only now
        return None
    names: tuple[object, ...] = getattr(alias, "__type_params__", ())
    return Hint(value, dict(zip(names, hint.arguments(), strict=False)))


def evaluated(annotation: object, module: str, space: Mapping[str, object]) -> Hint:
    """Return an annotation with its names looked up; UNKNOWN if that is impossible.

    Args:
        annotation: May be text, or hold text.
        module: Where it is written; its names go before those of *space*, also those that it
            imports for type checkers alone.
        space: Names of the class around it.
    """
    there = sys.modules.get(module)
    names = {**space, **(vars(there) if there else {})}
    for for_checkers in (False, True):
        if for_checkers:
            names = {**(_for_checkers(there) if there else {}), **names}
        holder = type("holder", (), {"__annotations__": {"it": annotation}, "__module__": module})
        try:
            hints: dict[str, object] = get_type_hints(holder, names, names, include_extras=True)
        except Exception:  # noqa: S112 - whatever a foreign annotation raises
            continue
        return Hint(hints.get("it", NotImplemented))
    return UNKNOWN


@cache
def _for_checkers(module: ModuleType) -> dict[str, object]:
    """Return what a module imports under ``if TYPE_CHECKING``."""
    code = code_of(module)
    found: dict[str, object] = {}
    for node in ast.walk(code.tree) if code else ():
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                found |= _imported(statement, module)
    return found


def _imported(statement: ast.stmt, module: ModuleType) -> dict[str, object]:
    found: dict[str, object] = {}
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return found
    package = str(getattr(module, "__package__", None) or module.__name__)
    for alias in statement.names:
        try:
            if isinstance(statement, ast.ImportFrom):
                name = "." * statement.level + (statement.module or "")
                source = import_module(name, package)
                found[alias.asname or alias.name] = getattr(source, alias.name)
            else:
                whole = import_module(alias.name)
                first = sys.modules[alias.name.partition(".")[0]]
                found[alias.asname or first.__name__] = whole if alias.asname else first
        except Exception:  # noqa: S112 - what cannot be imported here stays unknown
            continue
    return found


def variables_of(row: object) -> dict[type, Variables]:
    """Return what type variables stand for in a class, or in ``Model[int]``, and in its bases."""
    origin = get_origin(row)
    kind = origin if isinstance(origin, type) else row
    found: dict[type, Variables] = {}
    if isinstance(kind, type):
        _bind(kind, [Hint(each) for each in _arguments(row)], found)
    return found


def _bind(kind: type, given: list[Hint], found: dict[type, Variables]) -> None:
    names: tuple[object, ...] = getattr(kind, "__parameters__", ())
    variables: Variables = dict(zip(names, given, strict=False))
    found.setdefault(kind, variables)
    bases: tuple[object, ...] = vars(kind).get("__orig_bases__", kind.__bases__)
    for base in bases:
        origin = get_origin(base) or base
        if isinstance(origin, type) and origin is not object:
            _bind(origin, [Hint(each, variables) for each in _arguments(base)], found)


def own_annotation(kind: type, name: str) -> object:
    """Return the annotation that a class itself gives a name, unevaluated; None if it has none."""
    try:
        return inspect.get_annotations(kind).get(name)
    except NameError:  # only from Python 3.14 on, where it may be evaluated here
        return None
