"""Blocks that a server forgets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from quantdb.blocks import is_alive
from quantdb.database import Connection

__all__ = ["forgotten"]

_NAME: Final = "quantdb_forgotten"


@asynccontextmanager
async def forgotten(connection: Connection) -> AsyncGenerator[None, None]:
    """Take back whatever the block does, also after an error that has aborted it.

    The connection is in a transaction.
    """
    await connection.execute(f"SAVEPOINT {_NAME}")
    try:
        yield
    finally:
        if is_alive(connection):
            # A savepoint that is only rolled back stays, with its lock; there may be thousands.
            undo = f"ROLLBACK TO SAVEPOINT {_NAME}; RELEASE SAVEPOINT {_NAME}"
            await connection.execute(undo)
