"""Datasets of Ray Data out of the database and into it; see docs/ray.md."""

from importlib.util import find_spec

from quantdb.errors import ConfigError

if any(find_spec(name) is None for name in ("pandas", "pgpq", "pyarrow")):
    raise ConfigError("quantdb.ray.data needs Ray Data: pip install 'quantdb[ray-data]'")

from quantdb.ray.data.entries import read_prices, read_query, read_table, read_trades
from quantdb.ray.data.snapshot import Snapshot, SnapshotLost
from quantdb.ray.data.writing import forget, write

__all__ = [
    "Snapshot",
    "SnapshotLost",
    "forget",
    "read_prices",
    "read_query",
    "read_table",
    "read_trades",
    "write",
]
