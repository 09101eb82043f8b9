"""Text of the server's as values of Arrow, exactly, or an error that names the column and the row.

Arrow's own reader of decimals must not be left alone with a number of too many digits: where it
has to add decimals it multiplies, and what does not fit 128 bits wraps around silently
(123456789012345678901234567890 becomes 46509284486016680345.836… as decimal128(38, 18), pyarrow
18 to 26). So the digits are counted before.
"""

import binascii
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, NoReturn, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from quantdb.errors import InexactValue
from quantdb.exact import brief

__all__ = [
    "Unfit",
    "bytes_of",
    "decimals_of",
    "durations_of",
    "first_failing",
    "refuse",
    "uuids_of",
]


class Unfit(Exception):  # noqa: N818 - it is caught, and says where
    """A value that its column cannot hold; *place* is its index in the batch."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


Text: TypeAlias = pa.StringArray
Array: TypeAlias = "pa.Array[pa.Scalar[pa.DataType]]"


def decimals_of(text: Text, kind: pa.DataType) -> Array:
    """Return numbers as the decimal type *kind*.

    Raises:
        Unfit: One has more digits than *kind*, or is none (NaN, Infinity).
    """
    whole, scale = _digits(kind)
    longest = pc.max(pc.binary_length(text)).as_py()
    if longest is None or longest <= whole:
        try:
            return pc.cast(text, kind)
        except pa.ArrowInvalid:
            pass  # which one, is found below
    return pc.cast(pa.array(_fitting(text.to_pylist(), whole, scale), pa.string()), kind)


def _digits(kind: pa.DataType) -> tuple[int, int]:
    assert isinstance(kind, pa.Decimal128Type | pa.Decimal256Type)  # noqa: S101 - as of `types`
    return kind.precision - kind.scale, kind.scale


_NUMBER: Final = re.compile(r"-?0*(?P<whole>[0-9]*)(?:\.(?P<decimals>[0-9]*?)0*)?")


def _fitting(texts: Sequence[str | None], whole: int, scale: int) -> list[str | None]:
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


def uuids_of(text: Text) -> Array:
    """Return UUIDs, which the server writes in one form only."""
    validity = text.buffers()[0] if text.null_count else None
    if text.null_count:
        text = pc.fill_null(text, _ZERO)
    data = text.buffers()[2]
    written = b"" if data is None else data.to_pybytes()
    raw = binascii.unhexlify(written.replace(b"-", b""))
    assert len(raw) == _WIDTH * len(text)  # noqa: S101 - as the server writes them
    width = pa.binary(_WIDTH)
    stored = pa.FixedSizeBinaryArray.from_buffers(width, len(text), [validity, pa.py_buffer(raw)])
    return pa.ExtensionArray.from_storage(pa.uuid(), stored)


def bytes_of(text: Text) -> Array:
    r"""Return bytes of the form ``\x0afe``."""
    return pa.array(
        [None if each is None else bytes.fromhex(each[2:]) for each in text.to_pylist()],
        pa.binary(),
    )


_SPAN: Final = re.compile(
    r"(?:(?P<years>[-+]?\d+) years? ?)?(?:(?P<months>[-+]?\d+) mons? ?)?"
    r"(?:(?P<days>[-+]?\d+) days? ?)?"
    r"(?:(?P<sign>[-+]?)(?P<h>\d+):(?P<m>\d+):(?P<s>\d+)(?:\.(?P<fraction>\d+))?)?"
)
_MICROSECOND: Final = timedelta(microseconds=1)
_LARGEST: Final = 2**63


def durations_of(labels: pa.DictionaryArray) -> Array:
    """Return intervals, each distinct one read once.

    Raises:
        Unfit: One has months, which are of no fixed length, or is too long for 64 bits.
    """
    spans: list[int] = []
    for code, text in enumerate(labels.dictionary.to_pylist()):
        span = _microseconds(text)
        if isinstance(span, str):
            place = pc.index(labels.indices, code).as_py()
            raise Unfit(place, span)
        spans.append(span)
    return pa.array(spans, pa.int64()).cast(pa.duration("us")).take(labels.indices)


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
