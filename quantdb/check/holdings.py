"""Under which names modules and classes hold statements, and where these are assigned."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Final, TypeGuard

import attrs

from quantdb.check.problems import Place
from quantdb.check.python import (
    Code,
    assigned_in,
    class_node,
    code_of,
    last_assigned,
    place_of_class,
)
from quantdb.query import Query
from quantdb.sqlfile import SqlFile

__all__ = [
    "AnyQuery",
    "Holding",
    "assigned",
    "classes_of",
    "holdings_of",
    "is_borrowed",
    "is_query",
    "place_of",
]

AnyQuery = Query[object]

_DEEPEST: Final = 3
"""How deep in lists and dicts a statement is looked for."""


def is_query(value: object) -> TypeGuard[AnyQuery]:
    """Tell a Query from everything else."""
    return issubclass(type(value), Query)  # isinstance() would ask a proxy what it stands for


@attrs.frozen(eq=False)
class Holding:
    """A statement under a name.

    Attributes:
        value: The statement.
        module: Where the name is.
        owner: The class that has it; None of a module's own.
        name: The name.
    """

    value: AnyQuery | SqlFile
    module: str
    owner: type | None
    name: str

    def __str__(self) -> str:
        return self.name if self.owner is None else f"{self.owner.__qualname__}.{self.name}"


def classes_of(module: ModuleType) -> list[type]:
    """Return the classes that a module defines, those inside of classes too."""
    found: dict[type, None] = {}
    pending = [module.__dict__]
    while pending:
        for value in [*pending.pop().values()]:
            if _is_class(value) and value.__module__ == module.__name__ and value not in found:
                found[value] = None
                pending.append({**vars(value)})
    return [*found]


def holdings_of(module: ModuleType) -> Iterator[Holding]:
    """Give what a module holds, and what its classes hold or inherit."""
    for name, value in [*vars(module).items()]:
        for each in _statements(value):
            yield Holding(each, module.__name__, None, name)
    for kind in classes_of(module):
        for owner in kind.__mro__:
            for name, value in [*vars(owner).items()]:
                for each in _statements(value):
                    yield Holding(each, owner.__module__, owner, name)


def _statements(value: object, depth: int = 0) -> Iterator[AnyQuery | SqlFile]:
    if _is_file(value) or is_query(value):
        yield value
    elif depth < _DEEPEST:
        for each in _items(value):
            yield from _statements(each, depth + 1)


def _items(value: object) -> Iterable[object]:
    if _is_plain_mapping(value):
        return [*value.values()]
    return [*value] if _is_plain_collection(value) else ()


def _is_class(value: object) -> TypeGuard[type]:
    return issubclass(type(value), type)


def _is_file(value: object) -> TypeGuard[SqlFile]:
    return type(value) is SqlFile


def _is_plain_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return type(value) is dict


def _is_plain_collection(value: object) -> TypeGuard[Iterable[object]]:
    return type(value) in {list, tuple, set, frozenset}


def assigned(holding: Holding) -> tuple[Code, ast.stmt] | None:
    """Return the statement that gives a name its statement; None if it cannot be found."""
    if holding.owner is None:
        return assigned_in(holding.module, holding.name)
    found = class_node(holding.owner)
    if found is None:
        return None
    code, node = found
    private = holding.name.removeprefix(f"_{node.name.lstrip('_')}")  # of __name, in a class
    statement = last_assigned(node.body, holding.name, private)
    return (code, statement) if statement is not None else None


def is_borrowed(holding: Holding) -> bool:
    """Tell whether a name is not where its statement is made."""
    found = assigned(holding)
    return found is None or found[0] is not code_of(holding.module)


def place_of(holding: Holding) -> Place:
    """Return where a statement is made, or else the class or the module that has it."""
    found = assigned(holding)
    if found is not None:
        code, statement = found
        return code.place(statement)
    place = place_of_class(holding.owner) if holding.owner is not None else None
    file: object = getattr(sys.modules.get(holding.module), "__file__", None)
    return place or Place(file if isinstance(file, str) else holding.module)
