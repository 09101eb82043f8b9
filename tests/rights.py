"""Roles of the tests' own, and those that are shipped."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
from support import fresh

import quantdb
from quantdb import PoolConfig
from quantdb.sqlfile import sql_folder

__all__ = ["as_role", "granted", "member", "shipped_roles"]


def as_role(dsn: str, role: str, password: str) -> str:
    """Return the DSN of the same database as another role has it."""
    parts = urlsplit(dsn)
    hosts = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:{password}@{hosts}").geturl()


async def granted(owner: asyncpg.Connection, *files: str) -> None:
    """Run files of sql/roles."""
    for file in files:
        await owner.execute((sql_folder() / f"roles/{file}.sql").read_text())


@asynccontextmanager
async def shipped_roles(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """Migrate a database, leave nobody else a right, make the shipped roles; give its owner."""
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
    connection = await asyncpg.connect(dsn)
    name = urlsplit(dsn).path[1:]
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for _twice in range(2):
        await granted(connection, "app", "reader")
    yield connection
    await connection.execute("DROP OWNED BY quantdb_app, quantdb_reader")
    await connection.execute("DROP ROLE quantdb_app; DROP ROLE quantdb_reader")
    await connection.close()


@asynccontextmanager
async def member(owner: asyncpg.Connection, dsn: str, group: str) -> AsyncGenerator[str]:
    """Make a role that is a member of a shipped one, give its DSN, and drop it."""
    role, password = f"member_{fresh()}", fresh()
    await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE {group}")
    yield as_role(dsn, role, password)
    await owner.execute(f"DROP OWNED BY {role}")
    await owner.execute(f"DROP ROLE {role}")
