# ruff: noqa: E402 - the environment comes before the import of Ray
import asyncio
import inspect
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
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
from quantdb.embedded import EmbeddedPostgres
from quantdb.errors import ConfigError, ConnectionLost
from quantdb.ray import BlockingPool

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("two_workers")


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


# Plain functions


def test_a_plain_function_gets_a_pool_that_it_waits_for(config: PoolConfig) -> None:
    trade = a_trade("PLAIN")

    @quantdb.ray.task(config, num_cpus=0.5)
    def settle(db: BlockingPool, trade: Trade, *, times: int = 1) -> tuple[list[Trade], str]:
        keys = quantdb.ray.task_ids(times)
        with db.transaction() as tx:
            for key in keys:
                db.run(TradeRepo(tx).insert(attrs.evolve(trade, id=key)))
        trades = TradeRepo(db.pool)
        thread = threading.current_thread().name
        return list(db.iterate(trades.stream("PLAIN", day, day + timedelta(days=1)))), thread

    day = trade.executed_at
    reference = settle.remote(trade, times=3)
    assert_type(reference, ObjectRef[tuple[list[Trade], str]])
    stored, thread = ray.get(reference)
    assert ([each.symbol for each in stored], thread) == (["PLAIN"] * 3, "MainThread")
    assert_type(settle.options(num_cpus=1).remote(trade), ObjectRef[tuple[list[Trade], str]])
    assert settle.job.__name__ == "settle"


def test_plain_and_coroutine_jobs_of_a_process_share_its_pool(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    def plain(db: BlockingPool) -> tuple[int, int]:
        return os.getpid(), id(db.pool)

    @quantdb.ray.task(config)
    async def other(pool: Pool) -> tuple[int, int]:
        return os.getpid(), id(pool)

    answers = set(ray.get([job.remote() for job in (plain, other) for _ in range(10)]))
    assert len(answers) == len({process for process, _pool in answers})


async def test_a_cancelled_plain_task_cancels_its_statement_and_rolls_back(
    config: PoolConfig, pool: Pool
) -> None:
    trade = a_trade("CANCELLED")

    @quantdb.ray.task(config, max_retries=0)
    def sleep(db: BlockingPool) -> None:
        with db.transaction() as tx:
            db.run(TradeRepo(tx).insert(trade))
            db.run(tx.execute("SELECT pg_sleep(20) /* plain, to be cancelled */"))

    running = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '/[*] plain, to be'"
    is_there = f"{running} AND state = 'active' AND pid <> pg_backend_pid()"
    reference = sleep.remote()
    await eventually(pool, is_there, 1)
    getattr(ray, "cancel")(reference)  # noqa: B009 - its types are not all there
    with pytest.raises(TaskCancelledError):
        await asyncio.to_thread(ray.get, reference)
    await eventually(pool, is_there, 0)
    assert await TradeRepo(pool).find(trade.id) is None


async def eventually(pool: Pool, query: str, wanted: object) -> None:
    until = time.monotonic() + 20
    while (found := await pool.fetchval(query)) != wanted:
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)


def test_what_is_no_task_is_refused_where_it_is_declared(config: PoolConfig) -> None:
    declare = loose(quantdb.ray.task(config))

    def plain(pool: Pool) -> None: ...

    async def blocking(db: BlockingPool) -> None: ...

    async def items(_pool: Pool) -> AsyncIterator[int]:
        yield 1

    def numbers(_db: BlockingPool) -> Iterator[int]:
        yield 1

    def nothing() -> None: ...

    async def fine(pool: Pool) -> None: ...

    for job, why in {
        plain: "async def gets a Pool",
        blocking: "async def gets a Pool",
        items: "generator",
        numbers: "generator",
        nothing: "first parameter",
        len: "is a function",
    }.items():
        with pytest.raises(ConfigError, match=why):
            declare(job)
    for several in (0, 2, "streaming", "dynamic"):
        with pytest.raises(ConfigError, match="one result"):
            quantdb.ray.task(config, num_returns=several)
    with pytest.raises(ValueError, match="num_cpu"):
        quantdb.ray.task(config, num_cpu=1)(fine)


def test_a_task_that_is_called_says_how_it_is_submitted(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def settle(_pool: Pool, day: str) -> str:
        return day

    call: Callable[..., object] = getattr(settle, "__call__")  # noqa: B004, B009 - none, in types
    for args in ((), ("monday",)):
        with pytest.raises(ConfigError, match=r"settle\.remote\(…\) submits it"):
            call(*args)


# Connections


async def test_a_worker_without_work_has_no_connection(dsn: str, pool: Pool) -> None:
    # As a user may give it, who has not asked for a share of the budget.
    config = PoolConfig(dsn, min_size=2, idle_lifetime=0.5, application_name="without work")

    @quantdb.ray.task(config)
    async def backend(pool: Pool) -> object:
        return await pool.fetchval("SELECT pg_backend_pid()")

    assert ray.get([backend.remote() for _ in range(10)])
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'without work'"
    await eventually(pool, asked, 0)


async def test_connections_go_with_their_worker(dsn: str, pool: Pool) -> None:
    config = PoolConfig(dsn, application_name="to be killed")

    @quantdb.ray.task(config, max_retries=0)
    async def process(pool: Pool) -> int:
        await pool.fetchval("SELECT 1")
        return os.getpid()

    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'to be killed'"
    killed = ray.get(process.remote())
    assert await pool.fetchval(asked) == 1
    os.kill(killed, signal.SIGKILL)
    await eventually(pool, asked, 0)


def test_what_ends_a_job_does_not_end_the_loop_of_its_process(config: PoolConfig) -> None:
    # Ray may send it once to a process that was killed just before, of which it does not know yet.
    @quantdb.ray.task(config, max_retries=1)
    async def loose_end(_pool: Pool) -> int:
        async def leave() -> None:
            raise SystemExit(3)

        task = asyncio.create_task(leave())
        await asyncio.sleep(0.1)
        assert task.done()
        task.exception()
        return os.getpid()

    processes = {ray.get(loose_end.remote()) for _ in range(3)}
    assert len(processes) <= 2


# Options


def test_a_task_is_run_again_for_the_errors_that_it_names(
    config: PoolConfig, tmp_path: Path
) -> None:
    @quantdb.ray.task(config, max_retries=3, retry_exceptions=[ConnectionLost])
    async def lose(
        _pool: Pool, attempts: Path, times: int, *, conflict: bool = False
    ) -> list[UUID]:
        (attempts / str(time.time_ns())).touch()
        if len(os.listdir(attempts)) < times:  # noqa: PTH208
            raise Conflict("no", "rule") if conflict else ConnectionLost("gone")
        return quantdb.ray.task_ids(1)

    def folder(name: str) -> Path:
        path = tmp_path / name
        path.mkdir()
        return path

    assert ray.get(lose.remote(folder("three"), 3))
    assert tried(tmp_path / "three") == 3
    with pytest.raises(ConnectionLost):
        ray.get(lose.remote(folder("many"), 9))
    assert tried(tmp_path / "many") == 4
    with pytest.raises(Conflict):
        ray.get(lose.remote(folder("conflict"), 3, conflict=True))
    assert tried(tmp_path / "conflict") == 1


def test_resources_environment_and_name_are_rays(config: PoolConfig) -> None:
    @quantdb.ray.task(
        config, name="nightly", runtime_env={"env_vars": {"QUANTDB_TEST_OPTION": "set"}}
    )
    def told(_db: BlockingPool) -> tuple[str | None, object]:
        context: object = ray.get_runtime_context()
        return os.environ.get("QUANTDB_TEST_OPTION"), getattr(context, "get_task_name")()  # noqa: B009

    assert ray.get(told.remote()) == ("set", "nightly")
    nowhere = told.options(resources={"a resource that no node has": 1}).remote()
    ready: object = getattr(ray, "wait")([nowhere], timeout=1)[0]  # noqa: B009
    assert ready == []
    getattr(ray, "cancel")(nowhere)  # noqa: B009


# Errors


def test_errors_arrive_with_what_is_on_them(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def fail(pool: Pool, kind: str) -> None:
        match kind:
            case "note":
                error = Conflict("refused", "trades_pkey", 3)
                error.add_note("in trades/insert.sql:7")
                raise error
            case "lock":
                held = Conflict("refused", "trades_pkey")
                vars(held)["lock"] = threading.Lock()
                raise held
            case "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail.job(pool, "lock"))
            case "server":
                await pool.execute("INSERT INTO users (name) VALUES ('')")
            case "nested":
                await fail.remote("server")
            case _:
                await TradeRepo(pool).insert(attrs.evolve(a_trade_of, user_id=10**12))

    a_trade_of = a_trade("NOBODYS")
    with pytest.raises(Conflict, match="refused") as refused:
        ray.get(fail.remote("note"))
    found = refused.value
    assert (found.constraint, found.row, found.outcome, found.retryable) == (
        "trades_pkey",
        3,
        "not_applied",
        False,
    )
    assert found.__notes__ == ["in trades/insert.sql:7"]
    with pytest.raises(Conflict) as refused:
        ray.get(fail.remote("lock"))
    assert refused.value.constraint == "trades_pkey"
    assert refused.value.__notes__ == ["does not travel: lock"]
    with pytest.raises(ExceptionGroup) as grouped:
        ray.get(fail.remote("group"))
    assert isinstance(grouped.value.exceptions[0], Conflict)
    for kind in ("server", "nested"):
        with pytest.raises(asyncpg.CheckViolationError) as violated:
            ray.get(fail.remote(kind))
        assert violated.value.constraint_name == "users_name_not_blank"
        assert (violated.value.sqlstate, violated.value.table_name) == ("23514", "users")
    with pytest.raises(asyncpg.ForeignKeyViolationError) as orphaned:
        ray.get(fail.remote("orphan"))
    assert "trades/insert.sql" in "".join(orphaned.value.__notes__)


def test_an_error_of_a_plain_task_and_one_with_arguments_of_its_own_arrive(
    config: PoolConfig,
) -> None:
    class Odd(Exception):
        def __init__(self, code: int, reason: str) -> None:
            super().__init__(f"{code}: {reason}")
            self.code = code

    @quantdb.ray.task(config)
    def fail(db: BlockingPool, *, ours: bool) -> None:
        if ours:
            db.run(TradeRepo(db.pool).get(UUID(int=1)))
        raise Odd(7, "odd")

    with pytest.raises(NotFound) as missing:
        ray.get(fail.remote(ours=True))
    assert missing.value.message == "get: no such row"
    with pytest.raises(Exception, match="7: odd") as odd:
        ray.get(fail.remote(ours=False))
    assert type(odd.value).__name__ == "RayTaskError(Odd)"
    assert getattr(odd.value, "code", None) == 7


def test_a_job_can_be_called_without_ray(config: PoolConfig) -> None:
    @quantdb.ray.task(config)
    async def double(_pool: Pool, number: int) -> int:
        """Double a number."""
        return number * 2

    assert inspect.iscoroutinefunction(double.job)
    assert double.job.__doc__ == "Double a number."
