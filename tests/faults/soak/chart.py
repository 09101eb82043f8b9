"""The picture of a run: throughput, errors, slowness and recovery over time, faults behind them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Final, Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from soak.record import Record
from soak.stage import RECOVERY

READS: Final = frozenset({"read", "fetch", "stream", "bank", "prepared", "after"})
_ERRORS_SHOWN: Final = 6
_WIDE: Final = 14
_COLORS: Final = ("#0072b2", "#e69f00", "#d55e00", "#cc79a7", "#009e73", "#56b4e9", "#999999")


class Axes(Protocol):
    """What is asked of a panel; matplotlib's own types leave its keywords open."""

    def plot(  # noqa: PLR0913 - the library's signature
        self, x: Sequence[float], y: Sequence[float], fmt: str, *, label: str, color: str, ms: float
    ) -> object:
        """Draw a line or dots."""
        ...

    def bar(  # noqa: PLR0913 - the library's signature
        self,
        x: Sequence[float],
        height: Sequence[float],
        width: float,
        bottom: Sequence[float],
        *,
        label: str,
        color: str,
    ) -> object:
        """Draw bars on top of others."""
        ...

    def broken_barh(
        self, xranges: Sequence[tuple[float, float]], yrange: tuple[float, float], *, color: str
    ) -> object:
        """Draw spans in a lane."""
        ...

    def axvspan(self, xmin: float, xmax: float, *, color: str, alpha: float, lw: float) -> object:
        """Shade a span."""
        ...

    def axhline(self, y: float, *, label: str, color: str, linestyle: str) -> object:
        """Draw a horizontal line."""
        ...

    def set_yticks(self, ticks: Sequence[float], labels: Sequence[str]) -> object:
        """Name places on the vertical axis."""
        ...

    def set(self, *, title: str, ylabel: str) -> object:
        """Set the texts."""
        ...

    def set_xlabel(self, xlabel: str) -> object:
        """Set the text below."""
        ...

    def set_ylim(self, bottom: float, top: float | None = None) -> object:
        """Set where the vertical axis begins, and ends."""
        ...

    def grid(self, *, visible: bool, alpha: float) -> None:
        """Draw a grid."""
        ...

    def legend(self, *, loc: str, fontsize: str, ncols: int) -> object:
        """Draw the legend."""
        ...


class Canvas(Protocol):
    """What is asked of the canvas."""

    def print_png(self, filename_or_obj: BytesIO) -> None:
        """Write a PNG."""
        ...


def drawn(record: Record, seed: int, deadline: float) -> bytes:
    """Return the picture of a run as a PNG."""
    lanes = sorted({mark.name for mark in record.marks})
    below = max(2.0, 0.22 * len(lanes))
    figure = Figure(figsize=(_WIDE, 11 + below), dpi=100, layout="constrained")
    panels: Sequence[Axes] = figure.subplots(
        5, 1, sharex=True, height_ratios=(3, 3, 2.2, 2.2, below)
    )
    throughput, errors, slow, recovery, faults = panels
    _throughput(throughput, record, seed)
    _errors(errors, record)
    _slowness(slow, record, deadline)
    _recovery(recovery, record)
    _faults(faults, record, lanes)
    for panel in panels[:4]:
        for mark in record.marks:
            panel.axvspan(mark.began, mark.ended, color="#888888", alpha=0.13, lw=0)
        panel.legend(loc="upper right", fontsize="small", ncols=2)
    for panel in panels:
        panel.grid(visible=True, alpha=0.25)
    return _png(FigureCanvasAgg(figure))


def _png(canvas: Canvas) -> bytes:
    into = BytesIO()
    canvas.print_png(into)
    return into.getvalue()


def _throughput(panel: Axes, record: Record, seed: int) -> None:
    times = _times(record)
    for name, color in (("writes", _COLORS[0]), ("reads", _COLORS[4])):
        done = [_done(record.seconds.get(t, {}), reads=name == "reads") for t in times]
        panel.plot([t + 0.5 for t in times], done, "-", label=name, color=color, ms=2)
    panel.set(
        title=f"The fault suite, seed {seed}: faults are shaded",
        ylabel="calls that\nsucceeded, 1/s",
    )


def _done(one: Mapping[str, int], *, reads: bool) -> float:
    return float(sum(n for kind, n in one.items() if ", " not in kind and (kind in READS) is reads))


def _errors(panel: Axes, record: Record) -> None:
    total: Counter[str] = Counter()
    for one in record.seconds.values():
        total.update({said: count for said, count in one.items() if ", " in said})
    often = [said for said, _count in total.most_common(_ERRORS_SHOWN)]
    times = _times(record)
    bottom = [0.0] * len(times)
    for said, color in zip([*often, "others"], _COLORS, strict=False):
        heights = [
            float(
                record.seconds.get(t, Counter[str]())[said]
                if said != "others"
                else sum(
                    count
                    for what, count in record.seconds.get(t, Counter[str]()).items()
                    if ", " in what and what not in often
                )
            )
            for t in times
        ]
        if any(heights):
            label = f"{said} ({sum(heights):.0f})"
            panel.bar([t + 0.5 for t in times], heights, 1.0, bottom, label=label, color=color)
        bottom = [low + high for low, high in zip(bottom, heights, strict=True)]
    panel.set_ylim(0, 1.4 * max(bottom, default=1) + 1)  # the legend has room
    panel.set(title="", ylabel="errors by class\nand outcome, 1/s")


def _slowness(panel: Axes, record: Record, deadline: float) -> None:
    times = sorted(record.slowest)
    longest = [record.slowest[t] for t in times]
    label = "slowest call that ended (large bulks aside)"
    panel.plot([t + 0.5 for t in times], longest, ".", label=label, color=_COLORS[0], ms=3)
    panel.axhline(deadline, label="deadline of one call", color=_COLORS[2], linestyle="--")
    panel.set_ylim(0)
    panel.set(title="", ylabel="seconds of\nthe slowest call")


def _recovery(panel: Axes, record: Record) -> None:
    at = [gap.at for gap in record.gaps]
    everyone = [gap.everyone for gap in record.gaps]
    first = [gap.first for gap in record.gaps]
    panel.plot(at, everyone, "o", label="every worker's", color=_COLORS[5], ms=4)
    panel.plot(at, first, "o", label="first success", color=_COLORS[0], ms=4)
    panel.axhline(RECOVERY, label="limit of the first", color=_COLORS[2], linestyle="--")
    panel.set_ylim(0)
    panel.set(title="", ylabel="seconds after the\nserver was back")


def _faults(panel: Axes, record: Record, lanes: Sequence[str]) -> None:
    least = record.now() / 600  # a fault of a moment is seen too
    for lane, name in enumerate(lanes):
        spans = [
            (mark.began, max(least, mark.ended - mark.began))
            for mark in record.marks
            if mark.name == name
        ]
        panel.broken_barh(spans, (lane - 0.35, 0.7), color=_COLORS[lane % 6])
    panel.set_yticks([*range(len(lanes))], lanes)
    panel.set(title="", ylabel="faults")
    panel.set_xlabel("seconds since the beginning")


def _times(record: Record) -> list[int]:
    return [*range(max(record.seconds, default=0) + 1)]
