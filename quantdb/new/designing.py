"""Decide what is to be written for a table: names, keys, what an insert sends."""

import re
from collections.abc import Sequence
from typing import Final

from quantdb.new.annotations import bare, choices
from quantdb.new.design import Design, Field, Key, Series
from quantdb.new.names import (
    camel,
    field_names,
    folder_name,
    is_class,
    module_name,
    singular,
    snake,
)
from quantdb.new.table import Column, Table

__all__ = ["designed", "is_constant", "is_model"]

# What the modules that are written name themselves.
_TAKEN: Final = frozenset(
    {
        "Connection", "Decimal", "Final", "IPv4Address", "IPv4Interface", "IPv4Network",
        "IPv6Address", "IPv6Interface", "IPv6Network", "Literal", "NotFound", "Conflict", "Page",
        "Path", "Query", "Repo", "UTC", "UUID",
    }
)  # fmt: skip


def designed(table: Table, package: str = "", model: str = "") -> Design:
    """Return what is to be written for a table.

    Args:
        table: The table.
        package: What the package is called; by default as the table.
        model: What a row is called; by default as the table, in the singular.
    """
    names = field_names([column.name for column in table.columns])
    row = model or _model(table.name)
    fields = [Field(names[column.name], column, _is_made(column)) for column in table.columns]
    key = _key(table, fields)
    return Design(
        table=table,
        package=package or module_name(table.name),
        folder=folder_name(table.name),
        model=row,
        fields=fields,
        choices=choices(table, names, [*_TAKEN, row, f"New{row}", f"{row}Repo"]),
        key=key,
        series=_series(table, fields, key),
    )


def _model(table: str) -> str:
    name = camel(singular(snake(table, "table")))
    if not name.isascii() or not name.isidentifier():
        name = "Row"
    return name if is_model(name) else f"{name}Row"


def is_model(name: str) -> bool:
    """Tell whether a class of a row may have that name."""
    return is_class(name) and name.isascii() and name not in _TAKEN


_CONSTANT: Final = re.compile(
    r"\(*(?:-?\d+(?:\.\d+)?|'(?:[^']|'')*'|true|false|NULL|ARRAY\[\])\)*"
    r"(?:::[^()']+(?:\(\d+(?:,\d+)?\))?[^()']*)?"
)


def is_constant(expression: str) -> bool:
    """Tell whether the expression of a default is the same for every row."""
    return _CONSTANT.fullmatch(expression) is not None


def _is_made(column: Column) -> bool:
    if column.made:
        return True
    return column.expression is not None and not is_constant(column.expression)


def _key(table: Table, fields: Sequence[Field]) -> Key | None:
    """Return the primary key, or else the shortest unique index that is on all rows."""
    named = {field.column.name: field for field in fields}
    deferrable = {each.index for each in table.constraints if each.deferrable}
    primary = {each.index for each in table.of_kind("primary key")}
    found = [
        index
        for index in table.indexes
        if index.unique
        and index.order
        and not any(named[column].column.nullable for column in index.order)
    ]
    for index in sorted(found, key=lambda index: (index.name not in primary, len(index.order))):
        return Key(
            fields=[named[column] for column in index.order],
            index=index.name,
            primary=index.name in primary,
            settles=index.name not in deferrable,
        )
    return None


_TIMES: Final = frozenset({"date", "timestamp", "timestamptz"})
_MOST_FIXED: Final = 3
_ARGUMENTS: Final = frozenset({"after", "end", "limit", "start"})


def _series(table: Table, fields: Sequence[Field], key: Key | None) -> Series | None:
    named = {field.column.name: field for field in fields}
    ends = [] if key is None else list(key.fields)
    first = "" if key is None else key.index
    for index in sorted(table.indexes, key=lambda index: index.name != first):
        order = [named[column] for column in index.order]
        at = next((n for n, field in enumerate(order) if _is_time(field.column)), len(order))
        if at == len(order) or at > _MOST_FIXED:
            continue
        if any(field.name in _ARGUMENTS for field in order[:at]):
            continue
        fixed = {field.name for field in order[:at]}
        rest = {field.name: field for field in [*order[at:], *ends] if field.name not in fixed}
        whole = len(rest) == len(order) - at
        return Series(index.name, order[:at], order[at], list(rest.values()), whole)
    return None


def _is_time(column: Column) -> bool:
    return bare(column.type).name in _TIMES and not column.nullable
