"""The cycle collector rests while many rows are made at once.

Every row is some objects that the collector follows. It looks at them again and again while a large
result is being made, which takes as long as making it, and finds nothing: rows are no cycles. So it
rests where many are made in one go: while a piece of an answer is decoded, and while records become
models. Nothing is awaited meanwhile, so no other task runs without it.
"""

import asyncio
import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

__all__ = ["MANY", "at_rest", "feed_at_rest"]

MANY: Final = 1_000
"""Rows from which on the collector's part is worth the trouble."""

_LARGE: Final = 16_384
"""Bytes of a piece of an answer that holds many rows."""


@contextmanager
def at_rest() -> Generator[None]:
    """Let the collector rest in a block, which must not await."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Feeder(asyncio.Protocol):
    """Hands bytes on to the driver; the collector rests while it takes a large piece apart."""

    def __init__(self, receiver: asyncio.Protocol) -> None:
        self._receiver: Final = receiver
        self._feed: Final = receiver.data_received

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        if len(data) < _LARGE:
            self._feed(data)
            return
        with at_rest():
            self._feed(data)

    def eof_received(self) -> bool | None:
        """Tell the driver that nothing more comes."""
        return self._receiver.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver that the connection is gone."""
        self._receiver.connection_lost(exc)

    def pause_writing(self) -> None:
        """Have the driver wait before it sends more."""
        self._receiver.pause_writing()

    def resume_writing(self) -> None:
        """Have the driver go on."""
        self._receiver.resume_writing()


def feed_at_rest(receiver: object, transport: object) -> None:
    """Have the collector rest while *receiver* decodes large pieces of what *transport* brings."""
    hand_over: Callable[[asyncio.Protocol], None] | None = getattr(transport, "set_protocol", None)
    if hand_over is not None and isinstance(receiver, asyncio.Protocol):
        hand_over(_Feeder(receiver))
