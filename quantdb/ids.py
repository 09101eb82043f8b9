"""UUIDs of version 7 that are made, not drawn: the same trade gives the same id again."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

__all__ = ["millisecond_of", "uuid7_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_LOW_BITS: Final = 62
_BITS: Final = 74


def millisecond_of(at: datetime) -> int:
    """Return the millisecond since 1970-01-01 UTC in which *at* lies; 0 for what was before."""
    return max((at - _EPOCH) // _MILLISECOND, 0)


def uuid7_of(millisecond: int, bits: int) -> UUID:
    """Lay out a UUID of version 7 (RFC 9562).

    Args:
        millisecond: Since 1970-01-01 UTC, of 48 bits; ids sort by it first.
        bits: What stands where chance would be, a hash mostly; the lowest 74 bits count.
    """
    high, low = divmod(bits % (1 << _BITS), 1 << _LOW_BITS)
    return UUID(int=millisecond << 80 | _VERSION | high << 64 | _VARIANT | low)
