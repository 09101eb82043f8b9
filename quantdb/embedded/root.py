"""What it takes that root can have a server, and that nothing of a killed one stays.

PostgreSQL refuses to run as root, so root's server runs as the owner of its data folder, a user
number that nobody else has. That user need not be able to reach the folder: postgres is started
inside it and told that its data are in ``/proc/self/cwd``. No folder but that one changes its owner
or its mode.
"""

import errno
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["LINUX", "ROOT", "Failure", "clear_away", "copy_programs", "give_away", "nobody", "runs"]

LINUX: Final = sys.platform == "linux"
ROOT: Final = os.geteuid() == 0

# systemd, too, gives out numbers of this range for as long as a service runs.
_PRIVATE_USERS: Final = range(61184, 65520)
_EVICT_SECONDS: Final = 10.0


class Failure(Exception):
    """A server cannot be had; the text is for the holder."""


def nobody() -> int:
    """Return the number of the user nobody."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise Failure("PostgreSQL does not run as root, and there is no user nobody") from None


def give_away(folder: Path) -> None:
    """Make a user number that nobody has the owner of everything in *folder*."""
    named = {entry.pw_uid for entry in pwd.getpwall()}
    user = secrets.choice([number for number in _PRIVATE_USERS if number not in named])
    try:
        os.chown(folder, user, user)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # The container maps too few users.
        user = nobody()
        os.chown(folder, user, user)
    for _top, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, user, user, dir_fd=descriptor, follow_symlinks=False)


def runs(program: Path, user: int) -> bool:
    """Whether *user* can run *program*, which lies in folders that may be closed."""
    try:
        subprocess.run(  # noqa: S603 - the wheel's own program
            [program, "--version"],
            user=user,
            group=user,
            extra_groups=[],
            stdout=subprocess.DEVNULL,
            check=True,
        )
    except PermissionError:
        return False
    return True


def copy_programs(programs: Path, home: Path) -> Path:
    """Copy what a server needs of an installation into *home* for everybody: 28 MB, 40 ms.

    Args:
        programs: The folder of programs, which finds the rest by its place.
        home: A folder that everybody can reach.

    Returns:
        The folder of programs in the copy.
    """
    installation, package = programs.parent, programs.parent.parent
    copy = home / package.name / installation.name
    unused = shutil.ignore_patterns("include", "pkgconfig", "pgxs", "*.a")
    shutil.copytree(installation, copy, ignore=unused)
    # The libraries of a wheel's package lie there.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name)
    for top, _folders, files in os.walk(home):
        for name in (".", *files):
            Path(top, name).chmod(0o755)
    home.chmod(0o711)
    return copy / programs.name


def clear_away(data: Path) -> None:
    """End what a killed postgres left running in its data folder, and remove its lock files.

    The lock on the server's folder is ours, so nothing that runs in there has a keeper.
    """
    here = data.stat()
    # In a container root may not see in which folder another user's process runs; the user may.
    child = os.fork()
    if child == 0:
        try:
            if ROOT:
                os.setgroups([])
                os.setgid(here.st_gid)
                os.setuid(here.st_uid)
            _evict(here)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    # The process numbers in them may be somebody else's by now, and postgres would not start.
    for lock in (data / "postmaster.pid", *data.glob(".s.PGSQL.*.lock")):
        lock.unlink(missing_ok=True)


def _evict(here: os.stat_result) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        until = time.monotonic() + _EVICT_SECONDS
        while time.monotonic() < until:
            processes = _servers_in(here)
            if not processes:
                return
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            time.sleep(0.02)


def _servers_in(here: os.stat_result) -> list[int]:
    """Return the processes of the name postgres whose working folder is *here*."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        # It may end while we look, or be another user's.
        with suppress(OSError):
            if os.path.samestat((process / "cwd").stat(), here) and (
                (process / "comm").read_text() == "postgres\n"
            ):
                found.append(int(process.name))
    return found
