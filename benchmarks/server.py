"""Where it is measured: a server, a database for each suite, one processor for both sides."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

import quantdb
from benchmarks.ours import pool_of
from quantdb.embedded import EmbeddedPostgres

__all__ = ["database", "pinned", "server"]

# Twenty for each contender, all of them open at once.
_CONNECTIONS: Final = 600


def pinned() -> str:
    """Keep this process, and the server that it starts, on one processor; say which.

    Two processors that wake each other cost more than the work, and another amount every time.
    """
    if not hasattr(os, "sched_setaffinity"):
        return "no: this system has no affinity"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"processor {core}"


@contextmanager
def server(dsn: str | None) -> Generator[str]:
    """Give the address of the server that is named, or of an embedded one."""
    if dsn is None:
        with EmbeddedPostgres(settings={"max_connections": _CONNECTIONS}, tcp=True) as embedded:
            yield embedded.dsn
    else:
        if not urlsplit(dsn).hostname:
            raise SystemExit("the DSN must name a host: not every peer can use a socket's folder")
        yield dsn


@asynccontextmanager
async def database(dsn: str) -> AsyncGenerator[str]:
    """Make a database with quantdb's schema, give its address, and drop it."""
    name = f"quantdb_bench_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            address = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
            async with quantdb.create_pool(pool_of(address)) as pool:
                await quantdb.migrate(pool)
            yield address
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()
