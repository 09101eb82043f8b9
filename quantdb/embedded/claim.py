"""A claim on an embedded server: the connection of one holder to the server's keeper.

The keeper has the lock on the folder from before its start until after its end, so there is
one at most, and who finds neither a keeper nor the lock taken may start one.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from quantdb.errors import ConfigError

if sys.platform != "win32":
    import fcntl

__all__ = ["SECONDS", "Claim", "connect", "prepare", "start"]

SECONDS: Final = 300.0
"""How long a keeper may take to answer: longer than its own limits taken together."""

# An address of a socket has room for 104 bytes on macOS, a NUL included.
_LONGEST_ADDRESS: Final = 103
# A new interpreter with these packages but without their __init__, which would load the drivers.
_KEEPER: Final = """
import sys, types
for name in ("quantdb", "quantdb.embedded"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [sys.argv[1]]
from quantdb.embedded.keeper import main
main(sys.argv[2])
"""


class Claim:
    """An open connection to a keeper; the server runs while there is one.

    Attributes:
        is_first: Whether the keeper was started for it.
    """

    def __init__(self, connection: socket.socket, *, is_first: bool) -> None:
        self.is_first = is_first
        self._connection = connection
        self._process = os.getpid()

    def ask(self, request: str) -> dict[str, str] | None:
        """Return the keeper's answer, or None if it is gone.

        Raises:
            ConfigError: It could not do what was asked, or took too long.
        """
        line = b""
        self._connection.settimeout(SECONDS)
        try:
            self._connection.sendall(request.encode())
            while not line.endswith(b"\n"):
                part = self._connection.recv(65536)
                if not part:
                    return None
                line += part
        except ConnectionError:
            return None
        except TimeoutError:
            raise ConfigError(f"the server did not {request} in {SECONDS:.0f} s") from None
        answer: dict[str, str] = json.loads(line)
        if "error" in answer:
            raise ConfigError(answer["error"])
        return answer

    def leave(self) -> bool:
        """Give the claim up and, if it was the last one, wait until the server is gone.

        Returns:
            Whether the keeper was there to hear it.
        """
        with self._connection:
            # A forked child that unwinds through its parent's block has no claim of its own.
            if self._process != os.getpid():
                return True
            answer = self.ask("leave")
            if answer is None:
                return False
            if "last" in answer:
                self._connection.settimeout(5)
                with suppress(OSError):
                    self._connection.recv(1)
                # Where no init process reaps, as in many containers, it may be ours to reap.
                with suppress(ChildProcessError):
                    os.waitpid(int(answer["keeper"]), 0)
            return True


def prepare(folder: Path) -> None:
    """Make the folder, closed to others, unless it is there and ours.

    Raises:
        ConfigError: It is there and not ours.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    user = folder.stat().st_uid
    if user != os.geteuid():
        raise ConfigError(f"{folder} belongs to user {user}; only that user can run its server")
    names = {path.name for path in folder.iterdir()}
    if names and "lock" not in names:
        raise ConfigError(f"{folder} has other things in it; name an empty or a new folder")
    folder.chmod(0o700)


def connect(folder: Path) -> Claim | None:
    """Return a claim on the server of the folder if it has a keeper."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    address = folder / "control"
    try:
        if len(os.fsencode(address)) <= _LONGEST_ADDRESS:
            connection.connect(str(address))
        else:
            with tempfile.TemporaryDirectory(prefix="quantdb-", dir="/tmp") as short:
                link = Path(short, "folder")
                link.symlink_to(folder)
                connection.connect(str(link / address.name))
    except OSError:
        connection.close()
        return None
    return Claim(connection, is_first=False)


def start(folder: Path, spec: Mapping[str, str]) -> Claim | None:
    """Start a keeper and return the first claim, or None while another one begins or ends."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A temporary folder may have gone with its keeper while we waited.
            is_there = os.path.samestat(os.fstat(lock), (folder / "lock").stat())
        except (BlockingIOError, FileNotFoundError):
            is_there = False
        return _start(folder, spec, lock) if is_there else None
    finally:
        os.close(lock)


def _start(folder: Path, spec: Mapping[str, str], lock: int) -> Claim:
    log = folder / "log"
    with suppress(FileNotFoundError):
        log.replace(folder / "log.old")
    log.touch(mode=0o600)
    ours, its = socket.socketpair()
    package = str(Path(__file__).parent)
    with its, log.open("ab") as output:
        # It gets no terminal and no descriptors but these, and it is not our child for long.
        try:
            subprocess.run(  # noqa: S603 - the program is our own
                [sys.executable, "-I", "-S", "-c", _KEEPER, package, json.dumps(spec)],
                stdin=lock,
                stdout=its.fileno(),
                stderr=output,
                start_new_session=True,
                check=False,
            )
        except OSError:
            ours.close()
            raise
    return Claim(ours, is_first=True)
