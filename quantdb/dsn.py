"""What a DSN comes down to for the driver: its hosts, their TLS, and no password in sight."""

import os
import re
import ssl
from functools import cache
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import attrs

from quantdb.errors import ConfigError
from quantdb.secrecy import Secret, secretive

__all__ = ["Target", "holds_secret", "redacted", "target_of", "without_secrets"]

_SCHEMES: Final = frozenset({"postgres", "postgresql"})
_PGBOUNCER_PORT: Final = 6432
_LAST_PORT: Final = 65_535

# Keys that consoles and other drivers write into a DSN and that PostgreSQL does not know:
# sent on, each would become a startup parameter and be refused.
_DROPPED: Final = frozenset(
    {
        "channel_binding",  # asyncpg has no SCRAM-PLUS; Neon's console asks for it
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
        "sslcompression",
        "sslsni",
        "statement_cache_size",
        "tcp_user_timeout",
        "uselibpqcompat",
    }
)
_TLS: Final = frozenset({"ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"})
# asyncpg ignores these as soon as it is given a context.
_IGNORED: Final = frozenset({"sslcrl", "ssl_min_protocol_version", "ssl_max_protocol_version"})
_VERIFIED: Final = frozenset({"require", "verify-ca", "verify-full"})
# SQLAlchemy's word for sslmode, and node's.
_SSL: Final = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
_UNVERIFIED: Final = frozenset({"disable", "allow", "prefer"})

# A folder of sockets, an IPv6 address in brackets, or a name; the last two may have a port.
_ADDRESS: Final = re.compile(r"(?P<name>/.*|\[[^]]+\]|[^]:[]+)(?::(?P<port>.*))?", re.DOTALL)


def redacted(dsn: str) -> str:
    """Return *dsn* without its password."""
    try:
        return _with_passwords(dsn, "***")
    except ValueError:
        return "<a DSN that cannot be read>"


def without_secrets(dsn: str) -> str:
    """Return *dsn* as it is of use where its passwords are found elsewhere."""
    return _with_passwords(dsn, None)


def holds_secret(dsn: str) -> bool:
    """Tell whether there is a password in *dsn*."""
    return redacted(dsn) != _with_passwords(dsn, None)


def _with_passwords(dsn: str, shown: str | None) -> str:
    """Return *dsn* with *shown* in place of each password, or without them."""
    parts = urlsplit(dsn)
    credentials, at, hosts = parts.netloc.rpartition("@")
    user, colon, _password = credentials.partition(":")
    if colon and shown is not None:
        user = f"{user}:{shown}"
    pairs = [
        (key, shown if "password" in key.lower() else value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    query = urlencode([(key, value) for key, value in pairs if value is not None], safe="*/:")
    return urlunsplit((parts.scheme, f"{user}{at}{hosts}", parts.path, query, ""))


@attrs.frozen
class Target:
    """What a DSN comes down to for the driver.

    Attributes:
        dsn: The DSN without the keys that the driver is given otherwise.
        password: That of the DSN; None if it has none, and the driver looks for it elsewhere.
        tls: The context that verifies the server, or False for no TLS.
        pooled: Whether a PgBouncer stands before the server.
        connect_timeout: Seconds, if the DSN names them.
        application_name: The name that the DSN gives the connections; empty if it gives none.
        hosts: What is connected to, for messages.
        local: Whether every host is this machine.
    """

    dsn: str = attrs.field(repr=redacted)
    password: Secret | None
    tls: ssl.SSLContext | Literal[False]
    pooled: bool
    connect_timeout: float | None
    application_name: str
    hosts: str
    local: bool


@attrs.frozen
class _Host:
    """A server; without a name, it is the driver's default on this machine."""

    name: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.name}:{self.port}" if self.port else self.name

    def is_local(self) -> bool:
        if not self.name or self.name.startswith("/") or self.name == "localhost":
            return True
        try:
            return ip_address(self.name).is_loopback
        except ValueError:
            return False

    def is_pooled(self) -> bool:
        return self.port == _PGBOUNCER_PORT or self.name.partition(".")[0].endswith("-pooler")


@secretive
def target_of(dsn: str, *, pooled: bool | None) -> Target:
    """Return what *dsn* comes down to; *pooled* is None to recognise a PgBouncer.

    Raises:
        ConfigError: It is no DSN of PostgreSQL, or contradicts itself.
    """
    try:
        parts = urlsplit(dsn)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        # The parser's own message may quote a part of the password.
        raise ConfigError("the DSN cannot be read; is its password percent-encoded?") from None
    if parts.scheme.partition("+")[0] not in _SCHEMES:
        raise ConfigError(
            "the DSN must begin with postgresql://"
            + (f", not {parts.scheme}://" if parts.scheme else "")
        )
    # A password that holds one of / ? # @ is cut there; its end would be taken for a host, a
    # database or a setting, and shown.
    behind = parts.path if "@" in parts.netloc else parts.path + parts.query
    if "#" in dsn or "@" in behind or parts.netloc.count("@") > 1:
        raise ConfigError(
            "the DSN holds a '#', or an '@' besides the one before its host; "
            "is its password percent-encoded (%23, %40)?"
        )
    query = dict(pairs)
    credentials, at, authority = parts.netloc.rpartition("@")
    hosts = _hosts(authority, query)
    if authority and query.pop("port", ""):
        # libpq heeds the port of the query, asyncpg does not once the authority has a host.
        named = zip(authority.split(","), hosts, strict=True)
        authority = ",".join(f"{name.rstrip(':')}:{host.port}" for name, host in named)
    kept = {
        key: value
        for key, value in query.items()
        if key not in _DROPPED | _TLS | {"connect_timeout"}
    }
    netloc = f"{credentials}{at}{authority}"
    local = all(host.is_local() for host in hosts)
    return Target(
        dsn=urlunsplit(("postgresql", netloc, parts.path, urlencode(kept, quote_via=quote), "")),
        password=_password(credentials, query),
        tls=_tls(query, local=local),
        pooled=any(host.is_pooled() for host in hosts) if pooled is None else pooled,
        connect_timeout=_seconds(query.get("connect_timeout")),
        application_name=query.get("application_name", ""),
        hosts=", ".join(map(str, hosts)),
        local=local,
    )


def _password(credentials: str, query: dict[str, str]) -> Secret | None:
    """Return the password that the driver would take from the DSN."""
    password = unquote(credentials.partition(":")[2]) or query.get("password", "")
    return Secret(password) if password else None


def _hosts(authority: str, query: dict[str, str]) -> list[_Host]:
    """Return the hosts as asyncpg takes them: of the authority, the query or the environment."""
    named = authority or query.get("host") or os.environ.get("PGHOST", "")
    if authority and query.get("host"):
        raise ConfigError("the DSN names its host twice: before the database and in its query")
    if not named and "service" in query:
        raise ConfigError("the DSN leaves its host to a service file; name it in the DSN")
    hosts = [_host(address) for address in named.split(",")] if named else [_Host("", None)]
    if authority:
        hosts = [_Host(unquote(host.name), host.port) for host in hosts]
    if query.get("port") and any(host.port for host in hosts):
        raise ConfigError("the DSN names a port twice: after its host and in its query")
    default = query.get("port") or os.environ.get("PGPORT")
    if not default:
        return hosts
    ports = [_port(port) for port in default.split(",")]
    if len(ports) not in {1, len(hosts)}:
        raise ConfigError(f"there are {len(ports)} ports for {len(hosts)} hosts")
    ports *= len(hosts) // len(ports)
    return [_Host(host.name, host.port or port) for host, port in zip(hosts, ports, strict=True)]


def _host(address: str) -> _Host:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigError("the DSN's host cannot be read; is its password percent-encoded?")
    return _Host(match["name"].strip("[]"), _port(match["port"]) if match["port"] else None)


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) <= _LAST_PORT:
        raise ConfigError(
            f"the DSN's port is no number from 1 to {_LAST_PORT}; is its password percent-encoded?"
        )
    return int(text)


def _tls(query: dict[str, str], *, local: bool) -> ssl.SSLContext | Literal[False]:
    """Return a verifying context unless every host is local, or TLS is switched off by name."""
    said = query.get("ssl")
    mode = query.get("sslmode", None if said is None else _SSL.get(said, said))
    if mode is not None and mode not in _VERIFIED | _UNVERIFIED:
        raise ConfigError(f"sslmode={mode} is unknown; use verify-full, or disable")
    for name in _IGNORED & query.keys():
        raise ConfigError(f"{name} is not supported; take it out of the DSN")
    certificate, key = query.get("sslcert"), query.get("sslkey")
    if key and not certificate:
        raise ConfigError("sslkey is of no use without sslcert")
    if mode == "disable" or (local and mode not in _VERIFIED):
        if certificate:
            raise ConfigError("sslcert is of no use without TLS; add sslmode=verify-full")
        return False
    roots = query.get("sslrootcert", "system")
    return _context(
        None if roots == "system" else roots, certificate, key, query.get("sslpassword", "")
    )


@cache
def _context(
    roots: str | None, certificate: str | None, key: str | None, password: str
) -> ssl.SSLContext:
    """Make a context once a process: reading the system's roots takes 20 ms."""
    try:
        context = ssl.create_default_context(cafile=roots)
    except OSError as error:
        raise ConfigError(f"sslrootcert={roots}: {error.strerror}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the system's own minimum
    context.set_alpn_protocols(["postgresql"])  # sslnegotiation=direct wants it
    if certificate:
        try:
            # A password, if only an empty one, or OpenSSL asks for it on the terminal.
            context.load_cert_chain(certificate, key, password)
        except OSError as error:
            raise ConfigError(f"sslcert={certificate}, sslkey={key}: {error.strerror}") from error
    return context


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        raise ConfigError(f"connect_timeout={value} is no number of seconds") from None
    return seconds if seconds > 0 else None
