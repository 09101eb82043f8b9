"""One call: a trade read by its key, a trade stored, the first call on a fresh connection."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import attrs

from benchmarks import data, hand, ours, peer
from benchmarks.case import HAND, Case, Contender, Mode, Site, Work
from benchmarks.ours import ours as quantdb
from quantdb import Trade

__all__ = ["cases", "getters"]

_STORED = 10_000


def _by_hand(mode: Mode, verb: str) -> Contender:
    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        async with hand.opened(site.dsn, mode) as one:
            yield one.get if verb == "get" else one.insert

    return Contender(HAND, mode, opened)


def getters() -> list[Contender]:
    return [
        _by_hand("explicit", "get"),
        quantdb(ours.get, "explicit"),
        _by_hand("autocommit", "get"),
        quantdb(ours.get, "autocommit"),
        *peer.callers("get"),
    ]


def inserters() -> list[Contender]:
    return [
        _by_hand("explicit", "insert"),
        quantdb(ours.insert, "explicit"),
        _by_hand("autocommit", "insert"),
        quantdb(ours.insert, "autocommit"),
        *peer.callers("insert"),
    ]


def _first(contender: Contender) -> Contender:
    """Return a contender that connects, calls once and closes, each time."""

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        async def call(trades: Sequence[Trade]) -> object:
            async with contender.opened(site) as work:
                return await work(trades)

        yield call

    return attrs.evolve(contender, opened=opened)


async def cases(site: Site) -> AsyncGenerator[Case]:
    trades = data.tape(_STORED)
    await data.fill(site.dsn, trades)
    one = trades[_STORED // 2 : _STORED // 2 + 1]
    rounds, calls = site.sizes.rounds, site.sizes.calls
    yield Case(
        "calls",
        "get",
        site,
        getters(),
        feed=lambda: one,
        reads=lambda: one,
        rounds=rounds,
        calls=calls,
    )
    yield Case("calls", "insert", site, inserters(), feed=data.fresh, rounds=rounds, calls=calls)
    yield Case(
        "calls",
        "first get on a fresh connection",
        site,
        [_first(contender) for contender in getters() if contender.mode == "explicit"],
        feed=lambda: one,
        reads=lambda: one,
        rounds=rounds,
        calls=max(1, calls // 10),
    )
