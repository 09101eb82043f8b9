"""What exactness costs: the same statements on a connection of quantdb's pool and on a plain one.

No transactions, no models: only the strict boundary and the codecs differ. Reading is where the
text codecs win; writing pays for the look at each argument.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import attrs

import quantdb
from benchmarks import data
from benchmarks.case import HAND, OURS, Case, Contender, Site, Work
from benchmarks.ours import pool_of
from benchmarks.suites.bulk import emptied
from quantdb import Connection, Trade

__all__ = ["cases"]

_MANY: Final = 1_000
_LONG: Final = 11
"""Turns of what takes a tenth of a second."""
_Verb = Callable[[Connection, Sequence[Trade]], Awaitable[object]]


async def _fetchrow(connection: Connection, trades: Sequence[Trade]) -> object:
    return await connection.fetchrow(data.statement("get"), trades[0].id)


async def _fetch(connection: Connection, _trades: Sequence[Trade]) -> object:
    return len(await connection.fetch(data.statement("between"), data.SYMBOL, data.START, data.END))


async def _execute(connection: Connection, trades: Sequence[Trade]) -> object:
    return await connection.execute(data.statement("insert"), *data.values(trades[0]))


async def _executemany(connection: Connection, trades: Sequence[Trade]) -> object:
    given = [data.values(trade) for trade in trades]
    await connection.executemany(data.statement("insert"), given)
    return len(given)


def _pair(verb: _Verb) -> list[Contender]:
    @asynccontextmanager
    async def plain(site: Site) -> AsyncGenerator[Work]:
        connection = await asyncpg.connect(site.dsn)
        try:
            yield lambda trades: verb(connection, trades)
        finally:
            await connection.close()

    @asynccontextmanager
    async def strict(site: Site) -> AsyncGenerator[Work]:
        async with quantdb.create_pool(pool_of(site.dsn)) as pool, pool.acquire() as connection:
            yield lambda trades: verb(connection, trades)

    return [Contender(HAND, "autocommit", plain), Contender(OURS, "autocommit", strict)]


async def cases(site: Site) -> AsyncGenerator[Case]:
    sizes = site.sizes
    trades = data.tape(sizes.read)
    one, many = trades[:1], trades[:_MANY]
    await data.fill(site.dsn, trades)
    single = Case(
        "boundary", "", site, (), lambda: one, lambda: one, rounds=sizes.rounds, calls=sizes.calls
    )
    yield attrs.evolve(single, name="fetchrow", contenders=_pair(_fetchrow))
    yield attrs.evolve(
        single,
        name="fetch",
        contenders=_pair(_fetch),
        reads=lambda: trades,
        rounds=min(_LONG, sizes.rounds),
        calls=1,
        rows=len(trades),
    )
    storing = attrs.evolve(single, feed=data.fresh, reads=None)
    yield attrs.evolve(storing, name="execute INSERT", contenders=_pair(_execute))
    yield attrs.evolve(
        storing,
        name="executemany",
        contenders=_pair(_executemany),
        feed=lambda: many,
        rounds=min(_LONG, sizes.rounds),
        calls=1,
        rows=_MANY,
        reset=emptied(site.dsn),
    )
