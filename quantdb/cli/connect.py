"""The database that a command works on."""

import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import unquote, urlsplit

from cyclopts import Parameter

from quantdb.cli.failures import Failure, Usage
from quantdb.config import PoolConfig
from quantdb.pool import Pool, create_pool

__all__ = ["Dsn", "configured", "named", "opened"]

Dsn = Annotated[
    str | None,
    Parameter(
        name="--dsn",
        env_var="QUANTDB_DSN",
        help="The database: postgresql://user:password@host:port/database.",
    ),
]


def configured(dsn: str | None, *, command_timeout: float = 30.0) -> PoolConfig:
    """Return the settings of a pool of one connection.

    Raises:
        Usage: No database is named.
        ConfigError: The DSN cannot work.
    """
    if not dsn:
        raise Usage("which database? give --dsn, or set QUANTDB_DSN")
    return PoolConfig(
        dsn,
        min_size=1,
        max_size=1,
        command_timeout=command_timeout,
        # A pooler that the DSN does not give away would lose prepared statements.
        statement_cache_size=0,
        application_name="quantdb cli",
    )


def named(config: PoolConfig) -> str:
    """Return host and database for a person, without secrets."""
    database = unquote(urlsplit(config.target().dsn).path.strip("/"))
    return f"{config.target().hosts or 'localhost'}/{database}"


@asynccontextmanager
async def opened(config: PoolConfig) -> AsyncGenerator[Pool, None]:
    """Give a pool whose connection is open.

    Raises:
        Failure: No connection can be made.
    """
    try:
        pool = await create_pool(config)
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        raise Failure(f"cannot connect to {named(config)}: {_reason(cause)}") from error
    try:
        yield pool
    finally:
        await pool.close()


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError) and error.errno:
        return f"{os.strerror(error.errno)}; is a server running there?"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    return str(error)
