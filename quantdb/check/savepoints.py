"""Blocks that a server forgets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from quantdb.database import Connection
from quantdb.transaction import is_alive

__all__ = ["forgotten"]


@asynccontextmanager
async def forgotten(connection: Connection) -> AsyncGenerator[None, None]:
    """Take back whatever the block does, also after an error that has aborted it."""
    block = connection.transaction()
    await block.start()
    try:
        yield
    finally:
        if is_alive(connection):
            await block.rollback()
