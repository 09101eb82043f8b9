# ruff: noqa: E402 - the environment comes before the import of Ray
import asyncio
import inspect
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, assert_type
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import attrs
import pytest

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import ray
from ray import ObjectRef, cloudpickle
from ray.exceptions import TaskCancelledError, WorkerCrashedError

import quantdb.ray
from quantdb import Conflict, NotFound, Pool, PoolConfig, Trade, TradeRepo
from quantdb.demo.cluster import local_ray
from quantdb.embedded import EmbeddedPostgres
from quantdb.errors import ConfigError

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("two_workers")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    with local_ray(2):
        yield


@pytest.fixture
def config(dsn: str) -> PoolConfig:
    return quantdb.ray.worker_config(PoolConfig(dsn), workers=2)


def a_trade(symbol: str) -> Trade:
    return Trade(
        symbol=symbol,
        side="buy",
        quantity=Decimal("1.5"),
        price=Decimal("-37.63"),
        executed_at=datetime(2020, 4, 20, 18, 30, tzinfo=UTC),
        venue="XTST",
    )


def loose(function: Callable[..., T]) -> Callable[..., T]:
    """Hide the parameters from the type checkers."""
    return function


def tried(attempts: Path) -> int:
    return len(list(attempts.iterdir()))


def test_a_worker_process_keeps_one_pool_for_each_configuration(config: PoolConfig) -> None:
    other = attrs.evolve(config, application_name="another")

    async def seen(pool: Pool, _number: int) -> tuple[int, int, object]:
        name: object = await pool.fetchval("SELECT current_setting('application_name')")
        return os.getpid(), id(pool), name

    references: list[ObjectRef[tuple[int, int, object]]] = []
    for each in (config, other):
        submitted = quantdb.ray.task(each)(seen)
        references += [submitted.remote(number) for number in range(20)]
    answers = set(ray.get(references))
    processes = {process for process, _pool, _name in answers}
    pools = {(process, pool) for process, pool, _name in answers}
    names = {(process, name) for process, _pool, name in answers}
    assert os.getpid() not in processes
    assert len(answers) == len(pools) == len(names)
    assert {name for _process, name in names} == {"quant_trading_ray_worker", "another"}


def test_a_password_does_not_travel_and_a_worker_finds_it() -> None:
    with EmbeddedPostgres(tcp=True) as server:
        password = urlsplit(server.dsn).password
        assert password
        config = quantdb.ray.worker_config(PoolConfig(server.dsn), workers=2)

        @quantdb.ray.task(config)
        async def user(pool: Pool) -> object:
            return await pool.fetchval("SELECT current_user")

        dumps: Callable[[object], bytes] = getattr(cloudpickle, "dumps")  # noqa: B009 - has no types
        for travelling in (config, user):
            assert password.encode() not in dumps(travelling)
        assert ray.get(user.remote()) == "postgres"


def test_a_job_has_the_pool_on_one_loop_in_a_thread_of_the_process(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def where(_pool: Pool) -> tuple[int, str, int]:
        loop = asyncio.get_running_loop()
        return os.getpid(), threading.current_thread().name, id(loop)

    answers = set(ray.get([where.remote() for _ in range(10)]))
    assert len(answers) == len({process for process, _thread, _loop in answers})
    assert {thread for _process, thread, _loop in answers} == {"quantdb-pools"}


async def test_connections_of_all_workers_stay_within_the_budget(dsn: str) -> None:
    name = "budgeted"
    config = quantdb.ray.worker_config(
        PoolConfig(dsn, max_size=4, min_size=0, application_name=name), workers=2
    )

    @quantdb.ray.task(config)
    async def crowd(pool: Pool) -> object:
        await asyncio.gather(*(pool.execute("SELECT pg_sleep(0.05)") for _ in range(10)))
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
        return await pool.fetchval(count, "budgeted")

    counts = ray.get([crowd.remote() for _ in range(4)])
    assert all(isinstance(count, int) and 0 < count <= 4 for count in counts)


async def test_a_task_that_crashes_after_its_commits_stores_each_trade_once(
    config: PoolConfig, pool: Pool, tmp_path: Path
) -> None:
    symbols = [f"RETRY{number}" for number in range(3)]
    blank = [a_trade(symbol) for symbol in symbols]

    def crash_unless_tried(attempts: Path, times: int) -> None:
        (attempts / str(time.time_ns())).touch()
        if len(list(attempts.iterdir())) < times:
            os._exit(1)

    @quantdb.ray.task(config, max_retries=2)
    async def settle(pool: Pool, attempts: Path) -> list[UUID]:
        first = quantdb.ray.task_ids(2)
        for trade, key in zip(blank, first + quantdb.ray.task_ids(1), strict=True):
            await TradeRepo(pool).insert(attrs.evolve(trade, id=key))
        crash_unless_tried(attempts, 3)
        return first

    first = ray.get(settle.remote(tmp_path))
    stored = await pool.fetch(
        "SELECT id, symbol FROM trades WHERE symbol = ANY($1) ORDER BY id", symbols
    )
    assert tried(tmp_path) == 3
    assert [row["symbol"] for row in stored] == symbols
    assert [row["id"] for row in stored][:2] == first


def test_tasks_share_no_ids(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def ids(_pool: Pool) -> list[UUID]:
        return quantdb.ray.task_ids(50) + quantdb.ray.task_ids(50)

    answers = ray.get([ids.remote() for _ in range(20)])
    assert len({key for answer in answers for key in answer}) == 20 * 100
    assert all(answer == sorted(answer) for answer in answers)


def test_an_error_of_ours_comes_back_as_itself(config: PoolConfig) -> None:
    trade = a_trade("ERRORS")

    @quantdb.ray.task(config)
    async def insert(pool: Pool, price: Decimal) -> Trade:
        return await TradeRepo(pool).insert(attrs.evolve(trade, price=price))

    @quantdb.ray.task(config)
    async def get(pool: Pool, key: UUID) -> Trade:
        return await TradeRepo(pool).get(key)

    assert ray.get(insert.remote(Decimal(1))) == attrs.evolve(trade, price=Decimal(1))
    with pytest.raises(Conflict, match="another trade is stored under id") as refused:
        ray.get(insert.remote(Decimal(2)))
    assert (refused.value.constraint, refused.value.outcome) == ("trades_pkey", "not_applied")
    with pytest.raises(NotFound):
        ray.get(get.remote(UUID(int=1)))


def test_an_error_of_the_server_comes_back_as_itself(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def fail(pool: Pool) -> str:
        return await pool.execute("INSERT INTO users (name) VALUES ('')")

    with pytest.raises(asyncpg.CheckViolationError, match="users_name_not_blank"):
        ray.get(fail.remote())


def test_options_are_those_of_ray(config: PoolConfig, tmp_path: Path) -> None:
    @quantdb.ray.task(config, num_cpus=0.5, max_retries=0)
    async def resources(_pool: Pool, crash: Path | None = None) -> object:
        if crash is not None:
            crash.joinpath(str(time.time_ns())).touch()
            os._exit(1)
        context: object = ray.get_runtime_context()
        return getattr(context, "get_assigned_resources")()["CPU"]  # noqa: B009 - is untyped

    assert ray.get(resources.remote()) == 0.5
    assert ray.get(resources.options(num_cpus=2).remote()) == 2
    with pytest.raises(WorkerCrashedError):
        ray.get(resources.remote(tmp_path))
    assert tried(tmp_path) == 1


def test_a_task_without_options_may_return_nothing(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def nothing(_pool: Pool) -> None: ...

    reference = nothing.remote()
    assert_type(reference, ObjectRef[None])
    assert ray.get([reference]) == [None]


def test_parameters_and_result_have_their_types(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def double(_pool: Pool, number: int, *, times: int = 2) -> int:
        return number * times

    reference = double.remote(21)
    assert_type(reference, ObjectRef[int])
    assert ray.get(reference) == 42
    assert ray.get(double.remote(number=5, times=3)) == 15
    assert repr(double).endswith("double)")


def test_an_argument_may_be_the_result_of_another_task(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def double(_pool: Pool, number: int) -> int:
        return number * 2

    submit = loose(double.remote)
    assert ray.get(submit(submit(submit(1)))) == 8


def test_wrong_arguments_fail_before_anything_is_sent(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def double(_pool: Pool, number: int) -> int:
        return number * 2

    submit = loose(double.remote)
    with pytest.raises(TypeError, match="number"):
        submit()
    with pytest.raises(TypeError, match="pool"):
        submit(1, _pool=2)


async def test_a_cancelled_task_cancels_its_statement(config: PoolConfig, pool: Pool) -> None:
    @quantdb.ray.task(config, max_retries=0)
    async def sleep(pool: Pool) -> str:
        return await pool.execute("SELECT pg_sleep(20) /* to be cancelled */")

    running = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '/[*] to be cancelled'"
    is_there = f"{running} AND state = 'active' AND pid <> pg_backend_pid()"
    reference = sleep.remote()
    until = time.monotonic() + 20
    while not await pool.fetchval(is_there):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    getattr(ray, "cancel")(reference)  # noqa: B009 - its types are not all there
    with pytest.raises(TaskCancelledError):
        ray.get(reference)
    until = time.monotonic() + 5
    while await pool.fetchval(is_there):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


def test_a_job_is_a_coroutine_function(config: PoolConfig) -> None:
    declare = loose(quantdb.ray.task(config))

    def plain(_pool: Pool) -> None: ...

    with pytest.raises(ConfigError, match="async def"):
        declare(plain)


def test_a_job_can_be_called_without_ray(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def double(_pool: Pool, number: int) -> int:
        """Double a number."""
        return number * 2

    assert inspect.iscoroutinefunction(double.job)
    assert double.job.__doc__ == "Double a number."
