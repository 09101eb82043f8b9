"""Datasets into the database."""

from collections.abc import Callable
from typing import Final, TypeVar

from ray.data import Dataset

from quantdb import exact
from quantdb.config import PoolConfig
from quantdb.database import Database
from quantdb.errors import ConfigError
from quantdb.models import Ingest
from quantdb.ray.data import rays
from quantdb.ray.data.entries import tasks_at_once
from quantdb.ray.data.ledger import forgotten, keyless, ledger_made
from quantdb.ray.data.single import on_one_connection
from quantdb.ray.data.sink import Inserts, Sink, Upserts
from quantdb.ray.data.survey import Survey

__all__ = ["forget", "write"]

T = TypeVar("T")

_LEAST: Final = 50_000
"""Rows for which alone no task is worth its while: to begin one and to connect takes as long as to
store ten thousand."""


def write(
    dataset: Dataset,
    config: PoolConfig,
    repository: Callable[[Database], Inserts | Upserts],
    *,
    job: str | None = None,
    connections: int | None = None,
) -> Ingest:
    """Store a dataset by a repository's ``insert_table`` or ``upsert_table``, and report.

    Each block is a transaction: all of it or nothing. When a worker dies, its task is run again,
    and stores what is not there yet. With a *job*, a ledger has each block that is stored, from the
    same transaction: to write the dataset again under that name, after it has failed halfway or for
    no reason, adds what is missing, which may be nothing, and rows without a key of their own, such
    as trades without an id, are stored once. Their dataset must give the same blocks each time; it
    is executed twice when only some of them are stored, to see that before anything is.

    Args:
        dataset: Its columns are those of the repository's model.
        config: Where the database is; at most its ``max_size`` blocks are written at once.
        repository: `quantdb.TradeRepo`, `quantdb.PriceRepo`, or a class of your own.
        job: A name that stands for these rows, such as ``"tape of 2024-03-01"``. Rows that have
            keys need none.
        connections: Most connections at once in the whole cluster, if not ``max_size``.

    Returns:
        What became of the rows, those of blocks that had been stored before as ``existing``.

    Raises:
        InexactValue: A value would not be stored as it is; its block is not stored.
        Conflict: A row contradicts a stored one; or an earlier run of the job was of other blocks.
        ConfigError: The rows have no keys, and there is no job; or the role may neither make
            the ledger nor use it.
    """
    # What is computed for it may be computed by the same tasks, which then were fewer; and to a job
    # each block has its place, the same in each run.
    together = job is None and rays.is_there(dataset)
    sink = Sink(config, repository, job, _LEAST if together else None)
    tasks = tasks_at_once(config, connections, beside=0)
    if job is not None:
        _named(job)
        on_one_connection(config, ledger_made)
        stored = on_one_connection(config, lambda pool: keyless(pool, job, sink.get_name()))
        if stored:
            # Each block that it stores now may have rows of one that is stored already, if it is
            # cut otherwise: so look at all before.
            survey = Survey(job, stored)
            rays.written(dataset, survey, tasks, ordered=True)
            if not survey.lacking:
                return Ingest(inserted=0, existing=survey.rows)
            sink = Sink(config, repository, job, known=survey.seen)
    rays.written(dataset, sink, tasks, ordered=job is not None)
    return sink.report


def forget(config: PoolConfig, job: str) -> int:
    """Remove a job from the ledger and return how many blocks it had; no row is removed.

    Written again under that name, rows without keys are stored again.

    Raises:
        ConfigError: The role may not; says what to run.
    """
    _named(job)
    return on_one_connection(config, lambda pool: forgotten(pool, job))


def _named(job: object) -> None:
    try:
        named = exact.text(job).strip()
    except exact.Refused as refusal:
        raise ConfigError(f"job {refusal}") from None
    if not named:
        raise ConfigError("job must not be blank")
