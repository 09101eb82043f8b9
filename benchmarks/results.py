"""What a run found, as JSON and back."""

import json
from pathlib import Path
from typing import TypeGuard, TypeVar

import attrs

from benchmarks.case import HAND

__all__ = ["Growth", "Measured", "Result", "Run", "load", "save"]

T = TypeVar("T")


@attrs.frozen
class Measured:
    """One contender of a case, per call.

    Attributes:
        contender: Its name.
        mode: explicit or autocommit.
        seconds: Median of the turns; `low` and `high` are the quartiles.
        low: See `seconds`.
        high: See `seconds`.
        cpu: Median processor seconds of the client.
        p50: Median latency, if several called at once.
        p99: That of the slowest hundredth.
        peak: Bytes of memory that one call took beyond what was taken before; None: not measured.
    """

    contender: str
    mode: str
    seconds: float
    low: float
    high: float
    cpu: float
    p50: float | None = None
    p99: float | None = None
    peak: int | None = None


@attrs.frozen
class Result:
    """One case, with who was left out, and why."""

    suite: str
    case: str
    loop: str
    rows: int
    callers: int
    rounds: int
    calls: int
    measured: tuple[Measured, ...]
    left_out: dict[str, str]

    def of(self, contender: str, mode: str) -> Measured | None:
        """Return what was measured of a contender."""
        for measured in self.measured:
            if (measured.contender, measured.mode) == (contender, mode):
                return measured
        return None

    def ratio(self, measured: Measured, mode: str | None = None) -> float | None:
        """Return its time over that of asyncpg by hand in the same mode, or in *mode*."""
        hand = self.of(HAND, mode or measured.mode)
        return None if hand is None else measured.seconds / hand.seconds


@attrs.frozen
class Growth:
    """What one statement costs on tables of several sizes.

    Attributes:
        statement: Folder and name of its file.
        rows: Rows that a call returns, or goes through.
        sizes: Rows of the table.
        seconds: Median of a call at each size.
        plans: The shape of its plan at each size.
        slope: The power of the size with which the time grows: 0 is not at all, 1 in step.
    """

    statement: str
    rows: int
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    plans: tuple[str, ...]
    slope: float


@attrs.frozen
class Run:
    """Everything that one run found, and where it was."""

    form: str
    when: str
    took: float
    machine: dict[str, str]
    versions: dict[str, str]
    results: tuple[Result, ...]
    growth: tuple[Growth, ...] = ()


def save(run: Run, path: Path) -> None:
    """Write a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(attrs.asdict(run), indent=1, ensure_ascii=False) + "\n", "utf-8")


def load(path: Path) -> Run:
    """Read a run that `save` wrote."""
    return _run(_Reader(json.loads(path.read_text("utf-8")), path.name))


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


class _Reader:
    """Fields of a JSON object, held against the types that they must have."""

    def __init__(self, source: object, where: str) -> None:
        if not _is_object(source):
            raise TypeError(f"{where}: no object: {source!r}")
        self._fields = source
        self._where = where

    def field(self, name: str, kind: type[T]) -> T:
        value = self._fields.get(name)
        if not isinstance(value, kind):
            raise TypeError(f"{self._where}: {name} is no {kind.__name__}: {value!r}")
        return value

    def maybe(self, name: str, kind: type[T]) -> T | None:
        return None if self._fields.get(name) is None else self.field(name, kind)

    def texts(self, name: str) -> dict[str, str]:
        found = self.field(name, object)
        if not _is_object(found):
            raise TypeError(f"{self._where}: {name} is no object: {found!r}")
        return {str(key): str(value) for key, value in found.items()}

    def _list(self, name: str) -> list[object]:
        found = self.field(name, object)
        if not _is_list(found):
            raise TypeError(f"{self._where}: {name} is no list: {found!r}")
        return found

    def items(self, name: str, kind: type[T]) -> tuple[T, ...]:
        found = self._list(name)
        return tuple(_Reader({"item": item}, self._where).field("item", kind) for item in found)

    def objects(self, name: str) -> list["_Reader"]:
        return [_Reader(item, f"{self._where}, {name}") for item in self._list(name)]


def _measured(source: _Reader) -> Measured:
    return Measured(
        contender=source.field("contender", str),
        mode=source.field("mode", str),
        seconds=source.field("seconds", float),
        low=source.field("low", float),
        high=source.field("high", float),
        cpu=source.field("cpu", float),
        p50=source.maybe("p50", float),
        p99=source.maybe("p99", float),
        peak=source.maybe("peak", int),
    )


def _result(source: _Reader) -> Result:
    return Result(
        suite=source.field("suite", str),
        case=source.field("case", str),
        loop=source.field("loop", str),
        rows=source.field("rows", int),
        callers=source.field("callers", int),
        rounds=source.field("rounds", int),
        calls=source.field("calls", int),
        measured=tuple(map(_measured, source.objects("measured"))),
        left_out=source.texts("left_out"),
    )


def _growth(source: _Reader) -> Growth:
    return Growth(
        statement=source.field("statement", str),
        rows=source.field("rows", int),
        sizes=source.items("sizes", int),
        seconds=source.items("seconds", float),
        plans=source.items("plans", str),
        slope=source.field("slope", float),
    )


def _run(source: _Reader) -> Run:
    return Run(
        form=source.field("form", str),
        when=source.field("when", str),
        took=source.field("took", float),
        machine=source.texts("machine"),
        versions=source.texts("versions"),
        results=tuple(map(_result, source.objects("results"))),
        growth=tuple(map(_growth, source.objects("growth"))),
    )
