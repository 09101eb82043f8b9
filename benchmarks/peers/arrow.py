"""Trades as Arrow, for the peers that speak it."""

import pyarrow as pa

from benchmarks.data import COLUMNS, values

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

# As the ids are sent to the server.
SENT = SCHEMA.set(len(COLUMNS) - 1, pa.field("id", pa.binary(16)))
BARS = pa.schema(
    {
        "symbol": pa.string(),
        "interval": pa.duration("us"),
        "start": pa.timestamp("us", tz="UTC"),
        **dict.fromkeys(("open", "high", "low", "close", "volume"), pa.decimal128(18, 2)),
    }
)


def batch_of(trades):
    """Return trades as columns."""
    *columns, ids = zip(*map(values, trades), strict=True)
    columns.append([key.bytes for key in ids])
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, SENT, strict=True)],
        schema=SENT,
    )


def trades_table(trades):
    """Return trades as a table."""
    return pa.Table.from_batches([batch_of(trades)])


def bars_table(bars):
    """Return bars as a table."""
    columns = zip(*bars, strict=True)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, BARS, strict=True)],
        schema=BARS,
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
