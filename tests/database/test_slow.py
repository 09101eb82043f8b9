"""A call that is slow is a line of the log: what, how long, which file, and no value."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final, Literal

import asyncpg
import pytest
from proxy import FaultProxy, says
from support import a_trade, fresh, query

import quantdb
from quantdb import ConnectionLost, PoolConfig, StatementTimeout, Trade, TradeRepo, transaction

CANARY: Final = "c4n4ry"
LINE: Final = re.compile(r"(?P<name>\S+) took (?P<seconds>[\d.]+) s(?P<how>.*): (?P<file>\S+\.sql)")


@pytest.fixture(params=["explicit", "statement"])
async def watched(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[quantdb.Pool]:
    mode: Literal["explicit", "statement"] = request.param
    config = PoolConfig(dsn, min_size=0, max_size=2, slow_statement=0.2, transactions=mode)
    async with quantdb.create_pool(config) as pool:
        await TradeRepo(pool).latest("x")
        yield pool


def said(caplog: pytest.LogCaptureFixture) -> list[re.Match[str]]:
    """Return the lines of the logger so far, each in its form."""
    lines: list[re.Match[str]] = []
    for record in caplog.records:
        if record.name == "quantdb.slow":
            match = LINE.fullmatch(record.getMessage())
            assert match is not None, record.getMessage()
            assert record.levelname == "WARNING"
            assert CANARY not in match[0].replace(match["file"], "")
            lines.append(match)
    return lines


async def test_a_slow_statement_is_one_line_and_a_quick_one_none(
    watched: quantdb.Pool, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sleep = query(tmp_path, "SELECT $2::text FROM pg_sleep($1)", str)
    await sleep.one(watched, 0.01, CANARY)
    assert said(caplog) == []
    await sleep.one(watched, 0.3, CANARY)

    [line] = said(caplog)
    assert (line["name"], line["file"]) == (sleep.operation.name, sleep.file.path)
    assert (float(line["seconds"]) >= 0.3, line["how"]) == (True, "")


async def test_in_a_unit_of_work_each_call_is_timed_by_itself(
    watched: quantdb.Pool, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sleep = query(tmp_path, "SELECT 1 FROM pg_sleep($1)", int)
    async with transaction(watched) as tx:
        await asyncio.sleep(0.3)
        await sleep.one(tx, 0.01)
        await sleep.one(tx, 0.3)

    assert [sleep.operation.name] == [line["name"] for line in said(caplog)]


async def test_a_slow_bulk_write_is_one_line(
    watched: quantdb.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    async def trickle() -> AsyncIterator[Trade]:
        for _ in range(3):
            await asyncio.sleep(0.1)
            yield a_trade(fresh())

    await TradeRepo(watched).insert_many(trickle())

    [line] = said(caplog)
    assert (line["name"], Path(line["file"]).name) == ("TradeRepo.insert_many", "merge.sql")


async def test_a_statement_that_fails_or_is_cut_short_says_so(
    watched: quantdb.Pool, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sleep = query(tmp_path, "SELECT 1 FROM pg_sleep($1)", int)
    fails = query(tmp_path, "SELECT 1 / (length(pg_sleep($1)::text)) ", int)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await fails.one(watched, 0.3)
    with pytest.raises(StatementTimeout):
        await sleep.one(watched, 5, timeout=0.3)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sleep.one(watched, 5)

    assert [line["how"] for line in said(caplog)] == [
        ", and failed: DivisionByZeroError",
        ", and failed: StatementTimeout",
        ", and was cancelled",
    ]


async def test_the_time_of_whoever_reads_a_stream_is_not_the_databases(
    watched: quantdb.Pool, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    numbers = query(tmp_path, "SELECT generate_series(1, 3)", int)
    slow = query(tmp_path, "SELECT 1 FROM pg_sleep(0.3)", int)
    async for _number in numbers.stream(watched):
        await asyncio.sleep(0.15)
    assert said(caplog) == []
    async with aclosing(slow.stream(watched)) as stream:
        async for _number in stream:
            break

    assert [(slow.operation.name, "")] == [(line["name"], line["how"]) for line in said(caplog)]


async def test_to_wait_for_a_connection_is_not_to_be_slow(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1, slow_statement=0.1)
    async with quantdb.create_pool(config) as pool:
        async with pool.acquire():
            waits = asyncio.create_task(TradeRepo(pool).latest("x"))
            await asyncio.sleep(0.3)
        await waits

    assert said(caplog) == []


async def test_the_attempts_of_a_call_are_counted_together(
    proxy: FaultProxy, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sleep = query(tmp_path, "SELECT 1 FROM pg_sleep(0.2)", int)
    config = PoolConfig(proxy.dsn, min_size=0, slow_statement=0.35, transactions="statement")
    async with quantdb.create_pool(config) as pool:
        await sleep.one(pool)
        proxy.once(says("SELECT", side="server"), "reset")
        await sleep.one(pool)

    [line] = said(caplog)
    assert line["how"] == " in 2 attempts"


async def test_a_lost_connection_is_a_slow_call_as_well(
    proxy: FaultProxy, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sleep = query(tmp_path, "SELECT 1 FROM pg_sleep(0.2)", int)
    config = PoolConfig(proxy.dsn, min_size=0, slow_statement=0.15, retry_timeout=0)
    async with quantdb.create_pool(config) as pool:
        await sleep.one(pool)
        caplog.clear()
        proxy.once(says("SELECT", side="server"), "reset")
        with pytest.raises(ConnectionLost):
            await sleep.one(pool)

    assert [line["how"] for line in said(caplog)] == [", and failed: ConnectionLost"]


async def test_it_can_be_switched_off(
    dsn: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sleep = query(tmp_path, "SELECT 1 FROM pg_sleep(0.2)", int)
    async with quantdb.create_pool(PoolConfig(dsn, min_size=0, slow_statement=None)) as pool:
        assert pool.observer is None
        await sleep.one(pool)

    assert said(caplog) == []
