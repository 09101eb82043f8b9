"""Settings of a server that hurt a trading system, why, and what to do."""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from quantdb.cli.findings import Finding
from quantdb.config import PoolConfig

__all__ = ["SETTINGS", "of_connections", "of_settings"]

_SHORT_MILLISECONDS: Final = 60_000
_JIT_DEFAULT: Final = 100_000.0
_NEON: Final = "neon.timeline_id"


@attrs.frozen
class _Rule:
    """A setting that may hurt.

    Attributes:
        hurts: Tells it by the value; times are in milliseconds.
        why: What happens then.
        advice: What to do.
        neon: Why it is right on Neon; empty if it is not.
        title: What to call it; by its name if empty.
    """

    hurts: Callable[[str], bool]
    why: str
    advice: str
    neon: str = ""
    title: str = ""


def _is_off(value: str) -> bool:
    return value == "off"


def _is_short(value: str) -> bool:
    return 0 < int(value) < _SHORT_MILLISECONDS


def _is_none(value: str) -> bool:
    return value == "0"


_RULES: Final = {
    "fsync": _Rule(
        _is_off,
        "a crash of the machine can destroy the database",
        "ALTER SYSTEM SET fsync = on",
        neon="Neon's storage keeps what is committed",
    ),
    "full_page_writes": _Rule(
        _is_off,
        "a crash of the machine can leave torn pages",
        "ALTER SYSTEM SET full_page_writes = on",
        neon="Neon's storage tears no pages",
    ),
    "synchronous_commit": _Rule(
        _is_off,
        "a crash loses the last commits, though they were answered",
        "ALTER SYSTEM SET synchronous_commit = on",
    ),
    "autovacuum": _Rule(
        _is_off,
        "tables swell and plans go stale",
        "ALTER SYSTEM SET autovacuum = on",
    ),
    "track_counts": _Rule(
        _is_off, "autovacuum sees nothing to do", "ALTER SYSTEM SET track_counts = on"
    ),
    "idle_in_transaction_session_timeout": _Rule(
        _is_none,
        "a client that hangs in a transaction keeps its locks for ever",
        "ALTER ROLE app SET idle_in_transaction_session_timeout = '5min'",
        title="idle transactions",
    ),
    "statement_timeout": _Rule(
        _is_short,
        "cuts bulk writes and migrations short",
        "ALTER ROLE app SET statement_timeout = 0",
    ),
    "transaction_timeout": _Rule(
        _is_short,
        "cuts bulk writes and migrations short",
        "ALTER ROLE app SET transaction_timeout = 0",
    ),
}

SETTINGS: Final = (
    *_RULES,
    "jit",
    "jit_above_cost",
    "max_connections",
    "reserved_connections",
    "superuser_reserved_connections",
    _NEON,
)
"""The settings to ask for."""


def of_settings(settings: Mapping[str, str], *, neon: bool) -> list[Finding]:
    """Judge the settings; one that this version of the server does not know is left out.

    Args:
        settings: Their values, times in milliseconds.
        neon: Whether the host is known to be Neon's.
    """
    on_neon = neon or _NEON in settings
    found = [
        _judged(name, settings[name], rule, on_neon=on_neon)
        for name, rule in _RULES.items()
        if name in settings
    ]
    return [*found, _jit(settings)]


def _judged(name: str, value: str, rule: _Rule, *, on_neon: bool) -> Finding:
    title = rule.title or name
    said = value
    if name.endswith("_timeout"):
        said = "no limit" if _is_none(value) else f"after {int(value) / 1000:g} s"
    if not rule.hurts(value):
        return Finding("ok", title, said)
    if on_neon and rule.neon:
        return Finding("ok", title, f"{said}: {rule.neon}")
    return Finding("warning", title, f"{said}: {rule.why}", rule.advice)


def _jit(settings: Mapping[str, str]) -> Finding:
    """Judge the compiler, which costs more than it saves unless a statement is large."""
    cost = float(settings.get("jit_above_cost", "-1"))
    if settings.get("jit") != "on" or cost < 0:
        return Finding("ok", "jit", "off")
    if cost < _JIT_DEFAULT:
        said = f"compiles statements above a cost of {cost:g}: most are faster without"
        return Finding("warning", "jit", said, "ALTER SYSTEM SET jit = off")
    return Finding("ok", "jit", f"only above a cost of {cost:g}, which no short statement has")


def of_connections(config: PoolConfig, settings: Mapping[str, str], connected: int) -> Finding:
    """Judge whether the server has room for a pool of the default size."""
    reserved = ("superuser_reserved_connections", "reserved_connections")
    usable = int(settings["max_connections"]) - sum(
        int(settings.get(name, "0")) for name in reserved
    )
    size = PoolConfig(config.dsn).max_size
    said = f"{usable} usable, {connected} in use; a pool opens up to {size}"
    if config.target().pooled or usable - connected >= size:
        return Finding("ok", "connections", said)
    return Finding(
        "warning",
        "connections",
        said,
        "choose a smaller PoolConfig(max_size=…), or raise max_connections",
    )
