"""Everything that is written for a table, by file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from quantdb.check import types
from quantdb.check.nullable import analysed
from quantdb.check.tree import TreeError
from quantdb.new.catalogue import described, settle
from quantdb.new.defaults import defaults
from quantdb.new.design import Design
from quantdb.new.designing import designed
from quantdb.new.hazards import hazards
from quantdb.new.layout import docstring, plain
from quantdb.new.migration import Migration, migration
from quantdb.new.model import models
from quantdb.new.repository import repository
from quantdb.new.rows import Row, found
from quantdb.new.statements import every_row, statements
from quantdb.new.table import Table
from quantdb.new.trial import trial
from quantdb.pool import Pool
from quantdb.transaction import transaction

__all__ = ["CONFTEST", "Written", "written"]

CONFTEST: Final = "conftest.py"
"""The only file that may be there already: whatever is in it, it does what ours does."""

_CONFTEST: Final = '"""Where this file is, pytest finds the packages that are beside it."""\n'


@attrs.frozen
class Written:
    """What is to be written.

    Attributes:
        design: What it does.
        files: The text of each file, by its path below the folder that is written into.
        remarks: What there is to know, each in a sentence.
    """

    design: Design
    files: Mapping[str, str]
    remarks: Sequence[str]


async def written(pool: Pool, table: str, package: str = "", model: str = "") -> Written:
    """Return what is to be written for a table; the server stores nothing.

    Args:
        pool: A pool on the database.
        table: ``table`` or ``schema.table``, with or without quotes.
        package: What the package is called; by default as the table.
        model: What a row is called; by default as the table, in the singular.

    Raises:
        NoSuchTable: There is none, or it is a view, a foreign table or a partition.
    """
    async with transaction(pool, readonly=True) as connection:
        there = await described(connection, table)
    design = designed(await _known_better(pool, there), package, model)
    made, sql = migration(design), statements(design)
    async with transaction(pool, readonly=True) as connection:
        await settle(connection)
        row = await found(connection, design)
        constant = await defaults(connection, [field.column for field in design.sent])
        for text in sql.values():
            await connection.prepare(text)  # what the server would refuse is not written
    if made.lacking:
        row = attrs.evolve(row, refused=[*row.refused, *made.lacking])
    files = {
        f"{design.path}/__init__.py": _package(design),
        f"{design.path}/models.py": models(design, constant),
        f"{design.path}/repos.py": repository(design),
        **{f"{design.path}/sql/{design.folder}/{name}": text for name, text in sql.items()},
        f"{design.path}/sql/schema/0001_{design.folder}.sql": made.text,
        f"tests/{design.test}.py": trial(design, row),
        CONFTEST: _CONFTEST,
    }
    return Written(design, files, list(_remarks(design, made, row)))


async def _known_better(pool: Pool, table: Table) -> Table:
    """Return a table with what `quantdb check` will know of its NULLs.

    It knows of a generated column or a CHECK what the catalogue does not say. To have the server
    look it makes a temporary function, which is taken back.
    """
    design = designed(table)
    asked = every_row(design)
    if design.key is None and design.series is None:
        asked = statements(design)["insert.sql"]  # the only one: what it returns is what there is
    async with pool.acquire() as connection:
        block = connection.transaction()
        await block.start()
        try:
            await settle(connection)
            prepared = await connection.prepare(asked)
            oids = [kind.oid for kind in prepared.get_parameters()]
            named = await types.described(connection, oids)
            analysis = await analysed(connection, asked, [named[oid].sql_name for oid in oids])
        except TreeError:  # a newer server than any we know writes trees of its own
            analysis = None
        finally:
            await block.rollback()
    if analysis is None:
        return table
    columns = [
        attrs.evolve(column, nullable=column.nullable if nullable is None else nullable)
        for column, nullable in zip(table.columns, analysis.nullable, strict=True)
    ]
    return attrs.evolve(table, columns=columns)


def _package(design: Design) -> str:
    said = f"The table ``{plain(design.relation)}``: its rows, its statements, its repository."
    return "\n".join(docstring(said, indent="")) + "\n"


def _remarks(design: Design, made: Migration, row: Row) -> Iterator[str]:
    key = design.key
    if key is None:
        yield "it has no key, so there is no get, find and page"
    elif not design.pages:
        yield f"there is no page: a cursor cannot hold its key, {key.index}"
    if key is not None and not key.primary:
        yield f"it has no primary key; {key.index} stands in for it"
    for each in made.left_out:
        yield f"left out of the schema: {each}"
    for name in sorted({kind.extension for kind in design.table.types if kind.extension}):
        yield f"a server for its test and for check needs the extension {name}"
    allowed = hazards(design.table)
    if allowed:
        yield f"kept as it is, and allowed in each file: {', '.join(allowed)}"
    if row.refused:
        yield f"its test is skipped: no row was found that is taken ({', '.join(row.refused)})"
