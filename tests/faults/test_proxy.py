"""The proxy does what its faults are called, or the other tests of faults prove nothing."""

import asyncio
import time

import asyncpg
import pytest
from proxy import Act, FaultProxy, anything, kind, says

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

GONE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


async def connected(proxy: FaultProxy, timeout: float = 5) -> asyncpg.Connection:
    return await asyncpg.connect(proxy.dsn, timeout=timeout, command_timeout=1)


async def test_what_has_no_rule_is_passed_on(proxy: FaultProxy) -> None:
    for slices, latency in ((0, 0.0), (1, 0.0), (0, 0.01), (7, 0.002)):
        proxy.slices, proxy.latency = slices, latency
        connection = await connected(proxy)
        long = 1_000 if slices else 100_000
        assert await connection.fetchval("SELECT length($1)", "x" * long) == long
        await connection.close()
    async with asyncio.timeout(5):
        while any(link.is_open for link in proxy.links):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_round_trips_are_counted(proxy: FaultProxy) -> None:
    connection = await connected(proxy)
    with proxy.counting() as trips:
        await connection.execute("SELECT 1; SELECT 2")
        assert trips() == 1
        assert await connection.fetchval("SELECT 3") == 3
        assert trips() == 3  # the driver prepares, waits, and runs
        assert await connection.fetchval("SELECT 3") == 3
        assert trips() == 4
    await connection.close()


async def test_latency_is_paid_each_way(proxy: FaultProxy) -> None:
    connection = await connected(proxy)
    proxy.latency = 0.1
    began = time.monotonic()
    await connection.execute("SELECT 1")
    assert 0.2 <= time.monotonic() - began < 2
    proxy.latency = 0
    await connection.close()


@pytest.mark.parametrize("act", ["reset", "reset after", "close", "close after"])
async def test_a_connection_is_cut_at_a_message(proxy: FaultProxy, act: Act) -> None:
    connection = await connected(proxy)
    proxy.once(says("cut me"), act)
    with pytest.raises(GONE):
        await connection.execute("SELECT 'cut me'")
    assert not proxy.links[0].is_open
    connection.terminate()


@pytest.mark.parametrize("act", ["hole", "hole after", "deafen", "mute"])
async def test_a_hole_answers_nothing_and_stays_open(proxy: FaultProxy, act: Act, dsn: str) -> None:
    connection = await connected(proxy)
    table = f"hole_{act.replace(' ', '_')}"
    await connection.execute(f"CREATE TABLE {table} ()")
    proxy.once(says("INSERT"), act)
    with pytest.raises(TimeoutError):
        await connection.execute(f"INSERT INTO {table} DEFAULT VALUES")
    assert proxy.links[0].is_open
    connection.terminate()
    direct = await asyncpg.connect(dsn)
    stored = await direct.fetchval(f"SELECT count(*) FROM {table}")
    assert stored == (act in {"hole after", "deafen"})
    await direct.close()


async def test_the_answer_to_commit_is_lost_and_the_commit_is_not(
    proxy: FaultProxy, dsn: str
) -> None:
    connection = await connected(proxy)
    await connection.execute("CREATE TABLE lost_answer ()")
    rule = proxy.once(says("COMMIT", side="server"), "reset")
    with pytest.raises(GONE):
        await connection.execute("BEGIN; INSERT INTO lost_answer DEFAULT VALUES; COMMIT")
    assert rule.hits == 1
    direct = await asyncpg.connect(dsn)
    assert await direct.fetchval("SELECT count(*) FROM lost_answer") == 1
    await direct.close()
    connection.terminate()


async def test_connections_are_refused_reset_holed_or_late(proxy: FaultProxy) -> None:
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connected(proxy)
    await proxy.listen()
    proxy.greeting = "reset"
    with pytest.raises(GONE):
        await connected(proxy)
    proxy.greeting = "hole"
    with pytest.raises(TimeoutError):
        await connected(proxy, timeout=0.3)
    proxy.heal()
    proxy.accept_delay = 0.2
    began = time.monotonic()
    connection = await connected(proxy)
    assert time.monotonic() - began >= 0.2
    await connection.close()


async def test_a_chosen_connection_and_a_cancel_request_can_be_told_apart(
    proxy: FaultProxy,
) -> None:
    first, second = await connected(proxy), await connected(proxy)
    proxy.once(lambda link, message: link.number == 1 and anything(link, message), "reset")
    cancels = proxy.always(kind("cancel"), "pass")
    assert await first.fetchval("SELECT 1") == 1
    with pytest.raises(GONE):
        await second.fetchval("SELECT 1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(first.execute("SELECT pg_sleep(30)"), timeout=0.2)
    assert await first.fetchval("SELECT 2") == 2
    assert cancels.hits == 1
    assert [link.is_cancel for link in proxy.links] == [False, False, True]
    await first.close()
    second.terminate()


async def test_everything_can_be_holed_at_once(proxy: FaultProxy) -> None:
    connection = await connected(proxy)
    proxy.hole()
    with pytest.raises(TimeoutError):
        await connection.execute("SELECT 1", timeout=0.2)
    with pytest.raises(TimeoutError):
        await connected(proxy, timeout=0.2)
    proxy.heal()
    other = await connected(proxy)
    assert await other.fetchval("SELECT 1") == 1
    await other.close()
    connection.terminate()
