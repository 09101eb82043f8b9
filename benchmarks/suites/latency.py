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
# Opening it blocks this process, and with it the relay, until it gives up after a minute.
_BLOCKING: Final = frozenset({"Piccolo"})


async def cases(site: Site) -> AsyncGenerator[Case]:
    trades = data.tape(10_000)
    await data.fill(site.dsn, trades)
    asked = trades[5_000:5_001]
    for delay in _MILLISECONDS:
        async with relayed(site.dsn, delay / 1_000) as dsn:
            yield Case(
                "latency",
                f"get, {delay} ms each way",
                attrs.evolve(site, dsn=dsn),
                [who for who in getters() if who.name not in _BLOCKING],
                feed=lambda: asked,
                reads=lambda: asked,
                rounds=3,
                calls=max(2, 20 // (delay + 1)),
            )
