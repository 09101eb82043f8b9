"""Whether a statement can use the indexes that its header promises.

On an empty table every plan costs the same, so it is not asked which plan the planner likes best.
It is asked which indexes a plan for all arguments *can* use with a condition: with sequential scans
off and, where the role may do so, with every other index of the table hidden.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import asyncpg
import attrs

from quantdb import sqlfile
from quantdb.check.conditions import constrains, mentions_alias, restricts, wrapped
from quantdb.check.explained import Step, explained
from quantdb.check.names import names
from quantdb.check.problems import Problem
from quantdb.check.savepoints import forgotten
from quantdb.check.source import Source
from quantdb.database import Connection
from quantdb.errors import ReadOnly
from quantdb.query import Query
from quantdb.sqlfile import SqlFile

__all__ = ["unkept"]

_SQL: Final[Path] = sqlfile.sql_folder() / "check"
_RANGED: Final = frozenset({"btree"})
_SCANS: Final = frozenset({"Index Scan", "Index Only Scan", "Bitmap Index Scan"})


@attrs.frozen
class _Index:
    oid: int
    name: str
    table_name: str
    promised: str | None
    method: str
    keys: Sequence[str]
    predicate: str


_indexes: Final = Query(_SQL / "indexes.sql", _Index)
_hide_indexes: Final = Query(_SQL / "hide_indexes.sql")
_settings: Final = Query(_SQL / "settings.sql", str)

# A plan for all arguments, that reads a table by an index wherever it can.
_BY_INDEX: Final[Mapping[str, str]] = {
    "enable_hashjoin": "off",
    "enable_material": "off",
    "enable_mergejoin": "off",
    "enable_partition_pruning": "off",
    "enable_seqscan": "off",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",
}
# The same, but that it uses an index only where it has a condition for it.
_BY_CONDITION: Final[Mapping[str, str]] = {
    **_BY_INDEX,
    "enable_indexonlyscan": "off",
    "enable_indexscan": "off",
}


async def unkept(connection: Connection, file: SqlFile, source: Source) -> list[Problem]:
    """Return what is wrong with the promises ``-- index: name`` of a statement.

    It is planned already, so the server accepts it.
    """
    indexes = await _indexes.all(connection, list(file.indexes))
    there = {index.promised for index in indexes}
    missing = [name for name in dict.fromkeys(file.indexes) if name not in there]
    problems = [await _absent(connection, source, name) for name in missing]
    promised = [name for name in dict.fromkeys(file.indexes) if name in there]
    if promised:
        problems += await _Promises(connection, file, source, indexes).unkept(promised)
    return problems


async def _absent(connection: Connection, source: Source, name: str) -> Problem:
    close = get_close_matches(name, sorted(await names(connection, "index")), n=2)
    hint = f"perhaps {' or '.join(close)}" if close else "name an index of the schema, or none"
    return Problem(source.said("index", name), "index", f"there is no index {name}", hint)


class _Promises:
    """The promises of one statement, and the plans that it has."""

    def __init__(
        self,
        connection: Connection,
        file: SqlFile,
        source: Source,
        indexes: Sequence[_Index],
    ) -> None:
        self._connection = connection
        self._file = file
        self._source = source
        self._indexes = {index.name: index for index in indexes}

    async def unkept(self, promised: Sequence[str]) -> list[Problem]:
        """Return those of the existing indexes that the statement does not use, and why."""
        plain = await self._plans([])
        others = [index.oid for index in self._indexes.values() if index.promised is None]
        hidden = await self._hiding(others)
        plans = hidden if hidden is not None else plain
        served = self._arbiters(plain[0]).union(*map(self._served, plans))
        for name in promised:
            if name not in served and hidden is not None:
                alone = [index.oid for index in self._indexes.values() if index.promised != name]
                served = served.union(*map(self._served, await self._hiding(alone) or ()))
        unserved = [name for name in promised if name not in served]
        problems = [self._unserved(name, plans, sure=hidden is not None) for name in unserved]
        for name in promised:
            if name in served:
                problems += self._half_served(name, plans)
        tables = {index.table_name for name in unserved for index in self._named(name)}
        if "index" not in self._file.allows:
            problems += self._read_whole(plain, tables)
        return problems

    async def _plans(self, hidden: Sequence[int]) -> list[list[Step]]:
        """Return the plan, and the plan that uses an index only where it has a condition."""
        found: list[list[Step]] = []
        for settings in (_BY_INDEX, _BY_CONDITION):
            async with forgotten(self._connection):
                await _settings.all(self._connection, [*settings], [*settings.values()])
                if hidden:
                    await _hide_indexes.run(self._connection, list(hidden))
                text, parameters = self._file.text, self._file.parameters
                found.append(await explained(self._connection, text, parameters))
        return found

    async def _hiding(self, hidden: Sequence[int]) -> list[list[Step]] | None:
        """Return the plans with some indexes hidden; None if that cannot be done.

        Only a superuser may hide one, and on no standby. A key that ON CONFLICT needs cannot be
        hidden either.
        """
        try:
            return await self._plans(hidden)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidColumnReferenceError, ReadOnly):
            return None

    def _served(self, plan: Sequence[Step]) -> set[str]:
        """Return the promised names of the indexes that a plan uses well."""
        found = (self._indexes.get(step.text("Index Name")) for step in plan if self._uses(step))
        return {index.promised for index in found if index is not None and index.promised}

    def _arbiters(self, plan: Sequence[Step]) -> set[str]:
        """Return the promised names of the keys by which ON CONFLICT tells rows apart."""
        found = (
            self._indexes.get(name)
            for step in plan
            for name in step.names("Conflict Arbiter Indexes")
        )
        return {index.promised for index in found if index is not None and index.promised}

    def _uses(self, step: Step) -> bool:
        """Tell whether a step searches its index, or reads its first rows in their order.

        A partial index holds only the rows that are asked for, so to read it whole is to use it.
        """
        index = self._indexes.get(step.text("Index Name"))
        if index is None or step.kind not in _SCANS:
            return False
        if step.text("Index Cond"):
            leading = [index.keys[0]] if index.method in _RANGED else index.keys
            if any(constrains(step, key) for key in leading):
                return True
        if restricts(index.predicate):
            return True
        return step.bounded and (not step.filter or bool(step.text("Order By")))

    def _named(self, promised: str) -> list[_Index]:
        """Return the index of a promised name, and its parts on partitions."""
        return [index for index in self._indexes.values() if index.promised == promised]

    def _unserved(self, promised: str, plans: Sequence[Sequence[Step]], *, sure: bool) -> Problem:
        indexes = self._named(promised)
        tables = {index.table_name for index in indexes}
        read = [
            step
            for plan in plans
            for step in plan
            if step.table in tables and (step.kind in _SCANS or "Seq" in step.kind)
        ]
        scans = [step for step in read if step in plans[0]]
        key = indexes[0].keys[0]
        other = any(step.text("Index Cond") for step in read)
        return Problem(
            self._source.said("index", promised),
            "index",
            f"{promised} is not used: {_instead(indexes[0], scans)}",
            f"compare {key} as it stands, without a cast or a function around it"
            if any(key in step.filter for step in scans)
            else f"compare {key} with what is asked for, or promise no index",
            # Where no index can be hidden, the planner may merely like another one better.
            severity="note" if other and not sure else "problem",
        )

    def _half_served(self, promised: str, plans: Sequence[Sequence[Step]]) -> Iterator[Problem]:
        """Give a key that the statement compares, but in a form that the index does not have."""
        for step in plans[0]:
            index = self._indexes.get(step.text("Index Name"))
            if index is None or index.promised != promised or index.method not in _RANGED:
                continue
            found = wrapped(step, index.keys)
            if found is not None:
                key, condition = found
                yield Problem(
                    self._source.said("index", promised),
                    "index",
                    f"{promised} is not searched by {key}: {condition} is no condition on it",
                    f"compare {key} as it stands, without a cast or a function around it",
                )
                return

    def _read_whole(self, plans: Sequence[Sequence[Step]], reported: set[str]) -> Iterator[Problem]:
        """Give the tables that are read whole although a condition is to find their rows."""
        usual, by_condition = plans
        whole = {step.table for step in usual if self._reads_whole(step)} - reported
        for step in by_condition:
            if "Seq Scan" in step.kind and step.table in whole and self._reads_whole(step):
                whole.remove(step.table)
                condition = step.filter or next(
                    (each for each in step.conditions if mentions_alias(each, step.alias)), ""
                )
                filtered = f", filtered by {condition}" if condition else ""
                yield Problem(
                    self._source.said("index", self._file.indexes[0]),
                    "index",
                    f"{step.table} is read whole{filtered}, where an index is promised",
                    "compare what an index has, as it stands; `-- allow: index` if it is meant",
                )

    def _reads_whole(self, step: Step) -> bool:
        own = step.schema and not step.schema.startswith(("pg_", "information_schema"))
        if not own or step.gated or step.bounded:
            return False
        if "Seq Scan" not in step.kind and (step.kind not in _SCANS or step.text("Index Cond")):
            return False
        return (
            bool(step.filter)
            or step.table in {index.table_name for index in self._indexes.values()}
            or any(mentions_alias(condition, step.alias) for condition in step.conditions)
        )


def _instead(index: _Index, scans: Sequence[Step]) -> str:
    """Return what a plan does with the table in place of using an index."""
    if not scans:
        return f"the statement does not read {index.table_name}"
    # That which filters by the column instead, or one that reads everything.
    scan = min(
        scans, key=lambda each: (index.keys[0] not in each.filter, bool(each.text("Index Cond")))
    )
    filtered = f", filtered by {scan.filter}" if scan.filter else ""
    other = scan.text("Index Name")
    if not scan.text("Index Cond"):
        return f"{index.table_name} is read whole{filtered}"
    if other == index.name:
        return f"it is read without a condition on its first column, {index.keys[0]}{filtered}"
    return f"{other} is{filtered}"
