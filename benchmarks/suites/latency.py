"""One call to a server that is further away: what each round trip costs."""

from collections.abc import AsyncGenerator
from typing import Final

import attrs

from benchmarks import data
from benchmarks.case import Case, Site
from benchmarks.relay import relayed
from benchmarks.suites.calls import getters

__all__ = ["cases"]

_MILLISECONDS: Final = (0, 1, 10)


async def cases(site: Site) -> AsyncGenerator[Case]:
    trades = data.tape(10_000)
    await data.fill(site.dsn, trades)
    one = trades[5_000:5_001]
    for delay in _MILLISECONDS:
        async with relayed(site.dsn, delay / 1_000) as dsn:
            yield Case(
                "latency",
                f"get, {delay} ms each way",
                attrs.evolve(site, dsn=dsn),
                getters(),
                feed=lambda: one,
                reads=lambda: one,
                rounds=3,
                calls=max(2, 20 // (delay + 1)),
            )
