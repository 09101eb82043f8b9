"""JSON that comes back equal: the strict boundary inside json and jsonb."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from quantdb.containers import is_mapping
from quantdb.errors import InexactValue
from quantdb.exact import Refused, is_items, numeric, text

__all__ = ["dumped", "json_value", "parsed"]

_DEEPEST: Final = 200
"""Objects and lists inside each other, which Python reads and compares by recursion."""

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def dumped(value: object) -> str:
    """Return *value* as JSON text that reads back as an equal value.

    Objects have text for keys; numbers are int and Decimal, since a float would come back as a
    Decimal; NaN, infinity, NUL and lone surrogates are refused. A Decimal comes back as a Decimal,
    which JSON tells from an int by its point: ``Decimal("10")`` is written, and read, as ``10.0``.
    """
    parts: list[str] = []
    _dump(value, parts.append, 0)
    return "".join(parts)


def json_value(value: object) -> object:
    """Admit what `dumped` can write."""
    dumped(value)
    return value


def _dump(value: object, put: Callable[[str], None], depth: int) -> None:
    if value is None:
        put("null")
    elif isinstance(value, bool):
        put("true" if value else "false")
    elif isinstance(value, str):
        put(_quoted(value))
    elif isinstance(value, Decimal):
        put(_fraction(value))
    elif isinstance(value, int):
        put(str(numeric(value)))
    elif isinstance(value, float):
        reason = "" if math.isfinite(value) else ", and must be finite"
        raise Refused(f"JSON numbers must be int or Decimal{reason}")
    elif is_mapping(value):
        _dump_object(value, put, depth + 1)
    elif is_items(value):
        _dump_list(value, put, depth + 1)
    else:
        raise Refused(f"JSON has no {type(value).__name__}")


def _fraction(value: Decimal) -> str:
    plain = format(numeric(value), "f")
    return plain if "." in plain else f"{plain}.0"


def _dump_list(value: Sequence[object], put: Callable[[str], None], depth: int) -> None:
    _not_too_deep(depth)
    put("[")
    for n, item in enumerate(value):
        put("," if n else "")
        _dump(item, put, depth)
    put("]")


def _dump_object(value: Mapping[object, object], put: Callable[[str], None], depth: int) -> None:
    _not_too_deep(depth)
    put("{")
    for n, (key, item) in enumerate(value.items()):
        if not isinstance(key, str):
            raise Refused("the keys of a JSON object must be text")
        put("," if n else "")
        put(_quoted(key))
        put(":")
        _dump(item, put, depth)
    put("}")


def _not_too_deep(depth: int) -> None:
    if depth > _DEEPEST:
        raise Refused(f"JSON is nested more than {_DEEPEST} deep")


def _quoted(value: str) -> str:
    plain = text(value)
    return '"' + "".join(_escaped(char) for char in plain) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\u{ord(char):04x}" if char < " " else char


_LONG: Final = 4_000


def parsed(text: str | bytes) -> object:
    """Return what JSON text says: its fractions as Decimal, whole numbers as int.

    Raises:
        InexactValue: It is nested deeper than Python reads.
    """
    try:
        value: object = _DECODER.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        said = "a json in the database is nested deeper than Python reads"
        raise InexactValue(said, "json") from None
    return value


def _whole(digits: str) -> int:
    # By way of Decimal, because int() refuses more than 4300 digits.
    return int(digits) if len(digits) < _LONG else int(Decimal(digits))


_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_int=_whole)
