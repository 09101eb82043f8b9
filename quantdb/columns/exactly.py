"""Text of the server's as values of Arrow, exactly, or an error that names the column and the row.

Arrow's own reader of decimals must not be left alone with a number of too many digits: where it
has to add decimals it multiplies, and what does not fit 128 bits wraps around silently
(123456789012345678901234567890 becomes 46509284486016680345.836… as decimal128(38, 18), pyarrow
18 to 26). So the digits are counted before.
"""

import binascii
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn, TypeAlias

import pyarrow as pa

from quantdb.columns.arrow import (
    Array,
    Dictionary,
    array_of,
    bounds_of,
    cast,
    digits_of,
    fixed_from_buffers,
    function,
    place_of,
    uuids_from,
)
from quantdb.errors import InexactValue
from quantdb.exact import brief

__all__ = [
    "Unfit",
    "bytes_of",
    "decimals_of",
    "durations_of",
    "first_failing",
    "refuse",
    "texts_of",
    "uuids_of",
]


class Unfit(Exception):
    """A value that its column cannot hold; *place* is its index in the batch."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


_length: Final = function("binary_length")
_fill_null: Final = function("fill_null")

Texts: TypeAlias = Sequence[str | None]


def decimals_of(text: Array, kind: pa.DataType) -> Array:
    """Return numbers as the decimal type *kind*.

    Raises:
        Unfit: One has more digits than *kind*, or is none (NaN, Infinity).
    """
    digits = digits_of(kind)
    assert digits is not None  # noqa: S101 - as of `types`
    whole = digits.precision - digits.scale
    lengths = bounds_of(_length(text))
    if lengths is None or lengths[1] <= whole:
        # Which one cannot be read, is found below.
        with suppress(pa.ArrowInvalid):
            return cast(text, kind)
    fitting = _fitting(texts_of(text), whole, digits.scale)
    return cast(array_of(fitting, pa.string()), kind)


def texts_of(array: Array) -> list[str | None]:
    """Return a column of texts."""
    return [each if isinstance(each, str) else None for each in array.to_pylist()]


_NUMBER: Final = re.compile(r"-?0*(?P<whole>[0-9]*)(?:\.(?P<decimals>[0-9]*?)0*)?")


def _fitting(texts: Texts, whole: int, scale: int) -> list[str | None]:
    """Return numbers without the zeros at their end, which Arrow would count as digits."""
    fitting: list[str | None] = []
    for place, text in enumerate(texts):
        number = None if text is None else _NUMBER.fullmatch(text)
        if text is None:
            fitting.append(None)
        elif number is None:
            raise Unfit(place, f"is {brief(text)}, which no decimal of Arrow is")
        elif len(number["whole"]) > whole:
            raise Unfit(place, f"{brief(text)} has more than {whole} digits before the point")
        elif len(number["decimals"] or "") > scale:
            raise Unfit(place, f"{brief(text)} has more than {scale} decimals")
        else:
            sign = "-" if text.startswith("-") else ""
            fitting.append(f"{sign}{number['whole'] or 0}.{number['decimals'] or 0}")
    return fitting


_WIDTH: Final = 16
_ZERO: Final = "00000000-0000-0000-0000-000000000000"


def uuids_of(text: Array) -> Array:
    """Return UUIDs, which the server writes in one form only."""
    validity = text.buffers()[0] if text.null_count else None
    if text.null_count:
        text = _fill_null(text, _ZERO)
    data = text.buffers()[2]
    written = b"" if data is None else data.to_pybytes()
    raw = binascii.unhexlify(written.replace(b"-", b""))
    assert len(raw) == _WIDTH * len(text)  # noqa: S101 - as the server writes them
    memory = [validity, pa.py_buffer(raw)]
    return uuids_from(fixed_from_buffers(pa.binary(_WIDTH), len(text), memory))


def bytes_of(text: Array) -> Array:
    r"""Return bytes of the form ``\x0afe``."""
    read = [None if each is None else bytes.fromhex(each[2:]) for each in texts_of(text)]
    return array_of(read, pa.binary())


_SPAN: Final = re.compile(
    r"(?:(?P<years>[-+]?\d+) years? ?)?(?:(?P<months>[-+]?\d+) mons? ?)?"
    r"(?:(?P<days>[-+]?\d+) days? ?)?"
    r"(?:(?P<sign>[-+]?)(?P<h>\d+):(?P<m>\d+):(?P<s>\d+)(?:\.(?P<fraction>\d+))?)?"
)
_LARGEST: Final = 2**63


def durations_of(labels: Dictionary) -> Array:
    """Return intervals, each distinct one read once.

    Raises:
        Unfit: One has months, which are of no fixed length, or is too long for 64 bits.
    """
    spans: list[int] = []
    for code, text in enumerate(texts_of(labels.dictionary)):
        span = _microseconds(text or "")
        if isinstance(span, str):
            raise Unfit(place_of(labels.indices, code), span)
        spans.append(span)
    return cast(array_of(spans, pa.int64()), pa.duration("us")).take(labels.indices)


def _microseconds(text: str) -> int | str:
    found = _SPAN.fullmatch(text)
    if found is None:
        return f"is {brief(text)}"
    part = found.groupdict(default="0")
    if int(part["years"]) or int(part["months"]):
        return f"{text} has months, of no fixed length"
    seconds = int(part["h"]) * 3_600 + int(part["m"]) * 60 + int(part["s"])
    clock = seconds * 1_000_000 + int((found["fraction"] or "").ljust(6, "0"))
    total = int(part["days"]) * 86_400_000_000 + (-clock if found["sign"] == "-" else clock)
    return total if -_LARGEST <= total < _LARGEST else f"{text} is too long for 64 bits"


def refuse(column: str, row: int, reason: str) -> NoReturn:
    """Raise the error that names the column and the row, from 1."""
    raise InexactValue(f"row {row}: {column}: {reason}", column, row)


def first_failing(count: int, fails: Callable[[int, int], bool]) -> int:
    """Return the first place at which ``fails(start, end)`` does, by halves."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(low, middle) else (middle, high)
    return low
