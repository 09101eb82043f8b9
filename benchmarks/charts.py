"""A run as pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.case import HAND, OURS
from benchmarks.results import Measured, Result, Run
from benchmarks.svg import Bar, Group, Line, bars, lines
from benchmarks.table import duration

__all__ = ["charts", "draw"]

_MODES: Final = {
    "explicit": "a transaction of its own: BEGIN … COMMIT",
    "autocommit": "one statement, no BEGIN",
}

_OF_MANY: Final = (
    ("rows", "between", "rows", "Read {:,} trades as models"),
    ("bulk", "store many", "bulk", "Store {:,} trades in one transaction"),
    ("columns", "read as columns", "columns", "Read {:,} trades as columns"),
    ("ray", "tasks, 0 ms each way", "ray-tasks", "{:,} Ray tasks that read a trade each"),
    (
        "ray",
        "read a dataset of 100,000 trades",
        "ray-read",
        "Read {:,} trades as a dataset of Ray Data",
    ),
    ("ray", "write a dataset of 100,000 trades", "ray-write", "Store a dataset of {:,} trades"),
)
"""Cases of many rows: suite, name, the chart's name and its title."""


def draw(run: Run, folder: Path) -> list[Path]:
    """Write every chart of a run into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, picture in charts(run).items():
        path = folder / f"{name}.svg"
        path.write_text(picture, "utf-8")
        written.append(path)
    return written


def charts(run: Run) -> dict[str, str]:
    """Return the charts by name."""
    made: dict[str, str] = {}
    for case, name in (("get", "get"), ("insert", "insert")):
        if (found := _find(run, "calls", case)) is not None:
            made[name] = _calls(found)
    for suite, case, name, title in _OF_MANY:
        if (found := _find(run, suite, case)) is not None:
            made[name] = _rates(found, title.format(found.rows))
    for suite, name in (("concurrency", "concurrency"), ("latency", "latency")):
        found_all = [one for one in run.results if one.suite == suite and one.loop == "uvloop"]
        if found_all:
            made[name] = _several(found_all, suite)
    if run.growth:
        made["growth"] = lines(
            "Time of a call, by rows of the table",
            "every statement of a point, a range, a page, the latest, as of; flat is good",
            1e-6,
            [
                Line(one.statement, list(zip(one.sizes, one.seconds, strict=True)))
                for one in run.growth
            ],
        )
    if datasets := _datasets(run):
        made["ray-rows"] = lines(
            "Time of a row, by rows of a dataset of Ray Data",
            "read, or written; flat is good, and Ray's own start weighs on the few",
            1e-6,
            datasets,
        )
    return made


def _datasets(run: Run) -> list[Line]:
    """Return what a row costs each contender, at every size of dataset that it was measured at."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for result in run.results:
        verb, _, what = result.case.partition(" ")
        if result.suite == "ray" and what.startswith("a dataset of"):
            for one in result.measured:
                name = f"{verb}: {one.contender.partition(',')[0]}"
                line = points.setdefault((name, _kind(one)), [])
                line.append((result.rows, one.seconds / result.rows))
    return [Line(name, found, kind) for (name, kind), found in points.items()]


def _find(run: Run, suite: str, case: str) -> Result | None:
    for result in run.results:
        if (result.suite, result.case, result.loop) == (suite, case, "uvloop"):
            return result
    return None


def _kind(measured: Measured) -> str:
    return {OURS: "ours", HAND: "hand"}.get(measured.contender, "other")


def _bars(
    result: Result, mode: str, value: Callable[[Measured, float], float], text: str
) -> list[Bar]:
    """Return a mode's bars; *value* makes a length of a contender and one of its times."""
    of_mode = [one for one in result.measured if one.mode == mode]
    made = [
        Bar(
            one.contender,
            value(one, one.seconds),
            text.format(value(one, one.seconds), duration(one.seconds)),
            _kind(one),
            *sorted((value(one, one.low), value(one, one.high))),
        )
        for one in of_mode
    ]
    return sorted(made, key=lambda bar: bar.value)


def _calls(result: Result) -> str:
    groups: list[Group] = []
    for mode, title in _MODES.items():
        hand = result.of(HAND, mode)
        if hand is not None:
            base = hand.seconds

            def value(_one: Measured, seconds: float, base: float = base) -> float:
                return seconds / base

            groups.append(Group(title, _bars(result, mode, value, "{0:.2f} ({1})")))
    verb = {"get": "Read a trade by its key", "insert": "Store a trade, get it back"}[result.case]
    return bars(verb, f"time over that of {HAND}; shorter is faster", groups)


def _rates(result: Result, title: str) -> str:
    def value(_one: Measured, seconds: float) -> float:
        return result.rows / seconds

    found = _bars(result, "explicit", value, "{0:,.0f}")
    return bars(title, "rows a second; longer is faster", [Group("", found[::-1])])


def _several(results: Sequence[Result], suite: str) -> str:
    def rate(_one: Measured, seconds: float) -> float:
        return 1 / seconds

    def time(_one: Measured, seconds: float) -> float:
        return seconds

    if suite == "concurrency":
        title, subtitle = "Callers at once", "calls a second, BEGIN … COMMIT; longer is faster"
        value, text = rate, "{0:,.0f}"
    else:
        title, subtitle = (
            "A server further away",
            "time of a get, BEGIN … COMMIT; shorter is faster",
        )
        value, text = time, "{1}"
        results = results[-1:]
    groups = [
        Group(
            result.case,
            sorted(
                _bars(result, "explicit", value, text),
                key=lambda bar: bar.value,
                reverse=suite == "concurrency",
            ),
        )
        for result in results
    ]
    return bars(title, subtitle, groups)
