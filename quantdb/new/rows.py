"""Find a row that a table takes, by asking the server, which stores nothing."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice, product
from typing import Final

import asyncpg
import attrs

from quantdb.database import Connection
from quantdb.errors import InexactValue
from quantdb.new.annotations import bare
from quantdb.new.design import Design
from quantdb.new.names import in_quotes
from quantdb.new.samples import OfServer, samples
from quantdb.new.table import Column, Constraint

__all__ = ["Row", "found"]

Values = Mapping[str, object]

_INSTEAD: Final[Mapping[str, object]] = {"interval": timedelta(0), "xml": ""}
"""What stands where no value is known that would pass."""

_NUMBER: Final = '"number of the row"'
_BATCH: Final = 40
_MOST: Final = 4_000
"""Combinations that are tried for the checks of several columns."""


@attrs.frozen
class Row:
    """A row for a table.

    Attributes:
        values: Those that an insert sends, by column.
        refused: Names of checks that it does not pass, and columns that none of our values fits.
    """

    values: Values
    refused: Sequence[str] = ()


async def found(connection: Connection, design: Design) -> Row:
    """Return a row that passes the types and the checks of a table, if one is found.

    The checks are evaluated on values that are in no table; *connection* is in a transaction.
    """
    search = _Search(connection, design)
    guess = {name: values[0] for name, values in search.tried.items()}
    if not search.lacking and await search.passes(guess):
        return Row(guess)
    refused = [*search.lacking, *await search.narrow(), *await search.combine()]
    return Row({name: values[0] for name, values in search.tried.items()}, refused)


class _Search:
    """What may still stand in each column that is sent."""

    def __init__(self, connection: Connection, design: Design) -> None:
        self._connection = connection
        self._design = design
        self._columns = {field.column.name: field.column for field in design.fields}
        self._checks = design.table.of_kind("check")
        found = {field.column.name: self._candidates(field.column) for field in design.sent}
        self.lacking = [name for name, values in found.items() if not values]
        self.tried = {name: values or [self._instead(name)] for name, values in found.items()}

    def _candidates(self, column: Column) -> list[object]:
        table = self._design.table
        refers = any(column.name in each.columns for each in table.of_kind("foreign key"))
        if refers and column.nullable:
            return [None]  # what it refers to need not be there
        said = [each.expression or "" for each in self._checks if column.name in each.columns]
        said += [text for made in table.types if made.kind == "d" for text in made.checks]
        choice = self._design.choices.get(column.name)
        labels = list(choice.labels) if choice else []
        values = samples(column.type, column.sql_type, column.name, said)
        return [*labels, *values, *([None] if column.nullable else [])]

    def _instead(self, name: str) -> object:
        return _INSTEAD.get(bare(self._columns[name].type).name)

    async def passes(self, values: Values) -> bool:
        """Tell whether a whole row passes."""
        [passed] = await self._asked([values], list(self.tried), self._checks)
        return passed

    async def narrow(self) -> list[str]:
        """Keep what passes by itself; return the columns in which nothing does."""
        refused: list[str] = []
        for name, values in self.tried.items():
            checks = [each for each in self._checks if set(each.columns) == {name}]
            rows = [{name: value} for value in values]
            passed = await self._asked(rows, [name], checks)
            kept = [value for value, passes in zip(values, passed, strict=True) if passes]
            if kept:
                self.tried[name] = kept
            else:
                refused.append(name)
        return refused

    async def combine(self) -> list[str]:
        """Put those first that pass together; return the checks that nothing passes."""
        refused: list[str] = []
        for checks in self._connected():
            names = [name for name in self._used(checks) if name in self.tried]
            if any(set(check.columns) != {name} for check in checks for name in names):
                passing = await self._first(names, checks)
                if passing is None:
                    refused += [each.name for each in checks]
                else:
                    self.tried |= {name: [value] for name, value in passing.items()}
        return refused

    def _connected(self) -> list[list[Constraint]]:
        """Return the checks in groups that have no column in common."""
        groups: list[tuple[set[str], list[Constraint]]] = []
        for check in self._checks:
            names, checks = {*self._used([check])}, [check]
            apart = [group for group in groups if not group[0] & names]
            for group in groups:
                if group not in apart:
                    names |= group[0]
                    checks = [*group[1], *checks]
            groups = [*apart, (names, checks)]
        return [checks for _names, checks in groups]

    async def _first(self, names: Sequence[str], checks: Sequence[Constraint]) -> Values | None:
        each = max(2, int(_MOST ** (1 / max(1, len(names)))))
        values = [list(enumerate(self.tried[name][:each])) for name in names]
        tuples = sorted(islice(product(*values), _MOST), key=lambda row: sum(n for n, _v in row))
        rows = [dict(zip(names, (v for _n, v in row), strict=True)) for row in tuples]
        for begin in range(0, len(rows), _BATCH):
            batch = rows[begin : begin + _BATCH]
            passed = await self._asked(batch, names, checks)
            if any(passed):
                return batch[passed.index(True)]
        return None

    async def _asked(
        self, rows: Sequence[Values], names: Sequence[str], checks: Sequence[Constraint]
    ) -> list[bool]:
        """Return which rows come back as they are and pass; one that raises passes not."""
        statement, arguments = self._statement(rows, names, checks)
        try:
            async with self._connection.transaction():
                answers = await self._connection.fetch(statement, *arguments)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, InexactValue, ValueError):
            if len(rows) <= 1:
                return [False] * len(rows)
            half = len(rows) // 2
            return [
                *await self._asked(rows[:half], names, checks),
                *await self._asked(rows[half:], names, checks),
            ]
        return [
            all(
                _is_kept(row[name], value)
                for name, value in zip(names, list(answer)[1:], strict=False)
            )
            and all(verdict is not False for verdict in list(answer)[1 + len(names) :])
            for row, answer in zip(rows, answers, strict=True)
        ]

    def _statement(
        self, rows: Sequence[Values], names: Sequence[str], checks: Sequence[Constraint]
    ) -> tuple[str, list[object]]:
        """Return the statement that evaluates *checks* on rows of values, and its arguments."""
        arguments: list[object] = []
        others = [name for name in self._used(checks) if name not in names]
        generated = [name for name in others if self._columns[name].made == "generated"]
        table = in_quotes(self._design.table.name)
        selects: list[str] = []
        for number, row in enumerate(rows):
            items = [f"{number} AS {_NUMBER}"]
            items += [_named(self._cast(name, row[name], arguments), name) for name in names]
            items += [_named(self._made(name), name) for name in others if name not in generated]
            selects.append(f"SELECT {', '.join(items)}")
        derived = [_named(f"({self._columns[name].expression})", name) for name in generated]
        verdicts = [f"({check.expression})::boolean" for check in checks]
        parts = [
            *("SELECT", ", ".join([_NUMBER, *map(in_quotes, names), *verdicts])),
            *("FROM (SELECT", ", ".join([f"{table}.*", *derived])),
            *("FROM (", " UNION ALL ".join(selects), ") AS", table, ") AS", table),
            *("ORDER BY", _NUMBER),
        ]
        return " ".join(parts), arguments

    def _used(self, checks: Sequence[Constraint]) -> list[str]:
        """Return the columns that *checks* are about, and those that these are generated from."""
        named = {name for check in checks for name in check.columns}
        made = [self._columns[name].expression or "" for name in named]
        return [
            name for name in self._columns if name in named or any(_says(m, name) for m in made)
        ]

    def _cast(self, name: str, value: object, arguments: list[object]) -> str:
        sql_type = self._columns[name].sql_type
        if isinstance(value, OfServer):
            literal = value.text.replace("'", "''")
            return f"CAST('{literal}' AS {sql_type})"
        arguments.append(value)
        return f"CAST(${len(arguments)} AS {sql_type})"

    def _made(self, name: str) -> str:
        column = self._columns[name]
        value = "1" if column.made or column.expression is None else f"({column.expression})"
        return f"CAST({value} AS {column.sql_type})"


def _is_kept(value: object, stored: object) -> bool:
    if isinstance(value, OfServer):
        return stored is not None
    return value == stored


def _named(expression: str, name: str) -> str:
    return f"{expression} AS {in_quotes(name)}"


def _says(expression: str, name: str) -> bool:
    """Tell whether an expression names a column, or what looks like it."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", expression) is not None
