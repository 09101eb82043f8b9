"""Decimals as numeric in the binary format of COPY, many at a time."""

from binascii import unhexlify
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from operator import sub
from struct import Struct, pack
from typing import Final

import attrs

from quantdb.repeats import Repeats

__all__ = ["Numerics", "cut"]


@lru_cache(maxsize=32)
def _cuts(width: int, count: int) -> Callable[[bytes | bytearray], tuple[bytes, ...]]:
    return Struct(f"{width}s" * count).unpack


def cut(blob: bytes | bytearray, width: int) -> Sequence[bytes]:
    """Return the pieces of *blob*, each *width* bytes long."""
    return _cuts(width, len(blob) // width)(blob)


class Numerics:
    """Writes numbers, and knows the last ones."""

    def __init__(self) -> None:
        self._repeats = Repeats(_numbers)

    def __call__(self, values: Sequence[Decimal]) -> Sequence[Sequence[bytes]]:
        """Return the one part of a column of numbers."""
        texts = list(map(Decimal.__str__, values))
        return [self._repeats.find(texts) or _numbers(texts)]


_NEGATIVE: Final = 0x40
_HEAD: Final = 12
_WIDE: Final = 96
"""Digits up to which numbers are all made as wide as the widest."""


def _numbers(texts: Sequence[str]) -> Sequence[bytes]:
    """Return numbers as numeric: groups of four digits, as many before the point for each."""
    joined = "".join(texts)
    signs = b""
    if "E" in joined:
        texts = [f"{Decimal(text):f}" if "E" in text else text for text in texts]
        joined = "".join(texts)
    if "-" in joined:
        signs = bytes([_NEGATIVE if text[0] == "-" else 0 for text in texts])
        texts = [text.removeprefix("-") for text in texts]
    lengths = list(map(len, texts))
    if max(lengths) > _WIDE and len(texts) > 1:
        return [
            _numbers([f"-{text}" if sign else text])[0]
            for sign, text in zip(signs or bytes(len(texts)), texts, strict=True)
        ]
    points = joined.count(".")
    lined_up = _of_one_scale(texts, lengths, points) or _of_scales(texts, points)
    size = 2 * lined_up.groups
    width = _HEAD + size
    head = pack("!iHhHH", width - 4, lined_up.groups, lined_up.before - 1, 0, lined_up.scale)
    fields = bytearray(head.ljust(width, b"\0") * len(texts))
    if signs:
        fields[8::width] = signs
    if lined_up.scales:
        fields[11::width] = lined_up.scales
    groups = _groups(lined_up.digits)
    for place in range(size):
        fields[_HEAD + place :: width] = groups[place::size]
    return cut(fields, width)


@attrs.frozen
class _LinedUp:
    """Numbers with their points in one line.

    Attributes:
        digits: Those of all, the same count for each.
        groups: Groups of four for each.
        before: Those before the point.
        scale: How many digits each has after the point, unless *scales* says so.
        scales: How many each has, in a byte; nothing if all have as many.
    """

    digits: bytes
    groups: int
    before: int
    scale: int
    scales: bytes = b""


_SAMPLE: Final = 16
"""Numbers of a column that are looked at before all of them are taken to have one scale."""


def _of_one_scale(texts: Sequence[str], lengths: Sequence[int], points: int) -> _LinedUp | None:
    """Line up numbers that have as many digits after the point, each; None if they have not."""
    count = len(texts)
    scale = len(texts[0].partition(".")[2])
    if points != (count if scale else 0):
        return None
    if scale and any(text[-1 - scale : -scale] != "." for text in texts[:: count // _SAMPLE + 1]):
        return None
    places = scale + bool(scale)  # the point takes one
    before, after = -(-(max(lengths) - places) // 4), -(-scale // 4)
    filled = map(str.zfill, texts, repeat(4 * before + places))
    right = "0" * (4 * after - scale)
    digits = right.join([*filled, ""]).encode()
    if scale:
        if digits[4 * before :: 4 * (before + after) + 1] != b"." * count:
            return None
        digits = digits.translate(None, b".")
    return _LinedUp(digits, before + after, before, scale)


_ONE_LESS: Final = bytes(max(0, number - 1) for number in range(256))


def _of_scales(texts: Sequence[str], points: int) -> _LinedUp:
    """Line up numbers, none of them wider than a byte can count."""
    if points < len(texts):
        texts = [text if "." in text else f"{text}." for text in texts]
    # What is left and right of the point; the point belongs to what is right of it.
    wholes = list(map(str.find, texts, repeat(".")))
    rests = list(map(sub, map(len, texts), wholes))
    before, after = -(-max(wholes) // 4), -(-(max(rests) - 1) // 4)
    left, right = _zeros(4 * before), _zeros(4 * after + 1)
    parts = [""] * (3 * len(texts))
    parts[::3], parts[1::3] = map(left.__getitem__, wholes), texts
    parts[2::3] = map(right.__getitem__, rests)
    digits = "".join(parts).encode().translate(None, b".")
    return _LinedUp(digits, before + after, before, 0, bytes(rests).translate(_ONE_LESS))


def _zeros(wide: int) -> Sequence[str]:
    """Return, for each count of characters, the zeros that make them so *wide*."""
    return ["0" * (wide - count) for count in range(wide + 1)]


_PAIRS: Final = bytes(10 * (pair >> 4) + (pair & 15) for pair in range(154)).ljust(256, b"\0")
"""What two decimal digits, of four bits each, are."""


def _groups(digits: bytes) -> bytes:
    """Return digits as groups of four, each of two bytes, big-endian."""
    pairs = unhexlify(digits).translate(_PAIRS)
    # All groups at once: high * 256 + low becomes high * 100 + low.
    number = int.from_bytes(pairs, "big")
    high = (number >> 8) & int.from_bytes(b"\0\xff" * (len(pairs) // 2), "big")
    return (number - 156 * high).to_bytes(len(pairs), "big")
