"""One case, from opening its contenders to their medians."""

import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack

from benchmarks.case import HAND, Case, Work
from benchmarks.peak import peak
from benchmarks.results import Measured, Result
from benchmarks.timing import Sample, interleaved, quantile
from benchmarks.verify import verify

__all__ = ["measure", "summary"]


async def measure(case: Case) -> Result:
    """Open the contenders of a case, verify that they do the same, time them in turn."""
    left_out: dict[str, str] = {}
    works: dict[tuple[str, str], Work] = {}
    async with AsyncExitStack() as opened:
        for contender in case.contenders:
            try:
                async with AsyncExitStack() as alone:
                    work = await alone.enter_async_context(contender.opened(case.site))
                    await verify(case, work)
                    opened.push_async_exit(alone.pop_all())
            except Exception as error:
                if contender.name == HAND:
                    raise
                left_out[f"{contender.name}, {contender.mode}"] = _reason(error)
            else:
                works[contender.name, contender.mode] = work
        taken = await interleaved(case, works)
    return Result(
        suite=case.suite,
        case=case.name,
        loop=case.site.loop,
        rows=case.rows,
        callers=case.callers,
        rounds=case.rounds,
        calls=case.calls,
        measured=tuple([await _measured(case, key, samples) for key, samples in taken.items()]),
        left_out=left_out,
    )


async def _measured(case: Case, key: tuple[str, str], samples: Sequence[Sample]) -> Measured:
    measured = summary(*key, samples)
    if not case.peak:
        return measured
    return Measured(
        measured.contender,
        measured.mode,
        measured.seconds,
        measured.low,
        measured.high,
        measured.cpu,
        peak=await peak(case, *key),
    )


def summary(contender: str, mode: str, samples: Sequence[Sample]) -> Measured:
    """Return the medians and the quartiles of a contender's turns."""
    seconds = sorted(sample.seconds for sample in samples)
    crowded = [sample.latencies for sample in samples if sample.latencies]
    return Measured(
        contender,
        mode,
        seconds=statistics.median(seconds),
        low=quantile(seconds, 0.25),
        high=quantile(seconds, 0.75),
        cpu=statistics.median(sample.cpu for sample in samples),
        p50=_middle(crowded, 0.5),
        p99=_middle(crowded, 0.99),
    )


def _middle(turns: Sequence[tuple[float, ...]], part: float) -> float | None:
    return statistics.median(quantile(turn, part) for turn in turns) if turns else None


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
