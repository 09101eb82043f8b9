"""Blocks into the database, each in a transaction of its own, each once."""

from collections.abc import Callable, Iterable, Sequence
from secrets import token_hex
from typing import Final, Protocol, runtime_checkable

import attrs
import pyarrow as pa
from ray.data.block import Block
from ray.data.datasource import Datasink, WriteResult

from quantdb import datasets
from quantdb.calls import BULK, call
from quantdb.config import PoolConfig
from quantdb.database import Connection, Database
from quantdb.errors import ConfigError, Conflict
from quantdb.exact import brief
from quantdb.models import Ingest
from quantdb.pool import Pool, create_pool
from quantdb.ray.data.digest import digest_of
from quantdb.ray.data.ledger import Stored, must_be_whole, stored_once
from quantdb.ray.data.loops import Loop
from quantdb.ray.data.rays import TaskContext, block_of
from quantdb.ray.data.single import on_one_connection, one_connection
from quantdb.repos import PriceRepo, TradeRepo

__all__ = ["Inserts", "Sink", "Upserts", "Written"]


@runtime_checkable
class Inserts(Protocol):
    """A repository that inserts what has the Arrow C stream interface, all of it or nothing."""

    async def insert_table(self, table: object) -> Ingest:
        """Store it and return what became of its rows."""
        ...


@runtime_checkable
class Upserts(Protocol):
    """A repository that inserts or replaces it."""

    async def upsert_table(self, table: object) -> Ingest:
        """Store it and return what became of its rows."""
        ...


@attrs.frozen
class Written:
    """What a write task reports.

    Attributes:
        report: What became of its rows.
        keyed: Whether they all have keys.
    """

    report: Ingest
    keyed: bool


class Sink(Datasink[Written]):
    """Stores blocks by a repository; `report` is the sum of what became of their rows.

    Args:
        config: Where the database is.
        repository: Makes the repository of a connection.
        job: Under what name the ledger has the blocks; None for no ledger.
        least: Rows for which alone there is no task; None for a task a block, about.
        known: What the blocks hold, if they were looked at before; the dataset has no others.

    Raises:
        ConfigError: They are no configuration, or no repository that stores columns.
    """

    def __init__(
        self,
        config: PoolConfig,
        repository: Callable[[Database], Inserts | Upserts],
        job: str | None,
        least: int | None = None,
        known: frozenset[bytes] = frozenset(),
    ) -> None:
        self.report = Ingest(inserted=0, existing=0)
        self._config = one_connection(config)
        self._repository = _checked(repository)
        self._job = job
        self._least = least
        self._known = known
        self._run = token_hex(8)
        self._target: str = getattr(repository, "__qualname__", repr(repository))

    def get_name(self) -> str:
        """Return what Ray shows."""
        return self._target

    @property
    def min_rows_per_write(self) -> int | None:
        """How many rows a task has, if there are as many: small blocks come together."""
        return self._least

    def write(self, blocks: Iterable[Block], ctx: TaskContext) -> Written:
        """Store the blocks of a task and report what became of their rows."""
        written = _NOTHING
        with Loop() as loop:
            pool = create_pool(self._config)
            loop.run(_opened(pool))
            try:
                for number, block in enumerate(blocks):
                    table = block_of(block).to_arrow()
                    if table.num_rows:
                        place = f"{ctx.task_idx}.{number}"
                        written = _sum(written, loop.run(self._stored(pool, table, place)))
            finally:
                loop.run(pool.close())
        return written

    async def _stored(self, pool: Pool, table: pa.Table, place: str) -> Written:
        keyed = _is_keyed(self._repository, table.schema.names)
        if self._job is None:
            if not keyed:
                raise ConfigError(
                    f"rows for {self._target} without a key of their own would be stored again "
                    "when their task is run again: give the job a name, write(…, job=…)"
                )
            return Written(await _stored(self._repository(pool), table), keyed)
        digest = digest_of(table)
        if self._known and not keyed and digest not in self._known:
            raise Conflict(
                f"job {brief(self._job)}: block {place} was not there when the dataset was looked "
                "at before: it gives other blocks each time it is executed, and rows without keys "
                "would be there twice; nothing of the block was stored. Materialize it, or have "
                "it give the same blocks",
                "quantdb_ray_ledger_pkey",
            )
        block = Stored(self._job, self._target, digest, self._run, place, keyed, self._known)

        async def work(connection: Connection) -> Ingest:
            repository = self._repository(connection)
            return await stored_once(
                connection, block, table.num_rows, lambda: _stored(repository, table)
            )

        report = await call(
            pool,
            work,
            BULK,
            operation=datasets.RECORD.operation,
            repeat="always",
            looks=True,
        )
        return Written(report, keyed)

    def on_write_complete(self, write_result: WriteResult[Written]) -> None:
        """Add up the reports of all tasks.

        Raises:
            Conflict: An earlier run of the job has stored blocks that this one does not have.
        """
        written = _NOTHING
        for each in write_result.write_returns:
            written = _sum(written, each)
        self.report = written.report
        if self._job is None or written.keyed:
            return
        job, target, run = self._job, self._target, self._run
        on_one_connection(self._config, lambda pool: must_be_whole(pool, job, target, run))


_NOTHING: Final = Written(Ingest(inserted=0, existing=0), keyed=True)


def _sum(one: Written, other: Written) -> Written:
    return Written(
        Ingest(
            inserted=one.report.inserted + other.report.inserted,
            updated=one.report.updated + other.report.updated,
            existing=one.report.existing + other.report.existing,
        ),
        keyed=one.keyed and other.keyed,
    )


def _checked(
    repository: Callable[[Database], Inserts | Upserts],
) -> Callable[[Database], Inserts | Upserts]:
    given: object = repository
    stores = not isinstance(given, type) or (
        hasattr(given, "insert_table") or hasattr(given, "upsert_table")
    )
    if not callable(given) or not stores:
        raise ConfigError(
            "a dataset is written by a class of repositories that has insert_table or "
            f"upsert_table, such as TradeRepo; not by {brief(repr(given))}"
        )
    return repository


async def _opened(pool: Pool) -> None:
    await pool


async def _stored(repository: Inserts | Upserts, table: pa.Table) -> Ingest:
    if isinstance(repository, Inserts):
        return await repository.insert_table(table)
    return await repository.upsert_table(table)


def _is_keyed(repository: object, names: Sequence[str]) -> bool:
    """Tell whether to store rows twice comes to the same. A trade without an id is given one."""
    if not isinstance(repository, type):
        return False
    return issubclass(repository, PriceRepo) or (
        issubclass(repository, TradeRepo) and "id" in names
    )
