"""Errors that arrive as they left.

Ray pickles the error of a job and raises, where the result is asked for, one that is of its type
and of Ray's own. That goes wrong for an error with something on it that does not pickle, which
loses its type; for one whose ``__init__`` takes other arguments than ``args``; and for the
driver's, whose classes have a None where the error has its constraint, its table, its detail.
"""

import copyreg
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from types import new_class
from typing import Final

import asyncpg
from ray import cloudpickle
from ray.exceptions import RayTaskError

__all__ = ["dumps", "loads", "travelling"]

dumps: Final[Callable[[object], bytes]] = getattr(cloudpickle, "dumps")  # noqa: B009 - no types
loads: Final[Callable[[bytes], object]] = getattr(cloudpickle, "loads")  # noqa: B009

_FIELDS: Final = (
    "severity",
    "severity_en",
    "message",
    "detail",
    "hint",
    "position",
    "internal_position",
    "internal_query",
    "context",
    "schema_name",
    "table_name",
    "column_name",
    "data_type_name",
    "constraint_name",
    "server_source_filename",
    "server_source_line",
    "server_source_function",
)
"""What the driver puts on an error, besides its class, its message and its state."""


@contextmanager
def travelling() -> Generator[None]:
    """See to it that an error which leaves the block arrives as itself."""
    try:
        yield
    except Exception as error:
        _prepare(error)
        raise


def _prepare(error: BaseException) -> None:
    if isinstance(error, RayTaskError):  # of a job that this one waited for
        return
    if issubclass(type(error), BaseExceptionGroup):
        members: tuple[BaseException, ...] = getattr(error, "exceptions")  # noqa: B009
        for member in members:
            _prepare(member)
    if isinstance(error, asyncpg.PostgresError) or not _returns(error):
        copyreg.pickle(type(error), _taken_apart)


def _returns(error: BaseException) -> bool:
    try:
        return isinstance(loads(dumps(error)), type(error))
    except Exception:
        return False


def _taken_apart(
    error: BaseException,
) -> tuple[Callable[..., BaseException], tuple[object, ...]]:
    """Reduce an error to its type and to what is on it, as far as that pickles."""
    args = tuple(arg if _pickles(arg) else repr(arg) for arg in error.args)
    state = {name: value for name, value in vars(error).items() if _pickles(value)}
    left = sorted(vars(error).keys() - state.keys())
    if left:
        note = f"does not travel: {', '.join(left)}"
        state["__notes__"] = [*getattr(error, "__notes__", ()), note]
    kind = getattr(type(error), _LEFT_AS, type(error))
    return _put_together, (kind, args, state)


def _pickles(value: object) -> bool:
    try:
        dumps(value)
    except Exception:
        return False
    return True


def _put_together(
    kind: type[BaseException], args: tuple[object, ...], state: Mapping[str, object]
) -> BaseException:
    kind = _arriving(kind) if issubclass(kind, asyncpg.PostgresError) else kind
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


_LEFT_AS: Final = "_quantdb_left_as"


@cache
def _arriving(kind: type[BaseException]) -> type[BaseException]:
    """Return a subclass of a class of the driver's on which Ray's error finds what it looks for.

    Ray's error is of that class and has the original as its ``cause``, which it asks for what it
    does not have itself. It has every field of the driver's errors, as None.
    """

    def fill(namespace: dict[str, object]) -> None:
        namespace.update({name: _field(name) for name in _FIELDS})
        # Not the driver's module, or it would make this its class for that state.
        namespace["__module__"] = __name__
        namespace["__doc__"] = kind.__doc__
        namespace[_LEFT_AS] = kind

    arriving = new_class(kind.__name__, (kind,), exec_body=fill)
    if not issubclass(arriving, kind):  # it is one
        return kind
    arriving.__module__, arriving.__qualname__ = kind.__module__, kind.__qualname__
    copyreg.pickle(arriving, _taken_apart)
    return arriving


def _field(name: str) -> property:
    def read(error: BaseException) -> object:
        held: object = vars(error).get("cause", error)
        return vars(held).get(name)

    return property(read)
