"""quantdb, with everything switched on, as a contender."""

import inspect
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import quantdb
from benchmarks.case import OURS, Contender, Mode, Site, Work
from benchmarks.data import END, START, SYMBOL
from quantdb import Ingest, PoolConfig, PriceRepo, Trade, TradeRepo

__all__ = ["method", "ours", "pool_of", "storing"]


def pool_of(dsn: str, mode: Mode = "explicit") -> PoolConfig:
    """Return the settings of a pool like the peers': 1 to 20 connections."""
    return PoolConfig(
        dsn,
        min_size=1,
        max_size=20,
        transactions="explicit" if mode == "explicit" else "statement",
    )


def ours(work: Callable[[TradeRepo], Work], mode: Mode = "explicit", name: str = OURS) -> Contender:
    """Return a contender that does *work* with a repository of its own pool."""

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        async with quantdb.create_pool(pool_of(site.dsn, mode)) as pool:
            yield work(TradeRepo(pool))

    return Contender(name, mode, opened)


def method(name: str, *arguments: object) -> Callable[[TradeRepo], Work] | None:
    """Return a method of TradeRepo that takes *arguments*, then what it is given, if there is any.

    The columnar methods come with an extra, and not in every version.
    """
    if not hasattr(TradeRepo, name):
        return None

    def work(repo: TradeRepo) -> Work:
        bound: object = getattr(repo, name)
        assert callable(bound)

        async def call(given: Sequence[Trade]) -> object:
            result: object = bound(*arguments, *given)
            assert inspect.isawaitable(result)
            answer: object = await result
            return answer

        return call

    return work


def storing(name: str, table: Callable[[], object]) -> list[Contender]:
    """Return the contender that stores a table, which is made before it is timed.

    None if the method, of either repository, is not there: it came with a later version.
    """
    repos = [kind for kind in (TradeRepo, PriceRepo) if hasattr(kind, name)]
    if not repos:
        return []

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        ready = table()
        async with quantdb.create_pool(pool_of(site.dsn)) as pool:
            store: object = getattr(repos[0](pool), name)
            assert callable(store)

            async def call(_trades: Sequence[Trade]) -> int:
                pending: object = store(ready)
                assert inspect.isawaitable(pending)
                report: object = await pending
                assert isinstance(report, Ingest)
                return report.inserted

            yield call

    return [Contender(OURS, "explicit", opened)]


def get(repo: TradeRepo) -> Work:
    return lambda trades: repo.get(trades[0].id)


def insert(repo: TradeRepo) -> Work:
    return lambda trades: repo.insert(trades[0])


def between(repo: TradeRepo) -> Work:
    return lambda _trades: repo.between(SYMBOL, START, END)


def stream(repo: TradeRepo) -> Work:
    async def call(_trades: Sequence[Trade]) -> int:
        count = 0
        async for _ in repo.stream(SYMBOL, START, END):
            count += 1
        return count

    return call


def insert_many(repo: TradeRepo) -> Work:
    async def call(trades: Sequence[Trade]) -> int:
        return (await repo.insert_many(trades)).inserted

    return call
