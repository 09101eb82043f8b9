"""What a server says of statements: all that the code is then held against, without a server."""

from typing import Literal

import attrs

from quantdb.check.problems import Problem

__all__ = ["Column", "Facts", "Kind", "PgType", "StatementFacts"]

Kind = Literal["array", "base", "composite", "domain", "enum", "multirange", "pseudo", "range"]


@attrs.frozen
class PgType:
    """A type of PostgreSQL.

    Attributes:
        name: Its name in the catalogue (``"numeric"``, ``"timestamptz"``; of an array, that of its
            element with ``[]``).
        schema: Its schema.
        kind: What it is made as.
        element: What an array, a range or a multirange holds; what a domain is made of.
        labels: Those of an enum, in order.
        attributes: Those of a composite, in order.
    """

    name: str
    schema: str = "pg_catalog"
    kind: Kind = "base"
    element: "PgType | None" = None
    labels: tuple[str, ...] = ()
    attributes: tuple[tuple[str, "PgType"], ...] = ()


@attrs.frozen
class Column:
    """A column of a result.

    Attributes:
        name: Its name.
        type: Its type.
        nullable: Whether it can be NULL; None where that cannot be known.
        line: The line of the file, from 1, that makes it; that of the statement if none is known.
        at: The character in that line, from 1.
        origin_nullable: Whether the column of a table that it is, as it stands, can be NULL there;
            None if it is made of something else, or if that is not known.
        choices: The texts that a CHECK of the column of a table leaves it; none if there is none.
    """

    name: str
    type: PgType
    nullable: bool | None
    line: int
    at: int = 1
    origin_nullable: bool | None = None
    choices: tuple[str, ...] = ()


@attrs.frozen
class StatementFacts:
    """What the server says of one statement.

    Attributes:
        file: Its path in the folder, with slashes (``"trades/between.sql"``).
        checksum: SHA-256 of the file, line ends as LF.
        parameters: The types of ``$1 … $n``.
        columns: Those of its result; none if it returns no rows.
        problems: What is wrong with the statement itself, whoever uses it.
    """

    file: str
    checksum: str
    parameters: tuple[PgType, ...] = ()
    columns: tuple[Column, ...] = ()
    problems: tuple[Problem, ...] = ()


@attrs.frozen
class Facts:
    """What a server says of a folder.

    Attributes:
        schema: SHA-256 of every migration, by its path in the folder.
        statements: Every statement, by its path in the folder.
        problems: What is wrong with the schema.
    """

    schema: dict[str, str]
    statements: dict[str, StatementFacts]
    problems: tuple[Problem, ...] = ()
