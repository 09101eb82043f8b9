"""PoolConfig: where the database is and how it may be used; no connection is made here."""

import logging
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import attrs

from quantdb import exact
from quantdb.codecs import Codec
from quantdb.dsn import Target, holds_secret, redacted, target_of, without_secrets
from quantdb.errors import ConfigError
from quantdb.safekeeping import entrusted, is_reference, resolved, retrieved
from quantdb.secrecy import secretive

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["PoolConfig"]

N = TypeVar("N")

_log: Final = logging.getLogger(__name__)


def _positive(_config: object, field: "attrs.Attribute[float]", value: object) -> None:
    if not _is_number(value) or not 0 < value < math.inf:
        raise ConfigError(f"{field.name} must be a number of seconds greater than zero: {value!r}")


def _seconds(_config: object, field: "attrs.Attribute[float]", value: object) -> None:
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ConfigError(f"{field.name} must be a number of seconds, or 0 for none: {value!r}")


def _limit(_config: object, field: "attrs.Attribute[N]", value: object) -> None:
    if value is not None and (not _is_number(value) or not 0 < value < math.inf):
        raise ConfigError(f"{field.name} must be a number of seconds, or None for off: {value!r}")


def _is_number(value: object) -> "TypeIs[int | float]":
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(_config: object, field: "attrs.Attribute[N]", value: N) -> None:
    if value is None and field.default is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"{field.name} must be a whole number, zero or more: {value!r}")


def _flag(_config: object, field: "attrs.Attribute[N]", value: N) -> None:
    if not isinstance(value, bool) and (value is not None or field.default is not None):
        raise ConfigError(f"{field.name} must be True or False: {value!r}")


def _text(_config: object, field: "attrs.Attribute[str]", value: object) -> None:
    try:
        exact.text(value)
    except exact.Refused as refusal:  # the value is not shown: a DSN holds a password
        raise ConfigError(f"{field.name} {refusal}") from None


def _choice(_config: object, field: "attrs.Attribute[N]", value: object) -> None:
    if value not in ("explicit", "statement"):
        raise ConfigError(f"{field.name} must be 'explicit' or 'statement': {value!r}")


def _as_codecs(codecs: Iterable[Codec]) -> tuple[Codec, ...]:
    try:
        return tuple(codecs)
    except TypeError:
        raise ConfigError(f"codecs must be a list of Codec: {codecs!r}") from None


def _codecs(_config: object, field: "attrs.Attribute[N]", value: tuple[object, ...]) -> None:
    if not all(isinstance(codec, Codec) for codec in value):
        raise ConfigError(f"{field.name} must be a list of Codec: {value!r}")


@attrs.frozen
class PoolConfig:
    """Where the database is, and the limits of a pool on it. It pickles; its repr hides secrets.

    Its pickle holds no password. Unpickled on the same machine by the same user, while the process
    that pickled it lives, it is the same; elsewhere its DSN has no password, and the driver looks
    for one in ``PGPASSWORD`` and ``~/.pgpass``. For a cluster give the DSN by reference.

    Attributes:
        dsn: ``postgresql://user:password@host:port/database``, as a console gives it; or where it
            is, in whichever process connects: ``env:NAME``, a variable of the environment, or
            ``file:/path``, the first line of a file.
        min_size: Connections kept open; each keeps a Neon compute awake.
        max_size: Most connections that are open at once.
        command_timeout: Seconds that one statement may take. A call that is cut short ends within a
            second of it.
        connect_timeout: Seconds that one connection may take to open, all attempts together: while
            a serverless compute wakes up, a server starts or its connections are used up, it is
            tried again.
        acquire_timeout: Seconds to wait for a free connection.
        retry_timeout: Seconds within which a call that is safe to repeat is repeated after a lost
            connection or contention; 0 repeats nothing. It is never more than a call may take that
            is not repeated: ``acquire_timeout + command_timeout``. If the first attempt alone took
            longer, the others have what is left of that.
        close_timeout: Seconds that closing may wait for work under way.
        idle_lifetime: Seconds after which an unused connection above ``min_size`` is closed.
        application_name: How the connections are named in ``pg_stat_activity``; a name in the DSN
            stands in for the default.
        pooled: Whether a PgBouncer in transaction mode stands before the server; None recognises
            a ``-pooler`` host and port 6432.
        statement_cache_size: Prepared statements kept per connection; None is 100, and 0 when
            pooled, because an older PgBouncer loses them.
        scale_to_zero: Keep no connection open beyond ``idle_lifetime``, and send nothing unasked,
            so that a serverless compute can sleep.
        transactions: ``"explicit"`` is BEGIN and COMMIT around every method; ``"statement"`` leaves
            a method that is one statement, and has nothing to take back, to the transaction that
            PostgreSQL gives it.
        slow_statement: Seconds of work in the database from which a call is logged as a warning of
            the logger ``quantdb.slow``, with its name, its seconds and its file; None for never.
        tracing: Whether each call is a span of OpenTelemetry (``quantdb[otel]``).
        codecs: Codecs of your own, which stand in for the strict ones; see `Codec`.

    Raises:
        ConfigError: A setting that cannot work.
    """

    dsn: str = attrs.field(repr=redacted, validator=_text)
    min_size: int = attrs.field(default=5, validator=_count)
    max_size: int = attrs.field(default=20, validator=_count)
    command_timeout: float = attrs.field(default=30.0, validator=_positive)
    connect_timeout: float = attrs.field(default=10.0, validator=_positive)
    acquire_timeout: float = attrs.field(default=10.0, validator=_positive)
    retry_timeout: float = attrs.field(default=10.0, validator=_seconds)
    close_timeout: float = attrs.field(default=10.0, validator=_positive)
    idle_lifetime: float = attrs.field(default=300.0, validator=_positive)
    application_name: str = attrs.field(default="quantdb", validator=_text)
    pooled: bool | None = attrs.field(default=None, validator=_flag)
    statement_cache_size: int | None = attrs.field(default=None, validator=_count)
    scale_to_zero: bool = attrs.field(default=False, validator=_flag)
    transactions: Literal["explicit", "statement"] = attrs.field(
        default="explicit", validator=_choice
    )
    slow_statement: float | None = attrs.field(default=5.0, validator=_limit)
    tracing: bool = attrs.field(default=False, validator=_flag)
    codecs: tuple[Codec, ...] = attrs.field(default=(), converter=_as_codecs, validator=_codecs)

    def __attrs_post_init__(self) -> None:
        if self.max_size < 1 or self.min_size > self.max_size:
            raise ConfigError(
                f"min_size and max_size must satisfy 0 ≤ min_size ≤ max_size and max_size ≥ 1: "
                f"{self.min_size} and {self.max_size}"
            )
        if not is_reference(self.dsn):
            self.target()

    def __copy__(self) -> "PoolConfig":
        return self

    def __deepcopy__(self, memo: object) -> "PoolConfig":
        return self

    def __reduce__(self) -> "tuple[Callable[..., PoolConfig], tuple[object, ...]]":
        values = [getattr(self, field.name) for field in attrs.fields(PoolConfig)]
        if is_reference(self.dsn) or not holds_secret(self.dsn):
            return _make, tuple(values)
        return _unpickled, (entrusted(self.dsn), without_secrets(self.dsn), *values[1:])

    def target(self) -> Target:
        """Return what the DSN comes down to.

        Raises:
            ConfigError: It is no DSN of PostgreSQL, contradicts itself, or is not where it says.
        """
        return target_of(resolved(self.dsn), pooled=self.pooled)


def _unpickled(reference: str, shown: str, *values: object) -> PoolConfig:
    """Return a config with the DSN that a reference stands for, if that is found."""
    dsn = retrieved(reference)
    if dsn is None:
        _log.warning(
            "the DSN of a config that was pickled elsewhere is not on this machine; its password "
            "is looked for in PGPASSWORD and ~/.pgpass"
        )
    return _make(dsn or shown, *values)


# The generated __init__ has the DSN among its local variables, and so would a traceback.
setattr(PoolConfig, "__init__", secretive(PoolConfig.__init__))  # noqa: B010 - a method
_make: Final[Callable[..., PoolConfig]] = PoolConfig  # its types are checked by itself
