"""What happened, and when: every call, every fault, every recovery."""

import time
from collections import Counter
from typing import Final, Literal

import attrs

Outcome = Literal["acked", "applied", "not_applied", "unknown"]


_KEPT: Final = 50_000


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
    """Everything of one run; of calls only the last ones are kept, and what they add up to.

    Attributes:
        calls: The last ones, oldest first.
        seconds: What happened in each second: how many calls of each kind succeeded, and how many
            errors of each class and outcome there were (``"ReadOnly, not_applied"``).
        slowest: The longest call that ended in each second, large bulks aside.
        kinds: By kind, how many calls there were and how long the longest was.
        rows: How many rows the ledgers hold, by what their senders were told.
        problems: What must not be; empty if all is well.
    """

    calls: list[Call] = attrs.field(factory=list[Call])
    seconds: dict[int, Counter[str]] = attrs.field(factory=dict[int, Counter[str]])
    slowest: dict[int, float] = attrs.field(factory=dict[int, float])
    kinds: dict[str, tuple[int, float]] = attrs.field(factory=dict[str, tuple[int, float]])
    rows: Counter[str] = attrs.field(factory=Counter[str])
    marks: list[Mark] = attrs.field(factory=list[Mark])
    gaps: list[Gap] = attrs.field(factory=list[Gap])
    problems: list[str] = attrs.field(factory=list[str])
    _began: Final[float] = attrs.field(factory=time.monotonic)

    def now(self) -> float:
        """Return the seconds since the record began."""
        return time.monotonic() - self._began

    def enter(self, call: Call) -> None:
        """Note a call that has ended."""
        second, took = int(call.ended), call.ended - call.began
        said = call.kind if call.outcome == "acked" else f"{call.error}, {call.outcome}"
        self.seconds.setdefault(second, Counter())[said] += 1
        if call.kind != "large bulk":  # it has a deadline of its own
            self.slowest[second] = max(took, self.slowest.get(second, 0))
        count, longest = self.kinds.get(call.kind, (0, 0.0))
        self.kinds[call.kind] = count + 1, max(longest, took)
        self.calls.append(call)
        if len(self.calls) > 2 * _KEPT:
            del self.calls[:_KEPT]

    def successes_since(self, moment: float) -> dict[int, float]:
        """Return when each worker first succeeded after *moment*."""
        found: dict[int, float] = {}
        for call in reversed(self.calls):
            if call.ended < moment:
                break
            if call.outcome == "acked":
                found[call.worker] = call.ended
        return found
