"""What a pool counts of itself; to read it costs no question to the server."""

import attrs

__all__ = ["Counters", "PoolStatistics"]


@attrs.frozen(kw_only=True)
class PoolStatistics:
    """A pool at one moment, and what it counted since it was opened.

    Attributes:
        size: Connections that are open.
        idle: Those of them that are free.
        in_use: Those of them that are lent.
        waiting: Calls that wait for one.
        min_size: Connections that are kept open.
        max_size: Most connections that are open at once.
        opened: Connections that were opened.
        lost: Connections that the server or the network ended, and not the pool.
        borrowed: How often one was lent.
        timed_out: How often none became free, or could be opened, in time (`PoolTimeout`).
        waited: Seconds that borrowers waited, all together, in vain or not.
        longest_wait: Seconds that a borrower waited at most.
    """

    size: int
    idle: int
    in_use: int
    waiting: int
    min_size: int
    max_size: int
    opened: int
    lost: int
    borrowed: int
    timed_out: int
    waited: float
    longest_wait: float


class Counters:
    """Counts since a pool was opened; see `PoolStatistics`."""

    __slots__ = ("borrowed", "longest_wait", "lost", "opened", "timed_out", "waited")

    def __init__(self) -> None:
        self.borrowed = 0
        self.longest_wait = 0.0
        self.lost = 0
        self.opened = 0
        self.timed_out = 0
        self.waited = 0.0

    def has_waited(self, seconds: float) -> None:
        """Count the wait of a borrower."""
        self.waited += seconds
        self.longest_wait = max(self.longest_wait, seconds)
