"""PoolConfig: what a DSN comes down to, what cannot work, and that nobody tells the password."""

import copy
import math
import pickle
import ssl
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from quantdb import ConfigError, PoolConfig, create_pool
from quantdb.codecs import Codec
from quantdb.dsn import Target, redacted

R = TypeVar("R")

CANARY: Final = "c4n4ry"
NEON: Final = (
    f"postgresql://neondb_owner:npg_{CANARY}@ep-cool-forest-a1b2c3d4-pooler.eu-central-1.aws.neon"
    ".tech/neondb?sslmode=require&channel_binding=require"
)


def loose(call: Callable[..., R]) -> Callable[..., R]:
    """The same, for arguments that type checkers refuse."""
    return call


def target(dsn: str) -> Target:
    return PoolConfig(dsn).target()


def query_of(dsn: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(target(dsn).dsn).query, keep_blank_values=True))


def refusal(dsn: str) -> str:
    with pytest.raises(ConfigError) as caught:
        PoolConfig(dsn)
    assert caught.value.outcome == "not_applied"
    return str(caught.value)


def verifies(dsn: str) -> bool:
    """Whether the server is verified, by its certificate and its name; else TLS must be off."""
    tls = target(dsn).tls
    if tls is False:
        return False
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
    return True


# DSNs as consoles give them.


def test_a_dsn_of_neons_console_is_taken_as_it_is() -> None:
    taken = target(NEON)

    assert taken.pooled
    assert verifies(NEON)
    assert query_of(NEON) == {}
    assert urlsplit(taken.dsn).netloc == urlsplit(NEON).netloc
    assert urlsplit(taken.dsn).path == "/neondb"


def test_the_endpoint_option_of_neon_is_kept() -> None:
    dsn = f"postgresql://u:{CANARY}@ep-a.neon.tech/db?options=endpoint%3Dep-a&sslmode=require"

    assert query_of(dsn) == {"options": "endpoint=ep-a"}
    assert query_of("postgresql://h/db?options=-c%20geqo%3Doff") == {"options": "-c geqo=off"}


@pytest.mark.parametrize(
    "key",
    [
        "channel_binding",
        "connection_limit",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "pgbouncer",
        "pool_timeout",
        "prepared_statement_cache_size",
        "socket_timeout",
        "ssl",
        "sslcompression",
        "sslsni",
        "statement_cache_size",
        "tcp_user_timeout",
        "uselibpqcompat",
        "sslmode",
        "connect_timeout",
    ],
)
def test_keys_that_postgresql_does_not_know_do_not_reach_it(key: str) -> None:
    value = {"sslmode": "require"}.get(key, "1")

    assert query_of(f"postgresql://h/db?{key}={value}&search_path=a") == {"search_path": "a"}


@pytest.mark.parametrize(
    "scheme",
    ["postgresql", "postgres", "POSTGRESQL", "postgresql+asyncpg", "postgresql+psycopg"],
)
def test_the_schemes_of_other_tools_are_taken(scheme: str) -> None:
    assert target(f"{scheme}://u@h/db").dsn == "postgresql://u@h/db"


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://h/db", "h"),
        ("postgresql://h:5433/db", "h:5433"),
        ("postgresql://u:p@h:5433", "h:5433"),
        ("postgresql://u:p@[::1]/db", "::1"),
        ("postgresql://u:p@[2001:db8::1]:5433/db", "2001:db8::1:5433"),
        ("postgresql://u:p@a:1,b:2,c/db", "a:1, b:2, c"),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/db", "/var/run/postgresql"),
        ("postgresql:///db?host=/var/run/postgresql", "/var/run/postgresql"),
        ("postgresql:///db?host=/tmp&port=5433", "/tmp:5433"),
        ("postgresql://u:p@/db?host=h.example.com", "h.example.com"),
    ],
)
def test_the_hosts_are_known_and_the_rest_of_the_dsn_is_kept(dsn: str, hosts: str) -> None:
    taken = target(dsn)

    assert hosts == taken.hosts
    assert urlsplit(dsn).netloc == urlsplit(taken.dsn).netloc
    assert urlsplit(dsn).path == urlsplit(taken.dsn).path
    assert dict(parse_qsl(urlsplit(dsn).query)) == query_of(dsn)


@given(password=texts(1))
def test_a_percent_encoded_password_is_passed_on_whatever_it_is(password: str) -> None:
    config = PoolConfig(f"postgresql://user:{quote(password, safe='')}@db.example.com:5433/db")

    credentials = urlsplit(config.target().dsn).netloc.rpartition("@")[0]

    assert password == unquote(credentials.partition(":")[2])
    assert repr(config).startswith("PoolConfig(dsn=postgresql://user:***@db.example.com:5433/db,")


@given(values=st.dictionaries(st.sampled_from(["options", "search_path", "role"]), texts()))
def test_a_value_of_the_query_is_passed_on_whatever_it_is(values: dict[str, str]) -> None:
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items())

    assert values == query_of(f"postgresql://h/db?{query}")


def test_the_connect_timeout_of_a_dsn_is_translated() -> None:
    assert target("postgresql://h/db?connect_timeout=5").connect_timeout == 5
    assert target("postgresql://h/db?connect_timeout=0").connect_timeout is None
    assert target("postgresql://h/db").connect_timeout is None
    assert "connect_timeout" in refusal("postgresql://h/db?connect_timeout=soon")


# PgBouncer.


@pytest.mark.parametrize(
    ("dsn", "pooled"),
    [
        (NEON, True),
        (NEON.replace("-pooler", ""), False),
        ("postgresql://h:6432/db", True),
        ("postgresql://a:5432,b:6432/db", True),
        ("postgresql://h:5432/db", False),
        ("postgresql://my-pooler/db", True),
        ("postgresql://pooler.example.com/db", False),
        ("postgresql://h.x-pooler.example.com/db", False),
        ("postgresql://localhost/db?application_name=x-pooler", False),
        ("postgresql:///db?host=h&port=6432", True),
        # asyncpg would ignore this port, libpq does not.
        ("postgresql://h/db?port=6432", True),
    ],
)
def test_a_pgbouncer_is_recognised(dsn: str, *, pooled: bool) -> None:
    assert pooled is target(dsn).pooled
    assert PoolConfig(dsn, pooled=True).target().pooled
    assert not PoolConfig(dsn, pooled=False).target().pooled


def test_a_port_in_the_query_is_moved_to_where_the_driver_heeds_it() -> None:
    assert target("postgresql://u@h/db?port=6432").dsn == "postgresql://u@h:6432/db"
    assert target("postgresql://a,b/db?port=1,2").dsn == "postgresql://a:1,b:2/db"
    assert "twice" in refusal("postgresql://h:1/db?port=2")
    assert "twice" in refusal("postgresql://h/db?host=/cloudsql/instance")


# TLS.


@pytest.mark.parametrize("mode", ["", "require", "verify-ca", "verify-full", "prefer", "allow"])
@pytest.mark.parametrize(
    "host",
    [
        "db.example.com",
        "10.0.0.1",
        "192.168.1.1",
        "[2001:db8::1]",
        "localhost.example.com",
        "example.localhost.com",
        "0.0.0.0",
        "localhost,db.example.com",
        "127.0.0.1,10.0.0.1",
        "db",
    ],
)
def test_a_server_away_from_here_is_verified(host: str, mode: str) -> None:
    assert verifies(f"postgresql://u:p@{host}/db" + (f"?sslmode={mode}" if mode else ""))


LOCAL: Final = [
    "localhost",
    "127.0.0.1",
    "127.8.9.1:6432",
    "[::1]",
    "[::1]:5433",
    "localhost,127.0.0.1",
    "%2Fvar%2Frun",
    "",
]


@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=disable"])
@pytest.mark.parametrize("host", LOCAL)
def test_a_server_of_this_machine_needs_no_tls(host: str, mode: str) -> None:
    assert not verifies(f"postgresql://{host}/db{mode}")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("host", LOCAL)
def test_tls_that_is_asked_for_is_verified_here_too(host: str, mode: str) -> None:
    assert verifies(f"postgresql://{host}/db?sslmode={mode}")


def test_tls_can_be_switched_off_by_name_only() -> None:
    assert not verifies("postgresql://db.example.com/db?sslmode=disable")
    for mode in ("off", "no", "DISABLE", "", "0"):
        assert "sslmode" in refusal(f"postgresql://db.example.com/db?sslmode={mode}")


# Else asyncpg would talk to the other hosts without TLS, password included.
def test_a_list_of_hosts_in_the_query_is_local_only_if_all_of_them_are() -> None:
    assert verifies("postgresql:///db?host=/var/run/postgresql,db.example.com")


# asyncpg takes a host that the DSN does not name from PGHOST, or from a service file.
def test_a_host_of_the_environment_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.com")

    assert verifies("postgresql:///db")


def test_a_host_of_a_service_file_is_verified_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "pg_service.conf"
    services.write_text("[prod]\nhost=db.example.com\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))

    with suppress(ConfigError):
        assert verifies("postgresql:///db?service=prod")


def test_a_local_host_of_the_environment_needs_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "/tmp")

    assert not verifies("postgresql:///db")


@pytest.mark.parametrize(
    ("ssl_", "verified"),
    [("require", True), ("true", True), ("verify-full", True), ("disable", False), ("0", False)],
)
def test_the_word_of_other_drivers_for_tls_is_taken(ssl_: str, *, verified: bool) -> None:
    assert verifies(f"postgresql+asyncpg://localhost/db?ssl={ssl_}") is verified
    assert verifies(f"postgresql+asyncpg://db.example.com/db?ssl={ssl_}") is verified
    assert "sslmode" in refusal("postgresql://h/db?ssl=perhaps")
    assert verifies("postgresql://h/db?ssl=disable&sslmode=require")


def test_the_context_is_made_once_a_process() -> None:
    assert (
        target("postgresql://a.example.com/db").tls is target("postgresql://b.example.com/db").tls
    )


def test_certificates_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")

    for roots in (tmp_path / "absent.pem", tmp_path / "empty.pem"):
        assert str(roots) in refusal(f"postgresql://db.example.com/db?sslrootcert={roots}")
    assert verifies("postgresql://db.example.com/db?sslrootcert=system")


# asyncpg ignores what a DSN says of TLS once it is given a context.
def test_a_clients_certificate_is_used_or_refused_but_not_ignored(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"

    assert "sslcert" in refusal(f"postgresql://h/db?sslcert={absent}&sslkey={absent}")
    assert "sslkey" in refusal(f"postgresql://h/db?sslkey={absent}")
    assert "sslcert" in refusal(f"postgresql://h/db?sslmode=disable&sslcert={absent}")
    assert "sslcrl" in refusal(f"postgresql://h/db?sslcrl={absent}")


# What cannot work is said before connecting.


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "localhost",
        "localhost:5432/db",
        "host=localhost dbname=db",
        "mysql://u:p@h/db",
        "http://h/db",
        "sqlite:///db",
        "//h/db",
        "postgresql",
        "postgresql://h:port/db",
        "postgresql://h:-1/db",
        "postgresql://h:5432x/db",
        "postgresql://[::1/db",
        "postgresql://h/db?sslmode",
        "postgresql://h/db?sslmode=bogus",
        "postgresql://h:65536/db",
        "postgresql://h:99999/db",
        "postgresql://a,/db",
        "postgresql://::1/db",
    ],
)
def test_a_dsn_that_cannot_work_is_refused(dsn: str) -> None:
    refusal(dsn)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("min_size", value) for value in (-1, 21, 1.0, True, "5", None)),
        *(("max_size", value) for value in (0, -1, 4, 20.0, True, "20", None)),
        *(
            (name, value)
            for name in (
                "command_timeout",
                "connect_timeout",
                "acquire_timeout",
                "close_timeout",
                "idle_lifetime",
            )
            for value in (0, -1, -0.5, math.nan, -math.inf, True, "30", None)
        ),
        *(("statement_cache_size", value) for value in (-1, 1.5, True, "100")),
        *(("slow_statement", value) for value in (0, -1, math.nan, math.inf, True, "5")),
        *(("tracing", value) for value in ("yes", 1, None)),
        *(("transactions", value) for value in ("implicit", "", "EXPLICIT", None, True)),
        ("transactions", ["explicit"]),
        *(("scale_to_zero", value) for value in ("no", 2, None)),
        *(("pooled", value) for value in ("yes", 2)),
        *(("application_name", value) for value in (5, None, "a\0b")),
        *(("codecs", value) for value in (5, None, ["numeric"])),
    ],
)
def test_a_setting_that_cannot_work_is_refused_and_named(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        loose(PoolConfig)("postgresql://h/db", **{name: value})


@pytest.mark.parametrize("dsn", [None, 5, b"postgresql://h/db", Path("postgresql")])
def test_what_is_no_dsn_at_all_is_said_plainly(dsn: object) -> None:
    # os.environ.get("DATABASE_URL") is often None.
    with pytest.raises(ConfigError, match=r"DSN|dsn"):
        loose(PoolConfig)(dsn)


def test_the_defaults_are_those_of_the_design() -> None:
    config = PoolConfig("postgresql://h/db")

    assert (config.min_size, config.max_size) == (5, 20)
    assert (
        config.command_timeout,
        config.connect_timeout,
        config.acquire_timeout,
    ) == (30, 10, 10)
    assert config.application_name == "quantdb"
    assert (config.pooled, config.statement_cache_size) == (None, None)
    assert (config.scale_to_zero, config.transactions) == (False, "explicit")
    assert (config.slow_statement, config.tracing) == (5, False)


def test_the_smallest_and_the_widest_settings_work() -> None:
    PoolConfig("postgresql://h/db", min_size=0, max_size=1, statement_cache_size=0)
    PoolConfig("postgresql://h/db", min_size=20, max_size=20, command_timeout=0.001)


# A config is a value.


def test_a_config_is_frozen_hashable_and_compared_by_value() -> None:
    one, other = PoolConfig(NEON), PoolConfig(NEON)

    assert one == other
    assert len({one, other, attrs.evolve(one, max_size=21)}) == 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(one, "max_size", 3)  # noqa: B010 - type checkers refuse the plain form
    with pytest.raises(ConfigError, match="max_size"):
        attrs.evolve(one, max_size=3)


def test_a_config_keeps_codecs_of_ones_own_and_remains_a_value() -> None:
    given_codecs = (Codec("mood", str, str, schema="public") for _once in range(1))

    config = PoolConfig("postgresql://h/db", codecs=given_codecs)

    assert config.codecs == (Codec("mood", str, str, schema="public"),)
    assert config == pickle.loads(pickle.dumps(config))
    assert hash(config) == hash(attrs.evolve(config))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_config_survives_a_pickle(protocol: int) -> None:
    config = PoolConfig(NEON, max_size=7, min_size=0, pooled=False, tracing=True)

    copied = pickle.loads(pickle.dumps(config, protocol))

    assert config == copied == copy.deepcopy(config)
    assert hash(config) == hash(copied)
    assert config.target() == copied.target()


# The password.

SECRETIVE: Final = [
    NEON,
    f"postgresql://u:{CANARY}@h/db",
    f"postgresql://u:{CANARY}@a:1,b:2/db",
    f"postgresql://u:%40{CANARY}%2F@h/db",
    f"postgresql://u:{CANARY}:{CANARY}@h/db",
    f"postgresql://:{CANARY}@h/db",
    f"postgresql://u:{CANARY}@/db?host=/tmp",
    f"postgresql://u@h/db?password={CANARY}",
    f"postgresql:///db?host=/tmp&user=u&password={CANARY}&sslmode=disable",
    f"postgresql://u@h/db?password=%20{CANARY}&sslpassword={CANARY}",
    f"postgresql+asyncpg://u:{CANARY}@h/db",
    f"postgresql://u@h/db?PASSWORD={CANARY}",
]


@pytest.mark.parametrize("dsn", SECRETIVE)
def test_nothing_that_is_printed_shows_the_password(dsn: str) -> None:
    config = PoolConfig(dsn)
    pool = create_pool(config)

    for printed in (config, config.target(), pool, create_pool(dsn), [config], {"c": config}):
        assert CANARY not in repr(printed)
        assert CANARY not in str(printed)
        assert CANARY not in f"{printed}"
    assert CANARY not in redacted(dsn)
    assert CANARY not in config.target().hosts


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{CANARY}@h:port/db",
        f"postgresql://u:{CANARY}@h/db?sslmode=bogus",
        f"postgresql://u:{CANARY}@h/db?connect_timeout=soon",
        f"postgresql://u:{CANARY}@h/db?sslrootcert=/absent",
        f"mysql://u:{CANARY}@h/db",
        f"u:{CANARY}@h/db",
        f"host=h password={CANARY}",
        # Passwords that are not percent-encoded.
        f"postgresql://u:{CANARY}/x@h/db",
        f"postgresql://u:{CANARY}#x@h/db",
        f"postgresql://u:{CANARY}?x@h/db",
        f"postgresql://u:[{CANARY}@h/db",
        f"postgresql://u:{CANARY}]@h/db",
        # What stands before / # or ? may look like a port, and the rest like a database or setting.
        f"postgresql://u:12/{CANARY}@h/db",
        f"postgresql://u:12?{CANARY}=1@h/db",
        f"postgresql://u:12?a={CANARY}@h/db",
        # asyncpg splits at the first @, and would look up the end of the password as a host.
        f"postgresql://u:p@{CANARY}@db.example.com/db",
    ],
)
def test_a_dsn_that_is_refused_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PoolConfig(dsn)

    copied = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, copied):
        assert CANARY not in str(error)
        assert CANARY not in repr(error)
        assert CANARY not in "".join(traceback.format_exception(error))
    assert CANARY.encode() not in pickle.dumps(caught.value)


def test_a_password_is_not_taken_for_a_port() -> None:
    assert "percent-encoded" in refusal("postgresql://user:12#34@db.example.com/db")


@given(password=st.text("ab1@/#?:[]%& +,", min_size=1, max_size=8))
def test_a_password_that_is_not_encoded_is_hidden_or_refused(password: str) -> None:
    dsn = f"postgresql://user:{CANARY}{password}{CANARY}@db.example.com/db"

    try:
        shown = repr(PoolConfig(dsn)) + target(dsn).hosts
    except ConfigError as error:
        shown = str(error)

    assert CANARY not in shown


@pytest.mark.parametrize(
    ("change", "value"), [("max_size", 0), ("command_timeout", -1), ("transactions", "x")]
)
def test_a_refused_setting_does_not_show_the_password(change: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        loose(PoolConfig)(NEON, **{change: value})

    assert CANARY not in "".join(traceback.format_exception(caught.value))
