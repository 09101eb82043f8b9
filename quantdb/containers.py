"""The strict boundary inside arrays, composites and enums, at every depth."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from quantdb.exact import Refused, Rule, is_items, text

__all__ = [
    "Composite",
    "array_of",
    "array_of_composites",
    "composite_of",
    "is_mapping",
    "nullable",
    "one_of",
]


@runtime_checkable
class Composite(Protocol):
    """What a composite value of the driver has: a record."""

    def __iter__(self) -> Iterator[object]:
        """Give the values of the attributes."""
        ...

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


def one_of(labels: Sequence[str]) -> Rule:
    """Return the rule of an enum: its labels, as text."""
    known = frozenset(labels)

    def rule(value: object) -> object:
        label = text(value)
        if label not in known:
            raise Refused(f"must be one of {', '.join(map(repr, labels))}")
        return label

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


def is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    """Tell a mapping from everything else."""
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    return isinstance(value, tuple)


def _parts(value: object, names: Sequence[str]) -> Sequence[object]:
    if is_mapping(value):
        unknown = [str(key) for key in value if key not in names]
        if unknown:
            raise Refused(f"has no attribute {', '.join(unknown)}")
        return [value.get(name) for name in names]
    if _is_tuple(value):
        return value
    raise Refused("must be a tuple, or a mapping by attribute")
