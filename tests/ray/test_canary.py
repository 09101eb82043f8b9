# ruff: noqa: E402 - the environment comes before the import of Ray
"""A password goes to the database and to nothing of Ray's: searched for byte by byte."""

import asyncio
import base64
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import asyncpg
import attrs
import pytest

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import ray
from ray import ObjectRef

import quantdb
import quantdb.ray
from quantdb import Pool, PoolConfig
from quantdb.embedded import EmbeddedPostgres
from quantdb.errors import ConfigError, QuantDBError
from quantdb.ray.exposure import exposed, warn_if_exposed, warn_if_left

pytestmark = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc")

# What a password is written with is quoted, escaped and cut in many ways; of these letters none is.
CANARY: Final = "c4n4rYqX7vZk2wRt9"
WRONG: Final = "wr0ngfYqX7vZk3wRt8"
PASSWORD: Final = f"{CANARY}/+% ß'"
DASHBOARD: Final = all(find_spec(name) for name in ("aiohttp_cors", "opencensus", "grpc"))
NAMESPACES: Final = (None, b"fun", b"job", b"package", b"session", b"tracing", b"dashboard")
STORE: Final = 80 * 1024 * 1024


def needles(text: str) -> list[bytes]:
    """Return a text as it is, and as it is in base64, wherever it begins."""
    found = [text.encode(), text.encode("utf-16-le"), text.encode().hex().encode()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text.encode())
        found.append(coded[4 if shift else 0 : -4])
    return found


@attrs.frozen
class Cluster:
    """A Ray of the test's own.

    Attributes:
        session: The folder of its logs, spilled objects and whatever else.
        processes: The process ids of its own processes, by name.
    """

    session: Path
    processes: dict[str, int]

    def where(self, *texts: str) -> dict[str, set[str]]:
        """Return where each of the texts is found."""
        sought = [(text, needle) for text in texts for needle in needles(text)]
        found: dict[str, set[str]] = {text: set() for text in texts}
        for place, content in self._places():
            for text, needle in sought:
                if place not in found[text] and needle in content:
                    found[text].add(place)
        return found

    def _places(self) -> Iterator[tuple[str, bytes]]:
        for path in self.session.rglob("*"):
            if path.is_file():
                yield f"file {path.relative_to(self.session)}", path.read_bytes()
        for name, process in self.processes.items():
            for content in memory_of(process):
                yield f"memory of {name}", content
        yield "kv", b"\n".join(key_values())
        yield (
            "ps",
            subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, check=True).stdout,
        )
        yield from states()


def memory_of(process: int) -> Iterator[bytes]:
    """Give what a process has written to memory: the object store is some of the raylet's."""
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, rights, *_rest = line.split()
            if not rights.startswith("rw"):
                continue
            begin, end = (int(address, 16) for address in span.split("-"))
            with suppress(OSError):
                memory.seek(begin)
                yield memory.read(end - begin)


def key_values() -> Iterator[bytes]:
    """Give keys and values of the cluster's store: exported functions and classes are there."""
    kv: object = __import__("ray.experimental.internal_kv", fromlist=["internal_kv"])
    keys: Callable[..., list[bytes]] = getattr(kv, "_internal_kv_list")  # noqa: B009 - untyped
    get: Callable[..., bytes | None] = getattr(kv, "_internal_kv_get")  # noqa: B009
    for namespace in NAMESPACES:
        for key in keys(b"", namespace=namespace):
            yield key + b"=" + (get(key, namespace=namespace) or b"")


def states() -> Iterator[tuple[str, bytes]]:
    """Give what ``ray list … --detail`` shows, which is what the dashboard does."""
    if not DASHBOARD:
        return
    state: object = __import__("ray.util.state", fromlist=["state"])
    here: object = getattr(ray.get_runtime_context(), "gcs_address")  # noqa: B009 - is untyped
    for name in ("tasks", "actors", "jobs", "objects", "workers", "runtime_envs"):
        entries: Callable[..., object] = getattr(state, f"list_{name}")
        yield f"list_{name}", repr(entries(here, detail=True, limit=10_000)).encode()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = tempfile.mkdtemp(prefix="quantdb-ray-", dir="/tmp")  # its sockets want a short path
    start: Callable[..., object] = getattr(ray, "init")  # noqa: B009 - its types are not all there
    start(
        address="local",
        num_cpus=2,
        object_store_memory=STORE,
        include_dashboard=DASHBOARD,
        log_to_driver=False,
        _temp_dir=folder,
    )
    worker: object = __import__("ray._private.worker", fromlist=["worker"])
    node: object = getattr(getattr(worker, "global_worker"), "node")  # noqa: B009
    started: dict[str, list[object]] = getattr(node, "all_processes")  # noqa: B009
    session: Callable[[], str] = getattr(node, "get_session_dir_path")  # noqa: B009
    processes = {
        name: getattr(getattr(infos[0], "process"), "pid")  # noqa: B009
        for name, infos in started.items()
    }
    assert {"raylet", "gcs_server"} <= processes.keys()
    yield Cluster(Path(session()), processes)
    getattr(ray, "shutdown")()  # noqa: B009
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
async def secret_dsn() -> AsyncIterator[str]:
    """A role whose password is the canary."""
    with EmbeddedPostgres(tcp=True) as server:
        admin = await asyncpg.connect(server.dsn)
        said = PASSWORD.replace("'", "''")
        await admin.execute(f"CREATE ROLE secretive LOGIN PASSWORD '{said}'")
        await admin.close()
        parts = urlsplit(server.dsn)
        host = parts.netloc.rpartition("@")[2]
        yield parts._replace(netloc=f"secretive:{quote(PASSWORD, safe='')}@{host}").geturl()


def outcomes(references: list[ObjectRef[str]]) -> list[str]:
    """Return what became of each task: its result, or its error as Ray shows it."""
    found: list[str] = []
    for reference in references:
        try:
            found.append(ray.get(reference))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def work(config: PoolConfig, attempts: Path) -> list[ObjectRef[str]]:
    """Submit tasks that do well, fail, and crash once."""

    @quantdb.ray.task(config)
    async def well(pool: Pool) -> str:
        print(pool, pool.config)  # noqa: T201 - into the worker's log
        return str(await pool.fetchval("SELECT current_user::text"))

    @quantdb.ray.task(config)
    async def ill(pool: Pool) -> str:
        return str(await pool.fetchval("SELECT 1 / 0"))

    @quantdb.ray.task(config)
    async def of_ours(pool: Pool) -> str:
        raise QuantDBError(f"{pool} {pool.config!r}")

    @quantdb.ray.task(config, max_retries=1)
    async def crash(pool: Pool) -> str:
        user = await pool.fetchval("SELECT current_user::text")
        path = attempts / "tried"
        if not path.exists():
            path.touch()
            os._exit(1)
        return str(user)

    return [well.remote(), ill.remote(), of_ours.remote(), crash.remote()]


def of_actors(config: PoolConfig) -> list[ObjectRef[str]]:
    """Submit calls to a user's own actor that was handed a config."""

    class Ledger:
        """A service of the user's own that was handed a config."""

        def __init__(self, config: PoolConfig) -> None:
            self.config = config
            self.pool: Pool | None = None

        async def user(self) -> str:
            if self.pool is None:
                self.pool = await quantdb.create_pool(self.config)
            return str(await self.pool.fetchval("SELECT current_user::text"))

        async def fail(self) -> str:
            raise QuantDBError(repr(vars(self)))

    make: Callable[..., object] = getattr(ray, "remote")  # noqa: B009
    create: Callable[..., object] = getattr(make(Ledger), "remote")  # noqa: B009
    actor = create(config)
    return [
        getattr(getattr(actor, name), "remote")()  # noqa: B009
        for name in ("user", "fail")
    ]


def put(value: object) -> ObjectRef[object]:
    store: Callable[[object], ObjectRef[object]] = getattr(ray, "put")  # noqa: B009 - untyped
    return store(value)


def fill_the_store(config: PoolConfig) -> list[ObjectRef[object]]:
    """Put configs among so much else that some of it is spilled to disk."""
    return [put((config, [config], os.urandom(10_000_000))) for _ in range(12)]


async def test_a_password_is_in_nothing_of_rays(
    cluster: Cluster, secret_dsn: str, tmp_path: Path
) -> None:
    config = quantdb.ray.worker_config(PoolConfig(secret_dsn, min_size=0), workers=2)
    file = tmp_path / "dsn"
    file.write_text(f"{secret_dsn}\n")
    file.chmod(0o600)
    by_file = attrs.evolve(config, dsn=f"file:{file}")
    unreachable = PoolConfig(f"postgresql://u:{CANARY}@127.0.0.1:1/db", min_size=0)
    refused = PoolConfig(secret_dsn.replace(CANARY, WRONG), min_size=0)

    told: list[list[str]] = []
    for number, each in enumerate((config, by_file, unreachable, refused)):
        attempts = tmp_path / str(number)
        attempts.mkdir()
        told.append(outcomes([*work(each, attempts), *of_actors(each)]))
    kept = fill_the_store(config)
    await no_more_is_written(cluster)

    for well, ill, ours, crashed, user, failed in told[:2]:
        assert [well, crashed, user] == ["secretive"] * 3
        assert "division by zero" in ill
        assert "***" in ours or "file:" in ours
        assert "PoolConfig" in failed
    assert all("cannot be reached" in text for text in (told[2][0], told[2][1], told[2][4]))
    assert all("password authentication" in text for text in (told[3][0], told[3][1], told[3][4]))
    assert CANARY not in repr(told)
    assert WRONG not in repr(told)
    assert any(cluster.session.rglob("ray_spilled_objects*"))
    assert cluster.where(CANARY, WRONG) == {CANARY: set(), WRONG: set()}
    assert len(kept) == 12


async def no_more_is_written(cluster: Cluster) -> None:
    """Wait until the logs and events of what has ended are there."""
    marks = [-1]
    while marks[-1] != (size := sum(p.stat().st_size for p in cluster.session.rglob("*.log"))):
        marks.append(size)
        await asyncio.sleep(1.5)


def test_what_is_planted_is_found(cluster: Cluster) -> None:
    in_store, in_log, in_environment, in_spill = (f"pl4nted{n}rYqX7vZk2wRt9" for n in range(4))
    make: Callable[..., Callable[..., object]] = getattr(ray, "remote")  # noqa: B009

    def tell(text: str) -> str:
        print(text[::-1])  # noqa: T201
        return ""

    kept = put({"dsn": f"postgresql://u:{in_store}@h/db"})
    spilled = [put((in_spill, os.urandom(10_000_000))) for _ in range(12)]
    submit: Callable[..., ObjectRef[str]] = getattr(make(tell), "remote")  # noqa: B009
    ray.get(submit(in_log[::-1]))
    with_variable = make(runtime_env={"env_vars": {"SECRET": in_environment}})(tell)
    submit = getattr(with_variable, "remote")  # noqa: B009
    ray.get(submit(""))
    time.sleep(2)
    places = cluster.where(in_store, in_log, in_environment, in_spill)
    assert "memory of raylet" in places[in_store]
    assert any("ray_spilled_objects" in place for place in places[in_spill])
    assert any(place.startswith("file logs/worker-") for place in places[in_log])
    shown = places[in_environment]
    assert {"file logs/runtime_env_agent.log", "memory of gcs_server"} <= shown
    assert not DASHBOARD or {"list_tasks", "list_runtime_envs"} <= shown
    assert len([kept, *spilled]) == 13


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"DSN": "postgresql://u:p@h/db", "OTHER": "x"}, ["DSN"]),
        ({"PGPASSWORD": "p", "DSN": "postgresql://u@h/db"}, ["PGPASSWORD"]),
        ({"DSN": "postgresql://h/db?password=p"}, ["DSN"]),
        ({"DSN": "file:/run/secrets/dsn", "PGPASSFILE": "/x", "PGPASSWORD": ""}, []),
        ({"BROKEN": "http://[::", "NUMBER": 1}, []),
    ],
)
def test_a_password_in_a_runtime_environment_is_told_by_its_name(
    variables: dict[str, object], names: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    runtime_env: dict[str, object] = {"env_vars": variables, "config": {}}
    assert names == exposed(runtime_env)
    warn_if_exposed(runtime_env)
    assert len(names) == len(caplog.records)
    assert all(name in caplog.text for name in names)
    assert "u:p" not in caplog.text


@pytest.mark.usefixtures("cluster")
def test_the_runtime_environment_of_a_job_is_looked_at() -> None:
    variables = {"QUANTDB_DSN": "postgresql://u:p@127.0.0.1:1/db", "QUANTDB_OTHER": "x"}
    make: Callable[..., Callable[..., object]] = getattr(ray, "remote")  # noqa: B009

    def told() -> list[str]:
        found: list[str] = []

        class Keeping(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                found.append(record.getMessage())

        logger, handler = logging.getLogger("quantdb"), Keeping()
        logger.addHandler(handler)
        quantdb.ray.worker_config(PoolConfig("env:QUANTDB_DSN"), workers=2)
        logger.removeHandler(handler)
        return found

    remote = make(runtime_env={"env_vars": variables})(told)
    submit: Callable[..., ObjectRef[list[str]]] = getattr(remote, "remote")  # noqa: B009
    shown, unreachable = ray.get(submit())
    assert "the variable QUANTDB_DSN of the runtime_env holds a password" in shown
    assert "127.0.0.1:1 cannot be reached" in unreachable


@pytest.mark.parametrize("runtime_env", [None, {}, {"env_vars": None}, {"env_vars": {}}, "x", 1])
def test_a_runtime_environment_may_be_anything(runtime_env: object) -> None:
    assert exposed(runtime_env) == []


@pytest.mark.parametrize(
    "call",
    [
        quantdb.ray.serve,
        quantdb.ray.task,
        partial(quantdb.ray.worker_config, workers=2),
    ],
)
def test_a_dsn_is_taken_for_no_config(call: Callable[..., object]) -> None:
    with pytest.raises(ConfigError, match=r"PoolConfig\(dsn\), not str") as refused:
        call(f"postgresql://u:{CANARY}@h/db")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("dsn", "warned"),
    [
        (f"postgresql://u:{CANARY}@h/db", True),
        ("postgresql://u@h/db", False),
        ("env:TRADING_DSN", False),
        ("file:/run/secrets/dsn", False),
    ],
)
def test_a_password_that_goes_before_its_service_is_warned_of(
    dsn: str, *, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_if_left(PoolConfig(dsn))
    assert warned == ("will find none" in caplog.text)
    assert CANARY not in caplog.text
