"""A run as tables for people, in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.case import HAND, OURS
from benchmarks.results import Growth, Measured, Result, Run

__all__ = ["tables"]


def tables(run: Run) -> str:
    """Return every case of a run as a table, the fastest first."""
    parts = [_head(run)]
    for result in run.results:
        parts += [f"### {_title(result)}", _table(result)]
        parts += [f"Left out: {name}: {why}" for name, why in result.left_out.items()]
    if run.growth:
        parts += ["### growth: time of a call, by rows of the table", _growth(run.growth)]
    return "\n\n".join(parts)


def _head(run: Run) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return (
        f"The {run.form} form, {run.when}, {run.took:.0f} s.\n\nMachine: {machine}.\n\n"
        f"Versions: {versions}."
    )


def _title(result: Result) -> str:
    rows = f", {result.rows:,} rows" if result.rows > 1 else ""
    turns = f"{result.rounds} turns of {result.calls} calls"
    return f"{result.suite}: {result.case}{rows}; {result.loop}, {turns}"


def _table(result: Result) -> str:
    crowded, peaks = result.callers > 1, any(one.peak is not None for one in result.measured)
    head = ["contender", "mode", "time", "spread", f"of {HAND}", "of it, explicit", "client's CPU"]
    if result.rows > 1:
        head.append("rows/s")
    if crowded:
        head += ["calls/s", "p50", "p99"]
    if peaks:
        head.append("peak memory")
    ordered = sorted(result.measured, key=lambda one: (one.mode != "explicit", one.seconds))
    return _markdown(head, [_row(result, one, peaks=peaks) for one in ordered])


def _row(result: Result, one: Measured, *, peaks: bool) -> list[str]:
    spread = (one.high - one.low) / 2 / one.seconds
    name = f"**{one.contender}**" if one.contender == OURS else one.contender
    cells = [
        name,
        one.mode,
        duration(one.seconds),
        f"±{spread:.0%}",
        _ratio(result.ratio(one)),
        _ratio(result.ratio(one, "explicit")),
        duration(one.cpu),
    ]
    if result.rows > 1:
        cells.append(f"{result.rows / one.seconds:,.0f}")
    if one.p50 is not None and one.p99 is not None:
        cells += [f"{1 / one.seconds:,.0f}", duration(one.p50), duration(one.p99)]
    if peaks:
        cells.append("" if one.peak is None else f"{one.peak / 1e6:,.0f} MB")
    return cells


def _growth(growth: Sequence[Growth]) -> str:
    sizes = growth[0].sizes
    head = ["statement", "rows", *(f"{size:,}" for size in sizes), "a row", "slope", "plan"]
    return _markdown(
        head,
        (
            [
                one.statement,
                str(one.rows),
                *map(duration, one.seconds),
                duration(one.seconds[-1] / one.rows),
                f"{one.slope:+.2f}",
                "the same" if len(set(one.plans)) == 1 else "**changes**",
            ]
            for one in growth
        ),
    )


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def duration(seconds: float) -> str:
    """Return a time to three digits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds * 1e6)} µs"


def _digits(number: float) -> str:
    decimals = 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{decimals}f}"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
