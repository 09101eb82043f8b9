"""Datasets of what is in the database."""

import gc
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Final, TypeVar
from weakref import WeakSet

import attrs
from ray.data import Dataset

from quantdb.config import PoolConfig
from quantdb.database import Connection
from quantdb.errors import ConfigError, ConnectionLost
from quantdb.models import Price, Trade
from quantdb.query import Query
from quantdb.ray.budget import must_be_count
from quantdb.ray.data import rays
from quantdb.ray.data.planning import query_plan, table_plan
from quantdb.ray.data.plans import Plan
from quantdb.ray.data.snapshot import Snapshot, SnapshotLost
from quantdb.ray.data.source import Source
from quantdb.ray.data.texts import Condition

__all__ = ["read_prices", "read_query", "read_table", "read_trades", "tasks_at_once"]

_log: Final = logging.getLogger(__name__)

_BLOCK: Final = 16 << 20
"""Bytes of a block: enough that to connect costs nothing, few enough to have some at once."""

_LEAST: Final = 2 << 20
"""Bytes for which alone no task is worth its while."""


def read_trades(  # noqa: PLR0913 - each is a choice of its own
    source: PoolConfig | Snapshot,
    *,
    symbols: Iterable[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str] | None = None,
    blocks: int | None = None,
    connections: int | None = None,
) -> Dataset:
    """Return the trades that were executed in ``[start, end)``, in no order.

    Args:
        source: Where the database is; or a state of it, which several datasets share.
        symbols: Only trades of these.
        start: The first instant; None for the beginning of time.
        end: The first instant that is not in it; None for the end of time.
        columns: Which fields of `quantdb.Trade`; None for all.
        blocks: How many blocks, about; None for some of 16 MB.
        connections: Most connections at once in the whole cluster, that of the snapshot among
            them; by default the ``max_size`` of the config.
    """
    conditions = [*_of_symbols(symbols), *_within("executed_at", start, end)]
    wanted = _Wanted(columns, blocks, connections)
    return _table(source, "trades", Trade, conditions, None, "executed_at", wanted)


def read_prices(  # noqa: PLR0913 - each is a choice of its own
    source: PoolConfig | Snapshot,
    *,
    symbols: Iterable[str] | None = None,
    interval: timedelta | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str] | None = None,
    blocks: int | None = None,
    connections: int | None = None,
) -> Dataset:
    """Return the price bars that start in ``[start, end)``, in no order; else as `read_trades`.

    Args:
        source: Where the database is, or a state of it.
        symbols: Only bars of these.
        interval: Only bars of this length.
        start: The first instant.
        end: The first instant that is not in it.
        columns: Which fields of `quantdb.Price`; None for all.
        blocks: How many blocks, about.
        connections: Most connections at once.
    """
    conditions = [*_of_symbols(symbols), *_within("start", start, end)]
    if interval is not None:
        conditions.append(Condition("interval", "=", interval))
    wanted = _Wanted(columns, blocks, connections)
    return _table(source, "prices", Price, conditions, None, "start", wanted)


def read_table(  # noqa: PLR0913 - each is a choice of its own
    source: PoolConfig | Snapshot,
    table: str,
    model: type | None = None,
    *,
    by: str | None = None,
    columns: Sequence[str] | None = None,
    blocks: int | None = None,
    connections: int | None = None,
) -> Dataset:
    """Return the rows of a table, in no order.

    Args:
        source: Where the database is, or a state of it.
        table: Its name, as a statement has it: ``ticks``, ``market."Ticks"``; a partitioned table,
            a view or a materialized one too.
        model: An attrs class whose fields the columns are; None for all columns of the table.
        by: A column by whose ranges it is read; by default it is by its pages, and a view, which
            has none, by one task.
        columns: Which columns; None for all.
        blocks: How many blocks, about.
        connections: Most connections at once.

    Raises:
        ConfigError: There is no such table or column.
        ShapeMismatch: A column is not what its field is, or none of Arrow's.
    """
    wanted = _Wanted(columns, blocks, connections)
    return _table(source, table, model, [], by, None, wanted)


R = TypeVar("R")


def read_query(  # noqa: PLR0913 - each is a choice of its own
    source: PoolConfig | Snapshot,
    query: Query[R],
    *args: object,
    by: str | None = None,
    columns: Sequence[str] | None = None,
    blocks: int | None = None,
    connections: int | None = None,
) -> Dataset:
    """Return the rows of a query, in no order.

    Args:
        source: Where the database is, or a state of it.
        query: It reads, and its rows depend on nothing but that state and its arguments: a LIMIT
            has an ORDER BY that leaves no tie, and nothing is random or of the clock.
        args: Of its parameters.
        by: A column by whose ranges it is read: each task runs the query with a condition on it. By
            default one task reads all.
        columns: Which columns; None for all.
        blocks: How many blocks, about.
        connections: Most connections at once.

    Raises:
        ConfigError: It writes, or has no such column.
        InexactValue: An argument would not be compared as it is.
    """
    snapshot, plan = _planned(source, lambda connection: query_plan(connection, query, args, by))
    return _dataset(snapshot, plan, _Wanted(columns, blocks, connections))


def tasks_at_once(config: PoolConfig, connections: int | None, beside: int) -> int:
    """Return how many tasks of one connection each may run, *beside* other connections.

    Raises:
        ConfigError: *connections* is no whole number from 1.
    """
    if connections is not None:
        must_be_count("connections", connections)
    tasks = max(1, (connections or config.max_size) - beside)
    there = rays.cpus()
    if connections is None and tasks < there:
        _log.warning(
            "%s tasks at once on %s CPUs, because max_size is %s: give the whole budget of the "
            "cluster, not a worker's share, or connections=",
            tasks,
            there,
            config.max_size,
        )
    return tasks


@attrs.frozen
class _Wanted:
    columns: Sequence[str] | None
    blocks: int | None
    connections: int | None


def _table(  # noqa: PLR0913, PLR0917 - those of `table_plan`
    source: PoolConfig | Snapshot,
    name: str,
    model: type | None,
    conditions: Sequence[Condition],
    by: str | None,
    if_indexed_by: str | None,
    wanted: _Wanted,
) -> Dataset:
    snapshot, plan = _planned(
        source,
        lambda connection: table_plan(connection, name, model, conditions, by, if_indexed_by),
    )
    return _dataset(snapshot, plan, wanted)


def _dataset(snapshot: Snapshot, plan: Plan, wanted: _Wanted) -> Dataset:
    if isinstance(wanted.columns, str):
        raise ConfigError(f"columns are several: [{wanted.columns!r}]")
    if wanted.blocks is not None:
        must_be_count("blocks", wanted.blocks)
    source = Source(snapshot, plan, wanted.columns)
    tasks = tasks_at_once(snapshot.config, wanted.connections, beside=1)
    size = source.estimate_inmemory_data_size()
    usual = max(2 * rays.cpus(), size // _BLOCK)
    blocks = min(usual, max(1, size // _LEAST)) if wanted.blocks is None else wanted.blocks
    blocks = len(source.get_read_tasks(blocks))
    return rays.dataset_of(source, blocks, min(tasks, blocks))


def _planned(
    source: PoolConfig | Snapshot, plan: Callable[[Connection], Awaitable[Plan]]
) -> tuple[Snapshot, Plan]:
    """Return a snapshot, and what is read of it.

    One of the dataset's own that is lost before is made anew: nobody has seen what it shows.
    """
    if isinstance(source, Snapshot):
        return source, source.run(plan)
    if _made:
        gc.collect()  # a dataset that nobody has any more is part of a cycle of Ray's
    began, pause = monotonic(), _FIRST_PAUSE
    while True:
        try:
            snapshot = Snapshot(source)
            planned = snapshot.run(plan)
        except (ConnectionLost, SnapshotLost):
            if monotonic() + pause >= began + source.retry_timeout:
                raise
            sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            _made.add(snapshot)
            return snapshot, planned


_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0

_made: Final[WeakSet[Snapshot]] = WeakSet()
"""Snapshots of one dataset each."""


def _of_symbols(symbols: Iterable[str] | None) -> list[Condition]:
    if isinstance(symbols, str):
        raise ConfigError(f"symbols are several: [{symbols!r}]")
    return [] if symbols is None else [Condition("symbol", "any", list(symbols))]


def _within(column: str, start: datetime | None, end: datetime | None) -> list[Condition]:
    bounds: list[Condition] = []
    if start is not None:
        bounds.append(Condition(column, ">=", start))
    if end is not None:
        bounds.append(Condition(column, "<", end))
    return bounds
