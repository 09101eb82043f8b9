"""The keeper of an embedded server: a process that lives as long as somebody uses the server.

    holder ──┐
    holder ──┼── "control", a unix socket ──► keeper ──► postgres on "data"
    holder ──┘

`quantdb.embedded` starts it in a session of its own and on the standard library alone, with the
lock on the server's folder in its hands. A holder is an open connection, which the kernel closes
however the holder ends. When the last one is gone the keeper stops PostgreSQL, tidies up and ends.
When the keeper is killed, the kernel interrupts PostgreSQL (Linux).
"""

import fcntl
import json
import os
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from quantdb.embedded.root import Failure
from quantdb.embedded.server import Server

__all__ = ["main"]

_CONTROL: Final = Path("control")


class _Keeper:
    """Serves the holders of one server."""

    def __init__(self, server: Server, first: socket.socket) -> None:
        self.server = server
        self.holders = {first}
        self.leaving: set[socket.socket] = set()

    def serve(self) -> None:
        """Answer requests until the last holder is gone or a signal asks for the end."""
        _CONTROL.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        # Bound by its short name, because an address has no room for a long path.
        listener.bind(str(_CONTROL))
        listener.listen(64)
        signals = _signals()
        asked_to_end = False
        while not asked_to_end and (self.holders or _readable(listener)):
            for each in _readable(listener, signals, *self.holders, wait=True):
                if each is listener:
                    self.holders.add(listener.accept()[0])
                elif each is signals:
                    asked_to_end = set(signals.recv(64)) != {signal.SIGCHLD}
                else:
                    self.hear(each)
            if self.holders:
                self.dismiss()
            # Asking reaps a postgres that was killed.
            _ = self.server.running
        # Whoever connects from here on is refused and starts a keeper when our lock is free.
        listener.close()
        _CONTROL.unlink(missing_ok=True)

    def hear(self, holder: socket.socket) -> None:
        """Do what a holder asks for; each sends one request and waits for its answer."""
        request = b""
        with suppress(ConnectionError):
            request = holder.recv(64)
        if request in {b"", b"leave"}:
            self.holders.discard(holder)
            self.leaving.add(holder)
            return
        try:
            facts = self.obey(request.decode().split())
        except (Failure, OSError) as error:
            facts = {"error": str(error)}
        _tell(holder, facts)

    def obey(self, request: list[str]) -> dict[str, str]:
        """Bring the server into the state that is asked for."""
        match request:
            case ["join"]:
                pass
            case ["stop", mode]:
                self.server.stop(mode)
                return {}
            case ["restart", mode]:
                self.server.stop(mode)
            case _:
                return {"error": f"the keeper does not know {request}"}
        if not self.server.running:
            self.server.start()
        return self.server.facts()

    def dismiss(self, **answer: str) -> None:
        """Answer those who leave."""
        while self.leaving:
            holder = self.leaving.pop()
            _tell(holder, answer)
            holder.close()


def _readable(*sockets: socket.socket, wait: bool = False) -> list[socket.socket]:
    ready: list[socket.socket] = select.select(sockets, [], [], None if wait else 0)[0]
    return ready


def _tell(holder: socket.socket, facts: dict[str, str]) -> None:
    with suppress(ConnectionError):
        holder.sendall(json.dumps(facts).encode() + b"\n")


def _signals() -> socket.socket:
    """Return a socket from which the signals that arrive can be read as bytes."""
    # The first holder's thread may have blocked some.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    return reader


def main(spec: str) -> None:
    """Keep one server.

    The standard input is the lock on the folder, the output the connection of the first holder,
    the standard error the log.

    Args:
        spec: What `quantdb.embedded` wants, in JSON.
    """
    # A child of init: the first holder need not wait for it, and may end before it.
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    lock, first = os.dup(0), socket.socket(fileno=os.dup(1))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    wanted: dict[str, str] = json.loads(spec)
    os.chdir(wanted["folder"])
    try:
        server = Server(wanted)
    except (Failure, OSError) as error:
        _tell(first, {"error": str(error)})
        return
    keeper = _Keeper(server, first)
    try:
        keeper.serve()
    finally:
        server.end()
        # Somebody who was forked off the first holder may have the descriptor, too.
        fcntl.flock(lock, fcntl.LOCK_UN)
        keeper.dismiss(last="yes", keeper=str(os.getpid()))
