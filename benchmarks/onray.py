"""quantdb on Ray, and Ray by hand, as contenders; a cluster of one machine for them.

Imported where its suite runs, and by nobody who runs the others: it loads Ray.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol, TypeGuard
from uuid import UUID

from benchmarks.case import HAND, OURS, Contender, Mode, Site, Work
from benchmarks.ours import pool_of
from benchmarks.totals import Totals
from quantdb import Pool, Trade, TradeRepo
from quantdb.demo import environment

environment.prepare()

import ray.data  # noqa: E402 - reads the environment
from ray import ObjectRef  # noqa: E402
from ray.data import Dataset  # noqa: E402

import quantdb.ray  # noqa: E402
from quantdb.demo.cluster import local_ray  # noqa: E402
from quantdb.ray import data  # noqa: E402

__all__ = [
    "CPUS",
    "actors",
    "cluster",
    "few",
    "files",
    "of_files",
    "readers",
    "tasks",
    "totals",
    "writers",
]

CPUS: Final = 8
"""Of the cluster, whatever the machine has: so many workers at once."""
_OBJECT_STORE: Final = 2 << 30
_CONNECTIONS: Final = 8
_STRETCH: Final = 125_000
"""Rows that a task by hand fetches at most: its records are some 100 MB."""

Submit = Callable[[UUID], ObjectRef[Trade]]


class _ByHand(Protocol):
    """What `benchmarks.peers.ray_hand` has; its libraries are where it is measured only."""

    connect_per_task: Callable[..., Submit]
    pool_per_task: Callable[..., Submit]
    psycopg_per_task: Callable[..., Submit]
    actor: Callable[[str, int], Awaitable[Callable[[UUID], Awaitable[Trade]]]]
    read_records: Callable[[str, int], Dataset]
    read_sql: Callable[[str], Dataset]
    totals: Callable[[Dataset], dict[str, object]]
    to_files: Callable[[Dataset, str], None]
    held: Callable[[str, int], Dataset]
    write_records: Callable[[Dataset, str], None]
    write_sql: Callable[[Dataset, str], None]


def _by_hand() -> _ByHand:
    module = importlib.import_module("benchmarks.peers.ray_hand")
    assert _has_them(module)
    return module


def _has_them(module: object) -> TypeGuard[_ByHand]:
    return all(hasattr(module, name) for name in _ByHand.__annotations__)


@contextmanager
def cluster() -> Generator[None]:
    """Give a cluster whose workers may use every processor."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    with local_ray(CPUS, _OBJECT_STORE):
        yield


def _of_tasks(name: str, mode: Mode, submitting: Callable[[str], Submit]) -> Contender:
    """Return a contender that has each trade read by a task of its own."""

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        # What asks the server waits, and the relay to it may be in this loop.
        submit = await asyncio.to_thread(submitting, site.dsn)

        async def call(trades: Sequence[Trade]) -> list[Trade]:
            return await asyncio.to_thread(ray.get, [submit(trade.id) for trade in trades])

        yield call

    return Contender(name, mode, opened)


def _ours(mode: Mode, workers: int) -> Contender:
    def submitting(dsn: str) -> Submit:
        config = quantdb.ray.worker_config(pool_of(dsn, mode), workers=workers)

        @quantdb.ray.task(config, num_cpus=CPUS / workers)
        async def get(pool: Pool, key: UUID) -> Trade:
            return await TradeRepo(pool).get(key)

        return get.remote

    return _of_tasks(OURS, mode, submitting)


def _hand(name: str, submitter: Callable[..., Submit], workers: int) -> Contender:
    return _of_tasks(name, "explicit", lambda dsn: submitter(dsn, num_cpus=CPUS / workers))


def tasks() -> list[Contender]:
    """Return who reads a trade in each of many tasks."""
    by_hand = _by_hand()
    return [
        _hand(HAND, by_hand.connect_per_task, CPUS),
        _hand("asyncpg, a pool a task", by_hand.pool_per_task, CPUS),
        _hand("psycopg 3, a connection a task", by_hand.psycopg_per_task, CPUS),
        _ours("explicit", CPUS),
        _ours("autocommit", CPUS),
    ]


def few(workers: int) -> list[Contender]:
    """Return the same by no more than so many workers; by hand it connects in each task."""
    return [_hand(HAND, _by_hand().connect_per_task, workers), _ours("explicit", workers)]


def actors() -> list[Contender]:
    """Return who reads trades by calls of one actor, many at once."""

    @asynccontextmanager
    async def by_hand(site: Site) -> AsyncGenerator[Work]:
        get = await _by_hand().actor(site.dsn, _CONNECTIONS)

        async def call(trades: Sequence[Trade]) -> list[Trade]:
            return await asyncio.gather(*(get(trade.id) for trade in trades))

        yield call

    def ours(mode: Mode) -> Contender:
        @asynccontextmanager
        async def opened(site: Site) -> AsyncGenerator[Work]:
            service = quantdb.ray.serve(pool_of(site.dsn, mode), num_cpus=0)
            repo = service.repo(TradeRepo)

            async def call(trades: Sequence[Trade]) -> list[Trade]:
                return await asyncio.gather(*(repo.get(trade.id) for trade in trades))

            try:
                yield call
            finally:
                service.stop()

        return Contender(OURS, mode, opened)

    return [Contender(HAND, "explicit", by_hand), ours("explicit"), ours("autocommit")]


def _of_datasets(name: str, work: Callable[[str], object]) -> Contender:
    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        yield lambda _trades: asyncio.to_thread(work, site.dsn)

    return Contender(name, "explicit", opened)


def readers(rows: int, *, slow: bool) -> list[Contender]:
    """Return who reads all trades as a dataset; `read_sql` too, if *slow* is not too slow."""
    by_hand = _by_hand()
    parts = max(CPUS, rows // _STRETCH)

    def of(read: Callable[[str], Dataset]) -> Callable[[str], object]:
        return lambda dsn: _in_memory(read(dsn))

    def ours(dsn: str) -> object:
        # While there is one, the table cannot be emptied.
        with data.Snapshot(pool_of(dsn)) as now:
            return _in_memory(data.read_trades(now))

    found = [
        _of_datasets(HAND, of(lambda dsn: by_hand.read_records(dsn, parts))),
        _of_datasets(OURS, ours),
    ]
    if slow:
        found.append(_of_datasets("ray.data.read_sql, psycopg", of(by_hand.read_sql)))
    return found


def _in_memory(dataset: Dataset) -> Dataset:
    read: Callable[[], Dataset] = getattr(dataset, "materialize")  # noqa: B009 - Ray has no types
    return read()


def totals(dataset: object) -> Totals:
    """Return what a dataset of trades has in its columns."""
    assert isinstance(dataset, Dataset)
    return Totals.of(_by_hand().totals(dataset))


def files(dsn: str, folder: str) -> None:
    """Write all trades to files."""
    with data.Snapshot(pool_of(dsn)) as now:
        _by_hand().to_files(data.read_trades(now), folder)


def of_files(folder: str, *, held: bool) -> Dataset:
    """Return a dataset of files: in memory if it is *held*, or else read when it is written."""
    if held:
        return _by_hand().held(folder, CPUS)
    read: Callable[[str], Dataset] = getattr(ray.data, "read_parquet")  # noqa: B009
    return read(folder)


def writers(dataset: Dataset, *, slow: bool) -> list[Contender]:
    """Return who writes a dataset of trades; `write_sql` too, if *slow* is not too slow."""
    by_hand = _by_hand()

    def ours(dsn: str) -> int:
        return data.write(dataset, pool_of(dsn), TradeRepo).inserted

    def of(write: Callable[[Dataset, str], None]) -> Callable[[str], object]:
        return lambda dsn: write(dataset, dsn)

    found = [_of_datasets(HAND, of(by_hand.write_records)), _of_datasets(OURS, ours)]
    if slow:
        found.append(_of_datasets("ray.data.write_sql, psycopg", of(by_hand.write_sql)))
    return found
