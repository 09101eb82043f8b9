"""An id for a trade whose file gives none: the same file, loaded again, gives the same ids."""

import hashlib
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from quantdb.ids import millisecond_of, uuid7_of

__all__ = ["id_of_row", "id_of_venue_trade"]


def id_of_venue_trade(venue: str, symbol: str, venue_trade_id: str, executed_at: datetime) -> UUID:
    """Return the id of a trade to which its venue gave one."""
    return _uuid7(executed_at, "venue trade", venue, symbol, venue_trade_id)


def id_of_row(  # noqa: PLR0913, PLR0917 - all that tells two prints apart
    row: int,
    venue: str,
    symbol: str,
    executed_at: datetime,
    side: str,
    price: Decimal,
    quantity: Decimal,
    tape: str | None = None,
) -> UUID:
    """Return the id of a trade by what it is and where it stands in its file.

    Real tapes hold prints that are alike in every column: only their row tells them apart. A file
    that has grown at its end gives its old rows their old ids. Two files that hold the same print
    at the same row give it the same id, unless each is a *tape* of another name.
    """
    return _uuid7(
        executed_at,
        *(("row",) if tape is None else ("row of tape", tape)),
        str(row),
        venue,
        symbol,
        executed_at.isoformat(timespec="microseconds"),
        side,
        _canonical(price),
        _canonical(quantity),
    )


def _uuid7(at: datetime, *parts: str) -> UUID:
    """Make a UUID of version 7 of the millisecond and 74 bits of a SHA-256."""
    # No text in the database holds a NUL, so that no two lists of parts are joined alike.
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return uuid7_of(millisecond_of(at), int.from_bytes(digest[:10]))


def _canonical(number: Decimal) -> str:
    """Write equal numbers alike: 1.10 as 1.1, 1E+2 as 100, -0 as 0."""
    digits = f"{number:f}"
    if "." in digits:
        digits = digits.rstrip("0").removesuffix(".")
    return "0" if digits == "-0" else digits
