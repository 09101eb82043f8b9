"""What a database says of a table, as far as code is written from it."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import attrs

from quantdb.check.facts import PgType

__all__ = ["Column", "Constraint", "Function", "Index", "Made", "MadeType", "Table"]

Made = Literal["", "identity", "generated", "counted"]

_ASCENDING: Final = 0
_DESCENDING: Final = 3
"""Descending with NULLs first, which is ascending read backwards."""


@attrs.frozen
class Column:
    """A column.

    Attributes:
        name: Its name, as it is.
        type: Its type.
        sql_type: Its type as a statement has it, with its modifier (``"numeric(10,2)"``).
        not_null: Whether it is said to be never NULL.
        nullable: Whether it can be NULL: its type may say that it cannot as well.
        made: How the server makes its values: by an identity, an expression, a sequence.
        always: Whether only the server may make them.
        kept: Whether what is generated is stored; computed anew at every read otherwise.
        expression: That of a default or of a generated column.
        sequence: What a default counts with, as a statement has it.
        collation: Its own, if it is not the type's.
        comment: What the database says of it.
        functions: The numbers of the functions that the expression calls.
    """

    name: str
    type: PgType
    sql_type: str
    not_null: bool = False
    nullable: bool = True
    made: Made = ""
    always: bool = False
    kept: bool = True
    expression: str | None = None
    sequence: str | None = None
    collation: str | None = None
    comment: str | None = None
    functions: Sequence[int] = ()


@attrs.frozen
class Constraint:
    """A constraint.

    Attributes:
        name: Its name.
        kind: What it is; of NOT NULL there is none.
        definition: As a statement has it.
        expression: That of a CHECK.
        columns: Those it is on.
        index: The one that keeps it.
        deferrable: Whether it may be looked at no sooner than at COMMIT.
        validated: Whether all rows are known to keep it.
        functions: The numbers of the functions that it calls.
    """

    name: str
    kind: Literal["primary key", "unique", "check", "foreign key", "exclude"]
    definition: str
    expression: str | None = None
    columns: Sequence[str] = ()
    index: str | None = None
    deferrable: bool = False
    validated: bool = True
    functions: Sequence[int] = ()


@attrs.frozen
class Index:
    """An index.

    Attributes:
        name: Its name.
        definition: The statement that makes it.
        method: How it is kept (``"btree"``).
        unique: Whether it holds each key once.
        valid: Whether it may be used.
        partial: Whether it is of some rows only.
        columns: Those it is ordered by; None for an expression.
        options: ``pg_index.indoption`` of each column.
        of_constraint: Whether a constraint has it.
        extension: One that it needs.
        functions: The numbers of the functions that it calls.
    """

    name: str
    definition: str
    method: str = "btree"
    unique: bool = False
    valid: bool = True
    partial: bool = False
    columns: Sequence[str | None] = ()
    options: Sequence[int] = ()
    of_constraint: bool = False
    extension: str | None = None
    functions: Sequence[int] = ()

    @property
    def order(self) -> Sequence[str]:
        """The columns in whose order it gives every row, forwards or backwards; else nothing."""
        names = [name for name in self.columns if name is not None]
        whole = self.valid and not self.partial and self.method == "btree"
        one_way = set(self.options) in ({_ASCENDING}, {_DESCENDING})
        return names if whole and one_way and len(names) == len(self.columns) else []


@attrs.frozen
class MadeType:
    """How a type that is not PostgreSQL's own was made.

    Attributes:
        oid: Its number.
        schema: Its schema.
        name: Its name, as it is.
        sql_name: Its name as a statement has it.
        kind: ``pg_type.typtype``.
        parts: The numbers of the types that it is made of.
        base: What a domain is made of, or a range is over.
        multirange: Of a range, the name of its multirange.
        labels: Those of an enum.
        attributes: Those of a composite, as a statement has them.
        not_null: Whether a domain refuses NULL.
        expression: That of a domain's default.
        checks: Those of a domain, as a statement has them.
        functions: The numbers of the functions that they call.
        extension: The one that it comes with.
    """

    oid: int
    schema: str
    name: str
    sql_name: str
    kind: str
    parts: Sequence[int] = ()
    base: str | None = None
    multirange: str | None = None
    labels: Sequence[str] = ()
    attributes: Sequence[str] = ()
    not_null: bool = False
    expression: str | None = None
    checks: Sequence[str] = ()
    functions: Sequence[int] = ()
    extension: str | None = None


@attrs.frozen
class Function:
    """A function that is not PostgreSQL's own.

    Attributes:
        oid: Its number.
        name: Its name, with the types of its arguments.
        schema: Its schema.
        language: In which it is written.
        definition: The statement that makes it.
        extension: The one that it comes with.
    """

    oid: int
    name: str
    schema: str
    language: str
    definition: str
    extension: str | None = None


@attrs.frozen
class Table:
    """A table.

    Attributes:
        schema: Its schema.
        name: Its name, as it is.
        columns: In the table's order.
        constraints: The primary key first.
        indexes: The oldest first.
        comment: What the database says of it.
        unlogged: Whether a crash empties it.
        partition_key: What it is partitioned by; None if it is not.
        parents: The tables that it inherits from.
        triggers: Those that may change what is stored.
        rules: Rewrite rules.
        row_security: Whether policies hide rows.
        has_children: Whether others inherit from it that are no partitions.
        types: How its types were made, each after those that it is made of.
        functions: What its expressions call, by number.
        reserved: Words that must be quoted where they are names.
    """

    schema: str
    name: str
    columns: Sequence[Column]
    constraints: Sequence[Constraint] = ()
    indexes: Sequence[Index] = ()
    comment: str | None = None
    unlogged: bool = False
    partition_key: str | None = None
    parents: Sequence[str] = ()
    triggers: Sequence[str] = ()
    rules: Sequence[str] = ()
    row_security: bool = False
    has_children: bool = False
    types: Sequence[MadeType] = ()
    functions: Mapping[int, Function] = attrs.field(factory=dict[int, Function])
    reserved: frozenset[str] = frozenset()

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)

    def of_kind(self, kind: str) -> list[Constraint]:
        """Return the constraints of a kind."""
        return [constraint for constraint in self.constraints if constraint.kind == kind]
