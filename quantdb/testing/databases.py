"""A server for a test run, and databases on it that are made for it and dropped again."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import uuid4

from quantdb.check import Facts, Report, examined, judgement, plan
from quantdb.check.layout import schema_folder
from quantdb.config import PoolConfig
from quantdb.embedded import EmbeddedPostgres
from quantdb.errors import ConfigError
from quantdb.pool import Pool, create_pool
from quantdb.schema import migrate

__all__ = ["checked", "completed", "fresh_database", "migrated", "server"]

T = TypeVar("T")

_NAME: Final = "quantdb tests"


@contextmanager
def server(dsn: str | None) -> Generator[str]:
    """Give the DSN of a server: the one that is named, or an embedded one for the block."""
    if dsn:
        yield dsn
        return
    with EmbeddedPostgres() as embedded:
        yield embedded.dsn


@contextmanager
def fresh_database(server: str) -> Generator[str]:
    """Make an empty database on a server, give its DSN, and drop it."""
    name = f"quantdb_test_{uuid4().hex}"
    # A name cannot be a parameter.
    completed(lambda: _executed(server, f'CREATE DATABASE "{name}"'))
    try:
        yield _dsn_of(server, name)
    finally:
        completed(lambda: _executed(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


def migrated(dsn: str, folders: Sequence[Path]) -> None:
    """Apply quantdb's schema to a database, and then those of SQL *folders* that have one.

    Raises:
        ConfigError: There is no such folder, or a migration is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}")
    schemas = dict.fromkeys(schema_folder(folder) for folder in folders)

    async def work() -> None:
        async with _pool(dsn) as pool:
            await migrate(pool)
            for schema in filter(Path.exists, schemas):
                await migrate(pool, schema, set_name=str(schema))

    completed(work)


def checked(dsn: str, folder: Path | None, repos: Sequence[str]) -> Report:
    """Return what `quantdb check` finds, held against a database."""
    planned = plan(folder, repos)

    async def work() -> Facts:
        async with _pool(dsn) as pool:
            return await examined(pool, planned.folder)

    return judgement(planned, completed(work))


def completed(work: Callable[[], Coroutine[object, object, T]]) -> T:
    """Return what *work* gives in an event loop of its own, whatever loop may run here."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(work())).result()


async def _executed(dsn: str, statement: str) -> None:
    async with _pool(dsn) as pool:
        await pool.execute(statement)


def _pool(dsn: str) -> Pool:
    return create_pool(PoolConfig(dsn, min_size=0, max_size=1, application_name=_NAME))


def _dsn_of(server: str, database: str) -> str:
    """Return the DSN of another database on the same server."""
    parts = urlsplit(server)
    kept = [(key, value) for key, value in parse_qsl(parts.query) if key not in _DATABASE]
    query = urlencode(kept, quote_via=quote)
    return f"{parts.scheme}://{parts.netloc}/{database}{'?' if query else ''}{query}"


_DATABASE: Final = frozenset({"database", "dbname"})
