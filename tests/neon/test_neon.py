"""Neon: its DSNs, its proxy's answers, its sleep, its limits and its replicas."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from certificates import make
from conftest import fresh_database
from fronts import Front, error_response, leading_here, listening, tls, trusting
from methods import every_method
from support import MINUTE, NOON, a_price, a_trade, fresh, until

import quantdb
from quantdb import (
    ConfigError,
    ConnectionLost,
    NewUser,
    PoolConfig,
    PoolTimeout,
    PriceRepo,
    QuantDBError,
    ReadOnly,
    TradeRepo,
    UserRepo,
)

ENDPOINT: Final = "ep-cool-forest-a1b2c3d4"
REGION: Final = "eu-central-1.aws.neon.tech"

CLOSES: Final = ("", "")
WAKING: Final = (
    ("XX000", "Control plane request failed"),
    ("XX000", "Control plane request failed: endpoint is in transition state"),
    ("XX000", "Couldn't connect to compute node"),
    (
        "XX000",
        "Failed to acquire permit to connect to the database.",
    ),
    ("57P03", "the database system is starting up"),
    ("57P03", "the database system is not yet accepting connections"),
    ("57P01", "terminating connection due to administrator command"),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
    ("53300", "sorry, too many clients already"),
    ("08P01", "no more connections allowed (max_client_conn)"),
    ("08P01", "server login has been failing, try again later (server_login_retry)"),
    ("08006", "connection failure"),
    CLOSES,
)
FOR_GOOD: Final = (
    (
        "XX000",
        "Your account or project has exceeded the compute time quota. Upgrade your plan.",
        asyncpg.InternalServerError,
    ),
    (
        "53400",
        "Your project has exceeded the data transfer quota. Upgrade your plan to increase limits.",
        asyncpg.ConfigurationLimitExceededError,
    ),
    ("XX000", "unexpected", asyncpg.InternalServerError),
    ("28P01", "password authentication failed for user 'x'", asyncpg.InvalidPasswordError),
    ("28000", "no pg_hba.conf entry", asyncpg.InvalidAuthorizationSpecificationError),
    ("3D000", 'database "x" does not exist', asyncpg.InvalidCatalogNameError),
    ("08P01", "unsupported startup parameter: search_path", ConfigError),
    ("08P01", "unsupported startup parameter in options: geqo", ConfigError),
    ("08P01", "no such database: x", ConfigError),
    ("42704", 'unrecognized configuration parameter "x"', asyncpg.UndefinedObjectError),
)


class Answers:
    """What a front says to one start after the other; after the last one, the server answers."""

    def __init__(self, answers: Sequence[tuple[str, str]]) -> None:
        self._left = list(answers)

    async def __call__(self) -> bytes | None:
        if not self._left:
            return None
        answer = self._left.pop(0)
        return b"" if answer == CLOSES else error_response(*answer)


def dsn_by_way_of(front: Front, dsn: str) -> str:
    parts = urlsplit(dsn)
    account = parts.netloc.rpartition("@")[0] or "postgres"
    return f"postgresql://{account}@127.0.0.1:{front.port}{parts.path}?sslmode=disable"


@pytest.fixture
async def front(dsn: str) -> AsyncIterator[Front]:
    async with listening(Front(dsn)) as front:
        yield front


# The DSN


@pytest.mark.parametrize(
    "console",
    [
        ("postgresql", "-pooler", "sslmode=require&channel_binding=require"),
        ("postgres", "", "sslmode=require&channel_binding=prefer"),
        ("postgresql+asyncpg", "-pooler", f"sslmode=require&options=endpoint%3D{ENDPOINT}"),
        ("postgresql", "-pooler", "sslmode=verify-full&pgbouncer=true&connect_timeout=10"),
        (
            "postgres",
            "-pooler",
            "sslmode=require&pgbouncer=true&pool_timeout=20&connection_limit=9",
        ),
        ("postgresql+psycopg", "", "sslmode=require&keepalives=1&gssencmode=disable"),
        ("postgresql", "-pooler", "sslmode=require&application_name=mine&statement_cache_size=0"),
        ("postgresql", "", "sslmode=verify-full&sslrootcert=system&sslnegotiation=postgres"),
        ("postgresql+asyncpg", "", "ssl=require&prepared_statement_cache_size=0"),
        ("postgresql", "-pooler", "sslmode=require&uselibpqcompat=true&sslsni=1"),
    ],
)
async def test_the_dsn_of_the_console_works_as_it_is(
    dsn: str, tmp_path: Path, console: tuple[str, str, str]
) -> None:
    scheme, suffix, query = console
    host = f"{ENDPOINT}{suffix}.{REGION}"
    proven = make(tmp_path, "neon", host)
    async with listening(Front(dsn, tls(str(proven.file), str(proven.key_file)))) as front:
        account = urlsplit(dsn).netloc.rpartition("@")[0].rstrip(":") or "postgres"
        address = f"{account}@{host}:{front.port}{urlsplit(dsn).path}"
        with leading_here(host), trusting(proven.file):
            config = PoolConfig(f"{scheme}://{address}?{query}", min_size=0)
            async with quantdb.create_pool(config) as pool:
                assert await pool.fetchval("SELECT 1") == 1

    assert config.target().pooled is bool(suffix)
    allowed = {"user", "database", "application_name", "timezone", "datestyle", "client_encoding"}
    assert front.parameters.keys() - allowed == parse_qs(query).keys() & {"options"}
    assert front.parameters["application_name"] == ("mine" if "mine" in query else "quantdb")


# A compute that wakes up


@pytest.mark.parametrize("answer", WAKING, ids=lambda answer: answer[1] or "closes")
async def test_what_passes_is_waited_for(
    front: Front, dsn: str, answer: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "quantdb")
    front.answer = Answers([answer] * 3)
    config = PoolConfig(dsn_by_way_of(front, dsn), min_size=0, max_size=4)
    async with quantdb.create_pool(config) as pool:
        trade = a_trade(fresh())
        assert trade == await TradeRepo(pool).insert(trade)

    assert front.starts == 4
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_pool_opens_while_the_compute_wakes(
    front: Front, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "quantdb")
    front.answer = Answers([CLOSES, *WAKING])
    async with quantdb.create_pool(PoolConfig(dsn_by_way_of(front, dsn), min_size=4)) as pool:
        assert pool.get_size() == 4
        await asyncio.gather(*(every_method(pool, fresh()) for _ in range(4)))

    assert len(caplog.records) == 2


async def test_a_cold_start_is_waited_for(front: Front, dsn: str) -> None:
    async def wakes() -> None:
        await asyncio.sleep(0.7)

    front.answer = wakes
    async with quantdb.create_pool(PoolConfig(dsn_by_way_of(front, dsn), min_size=0)) as pool:
        assert await asyncio.gather(*(pool.fetchval("SELECT 1") for _ in range(5))) == [1] * 5

    assert front.starts <= 5


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (WAKING[0], ConnectionLost),
        (WAKING[4], ConnectionLost),
        (CLOSES, ConnectionLost),
        (("53300", "sorry, too many clients already"), PoolTimeout),
        (("08P01", "no more connections allowed (max_client_conn)"), PoolTimeout),
    ],
)
@pytest.mark.parametrize("early", [True, False])
async def test_the_attempts_share_one_budget(
    front: Front, dsn: str, answer: tuple[str, str], kind: type[QuantDBError], *, early: bool
) -> None:
    front.answer = Answers([answer] * 1_000)
    config = PoolConfig(
        dsn_by_way_of(front, dsn) + "&connect_timeout=1",
        min_size=int(early),
        max_size=1,
        retry_timeout=0,  # or the call is repeated, with a new budget
    )
    began = time.monotonic()
    with pytest.raises(kind, match=re.escape(answer[1] or "within 1 s")) as caught:
        async with quantdb.create_pool(config) as pool:
            await TradeRepo(pool).insert(a_trade(fresh()))

    assert 0.9 < time.monotonic() - began < 4
    assert 4 <= front.starts <= 40
    assert caught.value.retryable
    assert caught.value.outcome == "not_applied"
    assert "within 1 s" in str(caught.value)


async def test_who_cannot_wait_is_told_what_hinders(front: Front, dsn: str) -> None:
    front.answer = Answers([WAKING[0]] * 1_000)
    config = PoolConfig(dsn_by_way_of(front, dsn), min_size=0, acquire_timeout=0.5)
    async with quantdb.create_pool(config) as pool:
        with pytest.raises(PoolTimeout, match="Control plane request failed") as caught:
            await pool.fetchval("SELECT 1")

    assert (caught.value.size, caught.value.in_use, caught.value.waiting) == (0, 0, 1)


@pytest.mark.parametrize("answer", FOR_GOOD)
@pytest.mark.parametrize("early", [True, False])
async def test_what_does_not_pass_is_said_at_once(
    front: Front, dsn: str, answer: tuple[str, str, type[Exception]], *, early: bool
) -> None:
    sqlstate, said, kind = answer
    front.answer = Answers([(sqlstate, said)] * 9)
    config = PoolConfig(dsn_by_way_of(front, dsn), min_size=int(early))
    with pytest.raises(kind) as caught:
        async with quantdb.create_pool(config) as pool:
            await TradeRepo(pool).insert(a_trade(fresh()))

    assert front.starts == 1
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert said.rpartition(": ")[2] in text
    assert "127.0.0.1" in text


async def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    for dsn in ("postgresql://u@127.0.0.1:1/db", "postgresql:///db?host=/nowhere"):
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match="cannot be reached"):
            await quantdb.create_pool(dsn)
        assert time.monotonic() - began < 4


async def test_a_server_that_was_there_is_waited_for(dsn: str) -> None:
    front = Front(dsn)
    async with listening(front):
        config = PoolConfig(dsn_by_way_of(front, dsn), min_size=0, max_size=2)
        pool = await quantdb.create_pool(config)
        assert await pool.fetchval("SELECT 1") == 1
    later = asyncio.create_task(pool.fetchval("SELECT 2"))
    await asyncio.sleep(0.5)
    assert not later.done()
    server = await asyncio.start_server(front.serve, "127.0.0.1", front.port)
    try:
        assert await later == 2
        await pool.close()
    finally:
        server.close()


# Its sleep


async def test_a_pool_that_scales_to_zero_sleeps_and_lets_sleep(front: Front, dsn: str) -> None:
    config = PoolConfig(dsn_by_way_of(front, dsn), scale_to_zero=True, idle_lifetime=0.2)
    async with quantdb.create_pool(config) as pool:
        assert front.starts == 0
        await asyncio.gather(*(every_method(pool, fresh()) for _ in range(4)))
        await until(lambda: pool.get_size() == 0 and not front.open)
        starts, seen = front.starts, len(front.seen)
        await asyncio.sleep(1)

        assert (front.starts, len(front.seen), pool.get_size()) == (starts, seen, 0)
        assert await pool.fetchval("SELECT 1") == 1
        assert front.starts == starts + 1


async def test_a_suspension_is_not_noticed_by_who_comes_later(front: Front, dsn: str) -> None:
    config = PoolConfig(dsn_by_way_of(front, dsn), min_size=0, max_size=3)
    async with quantdb.create_pool(config) as pool:
        for _ in range(3):
            await asyncio.gather(*(every_method(pool, fresh()) for _ in range(3)))
            front.hang_up()
            front.answer = Answers([WAKING[2], CLOSES])
            await until(lambda: pool.get_size() == 0)


async def test_a_suspension_in_the_middle_says_that_nothing_was_applied(
    front: Front, dsn: str, pool: quantdb.Pool
) -> None:
    trade = a_trade(fresh())

    async def stored_and_suspended(relayed: quantdb.Pool) -> None:
        async with quantdb.transaction(relayed) as tx:
            await TradeRepo(tx).insert(trade)
            front.hang_up()
            await tx.fetchval("SELECT pg_sleep(5)")

    async with quantdb.create_pool(PoolConfig(dsn_by_way_of(front, dsn), min_size=0)) as relayed:
        with pytest.raises(ConnectionLost) as caught:
            await stored_and_suspended(relayed)

    assert caught.value.outcome == "not_applied"
    assert await TradeRepo(pool).find(trade.id) is None


# Its limits


@pytest.fixture
async def cramped(dsn: str) -> AsyncIterator[str]:
    """The DSN of a role that may have two connections."""
    role, password = f"cramped_{fresh()}", fresh()
    admin = await asyncpg.connect(dsn)
    await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT 2")
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    yield parts._replace(netloc=f"{role}:{password}@{host}").geturl()
    await admin.execute(f"DROP ROLE {role}")
    await admin.close()


async def test_a_limit_of_connections_is_met_with_patience(cramped: str) -> None:
    holders = [await asyncpg.connect(cramped) for _ in range(2)]
    config = PoolConfig(cramped, min_size=0, max_size=2)
    async with quantdb.create_pool(config) as pool:
        answers = asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(20)))
        await asyncio.sleep(0.5)
        assert not answers.done()
        for holder in holders:
            await holder.close()
        assert len(await answers) == 20


async def test_a_limit_that_stays_is_said(cramped: str) -> None:
    holders = [await asyncpg.connect(cramped) for _ in range(2)]
    config = PoolConfig(cramped, min_size=0, max_size=2, connect_timeout=0.5)
    async with quantdb.create_pool(config) as pool:
        with pytest.raises(PoolTimeout, match="too many connections for role"):
            await TradeRepo(pool).symbols()
    for holder in holders:
        await holder.close()


# Its replicas


@pytest.fixture
async def replica(server_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A database that takes no writes, with a user and a bar in it."""
    async with fresh_database(server_dsn) as dsn:
        async with quantdb.create_pool(PoolConfig(dsn, min_size=0)) as pool:
            await quantdb.migrate(pool)
            await UserRepo(pool).insert(NewUser("Ann"))
            await PriceRepo(pool).upsert(a_price("AAPL"))
        name = urlsplit(dsn).path[1:]
        admin = await asyncpg.connect(dsn)
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await admin.close()
        async with quantdb.create_pool(PoolConfig(dsn, min_size=0)) as pool:
            yield pool


async def test_a_replica_reads_and_refuses_every_write(replica: quantdb.Pool) -> None:
    users, trades, prices = UserRepo(replica), TradeRepo(replica), PriceRepo(replica)
    [ann] = (await users.page()).items
    writes: list[Callable[[], object]] = [
        lambda: users.insert(NewUser("Bob")),
        lambda: users.update(ann, name="Anna"),
        lambda: users.deactivate(ann),
        lambda: trades.insert(a_trade("AAPL")),
        lambda: trades.insert_many([a_trade("AAPL")]),
        lambda: prices.upsert(a_price("AAPL")),
        lambda: prices.upsert_many([a_price("AAPL", price=101)]),
    ]
    for write in writes:
        with pytest.raises(ReadOnly, match="write to the primary") as caught:
            await done(write())
        assert not caught.value.retryable
        assert caught.value.outcome == "not_applied"

    assert a_price("AAPL") == await prices.get("AAPL", MINUTE, NOON)
    assert await trades.symbols() == []
    assert replica.get_idle_size() == replica.get_size()


async def done(work: object) -> None:
    assert asyncio.iscoroutine(work)
    await work


async def test_a_primary_that_is_asked_for_and_not_there_is_said(replica: quantdb.Pool) -> None:
    dsn = replica.config.dsn
    sign = "&" if "?" in dsn else "?"
    config = PoolConfig(f"{dsn}{sign}target_session_attrs=read-write", connect_timeout=0.5)
    with pytest.raises(ReadOnly, match="target_session_attrs"):
        await quantdb.create_pool(config)
