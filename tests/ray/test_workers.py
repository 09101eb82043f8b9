import asyncio
import subprocess
import sys
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ray.exceptions", reason="Ray is not installed")

import quantdb.ray
from quantdb import Pool, PoolConfig
from quantdb.errors import ConfigError
from quantdb.ray.ids import Origin, in_task
from quantdb.ray.workers import run_with_pool


def ids_of(origin: Origin, task_id: str, *counts: int) -> list[UUID]:
    with in_task(origin, task_id):
        return [key for count in counts for key in quantdb.ray.task_ids(count)]


@given(st.lists(st.integers(0, 20), max_size=5))
def test_ids_do_not_depend_on_how_they_are_asked_for(counts: list[int]) -> None:
    origin = Origin()
    keys = ids_of(origin, "t", *counts)
    assert keys == ids_of(origin, "t", sum(counts))
    assert keys == sorted(set(keys))


def test_the_ids_are_what_they_have_always_been() -> None:
    keys = ids_of(Origin(1_700_000_000_123, bytes(16)), "t", 2)
    assert [str(key) for key in keys] == [
        "018bcfe5-687b-7dde-8315-0dc5e3d532dc",
        "018bcfe5-687b-7dde-8315-0dc5e3d532dd",
    ]


def test_ids_are_of_version_7_and_of_the_declaration() -> None:
    origin = Origin(milliseconds=1_700_000_000_123)
    keys = ids_of(origin, "t", 1000)
    assert {key.version for key in keys} == {7}
    assert {key.variant for key in keys} == {RFC_4122}
    assert {key.int >> 80 for key in keys} == {1_700_000_000_123}


def test_ids_count_over_the_edge_of_their_bits() -> None:
    origin = Origin(milliseconds=2**48 - 1)
    with in_task(origin, "t"):
        few = quantdb.ray.task_ids(3)
    assert len(set(few)) == 3
    assert max(key.int for key in few) < 2**128


def test_another_task_or_driver_has_other_ids() -> None:
    origin = Origin()
    # Ray gives the first task of every cluster this id.
    first = "c8ef45ccd0112571ffffffffffffffffffffffff01000000"
    sets = [
        ids_of(origin, first, 100),
        ids_of(origin, "16310a0f0a45af5cffffffffffffffffffffffff01000000", 100),
        ids_of(Origin(), first, 100),
    ]
    assert len({key for keys in sets for key in keys}) == 300


def test_ids_outside_of_a_task_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"quantdb\.ray\.task"):
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
