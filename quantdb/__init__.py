"""Typed, exact, retry-safe data access to PostgreSQL for quant trading systems."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from quantdb.config import PoolConfig
from quantdb.counters import PoolStatistics
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
    StatementTimeout,
    StoredInexact,
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
from quantdb.retries import retrying
from quantdb.transaction import transaction

# What reads statements at its import comes when it is first asked for (PEP 562), so that
# `quantdb check` can begin, and then name every mistake in them.
if TYPE_CHECKING:
    from quantdb.repos import PriceRepo, TradeRepo, UserRepo
    from quantdb.schema import migrate

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
    "PoolStatistics",
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
    "StatementTimeout",
    "StoredInexact",
    "Trade",
    "TradeRepo",
    "TransactionAborted",
    "User",
    "UserRepo",
    "create_pool",
    "migrate",
    "retrying",
    "transaction",
]

if not TYPE_CHECKING:  # to a type checker there would be any name
    _HOME: Final = {
        "PriceRepo": "quantdb.repos",
        "TradeRepo": "quantdb.repos",
        "UserRepo": "quantdb.repos",
        "migrate": "quantdb.schema",
    }

    def __getattr__(name: str) -> object:
        if f"quantdb.{name}" in _HOME.values():
            return import_module(f"quantdb.{name}")
        if name not in _HOME:
            raise AttributeError(f"module 'quantdb' has no attribute {name!r}")
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
