"""What the benchmark suite makes of its measurements: ratios, regressions, tables, charts."""

import asyncio
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from benchmarks import __main__ as command
from benchmarks.case import Case, Site, Work
from benchmarks.charts import charts
from benchmarks.data import tape
from benchmarks.growth import slope
from benchmarks.measure import summary
from benchmarks.regress import NotComparableError, regressions
from benchmarks.results import Growth, Measured, Result, Run, load, save
from benchmarks.run import QUICK
from benchmarks.table import duration, tables
from benchmarks.timing import Sample, interleaved, quantile
from benchmarks.verify import WrongError, verify
from quantdb import Trade

HAND, OURS = "asyncpg by hand", "quantdb"


def measured(contender: str, seconds: float, mode: str = "explicit") -> Measured:
    return Measured(contender, mode, seconds, seconds * 0.9, seconds * 1.1, seconds / 2)


def result(ours: float, hand: float = 100e-6, case: str = "get") -> Result:
    both = (
        measured(HAND, hand),
        measured(OURS, ours),
        measured(HAND, 80e-6, "autocommit"),
        measured(OURS, 20e-6, "autocommit"),
    )
    return Result(
        "calls", case, "uvloop", 1, 1, 3, 5, both, {"Peer <1>, explicit": "not installed"}
    )


def run_of(*results: Result, form: str = "quick") -> Run:
    grown = Growth("trades/get", 1, (10_000, 100_000), (1e-4, 1.1e-4), ("a", "a"), 0.04)
    return Run(form, "2024-01-02T00:00+00:00", 1.5, {"load": "0.1"}, {"x": "1"}, results, (grown,))


def test_a_ratio_is_to_asyncpg_by_hand_of_the_same_mode() -> None:
    one = result(ours=50e-6)
    ours = one.of(OURS, "autocommit")
    assert ours is not None

    assert one.ratio(ours) == pytest.approx(0.25)
    assert one.ratio(ours, "explicit") == pytest.approx(0.2)
    assert one.of("nobody", "explicit") is None


def test_a_planted_regression_is_found_and_a_slower_machine_is_none() -> None:
    before = run_of(result(ours=50e-6))
    slower_machine = run_of(result(ours=100e-6, hand=200e-6))
    within_slack = run_of(result(ours=54.9e-6))
    planted = run_of(result(ours=55.1e-6))

    assert regressions(slower_machine, before) == []
    assert regressions(within_slack, before) == []
    (found,) = regressions(planted, before)
    assert str(found) == (
        "calls, get (explicit, uvloop): 0.55 of the time of asyncpg by hand, was 0.50; "
        "at most 0.55 was allowed"
    )


def test_the_worst_regression_comes_first() -> None:
    before = run_of(result(ours=50e-6), result(ours=50e-6, case="insert"))
    now = run_of(result(ours=60e-6), result(ours=90e-6, case="insert"))

    assert [one.result.case for one in regressions(now, before)] == ["insert", "get"]


@pytest.mark.parametrize(
    "other", [run_of(result(1e-5), form="full"), run_of(result(1e-5, case="x"))]
)
def test_runs_that_say_nothing_of_each_other_are_refused(other: Run) -> None:
    with pytest.raises(NotComparableError):
        regressions(run_of(result(ours=50e-6)), other)


@pytest.mark.parametrize(("ours", "code"), [(50e-6, 0), (70e-6, 1)])
def test_the_check_exits_with_1_for_a_regression(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ours: float, code: int
) -> None:
    save(run_of(result(ours=50e-6)), tmp_path / "baseline.json")
    save(run_of(result(ours=ours)), tmp_path / "run.json")

    found = command.main(["check", str(tmp_path / "run.json"), str(tmp_path / "baseline.json")])

    assert found == code
    assert ("REGRESSION: 1 of 2" in capsys.readouterr().out) == bool(code)


def test_the_check_says_that_runs_are_not_comparable(tmp_path: Path) -> None:
    save(run_of(result(1e-5)), tmp_path / "run.json")
    save(run_of(result(1e-5), form="full"), tmp_path / "baseline.json")

    assert command.main(["check", *(str(tmp_path / f"{x}.json") for x in ("run", "baseline"))]) == 2


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    crowded = attrs.evolve(measured(OURS, 1e-5), p50=0.25, p99=0.5, peak=7)
    made = run_of(attrs.evolve(result(1e-5), measured=(crowded,)))

    save(made, tmp_path / "run.json")

    assert load(tmp_path / "run.json") == made


@pytest.mark.parametrize("broken", [{"form": 1}, {"results": [1]}, {"machine": []}, {"growth": {}}])
def test_what_is_no_run_is_refused(tmp_path: Path, broken: dict[str, object]) -> None:
    path = tmp_path / "run.json"
    save(run_of(result(1e-5)), path)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | broken), "utf-8")

    with pytest.raises(TypeError, match=r"run\.json"):
        load(path)


def test_every_baseline_that_is_committed_can_be_read_and_is_shown() -> None:
    for path in command.BASELINES.glob("*.json"):
        run = load(path)
        assert run.form == path.stem
        assert regressions(run, run) == []
        assert charts(run)


class Turns:
    """Notes who works when."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def work(self, name: str) -> Work:
        async def call(_trades: Sequence[Trade]) -> None:
            await asyncio.sleep(0)
            self.order.append(name)

        return call


async def test_contenders_take_turns_and_none_is_always_first() -> None:
    turns = Turns()
    case = Case("", "", Site("", QUICK, "asyncio"), (), rounds=3, calls=2)

    taken = await interleaved(case, {name: turns.work(name) for name in "abc"})

    assert "".join(turns.order) == "aabbcc" + "bbccaa" + "ccaabb"
    assert [len(samples) for samples in taken.values()] == [3, 3, 3]


async def test_callers_at_once_share_the_calls_and_each_one_is_timed() -> None:
    turns = Turns()
    case = Case("", "", Site("", QUICK, "asyncio"), (), calls=7, callers=3)

    ((sample,),) = (await interleaved(case, {"a": turns.work("a")})).values()

    assert len(sample.latencies) == 7
    assert len(turns.order) == 7 + 6  # those that open the connections
    assert list(sample.latencies) == sorted(sample.latencies)


def test_a_summary_is_medians_and_quartiles_of_the_turns() -> None:
    samples = [Sample(float(n), n / 2, (n / 10, n / 5)) for n in (5, 1, 2, 4, 3)]

    found = summary(OURS, "explicit", samples)

    assert (found.low, found.seconds, found.high, found.cpu) == (2, 3, 4, 1.5)
    assert (found.p50, found.p99) == (0.6, 0.6)


@pytest.mark.parametrize(("part", "expected"), [(0.0, 1), (0.5, 3), (0.99, 4), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(part: float, expected: float) -> None:
    assert quantile([1, 2, 3, 4], part) == expected


@pytest.mark.parametrize(("power", "seconds"), [(0.0, (2, 2, 2)), (1.0, (1, 10, 100))])
def test_the_slope_is_the_power_of_growth(power: float, seconds: tuple[float, ...]) -> None:
    assert slope((10, 100, 1_000), seconds) == pytest.approx(power)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.50 s"), (0.0125, "12.5 ms"), (123e-6, "123 µs"), (4e-7, "0.40 µs")],
)
def test_a_duration_has_three_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_tables_name_who_was_left_out_and_which_plans_change() -> None:
    run = run_of(result(ours=50e-6))
    changed = attrs.evolve(run.growth[0], plans=("a", "b"))

    text = tables(attrs.evolve(run, growth=(changed,)))

    assert "| **quantdb** | explicit | 50.0 µs | ±10% | 0.50 | 0.50 | 25.0 µs |" in text
    assert "Left out: Peer <1>, explicit: not installed" in text
    assert "**changes**" in text


def test_a_chart_is_well_formed_and_has_colours_for_light_and_dark() -> None:
    made = charts(run_of(result(ours=50e-6)))

    assert set(made) == {"get", "growth"}
    for picture in made.values():
        assert ET.fromstring(picture).tag.endswith("svg")
        assert "prefers-color-scheme: dark" in picture


def test_datasets_of_every_size_are_in_one_chart_with_who_was_measured_there() -> None:
    def of(rows: int, *contenders: str) -> Result:
        taken = tuple(measured(name, rows * 1e-6) for name in contenders)
        name = f"write a dataset of {rows:,} trades"
        return Result("ray", name, "uvloop", rows, 1, 1, 1, taken, {})

    run = run_of(of(10_000, HAND, OURS, "write_sql, psycopg"), of(10_000_000, HAND, OURS))

    picture = charts(run)["ray-rows"]
    drawn = [found.get("points") for found in ET.fromstring(picture).findall(".//{*}polyline")]
    assert [len(str(line).split()) for line in drawn] == [2, 2, 1]
    assert "write: write_sql<" in picture
    assert "10,000,000" in picture
    assert "| **quantdb** | explicit | 10.0 s |" in tables(run)


async def test_who_returns_something_else_is_not_timed() -> None:
    site = Site("", QUICK, "asyncio")
    trades = tape(2)
    case = Case("", "", site, (), reads=lambda: trades)

    async def first_only(_trades: Sequence[Trade]) -> object:
        await asyncio.sleep(0)
        return [trades[0], trades[0]]

    async def all_of_them(_trades: Sequence[Trade]) -> object:
        await asyncio.sleep(0)
        return list(trades)

    await verify(case, all_of_them)
    with pytest.raises(WrongError, match="row 2 is"):
        await verify(case, first_only)
