"""Contenders timed in turn, in one run, and shown as ratios of their medians."""

import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from quantdb.embedded import EmbeddedPostgres

__all__ = ["Contender", "medians", "server", "show"]

Contender = Callable[[], Awaitable[object]]


async def medians(contenders: dict[str, Contender], rounds: int, calls: int) -> dict[str, float]:
    """Time each contender in turn, round by round, and return the median seconds of a call."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        await call()
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.perf_counter()
            for _ in range(calls):
                await call()
            taken[name].append((time.perf_counter() - began) / calls)
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, result: dict[str, float]) -> None:
    base = result["by hand"]
    ratios = "   ".join(
        f"{name} {seconds / base:.2f}" for name, seconds in result.items() if name != "by hand"
    )
    print(f"{title:<28}{ratios}")


@contextmanager
def server() -> Generator[str]:
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    with EmbeddedPostgres() as embedded:
        yield embedded.dsn
