"""The generic plan of a statement, as EXPLAIN gives it: made for all arguments, never run."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import asyncpg
import attrs

from quantdb.check.savepoints import forgotten
from quantdb.database import Connection

__all__ = ["Step", "explained", "steps"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_NAME: Final = "quantdb_check"
_JOINED: Final = ("Join Filter", "Hash Cond", "Merge Cond")
# What hands on the rows of its first child one by one, in their order.
_PASSES_ON: Final = frozenset(
    {
        "Append",
        "Group",
        "Limit",
        "LockRows",
        "Merge Append",
        "Nested Loop",
        "Result",
        "Subquery Scan",
        "Unique",
    }
)


@attrs.frozen
class Step:
    """A node of a plan.

    Attributes:
        kind: What it does (``"Index Scan"``).
        said: What EXPLAIN says of it.
        conditions: The conditions of the joins above it.
        bounded: Whether it stops when a LIMIT above it has its rows.
        gated: Whether it runs only for some arguments.
        filter: What is filtered from its rows.
        schema: Of the table that it reads, if it reads one.
        table: The table.
        alias: What its conditions call the table.
    """

    kind: str
    said: Mapping[str, Json] = attrs.field(repr=False)
    conditions: tuple[str, ...] = ()
    bounded: bool = False
    gated: bool = False
    filter: str = ""
    schema: str = ""
    table: str = ""
    alias: str = ""

    def text(self, key: str) -> str:
        """Return what EXPLAIN says under a key; nothing if it says nothing."""
        said = self.said.get(key)
        return said if isinstance(said, str) else ""

    def names(self, key: str) -> list[str]:
        """Return the names that EXPLAIN lists under a key."""
        said = self.said.get(key)
        return [str(name) for name in said] if isinstance(said, list) else []


async def explained(connection: Connection, text: str, parameters: int) -> list[Step]:
    """Return the steps of the plan that a statement has for all arguments.

    The settings of the transaction hold. What was prepared is gone afterwards, as is whatever an
    error has aborted.
    """
    async with _prepared(connection, text):
        arguments = ", ".join(["NULL"] * parameters)
        call = f"{_NAME}({arguments})" if arguments else _NAME
        plan = await connection.fetchval(
            f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE {call}"
        )
    # A codec of the connection may have read it already.
    read: Json = json.loads(plan if isinstance(plan, str) else json.dumps(plan))
    return list(steps(read))


@asynccontextmanager
async def _prepared(connection: Connection, text: str) -> AsyncGenerator[None, None]:
    """Prepare a statement by SQL; PostgreSQL keeps it even when its transaction is rolled back."""
    made = False
    try:
        async with forgotten(connection):
            await connection.execute(f"PREPARE {_NAME} AS\n{text}")
            made = True
            yield
    finally:
        if made:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.execute(f"DEALLOCATE {_NAME}")


def steps(plan: Json) -> Iterator[Step]:
    """Give every node of what EXPLAIN returns in JSON, outer ones first."""
    for each in plan if isinstance(plan, list) else ():
        top = each.get("Plan") if isinstance(each, dict) else None
        if isinstance(top, dict):
            yield from _steps(top, Step("", {}))


def _steps(said: Mapping[str, Json], above: Step) -> Iterator[Step]:
    step = Step(str(said.get("Node Type", "")), said)
    first = said.get("Parent Relationship") in {"Outer", "Member", "Subquery"}
    step = attrs.evolve(
        step,
        conditions=(*above.conditions, *filter(None, map(step.text, _JOINED))),
        bounded=step.kind == "Limit" or (above.bounded and first and above.kind in _PASSES_ON),
        gated=above.gated or bool(step.text("One-Time Filter")),
        filter=step.text("Filter"),
        schema=step.text("Schema"),
        table=step.text("Relation Name"),
        alias=step.text("Alias"),
    )
    if step.kind.startswith("Bitmap") and not step.table:  # part of the scan of a table
        step = attrs.evolve(
            step, filter=above.filter, schema=above.schema, table=above.table, alias=above.alias
        )
    yield step
    below = said.get("Plans")
    for each in below if isinstance(below, list) else ():
        if isinstance(each, dict):
            yield from _steps(each, step)
