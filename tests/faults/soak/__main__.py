"""Run the faults in random order for as long as you like, and write a report.

python -m soak --minutes 10 --seed 7 --into build/soak
"""

import argparse
import asyncio
import logging
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Final, TextIO

import attrs

from quantdb.embedded import EmbeddedPostgres
from soak.callers import CALLERS
from soak.histories import HISTORIES
from soak.promotion import a_standby_is_promoted
from soak.record import Record
from soak.report import write
from soak.scenarios import NETWORK, SERVER, Scenario
from soak.stage import DEADLINE, SETTINGS, Mode, staged

ALL: Final[tuple[Scenario, ...]] = (*SERVER, *NETWORK, *CALLERS, *HISTORIES)


@attrs.frozen
class Run:
    """What is asked for."""

    minutes: float
    seed: int
    into: Path
    only: str


def _say(text: str, *, to: TextIO = sys.stdout) -> None:
    to.write(f"{text}\n")
    to.flush()


async def soak(run: Run, record: Record) -> None:
    """Play all faults in random order, again and again, on a stage of its own each time round."""
    rng = random.Random(run.seed)
    until = time.monotonic() + 60 * run.minutes
    with EmbeddedPostgres(settings=SETTINGS) as server:
        while time.monotonic() < until:
            try:
                if run.only in a_standby_is_promoted.__name__:
                    _say(f"{record.now():7.1f} s  {a_standby_is_promoted.__name__}")
                    await a_standby_is_promoted(record, rng)
                await _round(run, record, rng, server, until)
            except Exception as error:
                record.problems.append("".join(traceback.format_exception(error)))
                _say(record.problems[-1], to=sys.stderr)


async def _round(
    run: Run, record: Record, rng: random.Random, server: EmbeddedPostgres, until: float
) -> None:
    mode: Mode = rng.choice(("explicit", "statement"))
    size = rng.choice((0, 3, 6))
    scenarios = [one for one in ALL if run.only in one.__name__]
    rng.shuffle(scenarios)
    async with staged(server, record, rng, mode=mode, min_size=size) as stage:
        for scenario in scenarios:
            stage.scale = rng.choice((0.5, 1, 1, 2, 3))
            known = len(record.problems)
            _say(f"{record.now():7.1f} s  {scenario.__name__} {mode} × {stage.scale:g}")
            await scenario(stage)
            for problem in record.problems[known:]:
                _say(problem, to=sys.stderr)
            if time.monotonic() > until:
                return


def main() -> int:
    """Run, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--into", type=Path, default=Path("build/soak"))
    parser.add_argument("--only", default="", help="a part of the faults' names")
    given = parser.parse_args()
    run = Run(given.minutes, given.seed, given.into, given.only)
    _say(f"seed {run.seed}")
    logging.getLogger("quantdb").setLevel(logging.ERROR)
    record = Record()
    asyncio.run(soak(run, record))
    page, data = write(record, run.seed, DEADLINE, run.into)
    _say(f"{len(record.marks)} faults, {len(record.problems)} problems; see {page} and {data}")
    return 1 if record.problems else 0


sys.exit(main())
