"""The server shows which method a statement belongs to: in its activity and its statistics."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final, Literal

import asyncpg
import pytest
from support import DAWN, DUSK, a_trade, fresh

import quantdb
from quantdb import PoolConfig, Query, Repo, TradeRepo, transaction

NEEDS: Final = "QUANTDB_TEST_NEEDS"
BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SLEEPS: Final = """\
-- name: by_day :many
-- What sleeps for $1 seconds;
-- two lines of comment; 'and a quote.
SELECT n::int
FROM generate_series(1, 2) AS n, pg_sleep($1)
"""


def _as_postgres(*command: str | Path) -> None:
    """Run a program of the server, which refuses to run as root."""
    user = "postgres" if os.geteuid() == 0 else None
    subprocess.run(command, check=True, user=user, capture_output=True, timeout=120, cwd="/")


@pytest.fixture(scope="module")
def counting_dsn() -> Iterator[str]:
    """A server of the system's that has pg_stat_statements."""
    with_it = [path for path in BINARIES if (path.parent / "lib/pg_stat_statements.so").exists()]
    if not with_it:
        why = "there is no PostgreSQL with pg_stat_statements in /usr/lib/postgresql"
        if "postgresql" in os.environ.get(NEEDS, "").split():
            pytest.fail(why)
        pytest.skip(why)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="quantdb-counting-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    binaries, data = with_it[-1], folder / "data"
    options = (
        f"-p {port} -h 127.0.0.1 -k '' -c fsync=off -c shared_preload_libraries=pg_stat_statements"
    )
    try:
        _as_postgres(binaries / "initdb", "-A", "trust", "-U", "postgres", "-D", data)
        _as_postgres(
            *(binaries / "pg_ctl", "-w", "-D", data, "-l", folder / "log", "-o", options, "start")
        )
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["embedded", "system"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """Each server that there is."""
    name = "server_dsn" if request.param == "embedded" else "counting_dsn"
    dsn: str = request.getfixturevalue(name)
    return dsn


@pytest.fixture(params=["explicit", "statement"])
async def any_pool(any_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[quantdb.Pool]:
    mode: Literal["explicit", "statement"] = request.param
    config = PoolConfig(
        any_dsn, min_size=0, max_size=2, transactions=mode, application_name=fresh()
    )
    async with quantdb.create_pool(config) as pool:
        yield pool


@pytest.fixture
def sleeps(tmp_path: Path) -> Path:
    folder = tmp_path / "fills"
    folder.mkdir()
    (folder / "by_day.sql").write_text(SLEEPS)
    return folder / "by_day.sql"


async def seen_on(dsn: str, name: str) -> str:
    """Return what the sessions of that name are at, once one of them sleeps."""
    admin = await asyncpg.connect(dsn)
    until = time.monotonic() + 10
    try:
        while time.monotonic() < until:
            seen = await admin.fetchval(
                "SELECT query FROM pg_stat_activity"
                " WHERE application_name = $1 AND wait_event = 'PgSleep'",
                name,
            )
            if isinstance(seen, str):
                return seen
            await asyncio.sleep(0.02)
    finally:
        await admin.close()
    raise AssertionError("nothing sleeps")


async def test_the_activity_shows_the_method_while_it_runs(
    any_dsn: str, any_pool: quantdb.Pool, sleeps: Path
) -> None:
    class FillRepo(Repo):
        _by_day = Query(sleeps, int)

        async def by_day(self) -> list[int]:
            return await self._by_day.all(self.db, 20.0)

        async def in_a_unit(self) -> None:
            async with transaction(self.db) as tx:
                await self._by_day.all(tx, 20.0)

        async def streamed(self) -> None:
            async with aclosing(self._by_day.stream(self.db, 20.0)) as stream:
                async for _ in stream:
                    pass

        async def run(self) -> int:
            return await self._by_day.run(self.db, 20.0)

    fills = FillRepo(any_pool)
    calls: list[Callable[[], Awaitable[object]]] = [
        *(fills.by_day, fills.in_a_unit, fills.streamed, fills.run),
    ]
    for call in calls:
        task = asyncio.ensure_future(call())
        seen = await seen_on(any_dsn, any_pool.config.application_name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert "SELECT /* FillRepo.by_day */ n::int\n" in seen
        assert seen.replace("/* FillRepo.by_day */ ", "") == SLEEPS


async def test_the_activity_shows_the_method_that_reads_columns(
    any_dsn: str, any_pool: quantdb.Pool, sleeps: Path
) -> None:
    class FillRepo(Repo):
        _by_day = Query(sleeps, int)

        async def table(self, seconds: float) -> object:
            return await self._by_day.table(self.db, seconds)

    task = asyncio.ensure_future(FillRepo(any_pool).table(20.0))
    seen = await seen_on(any_dsn, any_pool.config.application_name)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert "SELECT /* FillRepo.by_day */ n::int\n" in seen

    async with any_pool.acquire() as connection:
        await FillRepo(connection).table(0.0)
        prepared = await connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '-- name: by_day %'"
        )
    assert prepared == 1


async def test_a_query_outside_of_a_class_goes_by_its_folder_and_file(
    any_dsn: str, any_pool: quantdb.Pool, sleeps: Path
) -> None:
    task = asyncio.ensure_future(Query(sleeps, int).all(any_pool, 20.0))
    seen = await seen_on(any_dsn, any_pool.config.application_name)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert "SELECT /* fills/by_day */ n::int" in seen


async def test_the_statistics_show_every_method_that_ran(counting_dsn: str) -> None:
    async with quantdb.create_pool(PoolConfig(counting_dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        await pool.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await pool.execute("SELECT pg_stat_statements_reset()")
        trades = TradeRepo(pool)
        trade = await trades.insert(a_trade("x"))
        for _ in range(3):
            assert [trade] == await trades.between("x", DAWN, DUSK)
        again = a_trade("y")
        for _ in range(2):  # the second is staged
            await trades.insert_many([again])
        rows = await pool.fetch(
            "SELECT substring(query FROM '/\\* (TradeRepo\\.\\w+) \\*/') AS name, calls"
            " FROM pg_stat_statements ORDER BY name"
        )
    calls = {row["name"]: row["calls"] for row in rows if row["name"]}
    assert {"TradeRepo.between": 3, "TradeRepo.insert": 1, "TradeRepo.unstage": 1}.items() <= (
        calls.items()
    )


async def test_a_statement_is_prepared_once_whatever_it_is_called(
    any_pool: quantdb.Pool, sleeps: Path
) -> None:
    shared = Query(sleeps, int)

    class FillRepo(Repo):
        _by_day = shared

        async def by_day(self) -> list[int]:
            return await self._by_day.all(self.db, 0.0)

    class OtherRepo(Repo):
        _others = shared

        async def others(self) -> list[int]:
            return await self._others.all(self.db, 0.0, method="others")

    assert shared.operation.name == "FillRepo.by_day"
    async with any_pool.acquire() as connection:
        for _ in range(3):
            await FillRepo(connection).by_day()
            await OtherRepo(connection).others()
        prepared = await connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '-- name: by_day %'"
        )
    assert prepared == 1


async def test_an_error_names_the_line_and_place_in_the_file(
    any_pool: quantdb.Pool, tmp_path: Path
) -> None:
    texts = {
        "one": "-- name: one :many\nSELECT nope\n",
        "two": "-- name: two :many\n-- c\nSELECT 1,\n    'é',\n    nope\n",
        "three": "-- name: three :many\nSELECT -- c\n\n    1, nope\n",
        "four": "-- name: four :many\nSELECT /*+ SeqScan(t) */ nope;",
        "five": "-- name: five :many\n  nope\n",
        "six": "-- name: six :many\nWITH a AS (SELECT 1)\nSELECT b FROM a WHERE nope",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.sql").write_text(text)
        query = Query(tmp_path / f"{name}.sql", int)
        with pytest.raises(asyncpg.PostgresError) as caught:
            await query.all(any_pool)
        at = text.index("b FROM" if name == "six" else "nope")
        error = caught.value
        assert str(at + 1) == error.position, name
        line = text.count("\n", 0, at) + 1
        assert [f"in {query.file.path}, line {line}"] == error.__notes__, name
