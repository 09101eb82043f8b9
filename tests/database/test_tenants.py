"""The programs of docs/tenants.md run as they stand there, and what they promise holds."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from support import a_trade, fresh, look_once

import quantdb
from quantdb import ConfigError, PoolConfig, TradeRepo, retrying

PAGE: Final = Path(__file__).parents[2] / "docs" / "tenants.md"
FILE: Final = re.compile(
    r"^\*\*`(?P<name>[^`]+)`\*\*\n\n```\w+\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
OUTPUT: Final = re.compile(r"^```text\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def written() -> dict[str, str]:
    return {match["name"]: match["text"] for match in FILE.finditer(PAGE.read_text("utf-8"))}


@pytest.fixture
async def schema(empty_dsn: str) -> AsyncIterator[str]:
    """A database with the page's schema; its role belongs to the whole server."""
    role = f"desk_{fresh()}"
    admin = await asyncpg.connect(empty_dsn)
    await admin.execute(written()["schema.sql"].replace("desk", role))
    yield role
    await admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await admin.close()


async def test_the_recipe_prints_what_the_page_says(
    tmp_path: Path, empty_dsn: str, schema: str
) -> None:
    for name, text in written().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace('"desk"', f'"{schema}"'), encoding="utf-8")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(tmp_path / "main.py"), empty_dsn],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = OUTPUT.search(PAGE.read_text("utf-8"))
    assert said is not None
    assert said["text"] == done.stdout


async def test_no_tenant_is_inherited_by_whoever_borrows_next(empty_dsn: str, schema: str) -> None:
    seen = "SELECT count(*) FROM notes"
    who = """
        SELECT current_user = session_user
            AND coalesce(current_setting('app.tenant', true), '') = ''
    """
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0, max_size=1)) as pool:
        for number in range(20):
            tenant = {"app.tenant": f"t{number % 3}", "role": schema}
            async with quantdb.transaction(pool, settings=tenant) as tx:
                await tx.execute(
                    "INSERT INTO notes (id, body) VALUES (gen_random_uuid(), $1)", str(number)
                )
                assert await tx.fetchval(seen) == number // 3 + 1
            assert await pool.fetchval(who) is True
            with pytest.raises(ZeroDivisionError):
                async with quantdb.transaction(pool, settings=tenant):
                    raise ZeroDivisionError
            assert await pool.fetchval(who) is True
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), quantdb.transaction(pool, settings=tenant) as tx:
                    await tx.execute("SELECT pg_sleep(10)")
            assert await pool.fetchval(who) is True
        async with quantdb.transaction(pool, settings={"role": schema}) as tx:
            assert await tx.fetchval(seen) == 0


async def test_tenants_at_once_see_their_own(empty_dsn: str, schema: str) -> None:
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0, max_size=4)) as pool:

        async def write(tx: quantdb.Connection) -> object:
            await tx.execute("INSERT INTO notes (id, body) VALUES (gen_random_uuid(), 'x')")
            return await tx.fetchval(
                "SELECT bool_and(tenant = current_setting('app.tenant')) FROM notes"
            )

        bound = [pool.bound({"app.tenant": f"t{n}", "role": schema}) for n in range(5)]
        answers = await asyncio.gather(
            *(retrying(bound[n % 5], write, isolation="serializable") for n in range(60))
        )
        assert answers == [True] * 60
        for tenant in bound:
            async with quantdb.transaction(tenant) as tx:
                assert await tx.fetchval("SELECT count(*) FROM notes") == 12


# Values that could be more than values


NASTY: Final = [
    "",
    "'",
    "''",
    "\\",
    "\\'",
    "'; DROP TABLE trades; --",
    "$quantdb$",
    "x', true); SELECT pg_sleep(100); --",
    "株 \N{BLACK HEART SUIT} \U0001f600",
    "\ufeff\u2028\r\n\t\x01",
    "%s %(x)s {0} $1",
    "x" * 10_000,
]


@pytest.mark.parametrize("conforming", ["on", "off"])
@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
async def test_a_value_is_only_a_value(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool, value: str, conforming: str
) -> None:
    for db in (pool, plain_pool):
        async with db.acquire() as connection:
            await connection.execute(f"SET standard_conforming_strings = {conforming}")
            settings = {"app.tenant": value, "App.Other_1": value}
            async with quantdb.transaction(connection, settings=settings) as tx:
                assert await tx.fetchval("SELECT current_setting('app.tenant')") == value
                assert await tx.fetchval("SELECT current_setting('app.other_1')") == value
                async with quantdb.transaction(tx, settings={"app.tenant": value}) as inner:
                    assert inner is tx
            assert await connection.fetchval("SELECT current_setting('app.tenant')") == ""
            await connection.execute("RESET standard_conforming_strings")


@pytest.mark.parametrize(
    "settings",
    [
        {"app.tenant'); DROP TABLE trades; --": "x"},
        {"": "x"},
        {"app tenant": "x"},
        {"app.": "x"},
        {"app.tenant\n": "x"},
        {"app.tenant": "a\0b"},
        {"app.tenant": "\ud800"},
    ],
    ids=range(7),
)
async def test_what_is_no_setting_is_refused_before_anything_is_sent(
    pool: quantdb.Pool, settings: dict[str, str]
) -> None:
    with pytest.raises(ConfigError):
        pool.bound(settings)
    with pytest.raises(ConfigError):
        async with quantdb.transaction(pool, settings=settings):
            pytest.fail("begun")


@pytest.mark.parametrize(
    "settings", [{"role": "nobody_of_that_name"}, {"statement_timeout": "soon"}, {"nothing": "1"}]
)
async def test_what_the_server_refuses_is_a_config_error_and_leaves_the_session_whole(
    dsn: str, settings: dict[str, str]
) -> None:
    async with (
        quantdb.create_pool(PoolConfig(dsn, min_size=0, max_size=1)) as pool,
        asyncpg.create_pool(dsn, min_size=0, max_size=1) as plain,
    ):
        pid = await pool.fetchval("SELECT pg_backend_pid()")
        for db in (pool, plain):
            with pytest.raises(ConfigError, match="refused") as caught:
                async with quantdb.transaction(db, settings=settings):
                    pytest.fail("begun")
            assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
        with pytest.raises(ConfigError):
            await TradeRepo(pool.bound(settings)).latest("x")
        assert pid == await pool.fetchval("SELECT pg_backend_pid()")


# A bound pool


async def test_a_repository_on_a_bound_pool_works_as_on_any(dsn: str, pool: quantdb.Pool) -> None:
    settings = {"app.tenant": "7", "statement_timeout": "5s"}
    for mode in ("explicit", "statement"):
        config = PoolConfig(dsn, min_size=0, max_size=1, transactions=mode)
        async with quantdb.create_pool(config) as own:
            bound = own.bound(settings)
            trade = a_trade(fresh())
            trades = TradeRepo(bound)
            assert trade == await trades.insert(trade)
            assert [trade] == await trades.latest(trade.symbol)
            assert [trade] == [
                each
                async for each in trades.stream(
                    trade.symbol, trade.executed_at, trade.executed_at.replace(year=2030)
                )
            ]
            assert (await trades.insert_many([trade, a_trade(trade.symbol)])).inserted == 1
            async with quantdb.transaction(bound) as tx:
                assert await look_once(tx, "SELECT current_setting('app.tenant')") == "7"
                block = tx.transaction()
                await block.start()
                assert await tx.fetchval("SELECT current_setting('statement_timeout')") == "5s"
                await block.rollback()
            async with quantdb.transaction(bound, settings={"app.tenant": "8"}) as tx:
                assert await tx.fetchval("SELECT current_setting('app.tenant')") == "8"
                assert await tx.fetchval("SELECT current_setting('statement_timeout')") == "5s"
            assert await own.fetchval("SELECT current_setting('statement_timeout')") == "0"
    assert "tenant" in repr(pool.bound(settings))


async def test_a_bound_pool_lends_no_bare_connection(pool: quantdb.Pool) -> None:
    with pytest.raises(ConfigError, match="transaction"):
        pool.bound({"app.tenant": "7"}).acquire()


async def test_a_joined_transaction_keeps_its_settings(pool: quantdb.Pool) -> None:
    async with quantdb.transaction(pool, settings={"app.tenant": "7"}) as tx:
        with pytest.raises(ConfigError, match=r"another app\.tenant"):
            async with quantdb.transaction(tx, settings={"app.tenant": "8"}):
                pytest.fail("joined")
