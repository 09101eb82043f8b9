"""The main job from start to end: migrate, load, trade on Ray, report."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from pathlib import Path
from typing import Final

import attrs
from ray.exceptions import RayError, RayTaskError

from quantdb.config import PoolConfig
from quantdb.database import Database
from quantdb.demo.bars import BEGINNING, DAY, END, SYMBOLS, bars
from quantdb.demo.chart import draw
from quantdb.demo.cluster import local_ray
from quantdb.demo.progress import Steps
from quantdb.demo.report import Report, read_report
from quantdb.demo.strategy import trade_symbol
from quantdb.errors import ConfigError, QuantDBError
from quantdb.models import Ingest, Price
from quantdb.pool import create_pool
from quantdb.ray import serve, task, worker_config
from quantdb.repos import PriceRepo
from quantdb.schema import migrate
from quantdb.transaction import transaction

__all__ = ["Outcome", "load", "run", "trade"]

_BARS: Final = 12_154
_OF_THE_MARKET: Final = 2
"""Connections of the actor that gives the prices."""


@attrs.frozen
class Outcome:
    """What a run did.

    Attributes:
        migrations: Files that were applied now.
        bars: What became of the bars.
        fills: What became of the fills.
        report: What the database holds now.
    """

    migrations: list[str]
    bars: Ingest
    fills: Ingest
    report: Report

    @property
    def changed(self) -> bool:
        """Whether the database is another than before."""
        return bool(self.migrations or self.bars.inserted or self.fills.inserted)


def run(dsn: str, chart: Path, steps: Steps) -> Outcome:
    """Do the main job on a database and draw the picture.

    Raises:
        ConfigError: The database has other daily bars of the demo's symbols. They stay as they are.
        Conflict: It has fills of the demo that come from other prices.
    """
    config = PoolConfig(dsn, min_size=0, max_size=len(SYMBOLS))
    cpus = min(max(2, os.cpu_count() or 1), len(SYMBOLS))
    migrations, loaded = asyncio.run(_prepare(config, steps))
    with steps.step("Ray") as step, local_ray(cpus):
        step.done(f"Ray started with {cpus} workers, on this machine only")
        with steps.step("strategy, a task for each symbol", len(SYMBOLS)) as trading:
            fills = trade(config, cpus, trading.advance)
            trading.done(f"strategy: fills, {_told(fills)}")
    with steps.step("report and picture") as reporting:
        report = asyncio.run(_report(config))
        draw(report, chart)
        reporting.done("report read from the database, picture drawn")
    return Outcome(migrations, loaded, fills, report)


async def load(db: Database, prices: Iterable[Price]) -> Ingest:
    """Store the bars, all or none; a database with other bars of theirs is left as it is."""
    async with transaction(db) as connection:
        repo = PriceRepo(connection)
        report = await repo.upsert_many(prices)
        held = [len(await repo.between(symbol, DAY, BEGINNING, END)) for symbol in SYMBOLS]
        if report.updated or sum(held) != report.inserted + report.existing:
            raise ConfigError(
                f"the database has other daily bars of {', '.join(SYMBOLS)}, and the demo "
                "does not touch them; give it a database of its own"
            )
        return report


def trade(config: PoolConfig, workers: int, advance: Callable[[], None]) -> Ingest:
    """Run the strategy as one Ray task for each symbol; call *advance* as each ends.

    A task stores its fills by a pool of its worker's, and has its prices from an actor, which
    serves them all.
    """
    job = task(worker_config(config, workers=workers), max_retries=3)(trade_symbol)
    service = serve(attrs.evolve(config, max_size=_OF_THE_MARKET), num_cpus=0)
    market = service.repo(PriceRepo)
    inserted = existing = 0
    try:
        for future in as_completed([job.remote(symbol, market).future() for symbol in SYMBOLS]):
            fills = future.result()
            inserted, existing = inserted + fills.inserted, existing + fills.existing
            advance()
    except RayTaskError as error:
        # The same error, without the worker's traceback as its text.
        raise error.cause from None
    except RayError as error:
        raise QuantDBError(f"Ray could not run the strategy: {error}") from error
    finally:
        service.stop()
    return Ingest(inserted=inserted, existing=existing)


async def _prepare(config: PoolConfig, steps: Steps) -> tuple[list[str], Ingest]:
    async with create_pool(config) as pool:
        with steps.step("migrations") as step:
            applied = await migrate(pool)
            step.done(f"migrations: {len(applied)} applied")
        with steps.step("bars", _BARS) as step:
            loaded = await load(pool, _counted(bars(), step.advance))
            step.done(f"bars of {', '.join(SYMBOLS)}: {_told(loaded)}")
    return applied, loaded


async def _report(config: PoolConfig) -> Report:
    async with create_pool(config) as pool:
        return await read_report(pool)


def _counted(prices: Iterable[Price], advance: Callable[[], None]) -> Iterator[Price]:
    for price in prices:
        yield price
        advance()


def _told(report: Ingest) -> str:
    return f"{report.inserted:,} inserted, {report.existing:,} there already"
