import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from uuid import RFC_4122, UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import until

pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import quantdb.ray
from quantdb import Pool, PoolConfig
from quantdb.errors import ConfigError, ConnectionLost
from quantdb.ray.ids import Origin, in_job, new_origin
from quantdb.ray.workers import Pools, run_with_pool


def ids_of(origin: Origin, *counts: int) -> list[UUID]:
    with in_job(origin):
        return [key for count in counts for key in quantdb.ray.task_ids(count)]


@given(st.lists(st.integers(0, 20), max_size=5))
def test_ids_do_not_depend_on_how_they_are_asked_for(counts: list[int]) -> None:
    origin = Origin()
    keys = ids_of(origin, *counts)
    assert keys == ids_of(origin, sum(counts))
    assert keys == sorted(set(keys))


def test_the_ids_are_what_they_have_always_been() -> None:
    keys = ids_of(Origin(1_700_000_000_123, bytes(range(16))), 2)
    assert [str(key) for key in keys] == [
        "018bcfe5-687b-781c-8809-0a0b0c0d0e0f",
        "018bcfe5-687b-781c-8809-0a0b0c0d0e10",
    ]


def test_ids_are_of_version_7_and_of_the_submission() -> None:
    origin = Origin(milliseconds=1_700_000_000_123)
    keys = ids_of(origin, 1000)
    assert {key.version for key in keys} == {7}
    assert {key.variant for key in keys} == {RFC_4122}
    assert {key.int >> 80 for key in keys} == {1_700_000_000_123}


def test_ids_count_over_the_edge_of_their_bits() -> None:
    few = ids_of(Origin(milliseconds=2**48 - 1, nonce=b"\xff" * 16), 3)
    assert len(set(few)) == 3
    assert max(key.int for key in few) < 2**128


def children(origin: Origin, *jobs: str) -> list[Origin]:
    with in_job(origin):
        return [new_origin(job) for job in jobs]


def test_what_a_job_submits_has_the_same_ids_when_that_is_run_again() -> None:
    origin = Origin()
    first, second, other = children(origin, "settle", "settle", "report")
    assert len({origin.nonce, first.nonce, second.nonce, other.nonce}) == 4
    # One more of another job changes nothing.
    assert children(origin, "report", "settle", "settle") == [other, first, second]
    assert children(first, "settle") != children(second, "settle")
    assert ids_of(first, 2) != ids_of(second, 2)


def test_jobs_that_no_job_submits_share_no_ids() -> None:
    keys = [key for _ in range(100) for key in ids_of(new_origin("settle"), 100)]
    assert len(set(keys)) == 10_000


def test_threads_of_a_job_share_no_ids() -> None:
    def give(context: Context) -> list[UUID]:
        return context.run(quantdb.ray.task_ids, 5)

    with in_job(Origin()), ThreadPoolExecutor(8) as threads:
        given = list(threads.map(give, [copy_context() for _ in range(200)]))
        assert len({key for keys in given for key in keys}) == 1000


def test_ids_outside_of_a_task_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"quantdb\.ray"):
        quantdb.ray.task_ids(1)


async def test_a_forked_child_has_a_pool_of_its_own(dsn: str) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1)

    async def backend(pool: Pool) -> object:
        return await pool.fetchval("SELECT pg_backend_pid()")

    ours = run_with_pool(config, backend)
    script = f"""
import os
from quantdb import PoolConfig
from quantdb.ray.workers import run_with_pool

async def backend(pool):
    return await pool.fetchval("SELECT pg_backend_pid()")

config = PoolConfig({dsn!r}, min_size=0, max_size=1)
mine = run_with_pool(config, backend)
child = os.fork()
if not child:
    os._exit(0 if run_with_pool(config, backend) != mine else 1)
assert os.waitpid(child, 0)[1] == 0
assert run_with_pool(config, backend) == mine
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], check=True, timeout=60)
    assert run_with_pool(config, backend) == ours


async def test_a_pool_without_work_is_closed_and_dropped(dsn: str, pool: Pool) -> None:
    config = PoolConfig(dsn, min_size=1, max_size=2, idle_lifetime=0.5, application_name="idling")
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'idling'"
    pools = Pools()
    for number in range(3):
        each = attrs.evolve(config, application_name=f"idling {number}")
        async with pools.lent(each) as first, pools.lent(each) as second:
            assert first is second
            assert await first.fetchval("SELECT 1") == 1
            await asyncio.sleep(0.7)
            assert not first.is_closing()
    assert await pool.fetchval(count) == len(pools) == 1
    await until(lambda: len(pools) == 0, 5)
    for _ in range(40):
        if await pool.fetchval(count) == 0:
            break
        await asyncio.sleep(0.05)
    assert await pool.fetchval(count) == 0


async def test_a_pool_that_a_job_closed_or_that_does_not_open_is_made_again(dsn: str) -> None:
    pools, config = Pools(), PoolConfig(dsn, min_size=0)
    async with pools.lent(config) as first:
        await first.close()
    async with pools.lent(config) as second:
        assert await second.fetchval("SELECT 1") == 1
    nobody = PoolConfig("postgresql://localhost:1/nothing", min_size=1, connect_timeout=0.2)
    for _ in range(2):
        with pytest.raises(ConnectionLost):
            async with pools.lent(nobody):
                pass
    await pools.close()
    assert len(pools) == 0


def test_without_ray_the_import_says_what_to_install() -> None:
    script = """
import sys
sys.modules["ray"] = None
from quantdb.errors import ConfigError
try:
    import quantdb.ray
except ConfigError as error:
    print(error)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "quantdb.ray needs Ray: pip install 'quantdb[ray]'\n"


def test_quantdb_itself_does_not_load_ray() -> None:
    script = "import sys, quantdb; assert not {'ray', 'rich', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
