"""Which blocks a job has stored: noted in the transaction that stores them.

A block is known by what it holds, not by its number: Ray gives blocks out as they come. Each run
of a job claims the blocks that it has. So a block that a run has again, because its task was run
again, and a block that an earlier run has stored, are there already; and two blocks of one run
that hold the same are two.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import attrs

from quantdb import datasets, exact
from quantdb.database import Connection
from quantdb.errors import ConfigError, Conflict
from quantdb.models import Ingest
from quantdb.pool import Pool
from quantdb.sqlfile import sql_folder

__all__ = ["Stored", "forgotten", "keyless", "ledger_made", "must_be_whole", "stored_once"]


@attrs.frozen
class Stored:
    """A block that a run of a job has.

    Attributes:
        job: What its user calls the job.
        target: What it is stored by.
        digest: What it holds.
        run: The run.
        place: Its place in the run: the same when its task is run again.
        keyed: Whether its rows have keys, so that to store one twice comes to the same.
        known: What the blocks hold that the run is known to have, wherever they are in it; empty
            if it was not looked at before.
    """

    job: str
    target: str
    digest: bytes
    run: str
    place: str
    keyed: bool
    known: frozenset[bytes] = frozenset()

    @property
    def claim(self) -> str:
        """How the ledger notes that the run has it."""
        return f"{self.run} {self.place}"


async def ledger_made(pool: Pool) -> None:
    """Make the ledger if there is none: a database without quantdb's migrations has none at first.

    Raises:
        ConfigError: We may not, or may not use it; says what to run.
    """
    if await datasets.HAS_LEDGER.one(pool):
        return
    with suppress(
        asyncpg.InsufficientPrivilegeError,
        asyncpg.InvalidSchemaNameError,  # there is none that we may look into
        asyncpg.DuplicateTableError,  # another process makes it just now
        Conflict,
    ):
        await datasets.LEDGER.run(pool)
    if not await datasets.HAS_LEDGER.one(pool):
        raise ConfigError(f"{await _withheld(pool)}; or give no job=")


async def _withheld(pool: Pool) -> str:
    """Say why we cannot use the ledger, and who is to run what."""
    whose = await datasets.WHOSE.one(pool)
    roles = sql_folder() / "roles/app.sql"
    if whose.owner is None:
        return (
            "a job keeps its ledger in the table quantdb_ray_ledger, which is not there, and which "
            f"{whose.role} may not make: have the owner of the tables run `quantdb migrate` and "
            f"{roles}, or else {datasets.LEDGER.file.path} and {whose.remedy}"
        )
    return (
        "a job keeps its ledger in the table quantdb_ray_ledger, which belongs to "
        f"{whose.owner}, and {whose.role} lacks rights on it: have {whose.owner} run "
        f"{whose.remedy}, or, if all tables are its own, {roles} again"
    )


async def stored_once(
    connection: Connection, block: Stored, rows: int, store: Callable[[], Awaitable[Ingest]]
) -> Ingest:
    """Store a block of so many *rows*, unless its job has; in the caller's transaction.

    Raises:
        Conflict: An earlier run of the job was cut into other blocks.
    """
    key = block.job, block.target, block.digest
    await datasets.QUEUE.one(connection, *key)
    entries = await datasets.ENTRIES.all(connection, *key)
    for entry in entries:
        if block.claim in entry.claims:  # this task was run before, and its reply was lost
            return Ingest(inserted=entry.inserted, updated=entry.updated, existing=entry.existing)
    for entry in entries:
        if block.keyed or not any(claim.startswith(f"{block.run} ") for claim in entry.claims):
            await datasets.CLAIM.run(connection, *key, entry.nth, block.claim)
            return Ingest(inserted=0, existing=rows)
    if not block.keyed and not block.known.issuperset(
        await datasets.ELSEWHERE.all(connection, *key, block.place, block.run)
    ):
        raise Conflict(
            f"job {exact.brief(block.job)}: block {block.place} is not the one that an earlier run "
            "stored: the data or its blocks are others than then, and rows without keys would be "
            "there twice; nothing of the block was stored. Read and cut it as before "
            "(override_num_blocks=), or give the job another name",
            "quantdb_ray_ledger_pkey",
        )
    report = await store()
    await datasets.RECORD.run(
        connection,
        *key,
        len(entries),
        block.place,
        block.keyed,
        block.claim,
        report.inserted,
        report.updated,
        report.existing,
    )
    return report


async def keyless(pool: Pool, job: str, target: str) -> list[bytes]:
    """Return what the blocks hold that a job has stored of rows without keys."""
    return await datasets.KEYLESS.all(pool, job, target)


async def must_be_whole(pool: Pool, job: str, target: str, run: str) -> None:
    """See that a run without keys had every block that its job has stored.

    Raises:
        Conflict: An earlier run has stored others.
    """
    others = await datasets.UNCLAIMED.one(pool, job, target, run)
    if others:
        raise Conflict(
            f"job {exact.brief(job)}: an earlier run has stored {others} blocks that this one does "
            "not have, so that rows without keys may be there twice: the data or its blocks "
            "were others then",
            "quantdb_ray_ledger_pkey",
        )


async def forgotten(pool: Pool, job: str) -> int:
    """Remove a job from the ledger and return how many blocks it had.

    Raises:
        ConfigError: We may not; says what to run.
    """
    try:
        return await datasets.FORGET.run(pool, job)
    except asyncpg.UndefinedTableError:
        return 0
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigError(await _withheld(pool)) from error
