"""The sockets of a pool's connections: told of a dead peer, and let go of by a forked child."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakKeyDictionary

__all__ = ["watch"]

_IDLE: Final = 30
"""Seconds of silence after which the kernel asks whether the peer is there."""
_INTERVAL: Final = 10
_PROBES: Final = 3
_UNACKNOWLEDGED: Final = 30_000
"""Milliseconds that what was sent may stay unacknowledged."""

# Not every platform has each.
_OPTIONS: Final = {
    "TCP_KEEPIDLE": _IDLE,
    "TCP_KEEPALIVE": _IDLE,  # macOS's name for it
    "TCP_KEEPINTVL": _INTERVAL,
    "TCP_KEEPCNT": _PROBES,
    "TCP_USER_TIMEOUT": _UNACKNOWLEDGED,
}


class _Closable(Protocol):
    def is_closed(self) -> bool: ...


_open: Final[WeakKeyDictionary[_Closable, int]] = WeakKeyDictionary()


def watch(connection: _Closable, transport: object) -> None:
    """Have the kernel notice that the peer of *connection* is gone, and a fork leave it alone."""
    info: Callable[[str], socket.socket | None] | None = getattr(transport, "get_extra_info", None)
    plain = info("socket") if info is not None else None
    if plain is None or plain.fileno() < 0:
        return
    _open[connection] = plain.fileno()
    if plain.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        option: int | None = getattr(socket, name, None)
        if option is not None:
            with suppress(OSError):  # the kernel is older than the header
                plain.setsockopt(socket.IPPROTO_TCP, option, value)


def _let_go() -> None:
    """Put nothing in the place of each socket of the parent's, in a child that was just forked.

    Whatever the child then does to its copy of a connection, if only by its garbage collector,
    the parent's session hears nothing of it, nor does the selector that both share.
    """
    held = [number for connection, number in _open.items() if not connection.is_closed()]
    _open.clear()
    if not held:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in held:
        with suppress(OSError):
            os.dup2(nothing, number, inheritable=False)
    os.close(nothing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
