"""The command line: run, check, show.

python -m benchmarks run [--full] [--dsn DSN] [--suite NAME …] [--check] [--save]
python -m benchmarks check RUN [BASELINE]
python -m benchmarks show
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.charts import draw
from benchmarks.regress import SLACK, NotComparableError, Regression, compared, regressions
from benchmarks.results import Run, load, save
from benchmarks.table import tables

_TOP: Final = Path(__file__).parents[1]
BASELINES: Final = Path(__file__).with_name("baseline")
BUILD: Final = _TOP / "build" / "bench"
REPORT: Final = _TOP / "docs" / "benchmarks.md"
CHARTS: Final = _TOP / "docs" / "charts"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return its exit code."""
    given = _parser().parse_args(arguments)
    if given.command == "check":
        baseline = given.baseline or BASELINES / f"{load(given.run).form}.json"
        return _judged(load(given.run), load(baseline), None)
    if given.command == "show":
        return _show()
    return _run(
        form="full" if given.full else "ray" if given.ray else "quick",
        dsn=given.dsn,
        only=given.suite,
        check=given.check,
        keep=given.save,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, and print tables")
    run.add_argument("--full", action="store_true", help="all of it; the default is the quick form")
    run.add_argument("--ray", action="store_true", help="tasks, actors and datasets on Ray, alone")
    run.add_argument("--dsn", help="a server on TCP, to make databases on; else an embedded one")
    run.add_argument("--suite", action="append", help="only this suite; may be repeated")
    run.add_argument("--check", action="store_true", help="compare with the committed baseline")
    run.add_argument("--save", action="store_true", help="make this run the baseline")
    check = commands.add_parser("check", help="compare a run with a baseline")
    check.add_argument("run", type=Path)
    check.add_argument("baseline", type=Path, nargs="?")
    commands.add_parser("show", help="write docs/benchmarks.md and the charts from the baseline")
    return parser


def _run(*, form: str, dsn: str | None, only: list[str] | None, check: bool, keep: bool) -> int:
    from benchmarks.run import FULL, NAMES, QUICK, RAY, run  # noqa: PLC0415 - needs the peers' place

    if form == "ray":
        only = ["ray"]
        unknown: list[str] = []
    else:
        unknown = sorted(set(only or ()) - set(NAMES))
    if unknown:
        print(f"no such suite: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    sizes = {"full": FULL, "quick": QUICK, "ray": RAY}[form]
    baseline = BASELINES / f"{sizes.form}.json"
    if check and not baseline.exists():
        print(f"there is no baseline of the {sizes.form} form: make one by --save", file=sys.stderr)
        return 2
    made = run(sizes, dsn, only or NAMES)
    path = BUILD / f"{sizes.form}.json"
    save(made, path)
    print(f"\n{tables(made)}\n\nwritten to {path}")
    code = 0
    if check:

        def again(found: Sequence[Regression]) -> Run:
            cases = {(one.result.suite, one.result.case, one.result.loop) for one in found}
            return run(sizes, dsn, {suite for suite, _, _ in cases}, cases)

        code = _judged(made, load(baseline), again)
    if keep:
        save(made, baseline)
    return code


def _judged(run: Run, baseline: Run, again: Callable[[Sequence[Regression]], Run] | None) -> int:
    """Print where the run is slower than the baseline; if it can be measured *again*, twice."""
    try:
        count = len(list(compared(run, baseline)))
        found = regressions(run, baseline)
        if found and again is not None:
            print(f"{len(found)} of {count} ratios look worse; measuring those again")
            twice = {
                (one.result.suite, one.result.case, one.result.loop, one.mode)
                for one in regressions(again(found), baseline)
            }
            found = [
                one
                for one in found
                if (one.result.suite, one.result.case, one.result.loop, one.mode) in twice
            ]
    except NotComparableError as error:
        print(f"not comparable: {error}", file=sys.stderr)
        return 2
    if found:
        print(f"REGRESSION: {len(found)} of {count} ratios are more than {SLACK:.0%} worse:")
        print("\n".join(f"  {one}" for one in found))
        return 1
    print(f"no regression: {count} ratios within {SLACK:.0%} of the baseline, or better")
    return 0


def _show() -> int:
    """Write the report and the charts of the fullest run that is committed, and of Ray's."""
    found = [path for form in ("full", "quick") if (path := BASELINES / f"{form}.json").exists()]
    runs = [load(found[0])]
    if (ray := BASELINES / "ray.json").exists():
        runs.append(load(ray))
    REPORT.write_text("\n".join([_HEAD, *(f"{tables(run)}\n" for run in runs)]), "utf-8")
    for path in [REPORT, *(chart for run in runs for chart in draw(run, CHARTS))]:
        print(path.relative_to(_TOP))
    return 0


_HEAD: Final = """\
# Benchmarks

Made from the committed run in `benchmarks/baseline` by `make charts`.
A run of your own is `make bench`; `make bench ARGS=--full` is all of it but Ray, and
`make bench ARGS=--ray` is Ray alone.

Each contender does the same work, which is verified before it is timed.
They take their turns within one run, and what counts is the ratio to asyncpg by hand, the idiom of
its own documentation, in the same mode: *explicit* is BEGIN and COMMIT around every call,
*autocommit* the transaction that PostgreSQL gives one statement (`transactions="statement"` here).
Times are medians of the turns, and the spread is half of what lies between their quartiles.
Peak memory is what one call takes beyond what was taken before it, in a process of its own.

These ratios are of one machine, whose load when the run began is below: on a busy one they wander.
"""


if __name__ == "__main__":
    raise SystemExit(main())
