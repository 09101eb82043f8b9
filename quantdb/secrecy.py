"""Errors that show no secret, also to whoever prints a traceback with its local variables.

What refuses a DSN, and what sends a password, has it in a local variable of a frame, and a
traceback keeps its frames. So such errors leave without the frames that they came through.
"""

from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from quantdb.errors import ConfigError

__all__ = ["Secret", "bared", "secretive"]

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=BaseException)


class Secret:
    """A text that nothing shows; a call gives it.

    asyncpg takes such a thing for a password and asks for it at each connection.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __call__(self) -> str:
        """Return the text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def bared(error: E) -> E:
    """Return *error* without the frames that it, and whatever led to it, came through."""
    met: set[int] = set()
    chain: list[BaseException] = [error]
    while chain:
        link = chain.pop()
        if id(link) in met:
            continue
        met.add(id(link))
        link.__traceback__ = None
        chain += [led for led in (link.__cause__, link.__context__) if led is not None]
    return error


def secretive(call: Callable[P, R]) -> Callable[P, R]:
    """Have the ConfigErrors of *call* leave without its frames, in which its arguments are."""

    @wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ConfigError as error:
            refusal = bared(error)
        del args, kwargs
        raise refusal

    return called
