"""Settings for one transaction: whose rows it sees, how long its statements may take, as whom."""

import re
from collections.abc import Mapping
from typing import Final

from quantdb import exact
from quantdb.errors import ConfigError

__all__ = ["Settings", "checked_settings", "opening_statements", "without_role_first"]

Settings = Mapping[str, str]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)*")
_ROLE: Final = frozenset({"role", "session_authorization"})


def checked_settings(settings: Settings) -> dict[str, str]:
    """Return settings that can be sent.

    Raises:
        ConfigError: A name is none of a setting, or a value is not a text.
    """
    checked: dict[str, str] = {}
    for name, value in settings.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is not the name of a setting")
        try:
            checked[name] = exact.text(value)
        except exact.Refused as refusal:
            raise ConfigError(f"the value of {name} {refusal}") from None
    return checked


def without_role_first(settings: Settings) -> list[tuple[str, str]]:
    """Return the settings in an order that works: a role may not be allowed the others."""
    return sorted(settings.items(), key=lambda item: item[0].lower() in _ROLE)


def opening_statements(settings: Settings) -> str:
    """Return statements that make *settings* hold until the transaction ends.

    They go in the packet of BEGIN, which takes no parameters, so names and values stand in the
    text: as hexadecimal digits, which mean the same whatever they spell, and whatever the session
    makes of quotes, backslashes and encodings.
    """
    return " ".join(
        f"SELECT pg_catalog.set_config({_hexed(name)}, {_hexed(value)}, true);"
        for name, value in without_role_first(settings)
    )


def _hexed(text: str) -> str:
    digits = text.encode().hex()
    return f"pg_catalog.convert_from(pg_catalog.decode('{digits}', 'hex'), 'UTF8')"
