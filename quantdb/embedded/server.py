"""PostgreSQL on the folder "data" of the working folder: create, start, stop, tidy up.

Only the keeper of an embedded server imports this, on the standard library alone.
"""

import ctypes
import json
import locale
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from quantdb.embedded.root import (
    LINUX,
    ROOT,
    Failure,
    clear_away,
    copy_programs,
    give_away,
    nobody,
    runs,
)

__all__ = ["Server"]

_DATA: Final = Path("data")
_LOG: Final = Path("log")
_PASSWORD: Final = Path("password")
_SCRATCH: Final = Path("scratch")

_COMMAND_SECONDS: Final = 60.0
_START_SECONDS: Final = 60.0
# A fast shutdown writes a checkpoint, which may take its time on a slow disk.
_STOPS: Final = {
    "fast": ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)),
    "immediate": ((signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)),
}
# An address of a socket has room for 104 bytes on macOS and 108 on Linux, the name
# "/.s.PGSQL.65535" and a NUL included.
_LONGEST_HOST: Final = 104 - 16
# The server outlives its first holder, so it gets nothing of that one's environment.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | {
    name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ
}
_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1


class Server:
    """PostgreSQL on the folder "data" of the working folder."""

    def __init__(self, spec: dict[str, str]) -> None:
        self._folder = Path(spec["folder"])
        self._programs = Path(spec["programs"])
        self._version = int(spec["version"])
        self._temporary = spec["temporary"] == "yes"
        self._tcp = spec["tcp"] == "yes"
        self._settings: dict[str, str] = json.loads(spec["settings"])
        self._port = 0 if self._tcp else 5432
        self._process: subprocess.Popen[bytes] | None = None
        _forget_scratch()
        if ROOT and not runs(self._programs / "postgres", nobody()):
            self._programs = copy_programs(self._programs, _scratch())
        self._host = _short(self._folder / _DATA)

    @property
    def running(self) -> bool:
        """Whether postgres runs; asking reaps one that has ended, so that it is no zombie."""
        return self._process is not None and self._process.poll() is None

    def facts(self) -> dict[str, str]:
        """Return what a holder needs to know."""
        return {
            "host": self._host,
            "port": str(self._port),
            "password": _PASSWORD.read_text(encoding="ascii"),
            "version": str(self._version),
            "tcp": "yes" if self._tcp else "no",
            "settings": json.dumps(self._settings),
        }

    def start(self) -> None:
        """Start postgres, on a new data folder if there is none, and wait until it is ready."""
        if not _DATA.exists():
            self._create()
        elif ROOT and _DATA.stat().st_uid == 0:
            # It came back from a backup that knows no owners.
            give_away(_DATA)
        if LINUX:
            clear_away(_DATA)
        for _attempt in range(5):
            port = self._port or _free_port()
            try:
                self._launch(port)
            except Failure as failure:
                # Somebody may take a free port before postgres does.
                if self._port or "already in use" not in str(failure):
                    raise
            else:
                self._port = port
                return
        raise Failure("no port of 127.0.0.1 stayed free")

    def stop(self, mode: str) -> None:
        """Stop postgres, harder and harder."""
        for number, seconds in _STOPS[mode]:
            if self._process is None or not self.running:
                return
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def end(self) -> None:
        """Stop postgres for good and remove what is not to be kept."""
        mode = "immediate" if self._temporary else "fast"
        self.stop(mode)
        if self._process is not None and (self._process.returncode or 0) < 0:
            # It was killed and left processes and shared memory; its successor clears them away.
            with suppress(Failure):
                self.start()
            self.stop(mode)
        _forget_scratch()
        if self._temporary:
            os.chdir("/")
            shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self) -> None:
        """Make the data folder under another name first, so that it is whole or not there."""
        new = Path("data.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        # initdb refuses a user number without a name, so the files change hands afterwards.
        user = nobody() if ROOT else None
        if user is not None:
            os.chown(new, user, user)
        password = secrets.token_urlsafe(24)
        _PASSWORD.write_text(password, encoding="ascii")
        self._run(
            "initdb", "--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256",
            "--encoding=UTF8", *_locale(self._version), "--data-checksums", "--no-sync",
            "--set=timezone=UTC", "--set=log_timezone=UTC",
            folder=new, user=user,
        )  # fmt: skip
        self._run(
            "postgres --single", "-F", "-c", "exit_on_error=on", "template1",
            folder=new, user=user,
            text=f"CREATE DATABASE quantdb;\nALTER ROLE postgres PASSWORD '{password}';\n",
        )  # fmt: skip
        if ROOT:
            give_away(new)
        if not self._temporary:
            self._run("initdb --sync-only", folder=new, user=None)
        new.rename(_DATA)
        if not self._temporary:
            _sync_working_folder()

    def _launch(self, port: int) -> None:
        """Start postgres on *port*, once."""
        settings = {
            "unix_socket_directories": ".",
            "unix_socket_permissions": "0700",
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(port),
        }
        if self._temporary:
            # What is committed outlives the server, if not the machine.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        settings |= self._settings
        arguments = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        since = _LOG.stat().st_size
        user = _DATA.stat().st_uid if ROOT else None
        self._process = self._spawn("postgres", *arguments, folder=_DATA, user=user)
        until = time.monotonic() + _START_SECONDS
        while not _is_ready(self._process.pid):
            if not self.running:
                raise Failure(f"PostgreSQL did not start:\n{_said(since)}")
            if time.monotonic() > until:
                self.stop("fast")
                raise Failure(f"PostgreSQL was not ready in {_START_SECONDS} s:\n{_said(since)}")
            time.sleep(0.005)

    def _run(
        self, program: str, *arguments: str, folder: Path, user: int | None, text: str = ""
    ) -> None:
        """Run a program of PostgreSQL to its end."""
        since = _LOG.stat().st_size
        process = self._spawn(program, *arguments, folder=folder, user=user, stdin=subprocess.PIPE)
        try:
            process.communicate(text.encode(), _COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode:
            raise Failure(f"{program} ended with {process.returncode}:\n{_said(since)}")

    def _spawn(
        self,
        program: str,
        *arguments: str,
        folder: Path,
        user: int | None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL inside *folder*, as *user* unless that is None."""
        name, *switches = program.split()
        where = "/proc/self/cwd" if ROOT and LINUX else str(self._folder / folder)
        keeper = os.getpid()

        def die_with_the_keeper() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != keeper:
                os._exit(1)

        return subprocess.Popen(  # noqa: S603 - the wheel's own program
            [self._programs / name, *switches, "-D", where, *arguments],
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=stdin,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,
            preexec_fn=die_with_the_keeper if LINUX else None,  # noqa: PLW1509 - one thread
        )


def _short(folder: Path) -> str:
    """Return *folder* under a name that fits into a socket's address and needs no quoting."""
    name = str(folder)
    if len(name) <= _LONGEST_HOST and re.fullmatch(r"[\w./-]+", name, re.ASCII):
        return name
    link = _scratch() / "data"
    link.symlink_to(folder)
    return str(link)


def _scratch() -> Path:
    """Return a folder of this run with a short name, made when it is first needed."""
    # A link, because it is there as a whole or not at all, whenever the keeper is killed.
    if not _SCRATCH.is_symlink():
        _SCRATCH.symlink_to(tempfile.mkdtemp(prefix="quantdb-", dir="/tmp"))
    return _SCRATCH.readlink()


def _forget_scratch() -> None:
    if _SCRATCH.is_symlink():
        shutil.rmtree(_scratch(), ignore_errors=True)
        _SCRATCH.unlink()


def _locale(version: int) -> tuple[str, ...]:
    """Return initdb's arguments for code point order and Unicode's upper and lower case."""
    if version >= 17:  # noqa: PLR2004 - it brings that locale along
        return ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return ("--locale=C",)
    return ("--locale=C.UTF-8",)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _sync_working_folder() -> None:
    """Make a rename in it last."""
    folder = os.open(".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_ready(process: int) -> bool:
    """Read what pg_ctl waits for: the process and, in the eighth line, its state."""
    try:
        lines = (_DATA / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    state = [line.strip() for line in lines[7:8]]
    return lines[:1] == [str(process)] and state in (["ready"], ["standby"])


def _said(since: int) -> str:
    """Return the end of what was logged from *since* on."""
    with _LOG.open("rb") as log:
        log.seek(since)
        return "\n".join(log.read().decode(errors="replace").splitlines()[-20:])
