# ruff: noqa: E402 - the environment comes before the import of Ray
"""The server's connections are shared out among workers, and waited for where they are too few."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import ray

import quantdb.ray
from quantdb import Pool, PoolConfig, PoolTimeout
from quantdb.demo.cluster import local_ray
from quantdb.embedded import EmbeddedPostgres
from quantdb.errors import ConfigError
from quantdb.ray.budget import worker_config
from quantdb.room import Room, ask

NOBODY: Final = "postgresql://127.0.0.1:1/trading"
NAME: Final = "quant_trading_ray_worker"
WORKERS: Final = 4
MOST: Final = 12
"""max_connections of the small server, of which 3 are for superusers."""


@pytest.fixture(scope="module")
def small() -> Iterator[EmbeddedPostgres]:
    """A server of few connections, whose log tells who came."""
    with EmbeddedPostgres(settings={"max_connections": MOST, "log_connections": "on"}) as server:
        yield server


@pytest.fixture
async def admin(small: EmbeddedPostgres) -> AsyncGenerator[asyncpg.Connection]:
    """A superuser's connection to the small server, on which there is a role ``app``."""
    connection = await asyncpg.connect(small.dsn, server_settings={"application_name": "admin"})
    await connection.execute("DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN")
    yield connection
    await nobody_is_left(connection)
    await connection.execute("ALTER DATABASE quantdb CONNECTION LIMIT -1")
    await connection.close()


async def nobody_is_left(admin: asyncpg.Connection) -> None:
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'"
    )


@pytest.fixture
def dsn_of_app(small: EmbeddedPostgres, admin: asyncpg.Connection) -> str:
    assert not admin.is_closed()
    parts = urlsplit(small.dsn)
    return parts._replace(netloc=parts.netloc.replace("postgres@", "app@")).geturl()


@asynccontextmanager
async def others(dsn: str, number: int) -> AsyncGenerator[list[asyncpg.Connection]]:
    """Have another application hold connections."""
    held = [
        await asyncpg.connect(dsn, server_settings={"application_name": "another"})
        for _ in range(number)
    ]
    try:
        yield held
    finally:
        for connection in held:
            await connection.close()


# The share


@given(st.integers(1, 500), st.integers(1, 100))
@settings(deadline=None)
def test_workers_share_the_budget_and_each_has_one(budget: int, workers: int) -> None:
    each = worker_config(PoolConfig(NOBODY, min_size=1, max_size=budget), workers=workers)
    assert each.min_size == 0
    assert each.max_size >= 1
    assert each.max_size * workers <= max(budget, workers)
    assert each.max_size == 1 or (each.max_size + 1) * workers > budget


def test_a_worker_keeps_its_name_and_no_idle_connection() -> None:
    given = PoolConfig(NOBODY, command_timeout=7, statement_cache_size=0)
    each = worker_config(given, workers=4)
    assert each.application_name == NAME
    assert (each.command_timeout, each.statement_cache_size) == (7, 0)
    assert each.idle_lifetime <= each.acquire_timeout / 2
    assert worker_config(PoolConfig(NOBODY, idle_lifetime=2), workers=1).idle_lifetime == 2
    named = PoolConfig(NOBODY, application_name="settlement")
    assert worker_config(named, workers=4).application_name == "settlement"


@pytest.mark.parametrize("workers", [0, -1, True, 2.0, "2", None])
def test_workers_are_counted(workers: object) -> None:
    arguments = {"workers": workers}
    make: Callable[..., object] = getattr(quantdb.ray, "worker_config")  # noqa: B009 - untyped
    with pytest.raises(ConfigError, match="whole number"):
        make(PoolConfig(NOBODY), **arguments)


@pytest.mark.parametrize("dsn", [NOBODY, "env:QUANTDB_NOT_SET", "file:/nowhere/dsn"])
def test_a_server_that_cannot_be_asked_is_a_warning(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    each = worker_config(PoolConfig(dsn, max_size=12), workers=3)
    assert each.max_size == 4
    (said,) = [record.getMessage() for record in caplog.records]
    assert "cannot be asked" in said
    assert "max_size=12" in said


def test_a_password_that_is_refused_is_told_by_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EmbeddedPostgres(tcp=True) as server:
        password = urlsplit(server.dsn).password
        assert password
        dsn = server.dsn.replace(password, "qxj4wrongzv")
        each = worker_config(PoolConfig(dsn), workers=4)
    assert each.max_size == 5
    assert "password authentication failed" in caplog.text
    assert "qxj4wrongzv" not in caplog.text


# The room


async def test_the_room_is_what_is_not_reserved_not_held_and_no_headroom(dsn_of_app: str) -> None:
    config = PoolConfig(dsn_of_app)
    room = ask(config)  # in a running loop
    assert (room.max_connections, room.reserved, room.held) == (MOST, 3, 1)  # the admin
    assert room.connections(pooled=False) == 9 - 3 - 1
    async with others(dsn_of_app, 2):
        assert ask(config).connections(pooled=False) == 9 - 3 - 3
        assert ask(config).connections(pooled=True) == 9 - 3
    assert room == await asyncio.to_thread(ask, config)


async def test_each_worker_has_an_equal_share_of_the_room(dsn_of_app: str) -> None:
    config = PoolConfig(dsn_of_app)
    assert [worker_config(config, workers=n).max_size for n in (1, 2, 3, 5)] == [5, 2, 1, 1]
    chosen = attrs.evolve(config, min_size=0, max_size=4)
    assert worker_config(chosen, workers=2).max_size == 2
    assert worker_config(attrs.evolve(chosen, max_size=400), workers=2).max_size == 2


async def test_what_workers_of_before_still_hold_is_theirs(dsn_of_app: str) -> None:
    config = worker_config(PoolConfig(dsn_of_app), workers=1)
    async with quantdb.create_pool(config) as pool:
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.2)") for _ in range(5)))
        assert pool.get_size() == 5
        assert worker_config(PoolConfig(dsn_of_app), workers=1).max_size == 5


async def test_role_and_database_have_limits(dsn_of_app: str, admin: asyncpg.Connection) -> None:
    config = PoolConfig(dsn_of_app)
    await admin.execute("ALTER ROLE app CONNECTION LIMIT 4")
    assert worker_config(config, workers=1).max_size == 4
    async with others(dsn_of_app, 1):
        assert worker_config(config, workers=1).max_size == 3
    await admin.execute("ALTER DATABASE quantdb CONNECTION LIMIT 3")
    assert worker_config(config, workers=1).max_size == 2  # the admin has one


async def test_more_workers_than_connections_are_told(
    dsn_of_app: str, caplog: pytest.LogCaptureFixture
) -> None:
    each = worker_config(PoolConfig(dsn_of_app), workers=64)
    assert each.max_size == 1
    assert each.idle_lifetime < 1
    (said,) = [record.getMessage() for record in caplog.records]
    assert "64 workers share 5 connections" in said
    assert each.acquire_timeout == 60
    chosen = worker_config(PoolConfig(dsn_of_app, acquire_timeout=3), workers=64)
    assert chosen.acquire_timeout == 3


@given(
    st.integers(1, 5_000),
    st.integers(0, 10),
    st.integers(0, 200),
    st.integers(1, 2_000),
)
def test_what_would_be_needed_is_just_enough(
    most: int, reserved: int, held: int, wanted: int
) -> None:
    room = Room(most, reserved, None, None, held, 0, 0)
    enough = attrs.evolve(room, max_connections=room.needed(wanted))
    assert enough.connections(pooled=False) >= wanted
    assert enough.max_connections >= most
    if enough.max_connections > most:
        less = attrs.evolve(enough, max_connections=enough.max_connections - 1)
        assert less.connections(pooled=False) < wanted


# The burst


@pytest.fixture(scope="module")
def workers() -> Iterator[None]:
    with local_ray(WORKERS):
        yield


class Watch:
    """How many connections the workers have, sample by sample."""

    def __init__(self, admin: asyncpg.Connection) -> None:
        self.admin = admin
        self.counts: list[int] = []

    async def now(self) -> int:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
        found: int = await self.admin.fetchval(count, NAME)
        return found

    async def during(self, references: list[ray.ObjectRef[int]]) -> list[int]:
        """Return what the tasks return, and sample until then."""
        getting = asyncio.create_task(asyncio.to_thread(ray.get, references))
        while not getting.done():
            self.counts.append(await self.now())
            await asyncio.sleep(0.02)
        return await getting

    async def until_gone(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while await self.now():  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.05)


def refusals(small: EmbeddedPostgres) -> int:
    return (small.path / "log").read_text().count("FATAL:")


def busy(config: PoolConfig, tasks: int, seconds: float) -> list[ray.ObjectRef[int]]:
    @quantdb.ray.task(config)
    async def work(pool: Pool, number: int) -> int:
        await pool.execute("SELECT pg_sleep($1::float8)", seconds)
        return number

    return [work.remote(number) for number in range(tasks)]


@pytest.mark.usefixtures("workers")
async def test_a_burst_stays_within_the_budget_and_ends_with_it(
    small: EmbeddedPostgres, dsn_of_app: str, admin: asyncpg.Connection
) -> None:
    refused = refusals(small)
    config = worker_config(PoolConfig(dsn_of_app), workers=WORKERS)
    assert config.max_size == 1
    watch = Watch(admin)
    assert list(range(500)) == await watch.during(busy(config, 500, 0.005))
    assert 0 < max(watch.counts) <= 5
    assert refusals(small) == refused
    await watch.until_gone(config.idle_lifetime * 1.1 + 5)


@pytest.mark.usefixtures("workers")
async def test_more_workers_than_connections_take_turns(
    small: EmbeddedPostgres, dsn_of_app: str, admin: asyncpg.Connection
) -> None:
    await admin.execute("ALTER ROLE app CONNECTION LIMIT 2")
    refused = refusals(small)
    config = worker_config(PoolConfig(dsn_of_app), workers=WORKERS)
    watch = Watch(admin)
    # They keep their turns for longer than the default acquire_timeout.
    assert list(range(500)) == await watch.during(busy(config, 500, 0.045))
    assert 0 < max(watch.counts) <= 2
    assert 0 < refusals(small) - refused < 200
    await watch.until_gone(5)


@pytest.mark.usefixtures("workers")
async def test_a_burst_outlasts_a_server_that_is_full(
    small: EmbeddedPostgres, dsn_of_app: str, admin: asyncpg.Connection
) -> None:
    refused = refusals(small)
    config = worker_config(PoolConfig(dsn_of_app), workers=WORKERS)
    watch = Watch(admin)
    async with others(dsn_of_app, MOST - 3 - 1):
        references = busy(config, 500, 0.005)
        await asyncio.sleep(3)
    assert list(range(500)) == await watch.during(references)
    assert 0 < max(watch.counts) <= 5
    assert 0 < refusals(small) - refused < 200


@pytest.mark.usefixtures("workers")
async def test_a_server_that_stays_full_is_told_with_its_numbers(
    dsn_of_app: str, admin: asyncpg.Connection
) -> None:
    config = worker_config(PoolConfig(dsn_of_app, acquire_timeout=2), workers=WORKERS)
    assert not admin.is_closed()
    async with others(dsn_of_app, MOST - 3 - 1):
        (reference,) = busy(config, 1, 0)
        with pytest.raises(PoolTimeout, match=r"no connection to spare, it said \d+ times") as told:
            await asyncio.to_thread(ray.get, reference)
    assert "remaining connection slots are reserved" in str(told.value)
    assert (told.value.size, told.value.in_use, told.value.waiting) == (0, 0, 1)
