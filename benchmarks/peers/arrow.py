"""Trades as Arrow, for the peers that speak it."""

import pyarrow as pa

from benchmarks.data import COLUMNS

DECIMAL = pa.decimal128(38, 10)
SCHEMA = pa.schema(
    {
        "symbol": pa.string(),
        "side": pa.string(),
        "quantity": DECIMAL,
        "price": DECIMAL,
        "executed_at": pa.timestamp("us", tz="UTC"),
        "venue": pa.string(),
        "venue_trade_id": pa.string(),
        "user_id": pa.int64(),
        "strategy": pa.string(),
        "fee": DECIMAL,
        "currency": pa.string(),
        "id": pa.string(),
    }
)


def table_of(records):
    """Return asyncpg's records as columns: what one writes by hand."""
    columns = [[record[name] for record in records] for name in COLUMNS[:-1]]
    columns.append([str(record["id"]) for record in records])
    return pa.table(columns, schema=SCHEMA)


def shown(table):
    """Return what must be equal of two tables: how many rows there are, and the exact sums."""
    frame = pa.table(table)
    sums = {}
    for name in ("quantity", "price", "fee"):
        column = frame.column(name)
        if pa.types.is_decimal(column.type):
            sums[name] = sum(column.to_pylist())
        else:
            raise ValueError(f"{name} came as {column.type}: not exact")
    return (frame.num_rows, *sums.values())
