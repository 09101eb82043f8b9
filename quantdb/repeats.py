"""Values that come again and again, as symbols, prices and sizes do: each is written once."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

__all__ = ["WIDE", "Repeats"]

K = TypeVar("K", bound=Hashable)

WIDE: Final = 96
"""Bytes up to which a value is kept as it is sent."""
_KNOWN: Final = 5_000
"""Values that are kept."""
_PAYS: Final = 4
"""How often, on average, a value must come again for that to be quicker."""
_SKIPPED: Final = 50
"""Columns that are written without looking, when it was not."""


class _Known(dict[K, bytes]):
    """Values as they are sent; what is asked for and not there is noted."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[K] = []

    def __missing__(self, value: K) -> bytes:
        self.asked.append(value)
        return b""


class Repeats(Generic[K]):
    """The values of a column that came last, as they are sent.

    Args:
        write: Gives values as they are sent.
        always: Those that are known from the first.
    """

    def __init__(
        self,
        write: Callable[[Sequence[K]], Sequence[bytes]],
        always: Mapping[K, bytes] | None = None,
    ) -> None:
        self._write = write
        self._always: Mapping[K, bytes] = {} if always is None else always
        self._known: _Known[K] = _Known()
        self._known.update(self._always)
        self._met = 0
        self._skips = 0

    def find(self, values: Sequence[K]) -> Sequence[bytes] | None:
        """Return values as they are sent; None if it is quicker to write them all."""
        if self._skips:
            self._skips -= 1
            return None
        known = self._known
        known.asked = []
        fields = list(map(known.__getitem__, values))
        if known.asked:
            new = list(set(known.asked))
            written = self._write(new)
            if max(map(len, written)) > WIDE:  # too large to be kept by the thousand
                return None
            known.update(zip(new, written, strict=True))
            fields = list(map(known.__getitem__, values))
        self._met += len(values)
        if len(known) > _KNOWN:
            if self._met < _PAYS * len(known):
                self._skips = _SKIPPED
            known.clear()
            known.update(self._always)
            self._met = 0
        return fields
