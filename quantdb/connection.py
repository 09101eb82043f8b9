"""The connections of our pool: what can go in unchanged goes in, everything else is refused."""

import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from time import monotonic
from typing import Final, TypeVar

import asyncpg
from asyncpg.cursor import CursorFactory
from asyncpg.protocol import NO_TIMEOUT

from quantdb import exact
from quantdb.catalog import Learnt, TableColumn, checked, columns_of, learnt_of, let_in, of_row
from quantdb.codecs import PORTABLE, TEXT, Codec
from quantdb.database import CopyFormat, Cursor, Prepared, batched, each
from quantdb.deadlines import NEVER
from quantdb.errors import InexactValue
from quantdb.handles import CheckedCursor, CheckedStatement
from quantdb.jsontext import json_value
from quantdb.outcomes import is_stale_plan, swallowed, unreadable
from quantdb.pooler import refuse_session_state
from quantdb.session import Session
from quantdb.stalls import fed

__all__ = ["PooledConnection", "pooled"]

T = TypeVar("T")

_COMMIT: Final = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:COMMIT|END)\b", re.IGNORECASE | re.DOTALL
)
# What begins and ends a transaction or a savepoint, alone; it leaves nothing in the session.
_OF_TRANSACTIONS: Final = re.compile(
    r"\s*(?:(?P<begin>BEGIN)|(?P<back>ROLLBACK)|COMMIT|SAVEPOINT|RELEASE)\b[\w\s]*;?\s*",
    re.IGNORECASE,
)
_ALONE: Final = frozenset({"BEGIN;", "BEGIN READ ONLY;", "COMMIT;"})
"""What the driver sends around a transaction that asks for nothing else."""
# What the driver raises, among others, where it could not send a statement.
_UNSENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
_TRIED_AGAIN: Final = 3
"""Times that a statement is prepared again: one that is forgotten may be in the way of the next."""
_STATEMENTS_KNOWN: Final = 1_000
_LONGEST_KEPT: Final = 15_000
"""Characters of a statement that the driver keeps prepared, at most."""
_ROWS_AT_ONCE: Final = 1_000
_ANONYMOUS: Final = frozenset({"record", "record[]"})
"""Values made of others whose types nobody knows before they come: always in binary form."""


_plain_prepare: Callable[..., Awaitable[Prepared]] = getattr(asyncpg.Connection, "prepare")  # noqa: B009 - its overloads
# What the driver's own copy_records_to_table prepares by: it keeps the statement for the next call.
_prepare_and_keep: Callable[..., Awaitable[Prepared]] = getattr(asyncpg.Connection, "_prepare")  # noqa: B009
_plain_copy: Callable[..., Awaitable[str]] = getattr(asyncpg.Connection, "copy_records_to_table")  # noqa: B009
_forget_prepared: Callable[[asyncpg.Connection], None] = getattr(  # noqa: B009
    asyncpg.Connection, "_drop_global_statement_cache"
)
_plain_fetch: Callable[..., Awaitable[list[asyncpg.Record]]] = getattr(asyncpg.Connection, "fetch")  # noqa: B009
_plain_copy_out: Callable[..., Awaitable[str]] = getattr(asyncpg.Connection, "copy_from_query")  # noqa: B009
_plain_many: Callable[..., Awaitable[None]] = getattr(asyncpg.Connection, "executemany")  # noqa: B009
_plain_set_codec: Callable[..., Awaitable[None]] = getattr(asyncpg.Connection, "set_type_codec")  # noqa: B009
_plain_cursor: Callable[..., CursorFactory] = getattr(asyncpg.Connection, "cursor")  # noqa: B009


class PooledConnection(Session):
    """A connection of our pool.

    The parameters of every statement obey the strict boundary, whoever sends it. The server is
    asked once what a statement takes and gives. After a refusal it is asked again, because a
    column's type may have been altered meanwhile, and the driver would go by the old one.

    The methods that end in ``_admitted`` are the driver's own, for arguments that were checked.
    """

    __slots__ = ("_bind", "_codecs", "_keeps", "_known", "_known_here", "_portable", "_prepared")

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        # For what the driver asks the server before `begin_session`, too.
        self._codecs: tuple[Codec, ...] = ()
        self._known: dict[str, Learnt] = {}
        self._portable = False
        self._known_here: dict[str, Learnt] = {}
        cache: object = getattr(self, "_stmt_cache", None)
        self._prepared: Callable[[object], object] = getattr(cache, "get", _nothing)
        size: Callable[[], int] = getattr(cache, "get_max_size", int)
        self._keeps = size() > 0
        self._bind: Callable[..., Awaitable[list[asyncpg.Record]]] = getattr(  # noqa: B009
            args[0], "bind_execute"
        )

    async def begin_session(
        self, codecs: Sequence[Codec], command_timeout: float, known: dict[str, Learnt]
    ) -> None:
        """Have values travel exactly; *codecs* stand in for ours.

        What is *known* of statements is common to the connections of a pool.
        """
        self.command_timeout = command_timeout
        self._codecs = tuple(codecs)
        self._known = known
        # A composite is made of parts, and the driver has no text form for them.
        self._portable = any(codec.is_composite for codec in self._codecs)
        await self._use(PORTABLE if self._portable else TEXT)
        self.clean, self.retired = True, False

    def itself(self) -> "PooledConnection":
        """Return the connection, also when asked through the wrapper that a borrower holds."""
        return self

    def knows(self, query: str) -> Learnt | None:
        """Return what is known of a statement, if that is enough to run it on this connection.

        What another connection has learnt has to be compared with what is prepared here, once.
        """
        book = self._book(query)
        known = book.get(query)
        if (
            known is None
            or known.until < monotonic()
            or (known.is_anonymous and not self._portable)
            or (book is self._known and self._prepared((query, asyncpg.Record, False)) is None)
        ):
            return None
        return known

    def _book(self, query: str) -> dict[str, Learnt]:
        """Return where to look: all connections share what the driver keeps prepared on each."""
        is_kept = self._keeps and len(query) < _LONGEST_KEPT
        return self._known if is_kept else self._known_here

    def ready(self, query: str, args: Sequence[object]) -> tuple[object, Sequence[object]] | None:
        """Return what runs a statement in one step: what the driver has prepared, and is sent.

        None if the server has to be asked before, or somebody is to hear of what is sent.
        """
        known = self._known.get(query)
        if (
            known is None
            or known.until < monotonic()
            or (known.is_anonymous and not self._portable)
            or len(known.rules) != len(args)
            or self._loggers
            or self.until != NEVER  # another one is under way; the driver says so
        ):
            return None
        prepared = self._prepared((query, asyncpg.Record, False))
        if prepared is None:
            return None
        try:
            return prepared, let_in(known.rules, args)
        except exact.Refused:
            return None

    def run(self, prepared: object, args: Sequence[object]) -> Awaitable[list[asyncpg.Record]]:
        """Run in one step what is `ready`; whoever awaits the rows ends the step."""
        self.begin_step()
        return self._bind(prepared, args, "", 0, False, NO_TIMEOUT)

    def admitted_at_once(self, query: str, args: Sequence[object]) -> Sequence[object] | None:
        """Return what is sent for the arguments, or None if the server has to be asked first."""
        known = self.knows(query)
        if known is None or len(known.rules) != len(args):
            return None
        try:
            return let_in(known.rules, args)
        except exact.Refused:
            return None

    async def admitted(
        self, query: str, args: Sequence[object], names: Sequence[str] = ()
    ) -> Sequence[object]:
        """Return what is sent for the arguments of a statement.

        Raises:
            InexactValue: An argument would not be stored as it is. *names* says what it is called;
                otherwise it is ``$n``.
        """
        known = self.knows(query)
        if known is not None and len(known.rules) == len(args):
            try:
                return checked(known.rules, args, names)
            except InexactValue:
                known = await self._learnt_of(query, await self._prepared_anew(query))
                sent = checked(known.rules, args, names)
            # The type was altered: what the driver has prepared goes by the old one.
            await self.reload_schema_state()
            self._book(query)[query] = known
            return sent
        rules = (await self._asked(query)).rules
        # The driver says in its own words when the number is wrong.
        return checked(rules, args, names) if len(rules) == len(args) else args

    async def admitted_rows(
        self, query: str, rows: Iterable[Sequence[object]]
    ) -> list[Sequence[object]]:
        """Return what is sent for each row of arguments.

        Raises:
            InexactValue: An argument would not be stored as it is; ``row`` is the row's number.
        """
        sent: list[Sequence[object]] = []
        for number, row in enumerate(rows, 1):
            at_once = self.admitted_at_once(query, row)
            try:
                sent.append(await self.admitted(query, row) if at_once is None else at_once)
            except InexactValue as error:
                raise of_row(error, number) from None
        return sent

    async def fetch_admitted(
        self, query: str, args: Sequence[object], timeout: float | None
    ) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        async with self.within(timeout):
            return await self.portably(lambda: _plain_fetch(self, query, *args, timeout=timeout))

    async def fetch_after(
        self, error: Exception, query: str, args: Sequence[object]
    ) -> list[asyncpg.Record]:
        """Return the rows of a statement that was ready, and failed; raise *error* if it has to.

        It is run once more where the driver would do so by itself, or could not send it.
        """
        self.until = NEVER
        if isinstance(error, asyncpg.OutdatedSchemaCacheError):
            await self.reload_schema_state()
            raise error
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            _forget_prepared(self)
            if self.is_in_transaction():
                raise error
        elif isinstance(error, _UNSENT):
            async with self.within(None):
                await self.go_on_after(error)
        else:
            raise error
        return await self.fetch_admitted(query, args, None)

    async def execute_admitted(
        self, query: str, args: Sequence[object], timeout: float | None
    ) -> str:
        """Run a statement and return its status."""
        run = super().execute
        async with self.within(timeout):
            return await self.portably(lambda: run(query, *args, timeout=timeout))

    async def cursor_admitted(
        self, query: str, args: Sequence[object], timeout: float | None
    ) -> Cursor:
        """Open a server-side cursor."""
        run = super().cursor

        async def opened() -> Cursor:
            return await run(query, *args, timeout=timeout)

        async with self.within(timeout):
            return await self.portably(opened)

    async def copy_admitted(
        self,
        table: str,
        *,
        source: AsyncIterator[bytes],
        columns: Sequence[str],
        timeout: float | None,
        format: CopyFormat = "text",  # noqa: A002 - the driver's name
    ) -> str:
        """Send rows in a format of COPY and return the status."""
        run = super().copy_to_table
        with self.quietly():
            return await run(table, source=source, columns=columns, timeout=timeout, format=format)

    async def copied_out(self, query: str, output: Callable[[bytes], Awaitable[None]]) -> str:
        """Hand over what a query returns, in whole lines of COPY's CSV format.

        No time is set for it: whoever takes the lines knows how long they may not come.
        """
        # With a limit, the driver makes a task for every 10 kB: half of the time that it takes.
        return await _plain_copy_out(self, query, output=output, format="csv", timeout=NO_TIMEOUT)

    async def described(self, query: str, timeout: float | None) -> Prepared:
        """Have the server look at a statement; the driver keeps what it prepared."""
        async with self.within(timeout):
            return await self._prepared_and_kept(query)

    async def portably(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* gives, by the portable codecs if the others cannot do it.

        The driver says so before it has sent anything; and it is called again as well if the driver
        has forgotten what it had prepared.
        """
        for _attempt in range(_TRIED_AGAIN):
            try:
                return await call()
            except _UNSENT as error:
                await self.go_on_after(error)
        return await call()

    async def prepared(self, query: str, **options: object) -> CheckedStatement:
        """Have the server look at a statement whose arguments will be checked."""
        self.clean = False
        async with self.within(options.get("timeout")):
            statement = await self.portably(lambda: _plain_prepare(self, query, **options))
            if not self._portable and _is_anonymous(statement):
                await self._go_portable()
                statement = await _plain_prepare(self, query, **options)
        rules = (await self._learnt_of(query, statement)).rules
        return CheckedStatement(self, statement, rules)

    async def copied(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]],
        columns: Iterable[str] | None = None,
        schema_name: str | None = None,
        **options: object,
    ) -> str:
        """Copy records into a table, each value checked against its column, all or nothing.

        The driver copies in binary form only, so the codecs are the portable ones meanwhile. What a
        trigger makes of a row is not seen here.

        Raises:
            InexactValue: A value would not be stored as it is: by its type, or by the column's
                modifier, to which COPY would round. ``row`` is its number.
        """
        self.clean = False
        names = list(columns) if columns is not None else None
        table = ".".join(map(_quoted, filter(None, (schema_name, table_name))))
        known = await columns_of(self, table, names, self._own_rules())
        names = names or [column.name for column in known]
        was_portable = self._portable
        await self._go_portable()

        async def copy(given: AsyncIterator[Sequence[object]]) -> str:
            with self.quietly():
                return await _plain_copy(
                    self,
                    table_name,
                    records=_checked_rows(known, given),
                    columns=names,
                    schema_name=schema_name,
                    **options,
                )

        async def send(given: AsyncIterator[Sequence[object]]) -> str:
            try:
                return await copy(given)
            except asyncpg.InternalClientError as error:
                # Types without a binary form in the driver. It says so before it has taken a row.
                if "no binary format encoder" not in str(error) or options.get("where"):
                    raise
            rows = _checked_rows(known, given)
            return await self._inserted(table, names, rows, options.get("timeout"))

        limit = options.get("timeout")
        try:
            return await fed(
                records,
                send,
                limit if isinstance(limit, int | float) else self.command_timeout,
                self.telling_its_end,
            )
        finally:
            if not was_portable and not self.is_closed():
                self._portable = False
                await self._use(TEXT)

    async def _inserted(
        self,
        table: str,
        columns: Sequence[str],
        rows: AsyncIterable[Sequence[object]],
        timeout: object,
    ) -> str:
        """Insert rows, all or nothing, and return the status that COPY would."""
        names = ", ".join(map(_quoted, columns))
        dollars = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        statement = (  # names are quoted
            f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({dollars})"  # noqa: S608
        )
        count = 0
        async with self.transaction():
            async for some in batched(rows, _ROWS_AT_ONCE):
                await _plain_many(self, statement, some, timeout=timeout)
                count += len(some)
        return f"COPY {count}"

    async def _asked(self, query: str) -> Learnt:
        """Ask the server what a statement takes and gives, or whether that is still so."""
        before, statement = self._book(query).get(query), await self._prepared_and_kept(query)
        if before is None:
            known = await self._learnt_of(query, statement)
        elif before.until < monotonic():
            # The driver may have prepared it before its columns were altered.
            known = await self._learnt_of(query, await self._prepared_anew(query))
            if known.types != _types_of(statement):
                await self.reload_schema_state()
        elif before.types != _types_of(statement):
            known = await self._learnt_of(query, statement)
        else:
            known = before
        if _is_anonymous(statement):
            await self._go_portable()
            known = known._replace(is_anonymous=True)
        book = self._book(query)
        if len(book) >= _STATEMENTS_KNOWN:
            book.clear()
        book[query] = known
        return known

    async def _prepared_and_kept(self, query: str) -> Prepared:
        async def asked() -> Prepared:
            prepared = await _prepare_and_keep(self, query, use_cache=True)
            prepared.get_parameters()  # raises if the driver has forgotten it meanwhile
            return prepared

        return await self.portably(asked)

    async def _prepared_anew(self, query: str) -> Prepared:
        return await self.portably(lambda: _plain_prepare(self, query))

    async def go_on_after(
        self, error: asyncpg.InterfaceError | asyncpg.InternalClientError
    ) -> None:
        """Make good what kept a statement from being sent; raise *error* if nothing can."""
        if isinstance(error, asyncpg.UnsupportedClientFeatureError) and not self._portable:
            await self._go_portable()
        elif is_stale_plan(error):
            # The driver's count of who uses a statement is wrong from now on.
            self.retired = True
        else:
            raise error

    async def _go_portable(self) -> None:
        if not self._portable:
            self._portable = True
            await self._use(PORTABLE)

    async def _learnt_of(self, query: str, prepared: Prepared) -> Learnt:
        clean = self.clean
        try:
            return await learnt_of(self, query, prepared.get_parameters(), self._own_rules())
        finally:
            self.clean = clean

    def _own_rules(self) -> dict[tuple[str, str], exact.Rule]:
        own: dict[tuple[str, str], exact.Rule] = {
            ("pg_catalog", "json"): json_value,
            ("pg_catalog", "jsonb"): json_value,
        }
        own |= {(codec.schema, codec.type_name): exact.anything for codec in self._codecs}
        return own

    async def _use(self, codecs: Iterable[Codec]) -> None:
        own = {(codec.schema, codec.type_name) for codec in self._codecs}
        ours = (codec for codec in codecs if (codec.schema, codec.type_name) not in own)
        for codec in (*ours, *self._codecs):
            await _plain_set_codec(
                self,
                codec.type_name,
                schema=codec.schema,
                encoder=codec.encode,
                decoder=codec.decode,
                format=codec.format,
            )


def _nothing(_key: object) -> object:
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _checked_rows(
    columns: Sequence[TableColumn],
    records: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]],
) -> AsyncGenerator[Sequence[object], None]:
    rules, names = [column.rule for column in columns], [column.name for column in columns]
    number = 0
    async for record in each(records):
        number += 1
        if len(record) != len(rules):
            said = f"row {number}: has {len(record)} values for {len(rules)} columns"
            raise InexactValue(said, f"row {number}", number)
        try:
            yield checked(rules, record, names)
        except InexactValue as error:
            raise of_row(error, number) from None


def _types_of(statement: Prepared) -> tuple[int, ...]:
    return tuple(kind.oid for kind in statement.get_parameters())


def _is_anonymous(statement: Prepared) -> bool:
    return any(column.type.name in _ANONYMOUS for column in statement.get_attributes())


# The driver's methods keep their signatures, of which there are many; the boundary stands before
# each. A wrapper that the pool lends looks them up on the class, so it has them too.


def _behind_the_boundary(name: str) -> None:
    plain: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, name)
    is_script = name == "execute"

    async def method(
        self: PooledConnection, query: str, *args: object, **options: object
    ) -> object:
        if query in _ALONE and not args and not options and not self.opening:
            # One step, which the driver times.
            result = await plain(self, query, timeout=self.command_timeout)
            if result == "ROLLBACK":
                raise swallowed()
            return result
        of_transactions = _OF_TRANSACTIONS.fullmatch(query) if is_script else None
        if of_transactions is None:
            self.clean = False
        elif of_transactions["back"] and (self.abandoned or self.is_cut_short()):
            return await self.roll_back_in_a_hurry(query)
        with self.typed(within_a_transaction=of_transactions is None):
            async with self.within(options.get("timeout")):
                if of_transactions is not None and of_transactions["begin"] and self.opening:
                    return await _opened(self, query)
                result = await _checked_and_run(self, plain, query, args, options)
        if is_script and result == "ROLLBACK" and _COMMIT.match(query):
            raise swallowed()
        return result

    _put(name, method)


async def _checked_and_run(
    connection: PooledConnection,
    plain: Callable[..., Awaitable[object]],
    query: str,
    args: Sequence[object],
    options: Mapping[str, object],
) -> object:
    if connection.behind_pooler:
        refuse_session_state(query)
    sent = connection.admitted_at_once(query, args)
    if sent is None:
        # Without arguments, execute takes a script of several statements.
        is_script = not args and plain.__name__ == "execute"
        sent = args if is_script else await connection.admitted(query, args)
    try:
        return await plain(connection, query, *sent, **options)
    except asyncpg.ProtocolError as error:
        unread = unreadable(error)
        if unread is None:
            raise
        raise unread from None
    except _UNSENT as error:
        await connection.go_on_after(error)
        return await plain(connection, query, *sent, **options)


async def _opened(connection: PooledConnection, begin: str) -> str:
    """Begin a transaction with its settings in one packet; if they are refused, without.

    The driver takes a BEGIN that failed for a transaction that it still has to end.
    """
    statements, connection.opening = connection.opening, ""
    try:
        return await connection.execute_admitted(
            f"{begin.rstrip().rstrip(';')}; {statements}", (), None
        )
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        connection.refused = error
    await connection.execute_admitted("ROLLBACK", (), None)
    return await connection.execute_admitted(begin, (), None)


def _many_behind_the_boundary(name: str) -> None:
    plain: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, name)

    async def method(
        self: PooledConnection, query: str, args: Iterable[Sequence[object]], **options: object
    ) -> object:
        self.clean = False
        with self.typed():
            async with self.within(options.get("timeout")):
                sent = await self.admitted_rows(query, args)
                return await self.portably(lambda: plain(self, query, sent, **options))

    _put(name, method)


def _leaving(name: str, *, for_good: bool) -> None:
    """Have a method of the driver's note that it leaves something behind.

    What it leaves in the session, a reset takes away; what *for_good* stays with the connection.
    """
    plain: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, name)

    async def method(self: PooledConnection, *args: object, **options: object) -> object:
        self.clean = False
        self.retired = self.retired or for_good
        async with self.within(options.get("timeout")):
            with self.quietly():
                return await plain(self, *args, **options)

    _put(name, method)


_plain_listen: Callable[..., None] = getattr(asyncpg.Connection, "add_log_listener")  # noqa: B009


def _listening(self: PooledConnection, callback: object) -> None:
    self.clean = False
    _plain_listen(self, callback)


def _put(name: str, method: Callable[..., object]) -> None:
    method.__name__ = name
    method.__doc__ = getattr(asyncpg.Connection, name).__doc__
    setattr(PooledConnection, name, method)


for _name in ("execute", "fetch", "fetchrow", "fetchval"):
    _behind_the_boundary(_name)
for _name in ("executemany", "fetchmany"):
    _many_behind_the_boundary(_name)
for _name in ("add_listener", "copy_from_query", "copy_from_table", "copy_to_table"):
    _leaving(_name, for_good=False)
for _name in ("reset_type_codec", "set_builtin_type_codec", "set_type_codec"):
    _leaving(_name, for_good=True)
_put("add_log_listener", _listening)
_put("prepare", PooledConnection.prepared)
_put("copy_records_to_table", PooledConnection.copied)


def _cursor(self: PooledConnection, query: str, *args: object, **options: object) -> CheckedCursor:
    def opened(sent: Sequence[object]) -> CursorFactory:
        return _plain_cursor(self, query, *sent, **options)

    return CheckedCursor(self, query, args, options.get("timeout"), opened)


_put("cursor", _cursor)


def pooled(connection: object) -> PooledConnection | None:
    """Return the connection of our pool that *connection* is, or wraps; None for any other."""
    # By type: the driver's metaclass calls every connection an instance of every such class.
    if type(connection) is PooledConnection:
        return connection
    itself: Callable[[], object] | None = getattr(connection, "itself", None)
    inner = itself() if itself is not None else None
    return inner if type(inner) is PooledConnection else None
