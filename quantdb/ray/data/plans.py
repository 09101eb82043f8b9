"""How the rows of a dataset are shared out among read tasks, so that each row is in one of them.

Asked of the server once, in the transaction that holds the snapshot. Of a table, by its pages: what
a snapshot shows never moves to another page, because a lock keeps the table from being rewritten,
and the last range has no end. Of a query, by ranges of a column between values of a sample of it:
the first one and the last are open, so that every value is in one.

A read task that runs again, for a block that was lost, must return its rows in the same order as
before: Ray takes the blocks that it lacks, and keeps the others. Pages are gone through from the
first to the last; what comes from a query is sorted by all of its columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeGuard

import attrs
import pyarrow as pa

from quantdb.columns.arrow import fields_of
from quantdb.datasets import Leaf
from quantdb.ray.data import texts
from quantdb.ray.data.texts import Condition, Origin
from quantdb.sqlfile import SqlFile

__all__ = ["Cut", "Plan", "is_list", "order_of"]

_COLLATED: Final = frozenset({"text", "varchar"})
_PLAIN: Final = frozenset(
    {
        "bool",
        "bytea",
        "date",
        "float4",
        "float8",
        "int2",
        "int4",
        "int8",
        "interval",
        "numeric",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
    }
)


def order_of(name: str, kind: str) -> str:
    """Return by what a column of a server's type is sorted, so that only what is alike ties."""
    column = f"quantdb_rows.{texts.quoted(name)}"
    if kind in _PLAIN:
        return column
    text = column if kind in _COLLATED else f"{column}::text"
    return f'{text} COLLATE "C"'


@attrs.frozen
class Cut:
    """Some rows, as one statement returns them.

    Attributes:
        origin: Where they come from.
        conditions: Which of those they are.
        by_place: Whether the conditions are places, in whose order the rows come.
    """

    origin: Origin
    conditions: tuple[Condition, ...]
    by_place: bool


@attrs.frozen
class Plan:
    """What is read, and where it can be cut.

    Attributes:
        name: What Ray shows.
        file: The file of the query, for messages.
        schema: The columns, in Ray's types.
        order: By what each column is sorted.
        origin: Where the rows come from.
        conditions: What they meet.
        rows: How many there are, as the server guesses.
        leaves: The tables that hold them, if they are read by pages.
        by: The column whose ranges are read, if they are read so.
        bounds: Values of that column, in its order, with equally many rows between them.
    """

    name: str
    file: SqlFile
    schema: pa.Schema
    order: Mapping[str, str]
    origin: Origin
    conditions: tuple[Condition, ...] = ()
    rows: int = 0
    leaves: tuple[Leaf, ...] = ()
    by: str = ""
    bounds: tuple[object, ...] = ()

    def tasks(self, count: int) -> list[tuple[Cut, ...]]:
        """Share the rows out among about *count* read tasks."""
        if self.leaves:
            return _packed(self.leaves, self.conditions, count)
        return [
            (Cut(self.origin, (*self.conditions, *some), by_place=False),)
            for some in _ranges(self.by, self.bounds, count)
        ]

    def size(self, names: Sequence[str]) -> int:
        """Return about how many bytes some columns of the rows have."""
        return self.rows * sum(
            _width(field.type) for field in fields_of(self.schema) if field.name in names
        )


def _packed(
    leaves: Sequence[Leaf], conditions: tuple[Condition, ...], count: int
) -> list[tuple[Cut, ...]]:
    """Share pages out evenly; small tables, such as old partitions, come together."""
    each = max(1, -(-sum(leaf.pages for leaf in leaves) // count))
    tasks: list[tuple[Cut, ...]] = []
    some: list[Cut] = []
    pages = 0
    for leaf in leaves:
        origin = Origin(f"ONLY {leaf.name}")
        if not leaf.placed:
            tasks.append((Cut(origin, conditions, by_place=False),))
            continue
        starts = range(0, max(1, leaf.pages), each)
        for start in starts:
            places = [Condition("ctid", ">=", (start, 0))]
            if start != starts[-1]:
                places.append(Condition("ctid", "<", (start + each, 0)))
            length = min(each, leaf.pages - start)
            if some and pages + length > each:
                tasks.append(tuple(some))
                some, pages = [], 0
            some.append(Cut(origin, (*conditions, *places), by_place=True))
            pages += length
    return [*tasks, tuple(some)] if some else tasks


def _ranges(by: str, bounds: Sequence[object], count: int) -> Iterator[tuple[Condition, ...]]:
    if not bounds or count < 2:  # noqa: PLR2004 - one task reads all
        yield ()
        return
    step = max(1.0, (len(bounds) + 1) / count)
    places = sorted({round(step * number) - 1 for number in range(1, count)})
    chosen = [bounds[place] for place in places if 0 <= place < len(bounds)]
    yield (Condition(by, "null or <", chosen[0]),)
    for low, high in pairwise(chosen):
        yield Condition(by, ">=", low), Condition(by, "<", high)
    yield (Condition(by, ">=", chosen[-1]),)


_TEXT: Final = 12
"""Bytes of a text, on average, and of where it ends."""


def _width(kind: pa.DataType) -> int:
    try:
        bits: int = kind.bit_width
    except ValueError:
        return _TEXT if kind != pa.uuid() else 16
    return max(1, bits // 8)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Tell whether something is a list, of whatever."""
    return isinstance(value, list)
