import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import closing
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import assert_type
from uuid import uuid4

import asyncpg
import attrs
import pytest

import quantdb
from quantdb import Conflict, NewUser, PoolConfig, Trade, TradeRepo, UserRepo
from quantdb.blocking import BlockingPool, blocking_pool
from quantdb.errors import ConfigError, PoolTimeout, TransactionAborted
from quantdb.loopthread import LoopThread

START = datetime(2024, 3, 1, tzinfo=UTC)
END = datetime(2024, 4, 1, tzinfo=UTC)

told: ContextVar[str] = ContextVar("told", default="nothing")


@pytest.fixture(scope="module")
def db(dsn: str) -> Iterator[BlockingPool]:
    with blocking_pool(PoolConfig(dsn, min_size=0, max_size=4)) as db:
        yield db


@pytest.fixture(scope="module")
def trades(db: BlockingPool) -> TradeRepo:
    return TradeRepo(db.pool)


def a_trade(symbol: str, number: int = 0) -> Trade:
    return Trade(
        symbol=symbol,
        side="buy",
        quantity=Decimal("1.5"),
        price=Decimal("-37.63"),
        executed_at=START + timedelta(seconds=number),
        venue="XTST",
    )


def test_what_is_awaited_elsewhere_is_run(db: BlockingPool, trades: TradeRepo) -> None:
    trade = a_trade("RUN")
    stored = db.run(trades.insert(trade))
    assert_type(stored, Trade)
    assert stored == trade == db.run(trades.get(trade.id))
    with pytest.raises(Conflict):
        db.run(trades.insert(attrs.evolve(trade, price=Decimal(2))))
    assert db.fetchval("SELECT $1::int + 1", 1) == 2
    assert [row["n"] for row in db.fetch("SELECT n FROM generate_series(1, 3) n")] == [1, 2, 3]
    row = db.fetchrow("SELECT 1 AS one")
    assert row is not None
    assert row["one"] == 1
    assert db.execute("SELECT 1") == "SELECT 1"
    assert repr(db).startswith("BlockingPool(PoolConfig(")


async def test_it_works_where_a_loop_runs_already(dsn: str) -> None:
    with blocking_pool(dsn) as db:  # as in a notebook
        assert db.fetchval("SELECT 1") == 1


def test_several_are_run_at_once(db: BlockingPool, trades: TradeRepo) -> None:
    given = [a_trade("GATHER", number) for number in range(30)]
    stored = db.gather(*(trades.insert(trade) for trade in given))
    assert_type(stored, list[Trade])
    assert stored == given
    assert db.gather() == []
    other = attrs.evolve(given[3], price=Decimal(2))
    began = time.monotonic()
    with pytest.raises(Conflict):
        db.gather(trades.insert(other), _slow(db))
    assert time.monotonic() - began < 10


async def _slow(db: BlockingPool) -> Trade:
    await db.pool.execute("SELECT pg_sleep(20)")
    return a_trade("SLOW")


def test_streams_are_iterated_over(db: BlockingPool, trades: TradeRepo) -> None:
    given = [a_trade("ITERATE", number) for number in range(700)]
    db.run(trades.insert_many(given))
    assert list(db.iterate(trades.stream("ITERATE", START, END))) == given
    assert list(db.iterate(trades.stream("ITERATE", START, END), ahead=1)) == given
    assert list(db.iterate(trades.stream("NONE", START, END))) == []


def test_an_iteration_that_is_left_gives_its_connection_back(
    db: BlockingPool, trades: TradeRepo
) -> None:
    with closing(db.iterate(trades.stream("ITERATE", START, END))) as stream:
        next(stream)
        assert db.run(_lent(db)) == 1
    assert db.run(_lent(db)) == 0


async def _lent(db: BlockingPool) -> int:
    return db.pool.get_size() - db.pool.get_idle_size()


def test_an_iteration_is_one_task_and_gives_what_came_before_its_error(db: BlockingPool) -> None:
    tasks: set[object] = set()

    async def numbers() -> AsyncIterator[int]:
        async with asyncio.timeout(30):
            for number in range(5):
                tasks.add(asyncio.current_task())
                yield number
            raise LookupError("no more")

    came: list[int] = []
    with pytest.raises(LookupError, match="no more"):
        came.extend(_noted(db.iterate(numbers(), ahead=2), came.append))
    assert (came, len(tasks)) == ([0, 1, 2, 3, 4], 1)


def _noted(numbers: Iterator[int], note: Callable[[int], None]) -> Iterator[int]:
    for number in numbers:
        note(number)
    return iter(())


def test_a_transaction_is_one_unit_of_work(db: BlockingPool, trades: TradeRepo) -> None:
    trade = a_trade("UNIT")
    with pytest.raises(LookupError), db.transaction() as tx:  # noqa: PT012
        db.run(TradeRepo(tx).insert(trade))
        raise LookupError
    assert db.run(trades.find(trade.id)) is None
    with db.transaction() as tx:
        user = db.run(UserRepo(tx).insert(NewUser("unit")))
        db.run(TradeRepo(tx).insert(attrs.evolve(trade, user_id=user.id)))
        assert db.run(trades.find(trade.id)) is None
        assert db.run(tx.fetchval("SELECT count(*) FROM trades WHERE id = $1", trade.id)) == 1
    assert db.run(trades.get(trade.id)).user_id == user.id
    assert db.run(_lent(db)) == 0


def test_an_iteration_may_write_in_the_transaction_that_it_reads_in(db: BlockingPool) -> None:
    with db.transaction() as tx:
        here = TradeRepo(tx)
        db.run(here.insert_many([a_trade("BOTH", number) for number in range(600)]))
        for trade in db.iterate(here.stream("BOTH", START, END)):
            if trade.executed_at.second == 0:
                db.run(here.insert(attrs.evolve(trade, symbol="WROTE", id=uuid4())))
    assert db.fetchval("SELECT count(*) FROM trades WHERE symbol = 'WROTE'") == 10


def test_a_transaction_has_its_settings_and_tells_of_a_swallowed_error(db: BlockingPool) -> None:
    with db.transaction(readonly=True, isolation="serializable") as tx:
        assert db.run(tx.fetchval("SHOW transaction_read_only")) == "on"
        assert db.run(tx.fetchval("SHOW transaction_isolation")) == "serializable"
    with db.transaction(settings={"app.tenant": "7"}) as tx:
        assert db.run(tx.fetchval("SHOW app.tenant")) == "7"
    with (
        pytest.raises(TransactionAborted),
        db.transaction() as tx,
        pytest.raises(asyncpg.CheckViolationError),
    ):
        db.run(tx.execute("INSERT INTO users (name) VALUES ('')"))


def test_an_error_of_the_server_in_a_block_is_what_it_means(db: BlockingPool) -> None:
    with pytest.raises(Conflict), db.transaction() as tx:  # noqa: PT012
        statement = "INSERT INTO users (name, email) VALUES ('a', 'twice@example.org')"
        for _ in range(2):
            db.run(tx.execute(statement))


def test_a_block_that_waits_for_its_own_connection_is_told_at_once(dsn: str) -> None:
    with blocking_pool(PoolConfig(dsn, min_size=0, max_size=1, acquire_timeout=60)) as db:
        with pytest.raises(PoolTimeout, match="held by"), db.transaction():
            db.fetchval("SELECT 1")
        assert db.fetchval("SELECT 1") == 1


def test_what_is_run_sees_the_context_of_its_caller(db: BlockingPool) -> None:
    async def seen() -> str:
        return told.get()

    token = told.set("something")
    try:
        assert db.run(seen()) == "something"
        with db.transaction():
            assert db.run(seen()) == "something"
    finally:
        told.reset(token)


def test_an_interrupt_cancels_what_is_waited_for_and_rolls_back(
    db: BlockingPool, trades: TradeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = a_trade("INTERRUPTED")

    def interrupted(*_args: object, **_kwargs: object) -> object:
        monkeypatch.undo()
        time.sleep(0.3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), db.transaction() as tx:  # noqa: PT012
        db.run(TradeRepo(tx).insert(trade))
        monkeypatch.setattr("quantdb.loopthread.wait", interrupted)
        db.run(tx.execute("SELECT pg_sleep(30) /* interrupted */"))
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE query ~ '/[*] interrupted' "
        "AND state = 'active' AND pid <> pg_backend_pid()"
    )
    until = time.monotonic() + 10
    while db.fetchval(asked):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert db.run(trades.find(trade.id)) is None
    assert db.run(_lent(db)) == 0


def test_what_ends_a_process_does_not_end_the_loop(db: BlockingPool) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        db.run(leave())
    assert db.fetchval("SELECT 1") == 1


def test_a_coroutine_that_would_wait_for_its_own_thread_is_told(db: BlockingPool) -> None:
    async def nested() -> object:
        return db.fetchval("SELECT 1")

    with pytest.raises(ConfigError, match="await instead"):
        db.run(nested())


def test_threads_use_it_at_once(db: BlockingPool) -> None:
    answers: list[object] = []

    def ask() -> None:
        answers.append(db.fetchval("SELECT 1"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [1] * 8


def test_a_transaction_does_not_wait_for_another_thread(
    db: BlockingPool, trades: TradeRepo
) -> None:
    trade = a_trade("THREADS")
    sleeping = threading.Thread(target=db.execute, args=("SELECT pg_sleep(2)",))
    with db.transaction() as tx:
        sleeping.start()
        db.run(TradeRepo(tx).insert(trade))
    assert sleeping.is_alive()
    assert db.run(trades.get(trade.id)) == trade
    sleeping.join(30)


def test_its_connections_and_its_thread_end_with_the_block(dsn: str, db: BlockingPool) -> None:
    with blocking_pool(PoolConfig(dsn, min_size=1, max_size=1, application_name="gone")) as other:
        assert other.fetchval("SELECT 1") == 1
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("quantdb-blocking") == 1
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gone'"
    until = time.monotonic() + 10
    while db.fetchval(asked):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_pool_that_does_not_open_says_why() -> None:
    with pytest.raises(ConfigError), blocking_pool("mysql://localhost"):
        pass


def test_a_loop_thread_stops() -> None:
    thread = LoopThread("stops")

    async def numbers() -> AsyncGenerator[int, None]:
        yield 1

    assert thread.run(anext(numbers())) == 1
    thread.stop()
    assert "stops" not in [each.name for each in threading.enumerate()]


def test_what_a_blocking_pool_has_not_it_says_whose_it_is(db: BlockingPool) -> None:
    assert not hasattr(db, "__await__")
    repo: Callable[[object], TradeRepo] = getattr(quantdb, "TradeRepo")  # noqa: B009 - untyped
    with pytest.raises(AttributeError, match=r"TradeRepo\(db\.pool\)"):
        db.run(repo(db).symbols())
