"""Repositories whose methods run elsewhere: objects of the user's own class, without its state."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import lru_cache, wraps
from types import FunctionType, new_class
from typing import Final, Literal, NoReturn, Protocol, TypeGuard, TypeVar

from quantdb.errors import ConfigError
from quantdb.pool import Pool

__all__ = ["Line", "method_of", "served"]

R = TypeVar("R")

_LINE: Final = "_quantdb_line"
_KIND: Final = "_quantdb_kind"
_CALLS: Final = frozenset({"Awaitable", "Coroutine", "CoroutineType", "Future", "Task"})
_STREAMS: Final = frozenset({"AsyncGenerator", "AsyncIterable", "AsyncIterator"})


class Line(Protocol):
    """The way to where the methods run."""

    async def call(
        self,
        kind: Callable[[Pool], object],
        name: str,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> object:
        """Return what a method of a *kind* gives."""
        ...

    def stream(
        self,
        kind: Callable[[Pool], object],
        name: str,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> AsyncGenerator[object, None]:
        """Iterate over what a method of a *kind* gives."""
        ...


def served(kind: Callable[[Pool], R], line: Line) -> R:
    """Return an object of the class *kind* whose methods run at the end of a *line*.

    Raises:
        ConfigError: It is no class, or none of which there can be such an object.
    """
    made = _made(kind, line)
    if not _is_one(made, kind):
        raise ConfigError(f"{kind!r} cannot be served: what it makes is none of it")
    return made


def _made(kind: object, line: Line) -> object:
    if not isinstance(kind, type):
        raise ConfigError(f"what is served is a class whose argument is a pool: {kind!r}")
    if hasattr(kind, _KIND):
        raise ConfigError(f"{kind.__qualname__} is served already; give its class")
    try:
        made: object = object.__new__(_class_of(kind))
        object.__setattr__(made, _LINE, line)
    except TypeError as error:
        raise ConfigError(f"{kind.__qualname__} cannot be served: {error}") from error
    return made


def method_of(function: object) -> tuple[Line, type, str] | None:
    """Return whose method of a served repository that is, and its name; None if it is none."""
    holder: object = getattr(function, "__self__", None)
    kind: object = getattr(type(holder), _KIND, None)
    if not isinstance(kind, type):
        return None
    name: str = getattr(function, "__name__", "")
    if _form(inspect.getattr_static(kind, name, None)) != "call":
        raise ConfigError(f"{kind.__qualname__}.{name} gives no single result to refer to")
    line: Line = object.__getattribute__(holder, _LINE)
    return line, kind, name


def _is_one(made: object, kind: Callable[[Pool], R]) -> TypeGuard[R]:
    return isinstance(kind, type) and isinstance(made, kind)


def _rebuilt(kind: Callable[[Pool], object], line: Line) -> object:
    return served(kind, line)


@lru_cache(64)
def _class_of(kind: type) -> type[object]:
    """Return a subclass of *kind* that has its methods, and nothing to do them with."""

    def fill(namespace: dict[str, object]) -> None:
        namespace["__module__"] = kind.__module__
        namespace["__doc__"] = kind.__doc__
        namespace[_KIND] = kind
        for name in dir(kind):
            if not name.startswith("__"):
                replaced = _replaced(kind, name, inspect.getattr_static(kind, name))
                if replaced is not None:
                    namespace[name] = replaced
        namespace.update(_own(kind))

    made = new_class(kind.__name__, (kind,), exec_body=fill)
    made.__qualname__ = kind.__qualname__
    return made


def _own(kind: type) -> dict[str, object]:
    """Return what every served object has."""

    def shown(self: object) -> str:
        return f"{kind.__name__} of {object.__getattribute__(self, _LINE)!r}"

    def pickled(self: object) -> tuple[object, tuple[object, ...]]:
        return _rebuilt, (kind, object.__getattribute__(self, _LINE))

    def missing(_self: object, name: str) -> NoReturn:
        raise AttributeError(_far(kind, name))

    def fixed(_self: object, name: str, _value: object) -> NoReturn:
        raise AttributeError(_far(kind, name))

    return {
        "__repr__": shown,
        "__reduce__": pickled,
        "__getattr__": missing,
        "__setattr__": fixed,
    }


def _far(kind: type, name: str) -> str:
    return (
        f"{kind.__qualname__}.{name} is where the service runs, and only what is awaited or "
        "iterated over goes there: a coroutine method, or one that returns an async iterator; "
        "for a unit of work, service.run(job)"
    )


def _form(member: object) -> Literal["call", "stream"] | None:
    """Tell whether a member of a class is a method that travels, and which kind."""
    if not isinstance(member, FunctionType):
        return None
    function = inspect.unwrap(member)
    if inspect.iscoroutinefunction(function):
        return "call"
    if inspect.isasyncgenfunction(function):
        return "stream"
    given: object = getattr(function, "__annotations__", {}).get("return")
    name = given if isinstance(given, str) else getattr(given, "__name__", "")
    name = name.partition("[")[0].rpartition(".")[2]
    if name in _CALLS:
        return "call"
    return "stream" if name in _STREAMS else None


def _replaced(kind: type, name: str, member: object) -> object:
    """Return what stands in for a member of a class; None if that can stay."""
    form = _form(member)
    if form == "call" and isinstance(member, FunctionType):
        return _call(kind, name, member)
    if form == "stream" and isinstance(member, FunctionType):
        return _stream(kind, name, member)
    if isinstance(member, FunctionType):
        return _refusal(kind, name, member)
    if isinstance(member, property) or hasattr(type(member), "__set__"):
        return property(_unavailable(kind, name))
    return None


def _call(kind: type, name: str, function: FunctionType) -> Callable[..., Awaitable[object]]:
    signature = inspect.signature(function, follow_wrapped=False)

    @wraps(function)
    async def call(self: object, /, *args: object, **kwargs: object) -> object:
        signature.bind(self, *args, **kwargs)  # wrong ones go nowhere
        line: Line = object.__getattribute__(self, _LINE)
        return await line.call(kind, name, args, kwargs)

    return call


def _stream(
    kind: type, name: str, function: FunctionType
) -> Callable[..., AsyncGenerator[object, None]]:
    signature = inspect.signature(function, follow_wrapped=False)

    @wraps(function)
    async def stream(
        self: object, /, *args: object, **kwargs: object
    ) -> AsyncGenerator[object, None]:
        signature.bind(self, *args, **kwargs)
        line: Line = object.__getattribute__(self, _LINE)
        async with aclosing(line.stream(kind, name, args, kwargs)) as items:
            async for item in items:
                yield item

    return stream


def _refusal(kind: type, name: str, function: FunctionType) -> Callable[..., NoReturn]:
    @wraps(function)
    def refuse(_self: object, /, *_args: object, **_kwargs: object) -> NoReturn:
        raise ConfigError(_far(kind, name))

    return refuse


def _unavailable(kind: type, name: str) -> Callable[[object], NoReturn]:
    def read(_self: object) -> NoReturn:
        raise AttributeError(_far(kind, name))

    return read
