"""Rows to models: the trades of a symbol, as a list and as a stream."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from benchmarks import data, hand, ours, peer
from benchmarks.case import HAND, Case, Contender, Site, Work
from benchmarks.ours import ours as quantdb
from quantdb import Trade

__all__ = ["cases"]


@asynccontextmanager
async def _list(site: Site) -> AsyncGenerator[Work]:
    async with hand.opened(site.dsn) as one:
        yield one.between


@asynccontextmanager
async def _stream(site: Site) -> AsyncGenerator[Work]:
    async with hand.opened(site.dsn) as one:
        yield one.stream


@asynccontextmanager
async def _records(site: Site) -> AsyncGenerator[Work]:
    """Give asyncpg's records as they come: no models are made."""
    async with hand.opened(site.dsn) as one:

        async def call(_trades: Sequence[Trade]) -> object:
            return await one.records()

        yield call


async def cases(site: Site) -> AsyncGenerator[Case]:
    sizes = site.sizes
    for rows, name in ((sizes.read, "between"), (sizes.stream, "stream")):
        if not site.filled:
            await data.fill(site.dsn, data.tape(rows)[sizes.read if name == "stream" else 0 :])
        yield Case(
            "rows",
            name,
            site,
            _readers() if name == "between" else _streamers(),
            reads=partial(data.tape, rows),
            rounds=sizes.bulk_rounds,
            rows=rows,
            peak=True,
        )


def _readers() -> list[Contender]:
    return [
        Contender(HAND, "explicit", _list),
        quantdb(ours.between),
        Contender("asyncpg, records only", "explicit", _records),
        *(one for one in peer.callers("between") if one.mode == "explicit"),
    ]


def _streamers() -> list[Contender]:
    return [Contender(HAND, "explicit", _stream), quantdb(ours.stream)]
