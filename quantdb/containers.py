"""The strict boundary inside arrays, composites and enums, at every depth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeGuard, runtime_checkable

from quantdb.exact import Refused, Rule, is_items, text

__all__ = [
    "Composite",
    "array_of",
    "array_of_lists",
    "array_of_tuples",
    "composite_of",
    "is_mapping",
    "nullable",
    "one_of",
]

_MOST_DIMENSIONS: Final = 6
"""PostgreSQL's MAXDIM."""


@runtime_checkable
class Composite(Protocol):
    """What a composite value of the driver has: a record."""

    def __iter__(self) -> Iterator[object]:
        """Give the values of the attributes."""
        ...

    def keys(self) -> Iterator[object]:
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
    """Return the rule of an array: lists and tuples, of up to six dimensions, with NULLs."""
    return _array_of(element, is_items)


def array_of_tuples(element: Rule) -> Rule:
    """Return the rule of an array of what are tuples in Python: a list is a dimension."""
    return _array_of(element, _is_list)


def array_of_lists(element: Rule) -> Rule:
    """Return the rule of an array of what may be lists in Python, JSON for one: of one dimension.

    The driver takes a list in a list for a dimension, and a tuple for an element.
    """
    admit = nullable(element)

    def rule(value: object) -> object:
        if not is_items(value):
            raise Refused("must be a list")
        sent = [admit(item) for item in value]
        return [tuple(item) if _is_list(item) else item for item in sent]

    return rule


_IsDimension = Callable[[object], TypeGuard[Sequence[object]]]


def _array_of(element: Rule, is_dimension: _IsDimension) -> Rule:
    admit = nullable(element)

    def sent(items: Sequence[object]) -> list[object]:
        return [sent(item) if is_dimension(item) else admit(item) for item in items]

    def rule(value: object) -> object:
        if not is_items(value):
            raise Refused("must be a list")
        _shape_of(value, is_dimension, 1)
        return sent(value)

    return rule


def _shape_of(items: Sequence[object], is_dimension: _IsDimension, depth: int) -> tuple[int, ...]:
    """Return the lengths of the dimensions of an array that PostgreSQL can hold.

    The driver looks no further than the first list in a list, and would shift the elements.
    """
    inner = [item for item in items if is_dimension(item)]
    if not inner:
        return (len(items),)
    if depth == _MOST_DIMENSIONS:
        raise Refused(f"has more than {_MOST_DIMENSIONS} dimensions")
    shape, *others = {_shape_of(item, is_dimension, depth + 1) for item in inner}
    if others or len(inner) < len(items):
        raise Refused("must have lists of one length in every place of a dimension, or in none")
    if not shape[-1]:
        raise Refused("has an empty dimension, which PostgreSQL does not keep")
    return len(items), *shape


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
        missing = [name for name in names if name not in value]
        if missing:
            raise Refused(f"must have the attribute {', '.join(missing)}; None is NULL")
        return [value[name] for name in names]
    if _is_tuple(value):
        return value
    if isinstance(value, Composite):
        if list(value.keys()) != list(names):
            raise Refused(f"must be a record of {', '.join(names)}, in that order")
        return list(value)
    raise Refused("must be a tuple, a record, or a mapping by attribute")
