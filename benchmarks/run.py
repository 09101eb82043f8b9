"""A run: the suites, one after the other, under both event loops."""

import asyncio
import faulthandler
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import uvloop

from benchmarks.case import Site, Sizes
from benchmarks.growth import grown
from benchmarks.machine import machine, versions
from benchmarks.measure import measure
from benchmarks.results import Growth, Result, Run
from benchmarks.server import database, pinned, server
from benchmarks.suites import SUITES, Suite

__all__ = ["FULL", "NAMES", "QUICK", "RAY", "run"]

QUICK: Final = Sizes(
    form="quick",
    rounds=15,
    calls=20,
    bulk_rounds=4,
    read=20_000,
    stream=50_000,
    write=20_000,
    concurrent=256,
    growth=(10_000, 100_000, 1_000_000),
)
FULL: Final = Sizes(
    form="full",
    rounds=15,
    calls=200,
    bulk_rounds=5,
    read=100_000,
    stream=1_000_000,
    write=200_000,
    concurrent=3_000,
    growth=(10_000, 100_000, 1_000_000, 10_000_000),
)
RAY: Final = Sizes(
    form="ray",
    rounds=3,
    calls=1,
    bulk_rounds=3,
    read=0,
    stream=0,
    write=0,
    concurrent=0,
    growth=(10_000, 100_000, 1_000_000, 10_000_000),
)
"""The suite of Ray alone: it starts a cluster and takes minutes, and no other form has it."""

_LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
# What depends on the loop: the others spend their time elsewhere.
_BOTH: Final = frozenset({"calls", "concurrency"})
_STUCK: Final = 1_800.0
NAMES: Final = (*(name for name in SUITES if name != "ray"), "growth")


def run(
    sizes: Sizes,
    dsn: str | None = None,
    only: Collection[str] = NAMES,
    cases: Collection[tuple[str, str, str]] | None = None,
) -> Run:
    """Measure the suites *only*; of them, if *cases* are given, these: (suite, case, loop)."""
    before = machine(pinned())
    began = time.monotonic()
    results: list[Result] = []
    growth: list[Growth] = []
    with server(dsn) as address:
        for loop, factory in _LOOPS.items():
            with asyncio.Runner(loop_factory=factory) as runner:
                for name, suite in SUITES.items():
                    if name in only and (loop == "uvloop" or name in _BOTH):
                        results += runner.run(_suite(suite, address, sizes, loop, cases))
                if loop == "uvloop" and "growth" in only:
                    _say(f"growth, {', '.join(f'{size:,}' for size in sizes.growth)} rows")
                    growth += runner.run(
                        grown(address, sizes.growth, sizes.bulk_rounds, max(5, sizes.calls // 4))
                    )
        found = asyncio.run(versions(address))
    return Run(
        form=sizes.form,
        when=datetime.now(UTC).isoformat(timespec="minutes"),
        took=round(time.monotonic() - began, 1),
        machine=before,
        versions=found,
        results=tuple(results),
        growth=tuple(growth),
    )


async def _suite(
    suite: Suite,
    dsn: str,
    sizes: Sizes,
    loop: str,
    wanted: Collection[tuple[str, str, str]] | None,
) -> Sequence[Result]:
    results: list[Result] = []
    async with database(dsn) as address, aclosing(suite(Site(address, sizes, loop))) as cases:
        async for case in cases:
            if wanted is None or (case.suite, case.name, loop) in wanted:
                began = time.monotonic()
                # A library that holds the interpreter's lock for ever cannot be timed out.
                faulthandler.dump_traceback_later(_STUCK, exit=True)
                results.append(await measure(case))
                faulthandler.cancel_dump_traceback_later()
                _say(f"{case.suite}, {case.name}, {loop}: {time.monotonic() - began:.1f} s")
    return results


def _say(text: str) -> None:
    print(text, flush=True)
