"""ConnectorX into Arrow, on a connection of its own."""

import connectorx

QUERY = """
SELECT symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
FROM trades
WHERE symbol = '{}' AND executed_at >= '{}' AND executed_at < '{}'
ORDER BY executed_at, id
"""


class Peer:
    def __init__(self, dsn):
        self.dsn = dsn

    async def table(self, symbol, start, end):
        query = QUERY.format(symbol, start.isoformat(), end.isoformat())
        return connectorx.read_sql(self.dsn, query, return_type="arrow")

    async def close(self):
        pass


async def connect(dsn, _mode):
    return Peer(dsn)
