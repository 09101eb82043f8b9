"""Typed, exact, retry-safe data access to PostgreSQL for quant trading systems."""

from quantdb.config import PoolConfig
from quantdb.database import Connection, Database
from quantdb.errors import (
    Ambiguous,
    CommitUnknown,
    ConfigError,
    Conflict,
    ConnectionLost,
    Contention,
    InexactValue,
    NotFound,
    PoolTimeout,
    QuantDBError,
    ReadOnly,
    ShapeMismatch,
    TransactionAborted,
)
from quantdb.models import (
    Coverage,
    Gap,
    Ingest,
    NewUser,
    Page,
    Position,
    Price,
    Side,
    Trade,
    User,
)
from quantdb.pool import Pool, create_pool
from quantdb.query import Query
from quantdb.repo import Repo
from quantdb.repos import PriceRepo, TradeRepo, UserRepo
from quantdb.schema import migrate
from quantdb.transaction import transaction

__all__ = [
    "Ambiguous",
    "CommitUnknown",
    "ConfigError",
    "Conflict",
    "Connection",
    "ConnectionLost",
    "Contention",
    "Coverage",
    "Database",
    "Gap",
    "InexactValue",
    "Ingest",
    "NewUser",
    "NotFound",
    "Page",
    "Pool",
    "PoolConfig",
    "PoolTimeout",
    "Position",
    "Price",
    "PriceRepo",
    "QuantDBError",
    "Query",
    "ReadOnly",
    "Repo",
    "ShapeMismatch",
    "Side",
    "Trade",
    "TradeRepo",
    "TransactionAborted",
    "User",
    "UserRepo",
    "create_pool",
    "migrate",
    "transaction",
]
