# ruff: noqa: E402 - the environment comes before the import of Ray
import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, assert_type
from uuid import UUID

import asyncpg
import attrs
import pytest

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import ray
from desks import Crashing, Desk, crash_at_first, pause_in_transaction, process_of
from ray import ObjectRef
from ray.exceptions import ActorDiedError
from support import until

import quantdb.ray
from quantdb import Conflict, NewUser, Pool, PoolConfig, Trade, TradeRepo, UserRepo
from quantdb.demo.cluster import local_ray
from quantdb.errors import CommitUnknown, ConfigError, ConnectionLost, PoolTimeout
from quantdb.ray import Service

T = TypeVar("T")

START = datetime(2024, 3, 1, tzinfo=UTC)
END = datetime(2024, 4, 1, tzinfo=UTC)
NAME = "served"

pytestmark = pytest.mark.usefixtures("two_workers")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        with local_ray(2):
            yield


@pytest.fixture(scope="module")
def config(dsn: str) -> PoolConfig:
    return PoolConfig(dsn, min_size=0, max_size=3, application_name=NAME, idle_lifetime=1)


@pytest.fixture(scope="module")
def service(two_workers: None, config: PoolConfig) -> Iterator[Service]:
    assert two_workers is None
    service = quantdb.ray.serve(config)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def trades(service: Service) -> TradeRepo:
    return service.repo(TradeRepo)


def a_trade(symbol: str, number: int = 0) -> Trade:
    return Trade(
        symbol=symbol,
        side="buy",
        quantity=Decimal("1.5"),
        price=Decimal("-37.63"),
        executed_at=START + timedelta(seconds=number),
        venue="XTST",
    )


def loose(function: Callable[..., T]) -> Callable[..., T]:
    """Hide the parameters from the type checkers."""
    return function


def tried(attempts: Path) -> int:
    return len(list(attempts.iterdir()))


async def doubtless() -> None:
    """Wait until what is sent was surely sent after the actor's process began.

    The clocks of two machines may differ by a second.
    """
    await asyncio.sleep(1.5)


async def eventually(
    asked: Callable[[], Coroutine[object, object, object]], wanted: object
) -> None:
    until = time.monotonic() + 20
    while (found := await asked()) != wanted:
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)


async def test_a_repository_of_a_service_is_used_as_a_local_one(
    trades: TradeRepo, pool: Pool
) -> None:
    assert_type(trades, TradeRepo)
    assert isinstance(trades, TradeRepo)
    trade = a_trade("LOCAL")
    stored = await trades.insert(trade)
    assert_type(stored, Trade)
    assert stored == trade == await TradeRepo(pool).get(trade.id) == await trades.get(id=trade.id)
    await trades.insert_many([a_trade("LOCAL", n) for n in range(1, 4)])
    assert await trades.count("LOCAL", START, END) == 4
    assert repr(trades).startswith("TradeRepo of ")


async def test_many_calls_at_once_have_few_connections(trades: TradeRepo, pool: Pool) -> None:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
    most: list[object] = []

    async def watch() -> None:
        while True:
            most.append(await pool.fetchval(asked, NAME))
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    given = [a_trade("MANY", number) for number in range(500)]
    stored = await asyncio.gather(*(trades.insert(trade) for trade in given))
    watching.cancel()
    assert stored == given
    assert await trades.count("MANY", START, END) == 500
    assert max(int(str(count)) for count in most) <= 3


async def test_a_service_without_calls_has_no_connection(trades: TradeRepo, pool: Pool) -> None:
    assert await trades.count("NONE", START, END) == 0

    async def connections() -> object:
        return await pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", NAME
        )

    await eventually(connections, 0)


async def test_a_class_of_the_users_own_is_served(service: Service) -> None:
    desk = service.repo(Desk)
    assert_type(desk, Desk)
    assert await desk.sum([1, 2, 3], times=2) == 12
    assert await desk.later(7) == 7
    assert [number async for number in desk.ticks(2000)] == list(range(2000))
    assert [number async for number in desk.shared(3)] == [0, 1, 2]
    assert (desk.LIMIT, desk.double(2)) == (3, 4)


async def test_a_class_that_cannot_be_imported_is_served(service: Service) -> None:
    class Local(Desk):
        async def twice(self, number: int) -> int:
            return self.double(number)

    assert await service.repo(Local).twice(21) == 42


async def test_what_cannot_travel_says_so(service: Service) -> None:
    desk = service.repo(Desk)
    with pytest.raises(ConfigError, match=r"Desk\.plain is where the service runs"):
        desk.plain()
    with pytest.raises(AttributeError, match=r"Desk\.size"):
        _ = desk.size
    with pytest.raises(AttributeError, match=r"Desk\.pool"):
        _ = desk.pool
    with pytest.raises(AttributeError, match=r"Desk\.pool"):
        setattr(desk, "pool", 1)  # noqa: B010 - the checkers would let it
    with pytest.raises(ConfigError, match="class"):
        loose(service.repo)(process_of)
    with pytest.raises(ConfigError, match="no single result"):
        loose(service.submit)(desk.ticks, 3)
    with pytest.raises(TypeError, match="time"):
        await loose(desk.sum)([1], time=1)


async def test_an_item_of_a_stream_does_not_wait_for_the_next(service: Service) -> None:
    async with aclosing(service.repo(Desk).clock()) as ticks:
        async with asyncio.timeout(20):
            assert await anext(ticks) == 1


async def test_a_stream_that_is_left_ends_in_the_actor(service: Service, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    async with aclosing(service.repo(Desk).ticks(10_000_000, ended)) as ticks:
        async for number in ticks:
            if number == 1000:
                break
    await eventually(lambda: asyncio.to_thread(ended.exists), wanted=True)


async def test_streams_that_are_not_read_hold_nothing_up(
    service: Service, trades: TradeRepo
) -> None:
    desk = service.repo(Desk)
    streams = [desk.ticks(1_000_000) for _ in range(20)]
    assert [await anext(stream) for stream in streams] == [0] * 20
    async with asyncio.timeout(20):
        assert await trades.count("NOBODY", START, END) == 0
    for stream in streams:
        await stream.aclose()


async def test_streams_and_jobs_wait_for_a_connection_while_others_work(config: PoolConfig) -> None:
    """None of them has one within a second, and all of them have one in the end."""
    few = quantdb.ray.serve(attrs.evolve(config, max_size=2, acquire_timeout=1.0))
    desk = few.repo(Desk)

    async def read(pause: float) -> int:
        rows = 0
        async for _row in desk.rows(6_000):
            rows += 1
            if rows % 1_500 == 0:
                await asyncio.sleep(pause)
        return rows

    try:
        assert await asyncio.gather(*(read(0.3) for _ in range(8))) == [6_000] * 8
        assert await asyncio.gather(*(few.run(pause_in_transaction, 0.4) for _ in range(12)))
        async with aclosing(desk.rows(1_000_000)) as one, aclosing(desk.rows(1_000_000)) as other:
            assert [await anext(one), await anext(other)] == [0, 0]
            async with asyncio.timeout(30):
                with pytest.raises(PoolTimeout, match="within 1 s"):
                    await few.run(pause_in_transaction, 0.0)
    finally:
        few.stop()


async def test_an_error_of_a_stream_comes_after_what_was_before(service: Service) -> None:
    came: list[int] = []

    async def read() -> None:
        async for number in service.repo(Desk).broken():
            came.append(number)  # noqa: PERF401 - it raises

    with pytest.raises(Conflict, match="it broke") as refused:
        await read()
    assert (came, refused.value.constraint) == ([1], "rule")


async def test_trades_are_streamed(trades: TradeRepo) -> None:
    given = [a_trade("STREAM", number) for number in range(1500)]
    await trades.insert_many(given)
    assert [trade async for trade in trades.stream("STREAM", START, END)] == given


async def test_errors_arrive_as_themselves(service: Service, trades: TradeRepo) -> None:
    trade = await trades.insert(a_trade("ERRORS"))
    other = attrs.evolve(trade, price=Decimal(2))
    with pytest.raises(Conflict, match="another trade is stored under id") as refused:
        await trades.insert(other)
    assert (refused.value.constraint, refused.value.outcome) == ("trades_pkey", "not_applied")
    with pytest.raises(Conflict):
        await asyncio.to_thread(ray.get, service.submit(trades.insert, other))

    async def fail(pool: Pool) -> str:
        return await pool.execute("INSERT INTO users (name) VALUES ('')")

    with pytest.raises(asyncpg.CheckViolationError) as violated:
        await service.run(fail)
    assert violated.value.constraint_name == "users_name_not_blank"


async def test_a_job_is_run_as_one_unit_of_work(service: Service, pool: Pool) -> None:
    async def enter(pool: Pool, name: str, trade: Trade, *, fail: bool = False) -> Trade:
        async with quantdb.transaction(pool) as tx:
            user = await UserRepo(tx).insert(NewUser(name))
            await TradeRepo(tx).insert(attrs.evolve(trade, user_id=user.id))
            if fail:
                raise LookupError(name)
            return await TradeRepo(tx).get(trade.id)

    trade = a_trade("UNIT")
    with pytest.raises(LookupError):
        await service.run(enter, "unit", trade, fail=True)
    assert await TradeRepo(pool).find(trade.id) is None
    stored = await service.run(enter, "unit", trade)
    assert_type(stored, Trade)
    assert stored == await TradeRepo(pool).get(trade.id)
    with pytest.raises(TypeError):
        await loose(service.run)(enter)


async def test_rays_own_get_has_the_results(service: Service, trades: TradeRepo) -> None:
    trade = a_trade("REFERENCE")
    reference = service.submit(trades.insert, trade)
    assert_type(reference, ObjectRef[Trade])
    process = service.submit(process_of)
    assert_type(process, ObjectRef[int])
    assert await asyncio.to_thread(ray.get, reference) == trade
    assert await asyncio.to_thread(ray.get, process) != os.getpid()
    # An argument may be the result of another call.
    again = loose(service.submit)(trades.insert, service.submit(trades.get, trade.id))
    assert await asyncio.to_thread(ray.get, again) == trade


async def test_a_cancelled_call_cancels_its_statement(service: Service, pool: Pool) -> None:
    async def running() -> object:
        return await pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query ~ '/[*] served' "
            "AND state = 'active' AND pid <> pg_backend_pid()"
        )

    hanging = asyncio.create_task(service.repo(Desk).hang())
    await eventually(running, 1)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    await eventually(running, 0)


async def test_tasks_take_a_repository_or_a_service_as_an_argument(
    service: Service, trades: TradeRepo, config: PoolConfig
) -> None:
    @quantdb.ray.task(config, num_cpus=0.5)
    async def settle(_pool: Pool, trades: TradeRepo, service: Service, trade: Trade) -> int:
        stored = await trades.insert(trade)
        assert stored == trade
        return await service.run(process_of)

    given = [a_trade("TASKS", number) for number in range(20)]
    processes = await asyncio.gather(*(settle.remote(trades, service, trade) for trade in given))
    assert set(processes) == {await service.run(process_of)}
    assert await trades.count("TASKS", START, END) == 20


async def test_calls_share_no_ids(service: Service) -> None:
    async def ids(_pool: Pool) -> list[UUID]:
        return quantdb.ray.task_ids(3)

    desk = service.repo(Desk)
    answers = await asyncio.gather(*(service.run(ids) for _ in range(30)))
    answers += await asyncio.gather(*(desk.ids() for _ in range(30)))
    assert len({key for answer in answers for key in answer}) == 60 * 3


def is_gone(name: str) -> bool:
    try:
        quantdb.ray.get_service(name)
    except ValueError:
        return True
    return False


async def test_a_service_is_found_by_its_name(config: PoolConfig, pool: Pool) -> None:
    config = attrs.evolve(config, application_name="ledger", idle_lifetime=60)
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ledger'"
    first = quantdb.ray.serve(config, name="ledger", lifetime="detached", get_if_exists=True)
    try:
        same = quantdb.ray.serve(config, name="ledger", lifetime="detached", get_if_exists=True)
        found = quantdb.ray.get_service("ledger")
        processes = {await each.run(process_of) for each in (first, same, found)}
        assert len(processes) == 1
        assert await found.repo(TradeRepo).count("NONE", START, END) == 0
        assert await pool.fetchval(asked) == 1
    finally:
        first.stop()
    await until(lambda: is_gone("ledger"))  # Ray takes its name back a moment later
    with pytest.raises(ValueError, match="ledger"):
        quantdb.ray.get_service("ledger")
    with pytest.raises(ActorDiedError):
        await found.run(process_of)
    # Its connections go with its process.
    await eventually(lambda: pool.fetchval(asked), 0)


# Ends of the actor's process


async def test_a_call_whose_process_ends_after_commit_is_made_again_and_applied_once(
    service: Service, tmp_path: Path
) -> None:
    crashing = service.repo(Crashing)
    trade = a_trade("CRASH")
    others = [crashing.insert(a_trade("WAITS", number)) for number in range(20)]
    stored, *_ = await asyncio.gather(crashing.insert_and_crash(trade, tmp_path), *others)
    assert stored == trade
    assert tried(tmp_path) == 2
    assert await crashing.count("CRASH", START, END) == 1
    assert await crashing.count("WAITS", START, END) == 20


@pytest.mark.parametrize("method", ["enter", "enter_in_transaction"])
async def test_a_call_that_must_not_be_made_twice_is_of_unknown_outcome(
    service: Service, pool: Pool, tmp_path: Path, method: str
) -> None:
    crashing = service.repo(Crashing)
    enter: Callable[[NewUser, Path], Coroutine[object, object, object]] = getattr(crashing, method)
    await doubtless()
    with pytest.raises(CommitUnknown, match="the process that ran this has ended"):
        await enter(NewUser(f"twice {method}"), tmp_path)
    count = "SELECT count(*) FROM users WHERE name = $1"
    assert await pool.fetchval(count, f"twice {method}") == 1
    await doubtless()  # then a new call is a new one
    await enter(NewUser(f"twice {method}"), tmp_path)
    assert await pool.fetchval(count, f"twice {method}") == 2


async def test_a_conflict_is_a_conflict_also_the_second_time(
    service: Service, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="another trade is stored under id"):
        await service.repo(Crashing).conflict(a_trade("AGAIN"), tmp_path)


async def test_a_job_whose_process_ends_has_the_same_ids_again(
    service: Service, pool: Pool, tmp_path: Path
) -> None:
    blank = a_trade("JOB")

    async def enter(pool: Pool, attempts: Path) -> list[UUID]:
        keys = quantdb.ray.task_ids(3)
        for key in keys:
            await TradeRepo(pool).insert(attrs.evolve(blank, id=key))
        crash_at_first(attempts)
        return keys

    keys = await service.run(enter, tmp_path)
    stored = await pool.fetch("SELECT id FROM trades WHERE symbol = 'JOB' ORDER BY id")
    assert [row["id"] for row in stored] == keys


async def test_a_service_without_restarts_ends_with_its_process(config: PoolConfig) -> None:
    service = quantdb.ray.serve(config, max_restarts=0, num_cpus=0, max_concurrency=10)
    os.kill(await service.run(process_of), signal.SIGKILL)
    with pytest.raises(ActorDiedError):
        await service.repo(TradeRepo).count("NONE", START, END)


async def test_a_stream_whose_process_ends_is_lost(service: Service) -> None:
    came: list[int] = []

    async def read() -> None:
        async for number in service.repo(Crashing).crash_in_stream():
            came.append(number)  # noqa: PERF401 - it raises

    with pytest.raises(ConnectionLost) as lost:
        await read()
    assert (came, lost.value.retryable) == ([1], True)
