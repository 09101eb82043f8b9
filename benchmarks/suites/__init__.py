"""The suites: each gives its cases, one after the other, on a database of its own."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from benchmarks.case import Case, Site
from benchmarks.suites import boundary, bulk, calls, cluster, columns, concurrency, latency, rows

__all__ = ["SUITES", "Suite", "find"]

Suite = Callable[[Site], AsyncGenerator[Case]]

SUITES: Final[dict[str, Suite]] = {
    "calls": calls.cases,
    "latency": latency.cases,
    "concurrency": concurrency.cases,
    "rows": rows.cases,
    "bulk": bulk.cases,
    "columns": columns.cases,
    "boundary": boundary.cases,
    "ray": cluster.cases,
}


async def find(site: Site, suite: str, name: str) -> Case:
    """Return the case of that name."""
    async with aclosing(SUITES[suite](site)) as cases:
        async for case in cases:
            if case.name == name:
                return case
    raise LookupError(name)
