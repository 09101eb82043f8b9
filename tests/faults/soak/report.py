"""The report of a run: a page that needs nothing else, and the same figures as JSON."""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from soak.chart import drawn
from soak.record import Gap, Record

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1400px; padding: 0 1em }
table { border-collapse: collapse; margin: 0 2em 1.5em 0 }
table { display: inline-table; vertical-align: top }
caption { text-align: left; font-weight: 600; padding: .3em 0 }
td, th { border-bottom: 1px solid #ccc; padding: .15em .9em .15em 0; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
img { width: 100% } .good { color: #00695c } .bad { color: #b71c1c } pre { white-space: pre-wrap }
"""


def write(record: Record, seed: int, deadline: float, into: Path) -> tuple[Path, Path]:
    """Write the page and the JSON into a folder and return their paths."""
    into.mkdir(parents=True, exist_ok=True)
    page, data = into / "report.html", into / "report.json"
    page.write_text(_page(record, seed, drawn(record, seed, deadline)), encoding="utf-8")
    data.write_text(json.dumps(_figures(record, seed), indent=1), encoding="utf-8")
    return page, data


def errors(record: Record) -> Counter[str]:
    """Return how many errors of each class and outcome there were."""
    total: Counter[str] = Counter()
    for one in record.seconds.values():
        total.update({said: count for said, count in one.items() if ", " in said})
    return total


def _figures(record: Record, seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "seconds": record.now(),
        "calls": {
            kind: {"count": count, "longest": longest}
            for kind, (count, longest) in sorted(record.kinds.items())
        },
        "rows": dict(record.rows),
        "errors": dict(errors(record).most_common()),
        "gaps": [
            {"fault": gap.name, "at": gap.at, "first": gap.first, "everyone": gap.everyone}
            for gap in record.gaps
        ],
        "faults": [
            {"fault": mark.name, "began": mark.began, "ended": mark.ended} for mark in record.marks
        ],
        "each_second": {second: dict(one) for second, one in sorted(record.seconds.items())},
        "problems": record.problems,
    }


def _page(record: Record, seed: int, picture: bytes) -> str:
    good = not record.problems
    verdict = "All is well" if good else f"{len(record.problems)} problems"
    calls = sum(count for count, _longest in record.kinds.values())
    said = (
        f"{record.now():,.0f} seconds, {calls:,} calls, {len(record.marks):,} faults, "
        f"{sum(record.rows.values()):,} rows in the ledgers. Played again by "
        f"<code>make soak ARGS='--seed {seed}'</code>, as far as time allows."
    )
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>quantdb, fault suite: {verdict}</title><style>{_STYLE}</style>",
        f"<h1>Fault suite: <span class='{'good' if good else 'bad'}'>{verdict}</span></h1>",
        f"<p>{said}</p><img alt='Throughput, errors, slowness, recovery and faults over time'",
        f"src='data:image/png;base64,{b64encode(picture).decode()}'>",
        _table("Rows, by what their sender was told", sorted(record.rows.items())),
        _table("Errors by class and outcome", errors(record).most_common()),
        _table(
            "Calls, and the longest in seconds",
            [(kind, n, f"{most:.2f}") for kind, (n, most) in sorted(record.kinds.items())],
        ),
        _table(
            "Seconds from a server that takes connections to the first success "
            "(how often; median, longest), and to that of every worker (longest)",
            _recoveries(record.gaps),
        ),
        "<h2>Problems</h2>" if record.problems else "",
        *(f"<pre>{escape(problem)}</pre>" for problem in record.problems),
    ]
    return "\n".join(parts)


def _recoveries(gaps: list[Gap]) -> list[tuple[str, int, str, str, str]]:
    rows: list[tuple[str, int, str, str, str]] = []
    for name in sorted({gap.name for gap in gaps}):
        first = sorted(gap.first for gap in gaps if gap.name == name)
        everyone = max(gap.everyone for gap in gaps if gap.name == name)
        middle = first[len(first) // 2]
        rows.append((name, len(first), f"{middle:.3f}", f"{first[-1]:.3f}", f"{everyone:.2f}"))
    return rows


def _table(caption: str, rows: Sequence[tuple[str | int, ...]]) -> str:
    lines = [
        "".join(
            f"<td{'' if place == 0 else ' class=n'}>"
            f"{escape(f'{cell:,}' if isinstance(cell, int) else cell)}</td>"
            for place, cell in enumerate(row)
        )
        for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption>{escape(caption)}</caption>{body}</table>"
