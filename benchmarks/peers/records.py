"""asyncpg's records into Arrow's columns: what one writes by hand."""

from benchmarks.hand import opened
from benchmarks.peers.arrow import table_of


class Peer:
    def __init__(self, context, hand):
        self.context, self.hand = context, hand

    async def table(self, _symbol, _start, _end):
        return table_of(await self.hand.records())

    async def close(self):
        await self.context.__aexit__(None, None, None)


async def connect(dsn, mode):
    context = opened(dsn, mode)
    return Peer(context, await context.__aenter__())
