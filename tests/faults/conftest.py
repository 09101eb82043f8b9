"""A proxy of its own for every test of a fault."""

from collections.abc import AsyncIterator

import pytest
from proxy import FaultProxy


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the database that the module shares."""
    async with FaultProxy.before(dsn) as proxy:
        yield proxy
