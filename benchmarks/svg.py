"""Bars and lines as SVG, readable on light and on dark pages: each has a ground of its own."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import attrs

__all__ = ["Bar", "Group", "Line", "bars", "lines"]

_WIDTH: Final = 760
_LABEL: Final = 210
_VALUE: Final = 110
_ROW: Final = 22
_STYLE: Final = """\
<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .ours { font-weight: 600 }
  .ground { fill: #ffffff; stroke: #d1d9e0 }
  .bar { fill: #b3bcc6 } .bar.hand { fill: #7d8894 } .bar.ours { fill: #0b6fd6 }
  .rule { stroke: #d1d9e0 } .spread { stroke: #1f2328; opacity: 0.6 }
  .line { fill: none; stroke: #0b6fd6; stroke-width: 1.5; opacity: 0.75 }
  .line.hand { stroke: #7d8894 } .line.other { stroke: #b3bcc6 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9aa5b1 }
    .ground { fill: #0d1117; stroke: #3d444d }
    .bar { fill: #515a66 } .bar.hand { fill: #868f9b } .bar.ours { fill: #4a9eff }
    .rule { stroke: #3d444d } .spread { stroke: #f0f6fc } .line { stroke: #4a9eff }
    .line.hand { stroke: #868f9b } .line.other { stroke: #515a66 }
  }
</style>"""


@attrs.frozen
class Bar:
    """One bar.

    Attributes:
        label: Who.
        value: Its length.
        text: What stands behind it.
        kind: ours, hand or other.
        low: Lower end of the spread.
        high: Upper end.
    """

    label: str
    value: float
    text: str
    kind: str
    low: float
    high: float


@attrs.frozen
class Group:
    """Bars that are compared with each other."""

    title: str
    bars: Sequence[Bar]


@attrs.frozen
class Line:
    """One line, from left to right; its *kind* is ours, hand or other, as a bar's."""

    label: str
    points: Sequence[tuple[float, float]]
    kind: str = "ours"


def bars(title: str, subtitle: str, groups: Sequence[Group]) -> str:
    """Draw horizontal bars; the lengths of all groups are on one scale."""
    longest = max(max(bar.high, bar.value) for group in groups for bar in group.bars)
    scale = (_WIDTH - _LABEL - _VALUE - 20) / longest
    y = 62
    parts: list[str] = []
    for group in groups:
        if group.title:
            parts.append(_text(16, y + 14, group.title, "quiet"))
            y += 24
        for bar in group.bars:
            parts += _bar(bar, y, scale)
            y += _ROW
        y += 8
    return _page(title, subtitle, y + 6, parts)


def _bar(bar: Bar, y: int, scale: float) -> list[str]:
    middle, width = y + _ROW / 2, max(1.0, bar.value * scale)
    low, high = _LABEL + bar.low * scale, _LABEL + bar.high * scale
    weight = "ours" if bar.kind == "ours" else ""
    return [
        _text(_LABEL - 8, middle + 4, bar.label, weight, anchor="end"),
        f'<rect class="bar {bar.kind}" x="{_LABEL}" y="{y + 3}" width="{width:.1f}" height="16"/>',
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
        _text(max(high, _LABEL + width) + 8, middle + 4, bar.text, weight),
    ]


def lines(title: str, subtitle: str, unit: float, entries: Sequence[Line]) -> str:
    """Draw lines on logarithmic scales; values are shown in units of *unit* seconds."""
    points = [point for line in entries for point in line.points]
    left, right = _decades([x for x, _ in points])
    bottom, top = _decades([y for _, y in points])
    high, low, start, end = 70.0, 350.0, 70.0, _WIDTH - 175.0

    def across(x: float) -> float:
        return start + (math.log10(x) - left) / max(1, right - left) * (end - start)

    def up(y: float) -> float:
        return low - (math.log10(y) - bottom) / max(1, top - bottom) * (low - high)

    parts: list[str] = []
    for power in range(bottom, top + 1):
        y = up(10.0**power)
        parts.append(f'<line class="rule" x1="{start}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(start - 8, y + 4, f"{10.0**power / unit:,g} µs", "quiet", anchor="end"))
    parts += [
        _text(across(10.0**power), low + 20, f"{10**power:,}", "quiet", anchor="middle")
        for power in range(left, right + 1)
    ]
    for line in entries:
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline class="line {line.kind}" points="{path}"/>')
    parts += _names(entries, end + 8, up)
    return _page(title, subtitle, 385, parts)


def _names(entries: Sequence[Line], x: float, up: Callable[[float], float]) -> list[str]:
    """Write the lines' names at their ends, none over another."""
    is_mixed = len({line.kind for line in entries}) > 1
    room = 13.0
    placed: list[tuple[float, Line]] = []
    for line in sorted(entries, key=lambda line: up(line.points[-1][1])):
        y = up(line.points[-1][1])
        placed.append((max(y, placed[-1][0] + room) if placed else y, line))
    over = max(0.0, placed[-1][0] - 346)
    return [
        _text(x, y - over + 4, line.label, "ours" if is_mixed and line.kind == "ours" else "quiet")
        for y, line in placed
    ]


def _decades(values: Sequence[float]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _page(title: str, subtitle: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">'
    )
    return "\n".join(
        [
            head,
            f"<title>{escape(title)}</title>",
            _STYLE,
            f'<rect class="ground" rx="6" width="{_WIDTH}" height="{height}"/>',
            _text(16, 28, title, "title"),
            _text(16, 48, subtitle, "quiet"),
            *parts,
            "</svg>\n",
        ]
    )
