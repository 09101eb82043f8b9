"""Whether a pool's database answers, said once for each change and not for each failure."""

import asyncio
import logging
from typing import Final

__all__ = ["Health"]

_log: Final = logging.getLogger("quantdb.pool")


class Health:
    """What the last calls of a pool came to.

    Attributes:
        trouble: What the first failure since the last success was; empty if all is well.
    """

    __slots__ = ("_failed_at", "_since", "trouble")

    def __init__(self) -> None:
        self.trouble = ""
        self._since = 0.0
        self._failed_at = 0.0

    def failed(self, error: BaseException) -> None:
        """Note that a connection was lost."""
        self._failed_at = asyncio.get_running_loop().time()
        if not self.trouble:
            self._since = self._failed_at
            self.trouble = str(error)
            _log.warning("connections to the database are being lost: %s", error)

    def succeeded(self, began: float) -> None:
        """Note that what *began* then, by the loop's clock, went well."""
        if self.trouble and began > self._failed_at:
            seconds = asyncio.get_running_loop().time() - self._since
            self.trouble = ""
            _log.info("the database answers again, after %.1f s", seconds)
