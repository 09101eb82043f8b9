"""The password shows itself nowhere: not in a traceback with local variables, log or pickle."""

import asyncio
import io
import logging
import pickle
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import attrs
import pytest
from certificates import make
from conftest import fresh_database
from fronts import Front, error_response, listening, tls
from rich.console import Console
from rich.traceback import Traceback
from support import a_trade, fresh

import quantdb
from quantdb import ConfigError, PoolConfig, TradeRepo
from quantdb.embedded import EmbeddedPostgres

CANARY: Final = "c4n4ry%2Bp4ss"
CANARIES: Final = (CANARY, "c4n4ry+p4ss", "c4n4ry")

# Local variables of a test are in the traceback as well, so they hold no DSN.
REFUSED: Final = {
    "scheme": f"mysql://u:{CANARY}@db.example.com/db",
    "port": f"postgresql://u:{CANARY}@db.example.com:port/db",
    "sslmode": f"postgresql://u:{CANARY}@db.example.com/db?sslmode=bogus",
    "roots": f"postgresql://u:{CANARY}@db.example.com/db?sslrootcert=/absent",
    "client certificate": f"postgresql://u:x@h/db?sslcert=/absent&sslpassword={CANARY}",
    "time": f"postgresql://u:{CANARY}@db.example.com/db?connect_timeout=soon",
    "brackets": f"postgresql://u:[{CANARY}@h/db",
    "not encoded": f"postgresql://u:{CANARY}#1@db.example.com/db",
    "in the query": f"postgresql://u@h:port/db?password={CANARY}",
}


def shown(error: BaseException) -> Iterator[str]:
    """Give all that may be shown of an error."""
    links: list[BaseException] = [error]
    for link in links:  # which grows
        yield str(link)
        yield repr(link)
        yield repr(vars(link))
        yield from getattr(link, "__notes__", ())
        yield "".join(traceback.format_exception(link))
        told = traceback.TracebackException.from_exception(link, capture_locals=True)
        yield "".join(told.format())
        console = Console(file=io.StringIO(), width=300, record=True)
        kind = type(link)
        console.print(
            Traceback.from_exception(
                kind, link, link.__traceback__, show_locals=True, locals_max_string=10_000
            )
        )
        yield console.export_text()
        yield pickle.dumps((str(link), vars(link))).decode("latin-1")
        if isinstance(link, quantdb.QuantDBError):
            yield pickle.dumps(link).decode("latin-1")
        links += [
            led
            for led in (link.__cause__, link.__context__)
            if led is not None and led not in links
        ]


def assert_secret(*texts: str) -> None:
    for text in texts:
        for canary in CANARIES:
            before, found, after = text.partition(canary)
            assert not found, f"{before[-200:]}{found}{after[:200]}"


@pytest.fixture(autouse=True)
async def everything_is_logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Have every logger tell all it can, and look at all of it."""
    caplog.set_level(logging.DEBUG)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    yield
    loop.set_debug(False)
    assert_secret(caplog.text, *(repr(vars(record)) for record in caplog.records))


@pytest.fixture(scope="module")
async def secretive() -> AsyncIterator[PoolConfig]:
    """A database that wants the canary for a password."""
    with EmbeddedPostgres(tcp=True) as server:
        async with fresh_database(server.dsn) as dsn:
            admin = await asyncpg.connect(dsn)
            await admin.execute(f"CREATE ROLE owl LOGIN SUPERUSER PASSWORD '{CANARIES[1]}'")
            await admin.close()
            parts = urlsplit(dsn)
            netloc = f"owl:{CANARY}@{parts.hostname}:{parts.port}"
            config = PoolConfig(
                parts._replace(netloc=netloc).geturl(), min_size=0, max_size=2, connect_timeout=1
            )
            async with quantdb.create_pool(config) as pool:
                await quantdb.migrate(pool)
            yield config


async def error_of(work: Callable[[], Awaitable[object]]) -> BaseException:
    try:
        await work()
    except (Exception, asyncio.CancelledError) as error:
        return error
    raise AssertionError


async def opening(config: PoolConfig) -> BaseException:
    async def work() -> None:
        async with quantdb.create_pool(attrs.evolve(config, min_size=1)):
            pass

    return await error_of(work)


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_a_dsn_that_is_refused(what: str) -> None:
    for make_one in (PoolConfig, quantdb.create_pool):
        with pytest.raises(ConfigError) as caught:
            make_one(REFUSED[what])
        assert_secret(*shown(caught.value))
    with pytest.raises(ConfigError) as caught:
        PoolConfig(dsn=REFUSED[what])
    assert_secret(*shown(caught.value))


def test_a_setting_that_is_refused(secretive: PoolConfig) -> None:
    with pytest.raises(ConfigError) as caught:
        PoolConfig(f"postgresql://u:{CANARY}@h/db", max_size=0)
    assert_secret(str(caught.value), repr(caught.value))
    with pytest.raises(ConfigError) as caught:
        attrs.evolve(secretive, max_size=0)
    assert_secret(str(caught.value), repr(caught.value))


async def test_a_password_that_is_wrong(secretive: PoolConfig) -> None:
    config = attrs.evolve(secretive, dsn=secretive.dsn.replace("p4ss", "p4ssw0rd"))

    error = await opening(config)

    assert isinstance(error, asyncpg.InvalidPasswordError)
    assert_secret(*shown(error))


async def test_a_server_that_is_not_there(secretive: PoolConfig) -> None:
    parts = urlsplit(secretive.dsn)
    for netloc in ("127.0.0.1:1", "absent.invalid", "127.0.0.1:1,127.0.0.1:2"):
        dsn = parts._replace(netloc=f"owl:{CANARY}@{netloc}")
        config = attrs.evolve(secretive, dsn=dsn.geturl())
        del dsn
        error = await opening(config)
        assert isinstance(error, quantdb.ConnectionLost)
        assert_secret(*shown(error))
    del parts


@pytest.mark.parametrize(
    ("sqlstate", "said"),
    [
        ("XX000", "Control plane request failed"),
        ("XX000", "Your account or project has exceeded the compute time quota."),
        ("53300", "sorry, too many clients already"),
        ("08P01", "no more connections allowed (max_client_conn)"),
        ("08P01", "unsupported startup parameter: geqo"),
        ("3D000", 'database "x" does not exist'),
        ("57P03", "the database system is starting up"),
    ],
)
async def test_a_server_that_refuses(secretive: PoolConfig, sqlstate: str, said: str) -> None:
    async def answer() -> bytes:
        return error_response(sqlstate, said)

    async with listening(Front(secretive.dsn, answer=answer)) as front:
        config = by_way_of(front, secretive)
        error = await opening(config)

    assert_secret(*shown(error))


async def test_a_server_that_is_silent(secretive: PoolConfig) -> None:
    async def answer() -> bytes:
        await asyncio.sleep(3)
        return b""

    async with listening(Front(secretive.dsn, answer=answer)) as front:
        config = by_way_of(front, secretive)
        error = await opening(config)
        async with quantdb.create_pool(attrs.evolve(config, acquire_timeout=0.2)) as pool:
            late = await error_of(pool.acquire)

    assert isinstance(error, quantdb.PoolTimeout)
    assert isinstance(late, quantdb.PoolTimeout)
    assert_secret(*shown(error), *shown(late))


async def test_a_certificate_that_is_refused(secretive: PoolConfig, tmp_path: Path) -> None:
    bad = make(tmp_path, "bad", "localhost")
    front = Front(secretive.dsn, tls(str(bad.file), str(bad.key_file)))
    async with listening(front):
        config = by_way_of(front, secretive, "sslmode=verify-full")
        error = await opening(config)

    assert isinstance(error, ConfigError)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert_secret(*shown(error))


async def test_statements_that_fail_and_connections_that_are_lost(secretive: PoolConfig) -> None:
    async with (
        quantdb.create_pool(secretive) as pool,
        listening(Front(secretive.dsn)) as front,
        quantdb.create_pool(by_way_of(front, secretive)) as relayed,
    ):
        errors = [
            await error_of(lambda: pool.fetchval("SELECT 1/0")),
            await error_of(lambda: pool.fetchval("SELECT $1::numeric", 0.1)),
            await error_of(lambda: TradeRepo(pool).insert(a_trade(fresh(), user_id=2**40))),
            await error_of(lambda: pool.fetchval("SELECT pg_sleep(9)", timeout=0.1)),
            await error_of(lambda: cancelled(pool.fetchval("SELECT pg_sleep(9)"))),
            await error_of(lambda: lost(relayed, front)),
        ]

    assert_secret(repr(pool), str(pool), *(text for error in errors for text in shown(error)))


async def cancelled(work: Awaitable[object]) -> None:
    async with asyncio.timeout(0.1):
        await work


async def lost(pool: quantdb.Pool, front: Front) -> None:
    async with quantdb.transaction(pool) as tx:
        asyncio.get_running_loop().call_later(0.1, front.hang_up)
        await tx.fetchval("SELECT pg_sleep(9)")


def by_way_of(front: Front, config: PoolConfig, query: str = "sslmode=disable") -> PoolConfig:
    parts = urlsplit(config.dsn)
    account = parts.netloc.rpartition("@")[0]
    netloc = f"{account}@127.0.0.1:{front.port}"
    return attrs.evolve(config, dsn=parts._replace(netloc=netloc, query=query).geturl())


def test_a_config_pickles_whole_and_nothing_else_of_it_tells(secretive: PoolConfig) -> None:
    pickled = pickle.dumps(secretive)
    copied = pickle.loads(pickled)

    assert_secret(pickled.decode("latin-1"))
    assert copied == secretive
    assert copied.dsn == secretive.dsn
    assert_secret(repr(copied), repr(copied.target()), str(vars_of(copied.target())))


def vars_of(target: object) -> dict[str, object]:
    return {
        name: getattr(target, name)
        for name in dir(target)
        if not name.startswith("_") and name != "dsn"
    }
