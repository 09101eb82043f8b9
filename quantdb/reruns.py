"""Calls that are made again because the process that made them first has ended.

What they came to there is not known: perhaps nothing, perhaps all of it is committed. So that first
time counts as an attempt of unknown outcome, and what must not be done twice is not.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from quantdb.errors import CommitUnknown

__all__ = ["first_run", "is_rerun", "of_unknown_outcome", "rerun"]

_rerun: Final = ContextVar("quantdb_rerun", default=False)


@contextmanager
def rerun() -> Generator[None]:
    """Have the calls in the block be ones that were made before, in a process that has ended."""
    token = _rerun.set(True)
    try:
        yield
    finally:
        _rerun.reset(token)


@contextmanager
def first_run() -> Generator[None]:
    """Have the calls in the block be made for the first time, for all that matters."""
    token = _rerun.set(False)
    try:
        yield
    finally:
        _rerun.reset(token)


def is_rerun() -> bool:
    """Tell whether a call was made before, in a process that has ended."""
    return _rerun.get()


def of_unknown_outcome() -> CommitUnknown:
    """Return what such a call comes to that must not be made twice."""
    return CommitUnknown(
        "the process that ran this has ended meanwhile, so it is applied or not; it is not run "
        "again, because that might apply it twice"
    )
