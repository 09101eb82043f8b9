"""Where a DSN stays while something that refers to it travels.

A pickle goes to other processes, into object stores, logs and dashboards, and a password has no
place there. So the pickle of a config holds the name of a file that only this user can read, which
goes when this process ends; who unpickles it on this machine finds the DSN there. On another
machine it is not found, and the driver looks for the password where PostgreSQL's programs do:
``PGPASSWORD``, ``PGPASSFILE``, ``~/.pgpass``.

A DSN can also be a reference from the start: ``env:NAME`` is what a variable of the environment
holds, ``file:/path`` the first line of a file, in whichever process a connection is made.
"""

import atexit
import os
import re
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from quantdb.errors import ConfigError

__all__ = ["entrusted", "is_reference", "resolved", "retrieved"]

_REFERENCE: Final = re.compile(r"(?P<kind>env|file):(?P<name>.+)", re.DOTALL)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST: Final = 65_536

# What this process has entrusted or retrieved, by its reference, and the other way round.
_texts: Final[dict[str, str]] = {}
_references: Final[dict[str, str]] = {}
_folders: Final[dict[int, Path]] = {}
"""The folder of each process: a forked child has one of its own."""


def is_reference(dsn: str) -> bool:
    """Tell whether a DSN says where the DSN is.

    Raises:
        ConfigError: It names no variable, or no absolute path.
    """
    match = _REFERENCE.fullmatch(dsn)
    if match is None:
        return False
    if match["kind"] == "env" and not _VARIABLE.fullmatch(match["name"]):
        raise ConfigError("the DSN env:… must name a variable of the environment")
    if match["kind"] == "file" and not Path(match["name"]).is_absolute():
        raise ConfigError("the DSN file:… must name a file by its absolute path")
    return True


def resolved(dsn: str) -> str:
    """Return a DSN, or what it refers to.

    Raises:
        ConfigError: There is nothing there.
    """
    if not is_reference(dsn):
        return dsn
    kind, _, name = dsn.partition(":")
    if kind == "env":
        found = os.environ.get(name, "")
        if not found:
            raise ConfigError(f"the DSN is in the variable {name}, which is not set here")
        return found
    try:
        with Path(name).open(encoding="utf-8") as file:
            found = file.readline(_LONGEST).strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the DSN is in {name}, which cannot be read: {error}") from None
    if not found:
        raise ConfigError(f"the DSN is in {name}, which is empty")
    return found


def entrusted(text: str) -> str:
    """Put a text where only this user's processes on this machine find it; return its reference."""
    reference = _references.get(text)
    if reference is not None and Path(reference).exists():
        return reference
    path = _folder() / token_hex(16)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    reference = str(path)
    _texts[reference], _references[text] = text, reference
    return reference


def retrieved(reference: str) -> str | None:
    """Return the text that a reference stands for; None if it is not on this machine, or gone."""
    known = _texts.get(reference)
    if known is not None:
        return known
    with suppress(OSError, ValueError):
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(reference, flags), encoding="utf-8") as file:
            if _is_private(os.fstat(file.fileno())):
                text = file.read(_LONGEST)
                _texts[reference], _references[text] = text, reference
                return text
    return None


def _is_private(found: os.stat_result) -> bool:
    if not stat.S_ISREG(found.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows, where a user's temporary folder is his
        return True
    return found.st_uid in {0, os.geteuid()} and not found.st_mode & 0o077


def _folder() -> Path:
    process = os.getpid()
    folder = _folders.get(process)
    if folder is None or not folder.is_dir():
        folder = _folders[process] = Path(tempfile.mkdtemp(prefix="quantdb-"))
        atexit.register(_removed, process, folder)
    return folder


def _removed(process: int, folder: Path) -> None:
    """Remove the folder of this process, when it ends; a forked child leaves its parent's alone."""
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
