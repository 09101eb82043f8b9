"""Ids that are the same whenever Ray runs a task again."""

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from typing import Final
from uuid import UUID

import attrs

from quantdb.errors import ConfigError
from quantdb.ids import uuid7_of

__all__ = ["Origin", "in_task", "task_ids"]


@attrs.frozen
class Origin:
    """What tells the tasks of one driver from those of another.

    Ray counts tasks from the start of its cluster: the first task of every cluster has the same
    id. So a task carries the instant and a random number of its declaration.

    Attributes:
        milliseconds: Since 1970-01-01 UTC.
        nonce: 16 random bytes.
    """

    milliseconds: int = attrs.field(factory=lambda: time.time_ns() // 1_000_000)
    nonce: bytes = attrs.field(factory=lambda: secrets.token_bytes(16))


@attrs.define
class _Series:
    """The ids of one run of a task: *base*, the number after it, and so on."""

    milliseconds: int
    base: int
    given: int = 0


_series: Final[ContextVar[_Series]] = ContextVar("quantdb.ray.ids")


@contextmanager
def in_task(origin: Origin, task_id: str) -> Generator[None]:
    """Have `task_ids` give the ids of that task, from the first, inside the block."""
    digest = blake2b(origin.nonce + task_id.encode(), digest_size=16).digest()
    token = _series.set(_Series(origin.milliseconds, int.from_bytes(digest)))
    try:
        yield
    finally:
        _series.reset(token)


def task_ids(n: int) -> list[UUID]:
    """Return the next *n* ids of the running task, in ascending order.

    When Ray runs the task again, after a crash or for a lost result, its calls give the same ids
    in the same order. So insert with them, ask for them in an order that does not vary, and a
    second run stores nothing twice. No two tasks share an id, and no two calls within a task do.

    They are UUIDs of version 7 (RFC 9562): 48 bits for the millisecond in which the driver declared
    the task, so that ids of later drivers sort later; then 74 bits, a hash of that declaration and
    Ray's task id, plus the number of the id within the task. Of a million tasks with a thousand
    ids each, some two share one with a probability below 1e-7; that would be a `Conflict`.

    A task that submits further tasks and is itself run again submits new ones, with other ids.

    Raises:
        ConfigError: No `quantdb.ray.task` is running here.
    """
    series = _series.get(None)
    if series is None:
        raise ConfigError("task_ids gives ids inside a function under quantdb.ray.task only")
    first, series.given = series.given, series.given + n
    return [
        uuid7_of(series.milliseconds, series.base + number) for number in range(first, series.given)
    ]
