"""What the suite asks of a peer's module, and how it is found.

The peers' libraries are installed in the environment of the benchmarks and nowhere else, so no
checked module imports a peer's: it is loaded by name, and held against these protocols.
"""

import importlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Protocol, runtime_checkable
from uuid import UUID

from benchmarks.case import HAND, Contender, Mode, Site, Work
from benchmarks.data import END, START, SYMBOL
from quantdb import Trade

__all__ = [
    "COLUMNAR",
    "WRITERS",
    "Columnar",
    "Peer",
    "TableWriter",
    "Writer",
    "callers",
    "columnar",
    "table_writer",
    "writers",
]

CALLERS: Final = {
    "aiosql": "aiosql_asyncpg",
    "psycopg 3": "psycopg3",
    "psqlpy": "psqlpy_pool",
    "SQLAlchemy Core": "sqlalchemy_core",
    "SQLAlchemy ORM": "sqlalchemy_orm",
    "Piccolo": "piccolo_orm",
    "Tortoise": "tortoise",
}
# psqlpy is missing: the second call of its copy_records_to_table stops for ever, with the
# interpreter's lock held (0.13.1).
WRITERS: Final = {
    "psycopg 3, COPY": "psycopg3",
    "SQLAlchemy Core": "sqlalchemy_core",
    "Arrow and pgpq": "pgpq_copy",
}
COLUMNAR: Final = {
    HAND: "records",
    "ADBC": "adbc",
    "ConnectorX": "connectorx_read",
    "COPY CSV into Arrow": "csv_copy",
}


@runtime_checkable
class Opened(Protocol):
    """A peer, once connected."""

    async def close(self) -> None: ...


@runtime_checkable
class Peer(Opened, Protocol):
    """Reads and stores trades, one call at a time; what it returns has a trade's fields."""

    async def get(self, key: UUID) -> object: ...
    async def insert(self, trade: Trade) -> object: ...
    async def between(self, symbol: str, start: datetime, end: datetime) -> Sequence[object]: ...


@runtime_checkable
class Writer(Opened, Protocol):
    """Stores many trades in one transaction and says how many."""

    async def copy(self, trades: Sequence[Trade]) -> int: ...


@runtime_checkable
class TableWriter(Opened, Protocol):
    """Stores a table in one transaction and says how many rows it had."""

    async def copy_table(self, table: object) -> int: ...


@runtime_checkable
class Columnar(Opened, Protocol):
    """Reads trades as an Arrow table."""

    async def table(self, symbol: str, start: datetime, end: datetime) -> object: ...


@runtime_checkable
class _Opens(Protocol):
    async def __call__(self, dsn: str, mode: Mode) -> object: ...


async def _connected(module: str, dsn: str, mode: Mode) -> object:
    opens: object = vars(importlib.import_module(f"benchmarks.peers.{module}"))["connect"]
    assert isinstance(opens, _Opens)
    return await opens(dsn, mode)


def callers(verb: str) -> list[Contender]:
    """Return the peers, in both modes, each doing one of get, insert and between."""
    return [
        Contender(name, mode, _Calling(module, mode, verb))
        for name, module in CALLERS.items()
        for mode in _MODES
    ]


_MODES: Final[tuple[Mode, ...]] = ("explicit", "autocommit")


class _Calling:
    def __init__(self, module: str, mode: Mode, verb: str) -> None:
        self._module: Final = module
        self._mode: Final[Mode] = mode
        self._verb: Final = verb

    @asynccontextmanager
    async def __call__(self, site: Site) -> AsyncGenerator[Work]:
        peer = await _connected(self._module, site.dsn, self._mode)
        assert isinstance(peer, Peer)
        get, insert, between = peer.get, peer.insert, peer.between
        works: dict[str, Work] = {
            "get": lambda trades: get(trades[0].id),
            "insert": lambda trades: insert(trades[0]),
            "between": lambda _trades: between(SYMBOL, START, END),
        }
        try:
            yield works[self._verb]
        finally:
            await peer.close()


def writers() -> list[Contender]:
    """Return the peers that store many trades."""

    def contender(name: str, module: str) -> Contender:
        @asynccontextmanager
        async def opened(site: Site) -> AsyncGenerator[Work]:
            peer = await _connected(module, site.dsn, "explicit")
            assert isinstance(peer, Writer)
            try:
                yield peer.copy
            finally:
                await peer.close()

        return Contender(name, "explicit", opened)

    return [contender(name, module) for name, module in WRITERS.items()]


def table_writer(name: str, table: Callable[[], object]) -> Contender:
    """Return a peer of WRITERS that stores a table, which is made before it is timed."""

    @asynccontextmanager
    async def opened(site: Site) -> AsyncGenerator[Work]:
        peer = await _connected(WRITERS[name], site.dsn, "explicit")
        assert isinstance(peer, TableWriter)
        copy, ready = peer.copy_table, table()
        try:
            yield lambda _trades: copy(ready)
        finally:
            await peer.close()

    return Contender(name, "explicit", opened)


def columnar() -> list[Contender]:
    """Return the ways of reading columns; by hand, they are made of asyncpg's records."""

    def contender(name: str, module: str) -> Contender:
        @asynccontextmanager
        async def opened(site: Site) -> AsyncGenerator[Work]:
            peer = await _connected(module, site.dsn, "explicit")
            assert isinstance(peer, Columnar)
            table = peer.table
            try:
                yield lambda _trades: table(SYMBOL, START, END)
            finally:
                await peer.close()

        return Contender(name, "explicit", opened)

    return [contender(name, module) for name, module in COLUMNAR.items()]
