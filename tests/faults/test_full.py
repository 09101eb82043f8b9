"""A server whose connections are used up is waited for, and is not stormed."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

import quantdb
from quantdb import PoolConfig, PoolTimeout
from quantdb.crowding import Line, is_full
from quantdb.embedded import EmbeddedPostgres
from quantdb.opening import Opener

OPEN = 9 - 1
"""Connections of the small server that are neither a superuser's nor the test's own."""


@pytest.fixture(scope="module")
def small() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(settings={"max_connections": 12}) as server:
        yield server


@pytest.fixture
async def dsn_of_app(small: EmbeddedPostgres) -> AsyncGenerator[str]:
    admin = await asyncpg.connect(small.dsn)
    await admin.execute("DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN")
    parts = urlsplit(small.dsn)
    yield parts._replace(netloc=parts.netloc.replace("postgres@", "app@")).geturl()
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'"
    )
    await admin.close()


@asynccontextmanager
async def others(dsn: str, number: int) -> AsyncGenerator[list[asyncpg.Connection]]:
    held = [await asyncpg.connect(dsn) for _ in range(number)]
    try:
        yield held
    finally:
        for connection in held:
            await connection.close()


def refusals(small: EmbeddedPostgres) -> int:
    return (small.path / "log").read_text().count("FATAL:")


@pytest.mark.parametrize("clean", [True, False])
async def test_a_pool_goes_on_with_what_it_got(
    small: EmbeddedPostgres, dsn_of_app: str, *, clean: bool
) -> None:
    refused = refusals(small)
    config = PoolConfig(dsn_of_app, min_size=0, max_size=8, connect_timeout=1, acquire_timeout=30)

    async def call(pool: quantdb.Pool, number: int) -> object:
        if clean:
            async with quantdb.transaction(pool) as connection:
                return await connection.fetchval("SELECT $1::int FROM pg_sleep(0.03)", number)
        return await pool.fetchval("SELECT $1::int FROM pg_sleep(0.03)", number)

    async with others(dsn_of_app, OPEN - 2), quantdb.create_pool(config) as pool:
        answers = await asyncio.gather(*(call(pool, number) for number in range(200)))
        assert answers == list(range(200))
        assert pool.statistics().opened == 2
        assert pool.statistics().timed_out == 0
    assert 6 <= refusals(small) - refused <= 40


async def test_it_grows_when_there_is_room_again(dsn_of_app: str) -> None:
    config = PoolConfig(dsn_of_app, min_size=0, max_size=6, connect_timeout=1, acquire_timeout=20)
    async with quantdb.create_pool(config) as pool:
        async with others(dsn_of_app, OPEN - 1):
            calls = [asyncio.create_task(pool.execute("SELECT pg_sleep(0.1)")) for _ in range(200)]
            await asyncio.sleep(2)
            assert pool.get_size() == 1
        await asyncio.gather(*calls)
        assert pool.get_size() == 6


async def test_a_call_waits_for_others_to_leave(small: EmbeddedPostgres, dsn_of_app: str) -> None:
    refused = refusals(small)
    config = PoolConfig(dsn_of_app, min_size=0, max_size=4)
    async with quantdb.create_pool(config) as pool:
        async with others(dsn_of_app, OPEN):
            calls = [asyncio.create_task(pool.fetchval("SELECT 1")) for _ in range(50)]
            await asyncio.sleep(3)
            assert not any(call.done() for call in calls)
        assert await asyncio.gather(*calls) == [1] * 50
    # Four at once, and then one at a time: after 0.05 s, 0.1 s, 0.2 s …
    assert 5 <= refusals(small) - refused <= 16


async def test_whose_time_is_up_is_told_what_the_server_said(dsn_of_app: str) -> None:
    config = PoolConfig(dsn_of_app, min_size=0, max_size=4, acquire_timeout=1)
    async with others(dsn_of_app, OPEN), quantdb.create_pool(config) as pool:
        calls = (pool.fetchval("SELECT 1") for _ in range(10))
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, PoolTimeout) for error in errors)
        said = str(errors[0])
        assert "no connection could be opened within 1 s: 0 open of at most 4" in said
        assert "remaining connection slots are reserved" in said
        with pytest.raises(PoolTimeout, match=r"it said \d+ times in "):
            await pool.fetchval("SELECT 1")


async def test_another_trouble_than_no_room_is_told_at_once(
    small: EmbeddedPostgres, dsn_of_app: str
) -> None:
    config = PoolConfig(dsn_of_app, min_size=0, max_size=4)
    admin = await asyncpg.connect(small.dsn)
    async with (
        others(dsn_of_app, OPEN - 2),  # the admin has one as well
        quantdb.create_pool(config) as pool,
        pool.acquire(),  # all that there is
    ):
        waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await admin.execute("ALTER ROLE app NOLOGIN")
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await waiting
    await admin.close()


@pytest.mark.parametrize(
    ("state", "said", "full"),
    [
        ("53300", "sorry, too many clients already", True),
        ("53300", 'too many connections for role "app"', True),
        ("08P01", "no more connections allowed (max_client_conn)", True),
        ("08P01", "client connections exceeded (max_user_client_connections)", True),
        ("XX000", "(EMAXCONN) max client connections reached, limit: 200", True),
        ("XX000", "MaxClientsInSessionMode: max clients reached", True),
        ("08P01", "unsupported startup parameter: search_path", False),
        ("XX000", "Control plane request failed", False),
        ("57P03", "the database system is starting up", False),
    ],
)
def test_who_is_full_is_known_by_what_is_said(state: str, said: str, *, full: bool) -> None:
    error = asyncpg.PostgresError.new({"C": state, "M": said, "S": "FATAL"})
    assert is_full(error) == full


async def test_pauses_grow_to_a_limit_and_no_two_are_alike() -> None:
    async def turns(patience: float) -> list[float]:
        line, seconds = Line(patience), list[float]()
        clock = asyncio.get_running_loop().time
        line.refuse(OSError("full"))
        for _ in range(6):
            began = clock()
            async with line.turn():
                seconds.append(clock() - began)
                line.refuse(OSError("full"))
        return seconds

    first, second = await asyncio.gather(turns(0.1), turns(0.1))
    assert first != second
    assert 0.02 <= first[0] <= 0.25
    assert all(0.2 <= pause <= 0.75 for pause in (*first[4:], *second[4:]))


async def test_a_last_attempt_that_is_cut_short_says_what_the_others_were_told(
    dsn_of_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    async def full_then_silent(_opener: Opener, _budget: float) -> object:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise asyncpg.TooManyConnectionsError("sorry, too many clients already")
        await asyncio.sleep(60)
        return None

    monkeypatch.setattr(Opener, "_first_to_answer", full_then_silent)
    opener = Opener(PoolConfig(dsn_of_app, connect_timeout=0.5))
    told = await asyncio.gather(opener(), opener(), return_exceptions=True)
    assert attempts == 2
    for error in told:
        assert isinstance(error, quantdb.PoolTimeout)
        assert "had no connection to spare" in str(error)
