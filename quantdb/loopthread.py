"""An event loop in a thread of its own, for code that has none and must wait."""

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Final, Self, TypeVar

from quantdb.errors import ConfigError

__all__ = ["LoopThread"]

R = TypeVar("R")

_TICK: Final = 0.1
"""Seconds until an interrupt is noticed that is no signal: such a one ends no wait."""


class _Left(Exception):
    """What ended a coroutine and would end its event loop too (`SystemExit`)."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class LoopThread:
    """An event loop in a thread, which ends with the process, at `stop` or with a block."""

    def __init__(self, name: str) -> None:
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._turn, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Awaitable[R]) -> R:
        """Wait for *work* and return its result; if the wait is interrupted, it is cancelled.

        It sees the caller's context variables.
        """
        return self.result(self.start(work))

    def start(self, work: Awaitable[R]) -> "Future[R]":
        """Have the loop begin with *work*."""
        if threading.current_thread() is self._thread:
            if isinstance(work, Coroutine):
                work.close()
            raise ConfigError("this would wait for its own thread: in a coroutine, await instead")
        return asyncio.run_coroutine_threadsafe(_carried(work), self._loop)

    def result(self, future: "Future[R]", within: "Future[None] | None" = None) -> R:
        """Wait for a future; if that is interrupted, what it is *within* is cancelled."""
        try:
            while not wait([future], timeout=_TICK).done:
                pass
        except BaseException:
            (within or future).cancel()
            raise
        try:
            return future.result()
        except _Left as left:
            raise left.reason from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the loop and its thread."""
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _turn(self) -> None:
        while True:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):  # of a task that nobody awaits
                continue
            return


async def _carried(work: Awaitable[R]) -> R:
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as reason:
        raise _Left(reason) from reason
