"""Whether a Python annotation fits a type of PostgreSQL, and whether it says that there is a None.

What is not known is no misfit: a type variable that stands for nothing, a name that only type
checkers can look up, a type of an extension, a class that a codec of the user's may make.
"""

import sys
import typing
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, EnumType
from types import NoneType
from typing import Final, Literal, get_args, get_origin
from uuid import UUID

import attrs

from quantdb.check.facts import PgType
from quantdb.check.hints import UNKNOWN, Hint
from quantdb.check.pytypes import base_of, came, is_json, sent

__all__ = ["Misfit", "admits_none", "cannot_be_sent", "misfit", "says_none"]

_SCALARS: Final[frozenset[object]] = frozenset(
    {bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, UUID}
)
# Python says that one is the other; for a column it is not.
_APART: Final = frozenset({(bool, int), (datetime, date)})
# No codec of a user's is for these alone: it would be for every text, every number.
_NEVER_DECODED: Final = frozenset({bool, bytes, float, int, list, str})


@attrs.frozen
class Misfit:
    """Why an annotation does not fit a column.

    Attributes:
        why: What is said besides the two types; empty when they say it all.
        sure: False if a codec of the user's may make it right.
        of_labels: Whether it is right but for the labels of an enum.
        convertible: Whether a converter of the field may make what is annotated.
    """

    why: str = ""
    sure: bool = True
    of_labels: bool = False
    convertible: bool = False


def misfit(hint: Hint, kind: PgType) -> Misfit | None:
    """Return why an annotation does not fit a column's type, whether NULL or not; None if it may.

    One choice of a union that fits is enough. Literals of an enum have to be all of its labels, and
    so have those of text that has labels by a CHECK.
    """
    kind = base_of(kind)
    choices = [choice for choice in hint.choices() if choice.annotation is not NoneType]
    if kind.kind == "enum" or kind.labels:
        literals = [each for choice in choices for each in _texts(choice)]
        if literals and not any(_fits_any_text(choice) for choice in choices):
            return _labels(literals, kind.labels)
    first: Misfit | None = None if choices else Misfit()
    for choice in choices:
        found = _misfit(choice, kind)
        if found is None:
            return None
        if first is None or not found.sure:
            first = found
    return first


def says_none(hint: Hint) -> bool:
    """Tell whether an annotation names None."""
    return any(
        choice.annotation is NoneType
        or (_is_literal(choice) and None in get_args(choice.annotation))
        for choice in hint.choices()
    )


def admits_none(hint: Hint) -> bool:
    """Tell whether a None may be a value of an annotation."""
    return says_none(hint) or any(
        _is_anything(choice) or _is_a(NoneType, _class(choice)) for choice in hint.choices()
    )


def cannot_be_sent(hint: Hint, kind: PgType) -> bool:
    """Tell whether no value of an annotation, None apart, can be a parameter of a type."""
    kind = base_of(kind)
    choices = [choice for choice in hint.choices() if choice.annotation is not NoneType]
    return bool(choices) and all(_cannot_be_sent(choice, kind) for choice in choices)


# One choice of a union


def _class(choice: Hint) -> object:
    return get_origin(choice.annotation) or choice.annotation


def _is_literal(choice: Hint) -> bool:
    return get_origin(choice.annotation) is Literal


def _is_anything(choice: Hint) -> bool:
    """Tell whether an annotation is known to be of anything, or not known at all."""
    annotation = choice.annotation
    if choice is UNKNOWN or annotation is object or annotation is typing.Any:
        return True
    return not _is_literal(choice) and not isinstance(_class(choice), type)


def _is_a(kind: type, other: object) -> bool:
    """Tell whether a value of class *kind* is one of *other*, or may be: not all can be asked."""
    if not isinstance(other, type):
        return True
    if (kind, other) in _APART:
        return False
    try:
        return issubclass(kind, other)
    except TypeError:  # a protocol, or a TypedDict
        return True


def _is_the_users(kind: object) -> bool:
    name = getattr(kind, "__module__", None)
    top = name.partition(".")[0] if isinstance(name, str) else ""
    return top not in {*sys.stdlib_module_names, "asyncpg"}


def _misfit(choice: Hint, kind: PgType) -> Misfit | None:
    if _is_anything(choice):
        return None
    classes = came(kind)
    if _is_literal(choice):
        return _of_literal(choice, classes)
    made = _class(choice)
    if not classes:  # a composite, or a type of an extension
        wrong = kind.kind == "composite" or kind.name == "record"
        return Misfit() if wrong and made in _SCALARS else None
    if any(_is_a(each, made) for each in classes):
        return _inside(choice, kind)
    if not _is_the_users(made):
        return Misfit()
    return _of_users(made, kind, classes)


def _of_literal(choice: Hint, classes: Sequence[type]) -> Misfit | None:
    values: tuple[object, ...] = get_args(choice.annotation)
    given = [type(value) for value in values if value is not None]
    fits = not classes or any(each in classes or _is_the_users(each) for each in given)
    return None if fits else Misfit()


def _of_users(made: object, kind: PgType, classes: Sequence[type]) -> Misfit | None:
    if is_json(kind):
        return None
    if kind.kind == "enum":
        members = _members(made)
        return (
            Misfit(sure=False, convertible=True)
            if members is None
            else _of_enum(members, kind.labels)
        )
    if any(each in _NEVER_DECODED for each in classes):
        came_as = classes[0].__name__
        why = f"a value comes as {came_as}, and nothing converts it"
        return Misfit(why, convertible=True)
    return Misfit("right only with a codec of your own", sure=False, convertible=True)


def _members(made: object) -> dict[str, str] | None:
    """Return the values of an Enum as text, by the names of its members; None of anything else."""
    if not isinstance(made, EnumType):
        return None
    members: dict[str, object] = dict(made.__members__)
    return {name: str(getattr(member, "value", "")) for name, member in members.items()}


def _of_enum(members: dict[str, str], labels: Sequence[str]) -> Misfit | None:
    by_name = {*map(str.lower, members)} == {*map(str.lower, labels)}  # as a codec may go
    return None if by_name else _labels([*members.values()], labels)


def _labels(given: Sequence[str], labels: Sequence[str]) -> Misfit | None:
    missing = [repr(label) for label in labels if label not in given]
    surplus = [repr(label) for label in dict.fromkeys(given) if label not in labels]
    parts = [
        f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else "",
        f"{', '.join(surplus)} {'is no label' if len(surplus) == 1 else 'are no labels'}"
        if surplus
        else "",
    ]
    why = " and ".join(filter(None, parts))
    return Misfit(why, of_labels=True) if why else None


def _texts(choice: Hint) -> list[str]:
    values: tuple[object, ...] = get_args(choice.annotation) if _is_literal(choice) else ()
    return [value for value in values if isinstance(value, str) and not isinstance(value, Enum)]


def _fits_any_text(choice: Hint) -> bool:
    return not _is_literal(choice) and (_is_anything(choice) or _is_a(str, _class(choice)))


# What stands in the brackets


def _is_list(choice: Hint) -> bool:
    made = _class(choice)
    return isinstance(made, type) and made is not object and (_is_a(list, made) or made is tuple)


def _parts(choice: Hint) -> list[Hint]:
    """Return what the elements of a list are to be; nothing if that is not said."""
    if not _is_list(choice):
        return []
    return [each for each in choice.arguments() if each.annotation is not ...]


def _inside(choice: Hint, kind: PgType) -> Misfit | None:
    element = kind.element
    if element is None:
        return None
    if kind.kind == "range":
        return _first(choice.arguments(), element)
    if kind.kind == "multirange":
        held = element if element.kind == "range" else attrs.evolve(kind, kind="range")
        return _first(_parts(choice), held)
    if kind.kind == "array":
        inner = _parts(choice)
        deeper = [part for part in inner if _is_deeper(part, element)]
        return _first(deeper, kind) or _first([p for p in inner if p not in deeper], element)
    return None


def _is_deeper(part: Hint, element: PgType) -> bool:
    """Tell whether an element is a list itself: an array's type has no number of dimensions."""
    choices = [choice for choice in part.choices() if choice.annotation is not NoneType]
    lists = bool(choices) and all(_is_list(choice) for choice in choices)
    return lists and list not in came(base_of(element))


def _first(parts: Sequence[Hint], kind: PgType) -> Misfit | None:
    return next(filter(None, (misfit(part, kind) for part in parts)), None)


# Parameters


def _cannot_be_sent(choice: Hint, kind: PgType) -> bool:
    classes = sent(kind)
    if not classes or _is_anything(choice):
        return False
    if _is_literal(choice):
        texts = _texts(choice)
        if kind.kind == "enum" and texts:
            return not any(text in kind.labels for text in texts)
        return _of_literal(choice, classes) is not None
    made = _class(choice)
    if _is_the_users(made):
        return False
    if not any(_may_be(made, each) for each in classes):
        return True
    if kind.kind != "array" or kind.element is None:
        return False
    return any(
        cannot_be_sent(part, kind if _is_deeper(part, kind.element) else kind.element)
        for part in _parts(choice)
    )


def _may_be(made: object, kind: type) -> bool:
    """Tell whether a value of class *made* may be one of *kind*."""
    if not isinstance(made, type) or made is kind:
        return True
    if (made, kind) in _APART or (kind, made) in _APART:
        return False
    return _is_a(made, kind) or _is_a(kind, made)
