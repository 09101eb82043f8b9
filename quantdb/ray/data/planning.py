"""What the server says of the rows that are to be read, in the transaction that shows them."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final, TypeGuard, TypeVar

import asyncpg
import attrs
import pyarrow as pa

from quantdb import datasets
from quantdb.columns.arrow import Field, fields_of, schema_of_fields
from quantdb.columns.types import LABELS, schema_of, schema_of_result
from quantdb.database import Connection
from quantdb.datasets import Leaf, Relation
from quantdb.errors import ConfigError
from quantdb.query import Query
from quantdb.ray.data import texts
from quantdb.ray.data.plans import Plan, is_list, order_of
from quantdb.ray.data.snapshot import SnapshotLost
from quantdb.ray.data.texts import Condition, Origin
from quantdb.sqlfile import SqlFile
from quantdb.statement import Statement

__all__ = ["as_statement", "query_plan", "table_plan"]

R = TypeVar("R")

_FRACTIONS: Final = [number / 1_000 for number in range(1, 1_000)]
_SAMPLE: Final = 50_000
"""Rows of a sample by which ranges are made, about."""

_LONG: Final = 3_600.0
"""Seconds that a sample may take: it goes over all rows."""


def as_statement(base: SqlFile, text: str, parameters: int) -> Statement:
    """Return a statement of our own making, which goes by the name of a file."""
    behind_first_word = text.index(" ") + 1
    return Statement(
        attrs.evolve(
            base, text=text, parameters=parameters, names=(), line=1, tag_at=behind_first_word
        )
    )


async def table_plan(  # noqa: PLR0913, PLR0917 - what a table is read by
    connection: Connection,
    name: str,
    model: type | None = None,
    conditions: Sequence[Condition] = (),
    by: str | None = None,
    if_indexed_by: str | None = None,
) -> Plan:
    """Return how a table, or a view, is read.

    Args:
        connection: In the transaction that holds the snapshot.
        name: The table's, as a statement has it.
        model: Whose fields the columns are; None for all of the table's.
        conditions: Which rows are read.
        by: The column by whose ranges it is read; None for its pages.
        if_indexed_by: The column to take if the server finds the rows by an index.

    Raises:
        ConfigError: There is no such table or column.
        ShapeMismatch: The columns are not the fields.
        SnapshotLost: The table was truncated or rewritten at this moment.
    """
    found = await datasets.RELATION.find(connection, name)
    if found is None:
        raise ConfigError(f"there is no table {name}, or view, on the search path")
    origin = Origin(found.name)
    base = attrs.evolve(datasets.RELATION.file, path=f"table {name}", name=PurePath(name).name)
    if found.kind in {"r", "p"} and found.readable:
        await connection.execute(texts.locking(origin))
    plan = await _described(connection, Plan(name, base, _NOTHING, {}, origin), model)
    plan = attrs.evolve(plan, conditions=_known(plan, conditions))
    plan, by_index = await _guessed(connection, plan)
    if by is None and by_index:
        by = if_indexed_by
    if by is not None:
        return await _bounded(connection, plan, by)
    return attrs.evolve(plan, leaves=await _placed(connection, found))


async def query_plan(
    connection: Connection, query: Query[R], args: Sequence[object], by: str | None
) -> Plan:
    """Return how a query is read: by ranges of one of its columns, or as a whole.

    Raises:
        ConfigError: It writes, or has no such column.
        ShapeMismatch: The columns are not the fields of its model.
    """
    if query.file.writes:
        raise ConfigError(f"{query.file.path}: a dataset is read by a SELECT that writes nothing")
    origin = Origin(texts.without_end(query.file), tuple(args))
    kind = query.schema
    plan = Plan(query.operation.name, query.file, _NOTHING, {}, origin)
    plan = await _described(connection, plan, kind)
    plan, _by_index = await _guessed(connection, plan)
    return plan if by is None else await _bounded(connection, plan, by)


_NOTHING: Final = schema_of_fields([])


def _in_rays_types(schema: pa.Schema) -> pa.Schema:
    """Return columns without dictionaries: Ray Data neither sorts by them nor keeps them."""

    def plain(field: Field) -> Field:
        return field.with_type(pa.string()) if field.type == LABELS else field

    return schema_of_fields([plain(field) for field in fields_of(schema)])


async def _described(connection: Connection, plan: Plan, wanted: "type | pa.Schema | None") -> Plan:
    """Look at the columns; nothing is read."""
    model = schema_of(wanted) if isinstance(wanted, type) else wanted
    if model is None or plan.origin.text.startswith("("):  # a query's columns are its model's
        text, args = texts.listing(plan.origin)
    else:
        text, args = texts.selecting(plan.origin, model.names, (), ())
    statement = as_statement(plan.file, text, len(args))
    try:
        await statement.admitted(connection, args, None)
    except asyncpg.UndefinedColumnError as error:
        if not isinstance(wanted, type):
            raise
        raise ConfigError(f"{plan.name} is no table of {wanted.__qualname__}: {error}") from error
    attributes = (await statement.described(connection, None)).get_attributes()
    schema = schema_of_result(
        attributes, None if model is None else _in_rays_types(model), plan.file.path
    )
    order = {column.name: order_of(column.name, column.type.name) for column in attributes}
    return attrs.evolve(plan, schema=schema, order=order)


def _known(plan: Plan, conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    for condition in conditions:
        _must_be_there(plan, condition.column)
    return tuple(conditions)


def _must_be_there(plan: Plan, name: str) -> None:
    if name not in plan.schema.names:
        raise ConfigError(
            f"{plan.name} has no column {name!r}; it has {', '.join(plan.schema.names)}"
        )


async def _guessed(connection: Connection, plan: Plan) -> tuple[Plan, bool]:
    """Add how many rows there are, and tell whether an index finds them."""
    text, args = texts.selecting(plan.origin, plan.schema.names, plan.conditions, ())
    explain = as_statement(plan.file, texts.explaining(text), len(args))
    _sent, rows = await explain.fetch(connection, args)
    nodes = list(_nodes(next(iter(rows[0]))))
    guess = nodes[0].get("Plan Rows") if nodes else 0
    kinds = [str(node.get("Node Type")) for node in nodes]
    whole = any("Seq Scan" in kind for kind in kinds)
    by_index = not whole and any("Index" in kind for kind in kinds)
    return attrs.evolve(plan, rows=guess if isinstance(guess, int) else 0), by_index


def _nodes(explained: object) -> Iterator[dict[str, object]]:
    """Give the nodes of a plan, from the top."""
    if is_list(explained):
        for each in explained:
            yield from _nodes(each)
    elif _is_object(explained):
        if "Node Type" in explained:
            yield explained
        yield from _nodes(explained.get("Plan", explained.get("Plans")))


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


async def _bounded(connection: Connection, plan: Plan, by: str) -> Plan:
    """Add where the ranges of a column may be cut."""
    _must_be_there(plan, by)
    sample = min(1.0, _SAMPLE / max(1, plan.rows))
    text, args = texts.bounding(plan.origin, by, plan.conditions, _FRACTIONS, sample)
    statement = as_statement(plan.file, text, len(args))
    _sent, rows = await statement.fetch(connection, args, _LONG)
    found = next(iter(rows[0]))
    # Without a row in the sample there is none.
    bounds = tuple(found) if is_list(found) else ()
    return attrs.evolve(plan, by=by, bounds=bounds)


async def _placed(connection: Connection, relation: Relation) -> tuple[Leaf, ...]:
    """Return the tables whose pages are read; none if the rows must be read through *relation*."""
    if relation.kind not in {"r", "p", "m"}:
        return ()
    leaves = await datasets.LEAVES.all(connection, relation.number)
    if any(leaf.rewritten for leaf in leaves):
        raise SnapshotLost(f"{relation.name} was truncated or rewritten meanwhile; read it again")
    if [leaf.name for leaf in leaves] == [relation.name]:
        return tuple(leaves) if leaves[0].placed else ()
    # The policies and grants of a parent hold for those who read the parent.
    if relation.hides or not relation.readable or not all(leaf.readable for leaf in leaves):
        return ()
    return tuple(leaves)
