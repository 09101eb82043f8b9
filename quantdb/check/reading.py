"""JSON that somebody may have damaged, read a value at a time."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

__all__ = ["Json", "Reading"]

T = TypeVar("T", bound=str)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Reading:
    """A value in JSON, and where it stands.

    Every method raises ValueError if the value is of another type.
    """

    __slots__ = ("_value", "_where")

    def __init__(self, value: Json, where: str) -> None:
        self._value = value
        self._where = where

    def has(self, key: str) -> bool:
        """Tell whether it is an object with a key."""
        return isinstance(self._value, dict) and key in self._value

    def __getitem__(self, key: str) -> "Reading":
        if not isinstance(self._value, dict) or key not in self._value:
            raise ValueError(f"{self._where or 'it'} has no {key!r}")
        return Reading(self._value[key], f"{self._where}/{key}")

    def entries(self) -> "Iterator[tuple[str, Reading]]":
        """Give the entries of an object."""
        if not isinstance(self._value, dict):
            raise self._other("an object")
        for key in self._value:
            yield key, self[key]

    def items(self) -> "Iterator[Reading]":
        """Give the elements of a list."""
        if not isinstance(self._value, list):
            raise self._other("a list")
        for number, each in enumerate(self._value):
            yield Reading(each, f"{self._where}/{number}")

    def exactly(self, count: int) -> "list[Reading]":
        """Return the elements of a list of so many."""
        found = list(self.items())
        if len(found) != count:
            raise self._other(f"a list of {count}")
        return found

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self._value, str):
            raise self._other("a text")
        return self._value

    def one_of(self, choices: Sequence[T]) -> T:
        """Return a text that is one of *choices*."""
        for choice in choices:
            if choice == self._value:
                return choice
        raise self._other(f"one of {', '.join(choices)}")

    def integer(self) -> int:
        """Return a whole number."""
        if not isinstance(self._value, int) or isinstance(self._value, bool):
            raise self._other("a whole number")
        return self._value

    def maybe(self) -> bool | None:
        """Return true, false or null."""
        if self._value is not None and not isinstance(self._value, bool):
            raise self._other("true, false or null")
        return self._value

    def is_none(self) -> bool:
        """Tell whether it is null."""
        return self._value is None

    def _other(self, expected: str) -> ValueError:
        return ValueError(f"{self._where or 'it'} is not {expected}")
