"""The connections of our pool: what can go in unchanged goes in, everything else is refused."""

import re
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Final, TypeGuard, TypeVar

import asyncpg
from asyncpg.cursor import CursorFactory

from quantdb import exact
from quantdb.catalog import Rules, checked, rules_for
from quantdb.codecs import PORTABLE, TEXT, Codec
from quantdb.containers import json_value
from quantdb.database import Cursor, Prepared
from quantdb.errors import InexactValue
from quantdb.outcomes import swallowed

__all__ = ["PooledConnection", "pooled"]

T = TypeVar("T")

_COMMIT: Final = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:COMMIT|END)\b", re.IGNORECASE | re.DOTALL
)
_STATEMENTS_KNOWN: Final = 1_000


_plain_prepare: Callable[..., Awaitable[Prepared]] = getattr(asyncpg.Connection, "prepare")  # noqa: B009 - its overloads
_plain_cursor: Callable[..., CursorFactory] = getattr(asyncpg.Connection, "cursor")  # noqa: B009


class PooledConnection(asyncpg.Connection):
    """A connection of our pool.

    The parameters of every statement obey the strict boundary, whoever sends it. The server is
    asked once what a statement takes. After a refusal it is asked again, because a column's type
    may have been altered meanwhile, and the driver would go by the old one.

    The methods that end in ``_admitted`` are the driver's own, for arguments that were checked.
    """

    __slots__ = ("_codecs", "_portable", "_rules", "clean")

    tells_aborted_commit: Final = True

    clean: bool
    """Whether only repositories had it since the last reset; they leave nothing behind."""

    async def begin_session(self, codecs: Sequence[Codec]) -> None:
        """Have values travel exactly; *codecs* stand in for ours."""
        self.clean = True
        self._codecs = tuple(codecs)
        self._rules: dict[str, Rules] = {}
        # A composite is made of parts, and the driver has no text form for them.
        self._portable = any(codec.is_composite for codec in self._codecs)
        await self._use(PORTABLE if self._portable else TEXT)

    def itself(self) -> "PooledConnection":
        """Return the connection, also when asked through the wrapper that a borrower holds."""
        return self

    async def admitted(
        self, query: str, args: Sequence[object], names: Sequence[str] = ()
    ) -> Sequence[object]:
        """Return what is sent for the arguments of a statement.

        Raises:
            InexactValue: An argument would not be stored as it is. *names* says what it is called;
                otherwise it is ``$n``.
        """
        if not args:
            return args
        rules = self._rules.get(query)
        if rules is not None and len(rules) == len(args):
            try:
                return checked(rules, args, names)
            except InexactValue:
                rules = await self._asked(query)
                sent = checked(rules, args, names)
            # The type was altered: what the driver has prepared goes by the old one.
            await self.reload_schema_state()
            self._rules[query] = rules
            return sent
        if len(self._rules) >= _STATEMENTS_KNOWN:
            self._rules.clear()
        self._rules[query] = rules = await self._asked(query)
        # The driver says in its own words when the number is wrong.
        return checked(rules, args, names) if len(rules) == len(args) else args

    async def fetch_admitted(
        self, query: str, args: Sequence[object], timeout: float | None
    ) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        run = super().fetch
        return await self.portably(lambda: run(query, *args, timeout=timeout))

    async def execute_admitted(
        self, query: str, args: Sequence[object], timeout: float | None
    ) -> str:
        """Run a statement and return its status."""
        run = super().execute
        return await self.portably(lambda: run(query, *args, timeout=timeout))

    async def cursor_admitted(
        self, query: str, args: Sequence[object], timeout: float | None
    ) -> Cursor:
        """Open a server-side cursor."""
        run = super().cursor

        async def opened() -> Cursor:
            return await run(query, *args, timeout=timeout)

        return await self.portably(opened)

    async def portably(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* gives, by the portable codecs if the others cannot do it.

        The driver says so before it has sent anything.
        """
        try:
            return await call()
        except asyncpg.UnsupportedClientFeatureError:
            if self._portable:
                raise
            self._portable = True
            await self._use(PORTABLE)
            return await call()

    async def prepared(self, query: str, **options: object) -> "CheckedStatement":
        """Have the server look at a statement whose arguments will be checked."""
        statement = await self.portably(lambda: _plain_prepare(self, query, **options))
        return CheckedStatement(statement, await self._rules_of(statement))

    async def _asked(self, query: str) -> Rules:
        return await self._rules_of(await self.portably(lambda: _plain_prepare(self, query)))

    async def _rules_of(self, prepared: Prepared) -> Rules:
        own = {("pg_catalog", "json"): json_value, ("pg_catalog", "jsonb"): json_value}
        own |= {(codec.schema, codec.type_name): exact.anything for codec in self._codecs}
        return await rules_for(self, prepared.get_parameters(), own)

    async def _use(self, codecs: Iterable[Codec]) -> None:
        own = {(codec.schema, codec.type_name) for codec in self._codecs}
        ours = (codec for codec in codecs if (codec.schema, codec.type_name) not in own)
        for codec in (*ours, *self._codecs):
            await self.set_type_codec(
                codec.type_name,
                schema=codec.schema,
                encoder=codec.encode,
                decoder=codec.decode,
                format=codec.format,
            )


class CheckedStatement:
    """A prepared statement behind the boundary; all else is the driver's."""

    __slots__ = ("_plain", "_rules")

    def __init__(self, plain: object, rules: Rules) -> None:
        self._plain = plain
        self._rules = rules

    def __getattr__(self, name: str) -> object:
        attribute: object = getattr(self._plain, name)
        if name in {"cursor", "explain", "fetch", "fetchrow", "fetchval"} and callable(attribute):
            return self._checking(attribute)
        if name in {"executemany", "fetchmany"} and callable(attribute):
            return self._checking_many(attribute)
        return attribute

    def _sent(self, args: Sequence[object]) -> Sequence[object]:
        # The driver says in its own words when the number is wrong.
        return checked(self._rules, args) if len(args) == len(self._rules) else args

    def _checking(self, plain: Callable[..., object]) -> Callable[..., object]:
        def method(*args: object, **options: object) -> object:
            return plain(*self._sent(args), **options)

        return method

    def _checking_many(self, plain: Callable[..., object]) -> Callable[..., object]:
        def method(args: Iterable[Sequence[object]], **options: object) -> object:
            return plain([self._sent(row) for row in args], **options)

        return method


class CheckedCursor:
    """A cursor of the driver behind the boundary: awaited, or iterated over."""

    __slots__ = ("_args", "_connection", "_options", "_query")

    def __init__(
        self,
        connection: PooledConnection,
        query: str,
        args: Sequence[object],
        options: Mapping[str, object],
    ) -> None:
        self._connection = connection
        self._query = query
        self._args = args
        self._options = options

    async def _opened(self) -> object:
        sent = await self._connection.admitted(self._query, self._args)
        return await self._connection.portably(lambda: self._plain(sent))

    def __await__(self) -> Generator[object, None, object]:
        return self._opened().__await__()

    async def __aiter__(self) -> AsyncGenerator[object, None]:
        sent = await self._connection.admitted(self._query, self._args)
        async for record in self._plain(sent):
            yield record

    def _plain(self, sent: Sequence[object]) -> CursorFactory:
        return _plain_cursor(self._connection, self._query, *sent, **self._options)


# The driver's methods keep their signatures, of which there are many; the boundary stands before
# each. A wrapper that the pool lends looks them up on the class, so it has them too.


def _behind_the_boundary(name: str) -> None:
    plain: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, name)

    async def method(
        self: PooledConnection, query: str, *args: object, **options: object
    ) -> object:
        sent = await self.admitted(query, args)
        result = await self.portably(lambda: plain(self, query, *sent, **options))
        if result == "ROLLBACK" and _COMMIT.match(query):
            raise swallowed()
        return result

    _put(name, method)


def _many_behind_the_boundary(name: str) -> None:
    plain: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, name)

    async def method(
        self: PooledConnection, query: str, args: Iterable[Sequence[object]], **options: object
    ) -> object:
        sent = [await self.admitted(query, row) for row in args]
        return await self.portably(lambda: plain(self, query, sent, **options))

    _put(name, method)


def _put(name: str, method: Callable[..., object]) -> None:
    method.__name__ = name
    method.__doc__ = getattr(asyncpg.Connection, name).__doc__
    setattr(PooledConnection, name, method)


for _name in ("execute", "fetch", "fetchrow", "fetchval"):
    _behind_the_boundary(_name)
for _name in ("executemany", "fetchmany"):
    _many_behind_the_boundary(_name)
_put("prepare", PooledConnection.prepared)


def _cursor(
    self: PooledConnection, query: str, *args: object, **options: object
) -> "CheckedCursor":
    return CheckedCursor(self, query, args, options)


_put("cursor", _cursor)


def pooled(connection: object) -> PooledConnection | None:
    """Return the connection of our pool that *connection* is, or wraps; None for any other."""
    itself = getattr(connection, "itself", None)
    inner: object = itself() if itself is not None else None
    # By type: the driver's metaclass calls every connection an instance of every such class.
    return inner if _is_ours(inner) else None


def _is_ours(connection: object) -> TypeGuard[PooledConnection]:
    return type(connection) is PooledConnection
