"""A pool in a process, a thread or an event loop that it is not of; and pools that have ended."""

import asyncio
import gc
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from proxy import FaultProxy, says
from support import a_trade, fresh

import quantdb
from quantdb import ConfigError, PoolConfig, TradeRepo

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

Call = Callable[[quantdb.Pool], Coroutine[None, None, object]]


async def read(pool: quantdb.Pool) -> object:
    return await TradeRepo(pool).latest("x")


async def raw(pool: quantdb.Pool) -> object:
    return await pool.fetchval("SELECT 1")


async def unit(pool: quantdb.Pool) -> object:
    async with quantdb.transaction(pool) as tx:
        return await tx.fetchval("SELECT 1")


async def lend(pool: quantdb.Pool) -> object:
    return await pool.acquire()


async def open_again(pool: quantdb.Pool) -> object:
    return await pool


async def close(pool: quantdb.Pool) -> None:
    await pool.close()


async def expire(pool: quantdb.Pool) -> None:
    await pool.expire_connections()


CALLS: Final[list[Call]] = [read, raw, unit, lend, open_again, close, expire]


def refused(call: Call, pool: quantdb.Pool) -> str:
    """Make a call in a loop of its own and return what was said."""
    began = time.monotonic()
    try:
        asyncio.run(call(pool))
    except ConfigError as error:
        assert time.monotonic() - began < 5
        return str(error)
    return "it worked"


async def still_works(pool: quantdb.Pool) -> None:
    assert await pool.fetchval("SELECT 1") == 1
    trade = a_trade(fresh())
    assert trade == await TradeRepo(pool).insert(trade)


async def test_another_event_loop_is_told_at_once(dsn: str) -> None:
    async with quantdb.create_pool(PoolConfig(dsn, min_size=2)) as pool:
        with ThreadPoolExecutor() as threads:
            for call in CALLS:
                said = await asyncio.wrap_future(threads.submit(refused, call, pool))
                assert "another event loop or thread" in said, call
        await still_works(pool)


async def test_another_thread_that_waits_for_ours_works(dsn: str) -> None:
    async with quantdb.create_pool(PoolConfig(dsn, min_size=1)) as pool:
        loop = asyncio.get_running_loop()
        answers: list[object] = []

        def ask() -> None:
            answers.append(asyncio.run_coroutine_threadsafe(raw(pool), loop).result(10))
            answers.append(pool.get_size())

        thread = threading.Thread(target=ask)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert answers == [1, 1]


def test_a_loop_that_has_ended_took_its_pool_with_it(dsn_of_a_thread: str) -> None:
    async def leave_open() -> quantdb.Pool:
        pool = await quantdb.create_pool(PoolConfig(dsn_of_a_thread, min_size=1))
        await raw(pool)
        connection = await pool.acquire()
        getattr(connection, "terminate")()  # noqa: B009 - or asyncio says that it was left open
        return pool

    pool = asyncio.run(leave_open())
    for call in CALLS:
        assert "has ended" in refused(call, pool)


@pytest.fixture
def dsn_of_a_thread(server_dsn: str) -> str:
    """A database that needs no schema; for tests without a loop of their own."""
    return server_dsn


async def test_a_closed_pool_is_told_at_once(dsn: str) -> None:
    pool = await quantdb.create_pool(PoolConfig(dsn, min_size=1))
    await pool.close()
    for call in (read, raw, unit, lend, open_again):
        with pytest.raises(ConfigError, match="closed"):
            await call(pool)
    await pool.close()
    never = quantdb.create_pool(PoolConfig(dsn))
    with pytest.raises(ConfigError, match="not open"):
        await raw(never)


# A child that was forked


def in_a_child(
    pool: quantdb.Pool, said: "multiprocessing.SimpleQueue[str]", *, quietly: bool
) -> None:
    """What a child of a fork does: use the pool, lose it, collect garbage, leave."""
    # The parent's loop runs in this thread as far as asyncio knows.
    asyncio.set_event_loop(None)
    getattr(asyncio, "_set_running_loop")(None)  # noqa: B009 - a fork inside of a loop
    said.put("; ".join(refused(call, pool) for call in CALLS))
    if quietly:
        os._exit(0)
    try:
        pool.terminate()
    except ConfigError as error:
        said.put(str(error))
    del pool
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("quietly", [True, False])
async def test_a_forked_child_is_told_and_its_parent_undisturbed(
    proxy: FaultProxy, *, quietly: bool
) -> None:
    config = PoolConfig(proxy.dsn, min_size=3, max_size=3, command_timeout=5)
    async with quantdb.create_pool(config) as pool:
        pids = {await pool.fetchval("SELECT pg_backend_pid()") for _ in range(5)}
        asleep = asyncio.create_task(pool.fetchval("SELECT 7 FROM pg_sleep(1)"))
        await asyncio.sleep(0.1)
        forking = multiprocessing.get_context("fork")
        said = forking.SimpleQueue()
        child = forking.Process(target=in_a_child, args=(pool, said), kwargs={"quietly": quietly})
        child.start()
        await asyncio.to_thread(child.join, 30)
        assert child.exitcode == 0
        answers = str(said.get()).split("; ")
        told = [answer for answer in answers if "another process" in answer]
        assert len(told) == len(CALLS)
        assert await asleep == 7
        assert {await pool.fetchval("SELECT pg_backend_pid()") for _ in range(5)} <= pids | {
            await pool.fetchval("SELECT pg_backend_pid()")
        }
        assert len(proxy.links) == 3, "no connection was lost"
        await still_works(pool)


async def test_a_forked_child_opens_a_pool_of_its_own(dsn: str) -> None:
    program = textwrap.dedent("""
        import asyncio, os, sys
        import quantdb

        def quiet():  # of a machine that is slow
            asyncio.get_running_loop().slow_callback_duration = 60

        async def main(config):
            quiet()
            async with quantdb.create_pool(config) as pool:
                return await pool.fetchval("SELECT 1")

        async def parent(config):
            quiet()
            async with quantdb.create_pool(config) as pool:
                await pool.fetchval("SELECT 1")
                child = os.fork()
                if child == 0:
                    asyncio._set_running_loop(None)
                    os._exit(10 + asyncio.run(main(config)))
                _pid, status = await asyncio.to_thread(os.waitpid, child, 0)
                assert await pool.fetchval("SELECT 1") == 1
                return os.waitstatus_to_exitcode(status)

        config = quantdb.PoolConfig(sys.argv[1], min_size=1, max_size=2)
        print(asyncio.run(parent(config)))
    """)
    done = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            "-W",
            "error",
            "-X",
            "dev",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            program,
            dsn,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "11\n", "")


def test_a_configuration_travels(dsn_of_a_thread: str) -> None:
    config = PoolConfig(dsn_of_a_thread, min_size=0, retry_timeout=3, command_timeout=7)
    assert pickle.loads(pickle.dumps(config)) == config


# The end


async def test_a_program_that_ends_in_trouble_says_nothing_of_tasks(dsn: str) -> None:
    """Stuck statements, cancelled ones and a pool that is left to its end: in debug mode."""
    program = textwrap.dedent("""
        import asyncio, sys
        import quantdb
        from quantdb import PoolConfig, TradeRepo

        async def main():
            config = PoolConfig(sys.argv[1], min_size=2, max_size=3, close_timeout=0.3)
            async with quantdb.create_pool(config) as pool:
                stuck = "SELECT pg_sleep(60)"
                tasks = [asyncio.create_task(pool.fetchval(stuck)) for _ in range(9)]
                try:
                    async with asyncio.timeout(0.2):
                        await asyncio.gather(TradeRepo(pool).latest("x"), pool.fetchval(stuck))
                except TimeoutError:
                    pass
                tasks[0].cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            print({type(answer).__name__ for answer in answers} <= {
                "CancelledError", "ConnectionLost", "ConfigError"})

        asyncio.run(main(), debug=True)
    """)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, dsn],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"
    assert "Task" not in done.stderr
    assert "never" not in done.stderr


async def test_what_is_lost_and_comes_back_is_logged_once(
    proxy: FaultProxy, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = PoolConfig(
        proxy.dsn, min_size=0, max_size=8, command_timeout=5, retry_timeout=4, acquire_timeout=5
    )
    async with quantdb.create_pool(config) as pool:
        await read(pool)
        proxy.always(says("BEGIN"), "reset")
        work = asyncio.gather(*(read(pool) for _ in range(40)))
        await asyncio.sleep(0.5)
        proxy.heal()
        await work
        await read(pool)
    assert len(lines) == 2, lines
    assert lines[0].startswith("WARNING connections to the database are being lost")
    assert lines[1].startswith("INFO the database answers again, after ")


async def test_connections_that_are_kept_open_are_not_logged_at_each_attempt(
    proxy: FaultProxy, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    config = PoolConfig(proxy.dsn, min_size=3, max_size=3, connect_timeout=0.2, retry_timeout=0)
    async with quantdb.create_pool(config) as pool:
        await read(pool)
        await proxy.refuse()
        proxy.cut()
        await asyncio.sleep(2)
        await proxy.listen()
        await read(pool)
    assert len([line for line in lines if line.startswith("WARNING")]) == 1, lines
    assert "Failed to restore" not in caplog.text
