"""What happened, and when: every call, every fault, every recovery."""

import time
from typing import Final, Literal

import attrs

Outcome = Literal["acked", "applied", "not_applied", "unknown"]


@attrs.frozen
class Call:
    """One call on the pool; times are seconds since the record began.

    Attributes:
        kind: What was called.
        worker: Who called.
        error: The class of its error, or empty.
        outcome: What its caller was told.
    """

    kind: str
    worker: int
    began: float
    ended: float
    error: str
    outcome: Outcome


@attrs.frozen
class Mark:
    """A fault, while it lasted."""

    name: str
    began: float
    ended: float


@attrs.frozen
class Gap:
    """What it took to go on after a fault.

    Attributes:
        name: The fault.
        at: When the server took connections again.
        first: Seconds until the first call succeeded.
        everyone: Seconds until each worker had succeeded.
    """

    name: str
    at: float
    first: float
    everyone: float


@attrs.define(eq=False)
class Record:
    """Everything of one run.

    Attributes:
        problems: What must not be; empty if all is well.
    """

    calls: list[Call] = attrs.field(factory=list[Call])
    marks: list[Mark] = attrs.field(factory=list[Mark])
    gaps: list[Gap] = attrs.field(factory=list[Gap])
    problems: list[str] = attrs.field(factory=list[str])
    _began: Final[float] = attrs.field(factory=time.monotonic)

    def now(self) -> float:
        """Return the seconds since the record began."""
        return time.monotonic() - self._began

    def successes_since(self, moment: float) -> dict[int, float]:
        """Return when each worker first succeeded after *moment*."""
        found: dict[int, float] = {}
        for call in reversed(self.calls):
            if call.ended < moment - 60:
                break
            if call.ended >= moment and call.outcome == "acked":
                found[call.worker] = call.ended
        return found
