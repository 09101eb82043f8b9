"""PoolConfig: where the database is and how it may be used; no connection is made here."""

import ssl
from collections.abc import Iterable
from functools import cache
from ipaddress import ip_address
from typing import Final, Literal, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import attrs

from quantdb.codecs import Codec
from quantdb.errors import ConfigError

__all__ = ["PoolConfig", "Target", "redacted"]

N = TypeVar("N")

_SCHEMES: Final = frozenset({"postgres", "postgresql"})
_PGBOUNCER_PORT: Final = 6432

# Keys that consoles and other drivers write into a DSN and that PostgreSQL does not know:
# sent on, each would become a startup parameter and be refused.
_DROPPED: Final = frozenset(
    {
        "channel_binding",  # asyncpg has no SCRAM-PLUS; Neon's console asks for it
        "connection_limit",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "pgbouncer",
        "pool_timeout",
        "tcp_user_timeout",
    }
)
_TLS: Final = frozenset({"sslmode", "sslrootcert"})
_VERIFIED: Final = frozenset({"require", "verify-ca", "verify-full"})
_UNVERIFIED: Final = frozenset({"disable", "allow", "prefer"})


def redacted(dsn: str) -> str:
    """Return *dsn* without its password."""
    try:
        parts = urlsplit(dsn)
    except ValueError:
        return "<a DSN that cannot be read>"
    credentials, at, hosts = parts.netloc.rpartition("@")
    user, colon, _password = credentials.partition(":")
    query = urlencode(
        [
            (key, "***" if "password" in key else value)
            for key, value in parse_qsl(parts.query, keep_blank_values=True)
        ],
        safe="*/:",
    )
    netloc = f"{user}{':***' if colon else ''}{at}{hosts}"
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


@attrs.frozen
class Target:
    """What a DSN comes down to for the driver.

    Attributes:
        dsn: The DSN without the keys that the driver is given otherwise.
        tls: The context that verifies the server, or False for no TLS.
        pooled: Whether a PgBouncer stands before the server.
        connect_timeout: Seconds, if the DSN names them.
        hosts: What is connected to, for messages.
        local: Whether every host is this machine.
    """

    dsn: str = attrs.field(repr=redacted)
    tls: ssl.SSLContext | Literal[False]
    pooled: bool
    connect_timeout: float | None
    hosts: str
    local: bool


def _positive(_config: object, field: "attrs.Attribute[float]", value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ConfigError(f"{field.name} must be a number of seconds greater than zero: {value!r}")


def _count(_config: object, field: "attrs.Attribute[N]", value: N) -> None:
    if value is None and field.default is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"{field.name} must be a whole number, zero or more: {value!r}")


def _as_codecs(codecs: Iterable[Codec]) -> tuple[Codec, ...]:
    return tuple(codecs)


@attrs.frozen
class PoolConfig:
    """Where the database is, and the limits of a pool on it. It pickles; its repr hides secrets.

    Attributes:
        dsn: ``postgresql://user:password@host:port/database``, as a console gives it.
        min_size: Connections kept open; each keeps a Neon compute awake.
        max_size: Most connections that are open at once.
        command_timeout: Seconds that one statement may take.
        connect_timeout: Seconds that one connection may take to open.
        acquire_timeout: Seconds to wait for a free connection.
        close_timeout: Seconds that closing may wait for work under way.
        idle_lifetime: Seconds after which an unused connection above ``min_size`` is closed.
        application_name: How the connections are named in ``pg_stat_activity``.
        pooled: Whether a PgBouncer in transaction mode stands before the server; None recognises
            a ``-pooler`` host and port 6432.
        statement_cache_size: Prepared statements kept per connection; None is 100, and 0 when
            pooled, because an older PgBouncer loses them.
        scale_to_zero: Keep no connection open, so that a serverless compute can sleep.
        transactions: ``"explicit"`` is BEGIN and COMMIT around every method; ``"statement"`` leaves
            a method that is one statement to the transaction that PostgreSQL gives it.
        codecs: Codecs of your own, which stand in for the strict ones; see `Codec`.

    Raises:
        ConfigError: A setting that cannot work.
    """

    dsn: str = attrs.field(repr=redacted)
    min_size: int = attrs.field(default=5, validator=_count)
    max_size: int = attrs.field(default=20, validator=_count)
    command_timeout: float = attrs.field(default=30.0, validator=_positive)
    connect_timeout: float = attrs.field(default=10.0, validator=_positive)
    acquire_timeout: float = attrs.field(default=10.0, validator=_positive)
    close_timeout: float = attrs.field(default=10.0, validator=_positive)
    idle_lifetime: float = attrs.field(default=300.0, validator=_positive)
    application_name: str = "quantdb"
    pooled: bool | None = None
    statement_cache_size: int | None = attrs.field(default=None, validator=_count)
    scale_to_zero: bool = False
    transactions: Literal["explicit", "statement"] = "explicit"
    codecs: tuple[Codec, ...] = attrs.field(default=(), converter=_as_codecs)

    def __attrs_post_init__(self) -> None:
        if self.max_size < 1 or self.min_size > self.max_size:
            raise ConfigError(
                f"min_size and max_size must satisfy 0 ≤ min_size ≤ max_size and max_size ≥ 1: "
                f"{self.min_size} and {self.max_size}"
            )
        if self.transactions not in {"explicit", "statement"}:
            raise ConfigError(
                f"transactions must be 'explicit' or 'statement': {self.transactions!r}"
            )
        self.target()

    def target(self) -> Target:
        """Return what the DSN comes down to.

        Raises:
            ConfigError: It is no DSN of PostgreSQL, or contradicts itself.
        """
        try:
            parts = urlsplit(self.dsn)
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            # The parser's own message may quote a part of the password.
            raise ConfigError("the DSN cannot be read; is its password percent-encoded?") from None
        if parts.scheme.partition("+")[0] not in _SCHEMES:
            raise ConfigError(
                "the DSN must begin with postgresql://"
                + (f", not {parts.scheme}://" if parts.scheme else "")
            )
        query = dict(pairs)
        hosts = _hosts(parts.netloc, query)
        kept = {
            key: value
            for key, value in query.items()
            if key not in _DROPPED | _TLS | {"connect_timeout"}
        }
        return Target(
            dsn=urlunsplit(
                ("postgresql", parts.netloc, parts.path, urlencode(kept, quote_via=quote), "")
            ),
            tls=_tls(hosts, query),
            pooled=_is_pooled(hosts) if self.pooled is None else self.pooled,
            connect_timeout=_seconds(query.get("connect_timeout")),
            hosts=", ".join(f"{host}:{port}" if port else host for host, port in hosts),
            local=all(_is_local(host) for host, _port in hosts),
        )


def _hosts(netloc: str, query: dict[str, str]) -> list[tuple[str, int | None]]:
    """Return each host with its port."""
    named = netloc.rpartition("@")[2]
    if not named:
        host, port = query.get("host", ""), query.get("port")
        return [(host, int(port) if port and port.isdecimal() else None)]
    hosts: list[tuple[str, int | None]] = []
    for address in named.split(","):
        host, colon, port = address.rpartition(":")
        if not colon or address.endswith("]"):
            host, port = address, ""
        if port and not port.isdecimal():
            raise ConfigError("the DSN's port is no number; is its password percent-encoded?")
        hosts.append((unquote(host).strip("[]"), int(port) if port else None))
    return hosts


def _is_pooled(hosts: list[tuple[str, int | None]]) -> bool:
    return any(
        port == _PGBOUNCER_PORT or host.partition(".")[0].endswith("-pooler")
        for host, port in hosts
    )


def _is_local(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(
    hosts: list[tuple[str, int | None]], query: dict[str, str]
) -> ssl.SSLContext | Literal[False]:
    """Return a verifying context unless every host is local, or TLS is switched off by name."""
    mode = query.get("sslmode")
    if mode is not None and mode not in _VERIFIED | _UNVERIFIED:
        raise ConfigError(f"sslmode={mode} is unknown; use verify-full, or disable")
    local = all(_is_local(host) for host, _port in hosts)
    if mode == "disable" or (local and mode not in _VERIFIED):
        return False
    roots = query.get("sslrootcert", "system")
    try:
        return _context(None if roots == "system" else roots)
    except OSError as error:
        raise ConfigError(f"sslrootcert={roots}: {error.strerror}") from error


@cache
def _context(roots: str | None) -> ssl.SSLContext:
    """Make a context once a process: reading the system's roots takes 20 ms."""
    return ssl.create_default_context(cafile=roots)


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        raise ConfigError(f"connect_timeout={value} is no number of seconds") from None
    return seconds if seconds > 0 else None
