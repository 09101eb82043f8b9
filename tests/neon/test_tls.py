"""TLS: the server is verified unless it is this machine, and each bad certificate is explained."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

import pytest
from certificates import DAY, NOW, Certificate, make
from fronts import Front, leading_here, listening, tls, trusting

import quantdb
from quantdb import ConfigError, PoolConfig, PoolTimeout

HOST: Final = "db.example.com"
CANARY: Final = "c4n4ry"


@pytest.fixture(autouse=True)
def example_com_is_here() -> Iterator[None]:
    with leading_here(HOST):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Certificate:
    return make(folder, "authority", "ca.example.com", is_authority=True)


@asynccontextmanager
async def front_with(certificate: Certificate | None, server_dsn: str) -> AsyncGenerator[Front]:
    context = tls(str(certificate.file), str(certificate.key_file)) if certificate else None
    async with listening(Front(server_dsn, context)) as front:
        yield front


def config_for(
    front: Front, server_dsn: str, host: str = HOST, *, mode: str = "", roots: Path | str = ""
) -> PoolConfig:
    """Return the settings of a pool that goes by way of a front."""
    parts = urlsplit(server_dsn)
    query = {"sslmode": mode, "sslrootcert": str(roots)}
    asked = urlencode({key: value for key, value in query.items() if value})
    account = f"{parts.username or 'postgres'}:{parts.password or CANARY}"
    dsn = f"postgresql://{account}@{host}:{front.port}{parts.path}?{asked}"
    return PoolConfig(dsn, min_size=0, max_size=2)


async def refused(front: Front, config: PoolConfig) -> str:
    """Return what is said when a certificate or the lack of TLS is refused, at once."""
    with pytest.raises(ConfigError) as caught:
        async with quantdb.create_pool(config) as pool:
            await pool.fetchval("SELECT 1")
    assert front.starts == 1
    assert not caught.value.retryable
    assert caught.value.outcome == "not_applied"
    assert front.seen == b""
    return str(caught.value)


@pytest.mark.parametrize("mode", ["", "require", "verify-ca", "verify-full", "prefer"])
async def test_a_good_certificate_is_taken(
    folder: Path, authority: Certificate, server_dsn: str, mode: str
) -> None:
    good = make(folder, "good", HOST, issuer=authority)
    async with front_with(good, server_dsn) as front:
        config = config_for(front, server_dsn, mode=mode, roots=authority.file)
        async with quantdb.create_pool(config) as pool:
            assert await pool.fetchval("SELECT 1") == 1

    assert front.starts == 1


async def test_the_roots_of_the_system_are_the_default(
    folder: Path, authority: Certificate, server_dsn: str
) -> None:
    good = make(folder, "known", HOST, issuer=authority)
    with trusting(authority.file):
        async with front_with(good, server_dsn) as front:
            for mode, roots in (("", ""), ("", "system"), ("require", "")):
                config = config_for(front, server_dsn, mode=mode, roots=roots)
                async with quantdb.create_pool(config) as pool:
                    assert await pool.fetchval("SELECT 1") == 1

    assert front.starts == 3


@pytest.mark.parametrize("mode", ["", "require", "prefer", "allow"])
async def test_a_certificate_that_nobody_known_signed_is_refused(
    folder: Path, authority: Certificate, server_dsn: str, mode: str
) -> None:
    stranger = make(folder, "stranger", HOST, issuer=authority)
    async with front_with(stranger, server_dsn) as front:
        said = await refused(front, config_for(front, server_dsn, mode=mode))

    assert f"the certificate of {HOST}:{front.port} is refused" in said
    assert "unable to get local issuer certificate" in said
    assert "sslrootcert=" in said


async def test_a_self_signed_certificate_is_refused_unless_it_is_named(
    folder: Path, server_dsn: str
) -> None:
    own = make(folder, "self-signed", HOST)
    async with front_with(own, server_dsn) as front:
        said = await refused(front, config_for(front, server_dsn))
        named = config_for(front, server_dsn, roots=own.file)
        async with quantdb.create_pool(named) as pool:
            assert await pool.fetchval("SELECT 1") == 1

    assert "self-signed certificate" in said
    assert "sslrootcert=" in said


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_certificate_for_another_host_is_refused(
    folder: Path, authority: Certificate, server_dsn: str, mode: str
) -> None:
    other = make(folder, "other", "db.example.org", issuer=authority)
    async with front_with(other, server_dsn) as front:
        config = config_for(front, server_dsn, roots=authority.file, mode=mode)
        said = await refused(front, config)

    assert f"not valid for '{HOST}'" in said
    assert "connect by a name that the certificate is for" in said


async def test_a_certificate_for_another_address_is_refused(
    folder: Path, authority: Certificate, server_dsn: str
) -> None:
    other = make(folder, "address", "192.0.2.1", issuer=authority)
    async with front_with(other, server_dsn) as front:
        config = config_for(
            front, server_dsn, "127.0.0.1", roots=authority.file, mode="verify-full"
        )
        said = await refused(front, config)

    assert "not valid for '127.0.0.1'" in said


async def test_an_expired_certificate_is_refused(
    folder: Path, authority: Certificate, server_dsn: str
) -> None:
    old = make(folder, "old", HOST, issuer=authority, begins=NOW - 9 * DAY, ends=NOW - DAY)
    async with front_with(old, server_dsn) as front:
        said = await refused(front, config_for(front, server_dsn, roots=authority.file))

    assert "certificate has expired" in said
    assert "renew it" in said


async def test_a_certificate_that_is_not_valid_yet_is_refused(
    folder: Path, authority: Certificate, server_dsn: str
) -> None:
    early = make(folder, "early", HOST, issuer=authority, begins=NOW + DAY, ends=NOW + 9 * DAY)
    async with front_with(early, server_dsn) as front:
        said = await refused(front, config_for(front, server_dsn, roots=authority.file))

    assert "not yet valid" in said
    assert "clock" in said


@pytest.mark.parametrize("mode", ["", "require", "verify-full", "prefer", "allow"])
async def test_a_server_without_tls_is_not_told_a_word(server_dsn: str, mode: str) -> None:
    async with front_with(None, server_dsn) as front:
        said = await refused(front, config_for(front, server_dsn, mode=mode))

    assert "speaks no TLS" in said
    assert "sslmode=disable" in said


async def test_tls_that_is_switched_off_by_name_is_off(server_dsn: str) -> None:
    async with front_with(None, server_dsn) as front:
        config = config_for(front, server_dsn, mode="disable")
        async with quantdb.create_pool(config) as pool:
            assert await pool.fetchval("SELECT 1") == 1

    assert b"application_name\0quantdb\0" in front.seen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_needs_no_tls(server_dsn: str, host: str) -> None:
    async with (
        front_with(None, server_dsn) as front,
        quantdb.create_pool(config_for(front, server_dsn, host)) as pool,
    ):
        assert await pool.fetchval("SELECT 1") == 1


async def test_the_server_is_told_which_name_was_asked_for(
    folder: Path, authority: Certificate, server_dsn: str
) -> None:
    good = make(folder, "named", HOST, issuer=authority)
    asked: list[str | None] = []

    def ask(_socket: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        asked.append(name)

    async with front_with(good, server_dsn) as front:
        assert front.context is not None
        front.context.sni_callback = ask
        config = config_for(front, server_dsn, roots=authority.file)
        async with quantdb.create_pool(config) as pool:
            assert await pool.fetchval("SELECT 1") == 1

    assert asked == [HOST]


async def test_a_handshake_that_never_ends_is_given_up_in_time() -> None:
    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        dsn = f"postgresql://u:{CANARY}@{HOST}:{port}/db"
        with pytest.raises(PoolTimeout, match=r"did not answer within 0\.5 s"):
            await quantdb.create_pool(PoolConfig(dsn, min_size=1, connect_timeout=0.5))
