"""The strict boundary inside arrays, ranges, composites, enums and JSON, at every depth."""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol, TypeGuard, runtime_checkable

from quantdb.exact import Refused, Rule, is_items, numeric, text

__all__ = [
    "Composite",
    "Range",
    "array_of",
    "composite_of",
    "dump_json",
    "json_value",
    "nullable",
    "one_of",
    "range_of",
]


@runtime_checkable
class Range(Protocol):
    """What a range of the driver has."""

    @property
    def lower(self) -> object:
        """The lower bound, or None for none."""
        ...

    @property
    def upper(self) -> object:
        """The upper bound, or None for none."""
        ...

    @property
    def isempty(self) -> bool:
        """Whether nothing is in it."""
        ...


@runtime_checkable
class Composite(Protocol):
    """What a composite value of the driver has: a record."""

    def keys(self) -> object:
        """The names of the attributes."""
        ...

    def values(self) -> object:
        """The values of the attributes."""
        ...


def nullable(rule: Rule) -> Rule:
    """Return *rule* with None let through: SQL's NULL, whatever the type."""

    def admit(value: object) -> object:
        return None if value is None else rule(value)

    return admit


def array_of(element: Rule) -> Rule:
    """Return the rule of an array: lists and tuples, of any depth, with NULLs."""
    admit = nullable(element)

    def rule(value: object) -> object:
        if not is_items(value):
            raise Refused("must be a list")
        return [rule(item) if is_items(item) else admit(item) for item in value]

    return rule


def array_of_composites(element: Rule) -> Rule:
    """Return the rule of an array of composites, where a tuple is an element and a list a level."""
    admit = nullable(element)

    def rule(value: object) -> object:
        if not is_items(value):
            raise Refused("must be a list")
        return [rule(item) if _is_list(item) else admit(item) for item in value]

    return rule


def range_of(bound: Rule) -> Rule:
    """Return the rule of a range: the driver's Range, whose bounds obey *bound*."""
    admit = nullable(bound)

    def rule(value: object) -> object:
        if not isinstance(value, Range):
            raise Refused("must be a Range")
        if not value.isempty:
            admit(value.lower)
            admit(value.upper)
        return value

    return rule


def one_of(labels: Sequence[str]) -> Rule:
    """Return the rule of an enum: its labels, as text."""
    known = frozenset(labels)

    def rule(value: object) -> object:
        if text(value) not in known:
            raise Refused(f"must be one of {', '.join(map(repr, labels))}")
        return value

    return rule


def composite_of(names: Sequence[str], rules: Sequence[Rule]) -> Rule:
    """Return the rule of a composite: a tuple or record by position, or a mapping by name."""
    admits = [nullable(rule) for rule in rules]

    def rule(value: object) -> object:
        parts = _parts(value, names)
        if len(parts) != len(names):
            raise Refused(f"must have {len(names)} attributes: {', '.join(names)}")
        admitted: list[object] = []
        for name, admit, part in zip(names, admits, parts, strict=True):
            try:
                admitted.append(admit(part))
            except Refused as refusal:
                raise Refused(f"attribute {name}: {refusal}") from None
        return tuple(admitted)

    return rule


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    return isinstance(value, tuple)


def _parts(value: object, names: Sequence[str]) -> Sequence[object]:
    if _is_mapping(value):
        unknown = [str(key) for key in value if key not in names]
        if unknown:
            raise Refused(f"has no attribute {', '.join(unknown)}")
        return [value.get(name) for name in names]
    if _is_tuple(value):
        return value
    raise Refused("must be a tuple, or a mapping by attribute")


_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def dump_json(value: object) -> str:
    """Return *value* as JSON text that reads back as an equal value.

    Objects have text for keys; numbers are int and Decimal, since a float would come back as a
    Decimal; NaN, infinity, NUL and lone surrogates are refused.
    """
    parts: list[str] = []
    _dump(value, parts.append)
    return "".join(parts)


def json_value(value: object) -> object:
    """Admit what `dump_json` can write."""
    dump_json(value)
    return value


def _dump(value: object, put: Callable[[str], None]) -> None:
    if value is None:
        put("null")
    elif isinstance(value, bool):
        put("true" if value else "false")
    elif isinstance(value, str):
        put(_quoted(value))
    elif isinstance(value, int | Decimal):
        put(str(numeric(value)))
    elif isinstance(value, float):
        reason = "" if math.isfinite(value) else ", and must be finite"
        raise Refused(f"JSON numbers must be int or Decimal{reason}")
    elif _is_mapping(value):
        _dump_object(value, put)
    elif is_items(value):
        put("[")
        for n, item in enumerate(value):
            put("," if n else "")
            _dump(item, put)
        put("]")
    else:
        raise Refused(f"JSON has no {type(value).__name__}")


def _dump_object(value: Mapping[object, object], put: Callable[[str], None]) -> None:
    put("{")
    for n, (key, item) in enumerate(value.items()):
        if not isinstance(key, str):
            raise Refused("the keys of a JSON object must be text")
        put("," if n else "")
        put(_quoted(key))
        put(":")
        _dump(item, put)
    put("}")


def _quoted(value: str) -> str:
    plain = text(value)
    return '"' + "".join(_escaped(char) for char in plain) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\u{ord(char):04x}" if char < " " else char
