"""One attribute of many objects at a time."""

import attrs
import pytest

from quantdb.attributes import reader


@attrs.frozen
class Slotted:
    one: int
    two: str | None = None


class Plain:
    @property
    def two(self) -> str:
        return "made"


def test_each_object_gives_its_own_attribute_be_it_a_slot_or_none() -> None:
    read = reader("two")

    assert read(Slotted(1, text) for text in ("a", None)) == ["a", None]
    assert read([Plain(), Slotted(1, "b")] * 20) == ["made", "b"] * 20
    assert read([]) == []


def test_what_an_object_has_not_is_an_error() -> None:
    with pytest.raises(AttributeError, match="three"):
        reader("three")([Slotted(1)])


@pytest.mark.parametrize("name", ["", "1st", "a b", "class", "a.b", "x for x in rows] or [row"])
def test_nothing_but_a_name_is_made_code(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        reader(name)
