"""Who holds a pool's connections, and whether one who asks for another would wait for ever.

A task that holds a connection and asks for one more waits for those that have the others. When
each of them waits likewise, none ever goes on. That is certain, and said at once, if every
connection is held by a block (``async with``) of the asker, of a task that itself asks this pool,
or of a task that waits for one of those to end. A connection that was awaited, without a block,
can be given back by anyone, so about it nothing is certain.
"""

import asyncio
from typing import Final

__all__ = ["Holders"]

Task = asyncio.Task[object]


class Holders:
    """The tasks that hold connections of one pool."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: Final[dict[object, Task | None]] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def hold(self, lease: object, *, block: bool) -> None:
        """Note that the current task has *lease*, until the end of a *block* of its own or not."""
        self._blocks[lease] = _current() if block else None

    def let_go(self, lease: object) -> None:
        """Note that *lease* is given back."""
        self._blocks.pop(lease, None)

    def own(self) -> int:
        """Return how many connections the current task holds."""
        task = _current()
        return sum(1 for holder in self._blocks.values() if holder is task)

    def is_hopeless(self, asking: set[Task]) -> bool:
        """Tell whether none of the connections can be given back while the current task waits.

        Args:
            asking: The tasks that wait for a connection.
        """
        me = _current()
        if me is None:
            return False
        stuck = {me, *asking}
        return all(
            holder is not None
            and not holder.done()
            and (holder in stuck or any(_awaits(holder, other) for other in stuck))
            for holder in self._blocks.values()
        )


def _current() -> Task | None:
    return asyncio.current_task()


def _awaits(parent: Task, child: Task) -> bool:
    """Tell whether *parent* goes on only when *child* has ended: by await, gather or a group.

    asyncio shows this to debuggers only (``asyncio.capture_call_graph``, from Python 3.14). What
    cannot be seen is not claimed.
    """
    awaited: object = getattr(parent, "_fut_waiter", None)
    if awaited is None:
        return False
    if awaited is child or child in (getattr(awaited, "_children", None) or ()):
        return True
    for callback, _context in getattr(child, "_callbacks", None) or ():
        if any(awaited is bound for bound in getattr(callback, "args", None) or ()):
            return True  # asyncio.wait_for, before Python 3.12
        group: object = getattr(callback, "__self__", None)
        if getattr(group, "_on_completed_fut", None) is awaited:
            return True  # asyncio.TaskGroup
    return False
