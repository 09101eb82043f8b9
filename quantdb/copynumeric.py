"""Decimals as numeric in the binary format of COPY, many at a time."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain, repeat
from struct import Struct, pack
from typing import Final

import attrs

__all__ = ["Numerics", "cut"]

_KNOWN: Final = 5_000
"""Numbers that are kept as they are sent."""
_PAYS: Final = 2
"""How often, on average, a number must come again for that to be quicker."""
_SKIPPED: Final = 50
"""Columns that are written without looking, when it was not."""


@lru_cache(maxsize=32)
def _cuts(width: int, count: int) -> Callable[[bytes | bytearray], tuple[bytes, ...]]:
    return Struct(f"{width}s" * count).unpack


def cut(blob: bytes | bytearray, width: int) -> Sequence[bytes]:
    """Return the pieces of *blob*, each *width* bytes long."""
    return _cuts(width, len(blob) // width)(blob)


class Numerics:
    """Writes numbers, and knows the last ones: prices and sizes come again and again."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}
        self._met = 0
        self._skips = 0

    def __call__(self, values: Sequence[Decimal]) -> Sequence[Sequence[bytes]]:
        """Return the one part of a column of numbers."""
        texts = list(map(Decimal.__str__, values))
        if self._skips:
            self._skips -= 1
            return [_numbers(texts)]
        known = self._known
        new = set(texts).difference(known)
        if new:
            there = list(new)
            if max(map(len, there)) > _WIDE:  # too large to be kept by the thousand
                return [_numbers(texts)]
            known.update(zip(there, _numbers(there), strict=True))
        fields = list(map(known.__getitem__, texts))
        self._met += len(texts)
        if len(known) > _KNOWN:
            if self._met < _PAYS * len(known):
                self._skips = _SKIPPED
            known.clear()
            self._met = 0
        return [fields]


_NEGATIVE: Final = 0x40
_HEAD: Final = 12
_WIDE: Final = 96
"""Digits up to which numbers are all made as wide as the widest."""


def _numbers(texts: Sequence[str]) -> Sequence[bytes]:
    """Return numbers as numeric: groups of four digits, as many before the point for each."""
    joined = "".join(texts)
    signs = bytes(len(texts))
    if "E" in joined:
        texts = [f"{Decimal(text):f}" if "E" in text else text for text in texts]
        joined = "".join(texts)
    if "-" in joined:
        signs = bytes([_NEGATIVE if text.startswith("-") else 0 for text in texts])
        texts = [text.removeprefix("-") for text in texts]
    longest = max(map(len, texts))
    if longest > _WIDE and len(texts) > 1:
        return [
            _numbers([f"-{text}" if sign else text])[0]
            for sign, text in zip(signs, texts, strict=True)
        ]
    lined_up = _of_one_scale(texts, longest, joined.count(".")) or _of_scales(texts)
    width = _HEAD + 2 * lined_up.groups
    head = pack("!iHhHH", width - 4, lined_up.groups, lined_up.before - 1, 0, 0)
    fields = bytearray(head.ljust(width, b"\0") * len(texts))
    fields[8::width] = signs
    fields[10::width], fields[11::width] = lined_up.scales[::2], lined_up.scales[1::2]
    size = width - _HEAD
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
        scales: How many digits each has after the point, in two bytes.
    """

    digits: str
    groups: int
    before: int
    scales: bytes


def _of_one_scale(texts: Sequence[str], longest: int, points: int) -> _LinedUp | None:
    """Line up numbers that have as many digits after the point, each; None if they have not."""
    scale = len(texts[0].partition(".")[2])
    count = len(texts)
    if points != (count if scale else 0):
        return None
    sign = bool(scale)  # the point takes a place
    before = -(-(longest - scale - sign) // 4)
    after = -(-scale // 4)
    wide = 4 * before + sign + scale
    filled = map(str.zfill, texts, repeat(wide))
    pad = "0" * (4 * after - scale)
    digits = pad.join([*filled, ""])
    if sign:
        if digits[4 * before :: wide + len(pad)] != "." * count:
            return None
        digits = digits.replace(".", "")
    return _LinedUp(digits, before + after, before, pack("!H", scale) * count)


def _of_scales(texts: Sequence[str]) -> _LinedUp:
    halves = ".".join([text if "." in text else f"{text}." for text in texts]).split(".")
    wholes, decimals = halves[::2], halves[1::2]
    scales = list(map(len, decimals))
    before, after = -(-max(map(len, wholes)) // 4), -(-max(scales) // 4)
    left = map(str.zfill, wholes, repeat(4 * before))
    right = map(str.ljust, decimals, repeat(4 * after), repeat("0"))
    digits = "".join(chain.from_iterable(zip(left, right, strict=True)))
    return _LinedUp(digits, before + after, before, pack(f"!{len(scales)}H", *scales))


_PAIRS: Final = bytes(10 * (pair >> 4) + (pair & 15) for pair in range(154)).ljust(256, b"\0")
"""What two decimal digits, of four bits each, are."""


def _groups(digits: str) -> bytes:
    """Return digits as groups of four, each of two bytes, big-endian."""
    pairs = bytes.fromhex(digits).translate(_PAIRS)
    # All groups at once: high * 256 + low becomes high * 100 + low.
    number = int.from_bytes(pairs, "big")
    high = (number >> 8) & int.from_bytes(b"\0\xff" * (len(pairs) // 2), "big")
    return (number - 156 * high).to_bytes(len(pairs), "big")
