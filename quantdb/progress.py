"""Whether what others do goes on, for those who wait for them."""

import asyncio

import attrs

__all__ = ["Progress"]


@attrs.define(eq=False)
class Progress:
    """When something was done last with the connections of a pool.

    Attributes:
        last: When one was lent, or somebody said that his work went on, by the event loop's clock.
    """

    last: float = 0.0

    def note(self) -> None:
        """Say that something was done."""
        self.last = asyncio.get_running_loop().time()
