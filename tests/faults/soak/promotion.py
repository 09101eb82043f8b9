"""A primary and its hot standby, under one address: first the standby's, then the primary's, then
the standby's again, which is promoted when the primary has crashed."""

import asyncio
import random
import shutil
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
from proxy import FaultProxy

import quantdb
from quantdb import PoolConfig, ReadOnly, TradeRepo
from quantdb.embedded import EmbeddedPostgres
from soak.ledger import ENTRIES
from soak.load import trade_of
from soak.record import Record
from soak.stage import SETTINGS, Stage, staged_before


@contextmanager
def replicated() -> Generator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """Give a primary and a standby that has all that the primary has acknowledged."""
    settings = {**SETTINGS, "fsync": "off"}
    with TemporaryDirectory(prefix="quantdb-soak-") as name:
        first, second = Path(name, "primary"), Path(name, "standby")
        with EmbeddedPostgres(first, tcp=True, settings=settings) as primary:
            with EmbeddedPostgres(second, tcp=True, settings=settings):
                pass
            shutil.rmtree(second / "data")
            backup = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
            data, source = second / "data", primary.dsn
            subprocess.run(
                [primary.bin("pg_basebackup"), *backup, "--pgdata", data, "--dbname", source],
                check=True,
                capture_output=True,
            )
            shutil.copy(first / "password", second / "password")
            with EmbeddedPostgres(second, tcp=True, settings=settings) as standby:
                yield primary, standby


async def _synchronous(primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> None:
    """Have the primary acknowledge nothing that the standby has not, and the standby be level."""
    first = await asyncpg.connect(primary.dsn)
    second = await asyncpg.connect(standby.dsn)
    try:
        await first.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await first.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            while await first.fetchval("SELECT sync_state FROM pg_stat_replication") != "sync":  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
            written = await first.fetchval("SELECT pg_current_wal_lsn()::text")
            while not await second.fetchval(  # noqa: ASYNC110 - it tells nobody
                "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", written
            ):
                await asyncio.sleep(0.02)
    finally:
        await first.close()
        await second.close()


@asynccontextmanager
async def _staged(
    primary: EmbeddedPostgres, standby: EmbeddedPostgres, record: Record, rng: random.Random
) -> AsyncGenerator[Stage]:
    async with quantdb.create_pool(PoolConfig(primary.dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        await pool.execute(ENTRIES)
    await _synchronous(primary, standby)
    async with (
        FaultProxy.before(standby.dsn) as proxy,
        staged_before(primary, primary.dsn, proxy, record, rng) as stage,
    ):
        yield stage


async def a_standby_is_promoted(record: Record, rng: random.Random) -> None:
    """Writes on a standby are ReadOnly and drop its sessions; after promotion all goes on."""
    with replicated() as (primary, standby):
        async with _staged(primary, standby, record, rng) as stage:
            await _refused(stage)
            stage.proxy.redirect(primary.dsn)
            async with stage.under_load():
                await stage.busy(0.7)
                began = record.now()
                await asyncio.to_thread(primary.stop, "immediate")
                stage.dsn = standby.dsn
                stage.proxy.redirect(standby.dsn)
                await stage.busy(0.7)
                if not any(call.error == "ReadOnly" for call in record.calls[-1_000:]):
                    record.problems.append("no write was refused by the standby")
                await stage.look("SELECT pg_promote()")
                await stage.recovered("promotion", began, standby.dsn)
                await stage.busy(0.5)


async def _refused(stage: Stage) -> None:
    """See that the address leads to a standby: it reads, and refuses to write."""
    repo, trade = TradeRepo(stage.pool), trade_of(uuid4(), stage.rng)
    unit = stage.ledger.unit("trades", trade.id)
    await repo.latest("SPY")
    for write in (lambda: repo.insert(trade), lambda: repo.insert_many([trade])):
        result = await stage.load.timed("refused", write, unit)
        if not isinstance(result, ReadOnly) or result.outcome != "not_applied":
            stage.record.problems.append(f"a standby answered a write by {result!r}")
    if stage.pool.get_size():
        stage.record.problems.append("sessions of a standby are kept after a refusal")
