"""Ids that are the same whenever Ray runs a job again."""

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from threading import Lock
from typing import Final
from uuid import UUID

import attrs

from quantdb.errors import ConfigError
from quantdb.ids import uuid7_of

__all__ = ["Origin", "in_job", "new_origin", "task_ids"]


@attrs.frozen
class Origin:
    """Where the ids of a job come from: it travels with the job, so every run of it has the same.

    Ray's own task id would not do. Ray counts tasks from the start of its cluster, so the first
    task of every cluster has the same one.

    Attributes:
        milliseconds: Since 1970-01-01 UTC.
        nonce: 16 bytes, of chance or of the job that submitted this one.
    """

    milliseconds: int = attrs.field(factory=lambda: time.time_ns() // 1_000_000)
    nonce: bytes = attrs.field(factory=lambda: secrets.token_bytes(16))


@attrs.define
class _Series:
    """What one run of a job has given so far: ids, and origins of further jobs."""

    origin: Origin
    given: int = 0
    submitted: dict[str, int] = attrs.Factory(dict[str, int])
    lock: Lock = attrs.Factory(Lock)


_series: Final[ContextVar[_Series]] = ContextVar("quantdb.ray.ids")


@contextmanager
def in_job(origin: Origin) -> Generator[None]:
    """Have `task_ids` give the ids of a job, from the first, inside the block."""
    token = _series.set(_Series(origin))
    try:
        yield
    finally:
        _series.reset(token)


def new_origin(job: str) -> Origin:
    """Return the origin of a job that is submitted now.

    Inside another job it follows from that one's and from how often it has submitted this *job*,
    so that it is the same when that one is run again.
    """
    series = _series.get(None)
    if series is None:
        return Origin()
    with series.lock:
        number = series.submitted.get(job, 0)
        series.submitted[job] = number + 1
    parent = series.origin
    text = f"{number} {job}".encode()
    return Origin(
        parent.milliseconds, blake2b(text, key=parent.nonce, digest_size=len(parent.nonce)).digest()
    )


def task_ids(n: int) -> list[UUID]:
    """Return the next *n* ids of the running job, in ascending order.

    When Ray runs the job again, after a crash or for a lost result, its calls give the same ids in
    the same order. So insert with them, ask for them in an order that does not vary, and a second
    run stores nothing twice. No two jobs share an id, and no two calls within a job do.

    They are UUIDs of version 7 (RFC 9562): 48 bits for the millisecond in which the job was
    submitted, so that ids of later jobs sort later; then 74 bits, from a number by chance that
    was submitted with it, plus the number of the id within the job. Of a million jobs with a
    thousand ids each, some two share one with a probability below 1e-7; that would be a `Conflict`.

    A job that submits further jobs (of `quantdb.ray`) hands its origin on: when it is run again and
    submits the same ones in the same order, they give the same ids as before. Jobs that a plain Ray
    task submits give other ids when that task is run again.

    Raises:
        ConfigError: No job of `quantdb.ray` is running here.
    """
    series = _series.get(None)
    if series is None:
        raise ConfigError("task_ids gives ids inside a job of quantdb.ray only")
    with series.lock:
        first, series.given = series.given, series.given + n
    base = int.from_bytes(series.origin.nonce)
    return [
        uuid7_of(series.origin.milliseconds, base + number) for number in range(first, first + n)
    ]
