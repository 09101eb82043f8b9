"""Is quantdb slower than it was? A run against a baseline, by the ratio to asyncpg by hand."""

from collections.abc import Iterator
from typing import Final

import attrs

from benchmarks.case import OURS
from benchmarks.results import Result, Run

__all__ = ["SLACK", "NotComparableError", "Regression", "compared", "regressions"]

SLACK: Final = 0.10
"""By how much a ratio may be larger than the baseline's: what a calm machine's noise is."""


class NotComparableError(Exception):
    """Two runs that say nothing about each other."""


@attrs.frozen
class Regression:
    """A case in which quantdb takes more of asyncpg's time than it did."""

    result: Result
    mode: str
    before: float
    now: float

    def __str__(self) -> str:
        return (
            f"{self.result.suite}, {self.result.case} ({self.mode}, {self.result.loop}): "
            f"{self.now:.2f} of the time of asyncpg by hand, was {self.before:.2f}; "
            f"at most {self.before * (1 + SLACK):.2f} was allowed"
        )


def ratios(run: Run) -> dict[tuple[str, str, str, str], tuple[Result, float]]:
    """Return quantdb's ratios, by suite, case, loop and mode."""
    return {
        (result.suite, result.case, result.loop, measured.mode): (result, ratio)
        for result in run.results
        for measured in result.measured
        if measured.contender == OURS and (ratio := result.ratio(measured)) is not None
    }


def compared(run: Run, baseline: Run) -> Iterator[tuple[Result, str, float, float]]:
    """Give each ratio that both have: the result, its mode, before, now.

    Raises:
        NotComparableError: The runs are of different forms, or have no case in common.
    """
    if run.form != baseline.form:
        raise NotComparableError(
            f"a {run.form} run cannot be held against a {baseline.form} baseline"
        )
    before, now = ratios(baseline), ratios(run)
    common = [key for key in now if key in before]
    if not common:
        raise NotComparableError("the run and the baseline have no case in common")
    for key in common:
        result, ratio = now[key]
        yield result, key[-1], before[key][1], ratio


def regressions(run: Run, baseline: Run) -> list[Regression]:
    """Return where the ratio grew by more than the slack, the worst first."""
    found = [
        Regression(result, mode, before, now)
        for result, mode, before, now in compared(run, baseline)
        if now > before * (1 + SLACK)
    ]
    return sorted(found, key=lambda one: one.before / one.now)
