"""Values as Python source."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeGuard
from uuid import UUID

from quantdb.exact import is_items
from quantdb.new.imports import Imports
from quantdb.new.layout import text

__all__ = ["source"]


def source(value: object, imports: Imports) -> str | None:
    """Return the expression that makes a value; None if there is none."""
    match value:
        case None | bool() | int():
            return repr(value)
        case float():
            return repr(value) if value == value and abs(value) != float("inf") else None  # noqa: PLR0124
        case str():
            return text(value)
        case bytes():
            return _bytes(value)
        case Decimal():
            form = str(value)
            whole = form.isdecimal() or (value and form.removeprefix("-").isdecimal())
            return f"{imports.name('decimal', 'Decimal')}({form if whole else text(form)})"
        case UUID():
            return f"{imports.name('uuid', 'UUID')}({text(str(value))})"
        case IPv4Address() | IPv6Address() | IPv4Network() | IPv6Network():
            return f"{imports.name('ipaddress', type(value).__name__)}({text(str(value))})"
        case datetime() | date() | time() | timedelta():
            return _moment(value, imports)
        case _:
            return _container(value, imports)


def _bytes(value: bytes) -> str:
    inner = text(value.decode("latin-1"))
    shown = "".join(char if char.isascii() else f"\\x{ord(char):02x}" for char in inner)
    return f"b{shown}"


def _moment(value: datetime | date | time | timedelta, imports: Imports) -> str | None:
    kind = imports.name("datetime", type(value).__name__)
    if isinstance(value, timedelta):
        parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
        return f"{kind}({', '.join(f'{name}={part}' for name, part in parts.items() if part)})"
    day = [value.year, value.month, value.day] if isinstance(value, date) else []
    clock = _clock(value) if isinstance(value, datetime | time) else []
    given = [str(number) for number in (*day, *clock)]
    if isinstance(value, datetime | time) and value.tzinfo is not None:
        if value.utcoffset() != timedelta(0):
            return None
        given.append(f"tzinfo={imports.name('datetime', 'UTC')}")
    return f"{kind}({', '.join(given)})"


def _clock(value: datetime | time) -> list[int]:
    parts = [value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 2 and not parts[-1]:  # noqa: PLR2004 - the hour and the minute stay
        parts.pop()
    return parts


def _container(value: object, imports: Imports) -> str | None:
    if is_items(value):
        items = [source(item, imports) for item in value]
        given = [item for item in items if item is not None]
        if len(given) < len(items):
            return None
        if isinstance(value, list):
            return f"[{', '.join(given)}]"
        return f"({', '.join(given)}{',' if len(given) == 1 else ''})"
    if _is_mapping(value):
        pairs = [(source(key, imports), source(item, imports)) for key, item in value.items()]
        if any(key is None or item is None for key, item in pairs):
            return None
        return f"{{{', '.join(f'{key}: {item}' for key, item in pairs)}}}"
    return None


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, dict)
