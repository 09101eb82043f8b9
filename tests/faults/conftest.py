"""A proxy of its own for every test of a fault, and eyes for what is left behind."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from proxy import FaultProxy


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the database that the module shares."""
    async with FaultProxy.before(dsn) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
async def nothing_is_left_behind(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No task is destroyed, no exception is never retrieved."""
    yield
    await asyncio.sleep(0)
    gc.collect()
    said = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "asyncio" and record.levelno >= logging.ERROR
    ]
    assert said == []


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What the pools of a test have logged so far: filled in when the test ends its block."""
    caplog.set_level(logging.INFO, "quantdb")
    caplog.set_level(logging.INFO, "stamina")
    found: list[str] = []
    handler = _Keeping(found)
    logger = logging.getLogger("quantdb")
    other = logging.getLogger("stamina")
    logger.addHandler(handler)
    other.addHandler(handler)
    yield found
    logger.removeHandler(handler)
    other.removeHandler(handler)


class _Keeping(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.INFO)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append(f"{record.levelname} {record.getMessage()}")
