"""ADBC: numerics as text, cast to decimals by Arrow; on a connection of its own."""

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from benchmarks.peers.arrow import SCHEMA

QUERY = """
SELECT symbol, side, quantity::text AS quantity, price::text AS price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee::text AS fee, currency, id::text AS id
FROM trades
WHERE symbol = $1 AND executed_at >= $2 AND executed_at < $3
ORDER BY executed_at, id
"""


class Peer:
    def __init__(self, connection):
        self.connection = connection

    async def table(self, symbol, start, end):
        given = pa.record_batch(
            {
                "1": pa.array([symbol]),
                "2": pa.array([start], pa.timestamp("us", "UTC")),
                "3": pa.array([end], pa.timestamp("us", "UTC")),
            }
        )
        with self.connection.cursor() as cursor:
            cursor.execute(QUERY, given)
            return cursor.fetch_arrow_table().cast(SCHEMA)

    async def close(self):
        self.connection.close()


async def connect(dsn, _mode):
    return Peer(adbc.connect(dsn))
