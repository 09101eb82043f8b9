"""Contenders timed in turn: round by round, so that what disturbs the machine disturbs all."""

import asyncio
import gc
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

import attrs

from benchmarks.case import Case, Work
from quantdb import Trade

__all__ = ["Sample", "interleaved", "quantile"]

K = TypeVar("K")


@attrs.frozen
class Sample:
    """One turn of a contender, per call.

    Attributes:
        seconds: Time that passed.
        cpu: Processor time of this process, all its threads together.
        latencies: How long each call took, sorted, if several were under way at once.
    """

    seconds: float
    cpu: float
    latencies: tuple[float, ...] = ()


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which a *part* of the *ordered* ones lies."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def interleaved(case: Case, works: Mapping[K, Work]) -> dict[K, list[Sample]]:
    """Let every contender take its turn, `case.rounds` times, each round beginning with another."""
    taken: dict[K, list[Sample]] = {key: [] for key in works}
    keys = list(works)
    if case.callers > 1:  # a pool opens its connections when they are first needed
        for work in works.values():
            await _crowded(work, [case.feed() for _ in range(2 * case.callers)], case.callers)
    for number in range(case.rounds):
        shift = number % len(keys)
        for key in keys[shift:] + keys[:shift]:
            if case.reset is not None:
                await case.reset()
            inputs = [case.feed() for _ in range(case.calls)]
            if case.rows > 1:
                gc.collect()  # what others left behind is theirs
            turn = _turn if case.callers == 1 else _crowded
            taken[key].append(await turn(works[key], inputs, case.callers))
    return taken


async def _turn(work: Work, inputs: list[Sequence[Trade]], _callers: int) -> Sample:
    cpu, began = time.process_time(), time.perf_counter()
    for given in inputs:
        await work(given)
    ended, spent = time.perf_counter(), time.process_time()
    return Sample((ended - began) / len(inputs), (spent - cpu) / len(inputs))


async def _crowded(work: Work, inputs: list[Sequence[Trade]], callers: int) -> Sample:
    latencies: list[float] = []
    clock = time.perf_counter
    waiting = iter(inputs)

    async def caller() -> None:
        for given in waiting:
            began = clock()
            await work(given)
            latencies.append(clock() - began)

    cpu, began = time.process_time(), clock()
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    ended, spent = clock(), time.process_time()
    count = len(inputs)
    return Sample((ended - began) / count, (spent - cpu) / count, tuple(sorted(latencies)))
