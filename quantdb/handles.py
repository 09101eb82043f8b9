"""What a connection hands out, behind the same boundary: prepared statements and cursors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from asyncpg.cursor import CursorFactory

from quantdb.catalog import Rules, checked, of_row
from quantdb.errors import InexactValue

__all__ = ["Boundary", "CheckedCursor", "CheckedStatement"]

T = TypeVar("T")


class Boundary(Protocol):
    """What they need of their connection."""

    clean: bool

    def typed(self) -> AbstractContextManager[None]:
        """Give a block in which a time-out says what it means."""
        ...

    def within(self, timeout: object) -> asyncio.Timeout:
        """Give a block in which a statement may be prepared and run."""
        ...

    async def admitted(
        self, query: str, args: Sequence[object], names: Sequence[str] = ()
    ) -> Sequence[object]:
        """Return what is sent for the arguments of a statement."""
        ...

    async def portably(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* gives, by other codecs if need be."""
        ...


class CheckedStatement:
    """A prepared statement behind the boundary; all else is the driver's."""

    __slots__ = ("_connection", "_plain", "_rules")

    def __init__(self, connection: Boundary, plain: object, rules: Rules) -> None:
        self._connection = connection
        self._plain = plain
        self._rules = rules

    def __getattr__(self, name: str) -> object:
        if name in {"explain", "fetch", "fetchrow", "fetchval"}:
            return self._checking(getattr(self._plain, name))
        if name in {"executemany", "fetchmany"}:
            return self._checking_many(getattr(self._plain, name))
        attribute: object = getattr(self._plain, name)
        if name == "cursor" and callable(attribute):
            return self._opening(attribute)
        return attribute

    def _sent(self, args: Sequence[object]) -> Sequence[object]:
        # The driver says in its own words when the number is wrong.
        return checked(self._rules, args) if len(args) == len(self._rules) else args

    def _checking(self, plain: Callable[..., Awaitable[object]]) -> Callable[..., object]:
        async def method(*args: object, **options: object) -> object:
            sent = self._sent(args)
            with self._connection.typed():
                return await plain(*sent, **options)

        return method

    def _opening(self, plain: Callable[..., object]) -> Callable[..., object]:
        def method(*args: object, **options: object) -> object:
            return plain(*self._sent(args), **options)

        return method

    def _checking_many(self, plain: Callable[..., Awaitable[object]]) -> Callable[..., object]:
        async def method(args: Iterable[Sequence[object]], **options: object) -> object:
            sent = [self._sent_of(row, n) for n, row in enumerate(args, 1)]
            with self._connection.typed():
                return await plain(sent, **options)

        return method

    def _sent_of(self, row: Sequence[object], number: int) -> Sequence[object]:
        try:
            return self._sent(row)
        except InexactValue as error:
            raise of_row(error, number) from None


class CheckedCursor:
    """A cursor of the driver behind the boundary: awaited, or iterated over."""

    __slots__ = ("_args", "_connection", "_open", "_query", "_timeout")

    def __init__(
        self,
        connection: Boundary,
        query: str,
        args: Sequence[object],
        timeout: object,
        open: Callable[[Sequence[object]], CursorFactory],  # noqa: A002 - what it does
    ) -> None:
        self._connection = connection
        self._query = query
        self._args = args
        self._timeout = timeout
        self._open = open

    async def _opened(self) -> object:
        with self._connection.typed():
            async with self._connection.within(self._timeout):
                sent = await self._connection.admitted(self._query, self._args)
                return await self._connection.portably(lambda: self._plain(sent))

    def __await__(self) -> Generator[object, None, object]:
        return self._opened().__await__()

    async def __aiter__(self) -> AsyncGenerator[object, None]:
        sent = await self._connection.admitted(self._query, self._args)
        async for record in self._plain(sent):
            yield record

    def _plain(self, sent: Sequence[object]) -> CursorFactory:
        self._connection.clean = False
        return self._open(sent)
