"""The servers that stand between: a real PgBouncer."""

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

PGBOUNCER_PORT: Final = 6432
NEEDS: Final = "QUANTDB_TEST_NEEDS"
"""Names what must not be missing, so that a continuous integration skips nothing."""


def absent(what: str, why: str) -> None:
    """Skip the test, or fail it where what it needs must not be missing."""
    if what in os.environ.get(NEEDS, "").split():
        pytest.fail(f"{NEEDS} names {what}, and {why}")
    pytest.skip(why)


def loopback() -> str:
    """Return an address of this machine where every port is free."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def pgbouncer(server_dsn: str, *, connections: int) -> Generator[str]:
    """Run a PgBouncer in transaction mode before a server; give its host and port.

    It takes every user and database, and is as strict as Neon's: of startup parameters it knows
    its own five.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        absent("pgbouncer", "there is no pgbouncer: apt-get install pgbouncer")
        return
    parts, host = urlsplit(server_dsn), loopback()
    server = f"host={parts.hostname} port={parts.port}"
    account = f"user={parts.username} password={unquote(parts.password or '')}"
    folder = Path(tempfile.mkdtemp(prefix="quantdb-pgbouncer-"))
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
* = {server} {account}
[pgbouncer]
listen_addr = {host}
listen_port = {PGBOUNCER_PORT}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 100
server_login_retry = 1
logfile = {folder / "log"}
"""
    )
    command = [program, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:  # as which it refuses to run
        user = pwd.getpwnam(_other_user())
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        command[1:1] = ["--user", user.pw_name]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(host, PGBOUNCER_PORT, running, folder / "log")
        yield f"{host}:{PGBOUNCER_PORT}"
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(folder)


def _other_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait_for(host: str, port: int, running: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and running.poll() is None:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    told = log.read_text() if log.exists() else "nothing"
    pytest.fail(f"the PgBouncer did not start; its log: {told}")
