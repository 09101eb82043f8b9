"""Many callers at once, on pools of 20 connections: calls a second, and how long each one waits."""

from collections.abc import AsyncGenerator
from typing import Final

from benchmarks import data
from benchmarks.case import Case, Site
from benchmarks.suites.calls import getters

__all__ = ["cases"]

_CALLERS: Final = (1, 8, 32, 128)


async def cases(site: Site) -> AsyncGenerator[Case]:
    trades = data.tape(10_000)
    await data.fill(site.dsn, trades)
    one = trades[5_000:5_001]
    for callers in _CALLERS:
        yield Case(
            "concurrency",
            f"get, {callers} at once",
            site,
            getters(),
            feed=lambda: one,
            reads=lambda: one,
            rounds=3,
            calls=site.sizes.concurrent,
            callers=callers,
        )
