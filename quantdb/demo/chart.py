"""The picture of the equity curve; here, and only here, amounts become floats."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from quantdb.demo.report import Point, Report
from quantdb.demo.strategy import CAPITAL

__all__ = ["draw"]


class Axis(Protocol):
    """What is asked of an axis; matplotlib's own types leave its keywords open."""

    def set_major_formatter(self, formatter: StrMethodFormatter) -> None:
        """Set how numbers are written."""
        ...


class Axes(Protocol):
    """What is asked of a panel."""

    @property
    def yaxis(self) -> Axis:
        """The vertical axis."""
        ...

    def plot(
        self, x: list[datetime], y: list[float], *, label: str, linewidth: float, color: str
    ) -> object:
        """Draw a line."""
        ...

    def axhline(self, y: float, *, label: str | None, color: str, linestyle: str) -> object:
        """Draw a horizontal line."""
        ...

    def set(self, *, title: str, xlabel: str, ylabel: str) -> object:
        """Set the texts."""
        ...

    def grid(self, *, visible: bool, alpha: float) -> None:
        """Draw a grid."""
        ...

    def legend(self, *, loc: str) -> object:
        """Draw the legend."""
        ...


class Canvas(Protocol):
    """What is asked of the canvas."""

    def print_png(self, filename_or_obj: Path) -> None:
        """Write a PNG."""
        ...


def draw(report: Report, path: Path) -> None:
    """Write the equity of all symbols together, and the profit of each, as a PNG."""
    figure = Figure(figsize=(11, 8), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_equity(above, report)
    _draw_symbols(below, report)
    _write(FigureCanvasAgg(figure), path)


def _write(canvas: Canvas, path: Path) -> None:
    canvas.print_png(path)


def _draw_equity(axes: Axes, report: Report) -> None:
    first, last = report.equity[0].at, report.equity[-1]
    axes.plot(
        [point.at for point in report.equity],
        [float(point.equity) for point in report.equity],
        label=f"equity: cash + shares × close (at the end {last.equity:,.2f} USD)",
        linewidth=1.5,
        color="tab:blue",
    )
    axes.axhline(
        float(report.capital),
        label=f"capital at the beginning ({report.capital:,.2f} USD)",
        color="tab:gray",
        linestyle="--",
    )
    title = (
        f"20/50-day moving-average crossover on {len(report.lines)} US stocks, "
        f"{first:%Y-%m-%d} to {last.at:%Y-%m-%d}"
    )
    _dress(axes, title, "", "equity (USD)")


def _draw_symbols(axes: Axes, report: Report) -> None:
    axes.axhline(0, label=None, color="tab:gray", linestyle="--")
    colors = ("tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")
    for (symbol, curve), color in zip(report.equities.items(), colors, strict=True):
        axes.plot(
            [point.at for point in curve], _profits(curve), label=symbol, linewidth=1.1, color=color
        )
    _dress(axes, "", "end of day, 00:00 UTC", "profit and loss of each symbol\nafter fees (USD)")


def _profits(curve: Sequence[Point]) -> list[float]:
    return [float(point.equity - CAPITAL) for point in curve]


def _dress(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set(title=title, xlabel=below, ylabel=beside)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left")
