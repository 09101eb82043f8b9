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
from typing import Final

import asyncpg
from asyncpg.cursor import CursorFactory
from asyncpg.protocol import NO_TIMEOUT

from quantdb.catalog import TableColumn, checked, columns_of, of_row
from quantdb.codecs import TEXT
from quantdb.database import CopyFormat, Cursor, Prepared, batched, each
from quantdb.deadlines import NEVER
from quantdb.errors import InexactValue
from quantdb.handles import CheckedCursor, CheckedStatement
from quantdb.informed import UNSENT, Informed, is_anonymous, plain_prepare
from quantdb.outcomes import swallowed, unreadable
from quantdb.pooler import refuse_session_state
from quantdb.stalls import fed

__all__ = ["PooledConnection", "pooled"]

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
_ROWS_AT_ONCE: Final = 1_000

_plain_copy: Callable[..., Awaitable[str]] = getattr(asyncpg.Connection, "copy_records_to_table")  # noqa: B009
_forget_prepared: Callable[[asyncpg.Connection], None] = getattr(  # noqa: B009
    asyncpg.Connection, "_drop_global_statement_cache"
)
_plain_fetch: Callable[..., Awaitable[list[asyncpg.Record]]] = getattr(asyncpg.Connection, "fetch")  # noqa: B009
_plain_copy_out: Callable[..., Awaitable[str]] = getattr(asyncpg.Connection, "copy_from_query")  # noqa: B009
_plain_many: Callable[..., Awaitable[None]] = getattr(asyncpg.Connection, "executemany")  # noqa: B009
_plain_cursor: Callable[..., CursorFactory] = getattr(asyncpg.Connection, "cursor")  # noqa: B009


class PooledConnection(Informed):
    """A connection of our pool.

    The parameters of every statement obey the strict boundary, whoever sends it.

    The methods that end in ``_admitted`` are the driver's own, for arguments that were checked.
    """

    __slots__ = ("_bind",)

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._bind: Callable[..., Awaitable[list[asyncpg.Record]]] = getattr(  # noqa: B009
            args[0], "bind_execute"
        )

    def itself(self) -> "PooledConnection":
        """Return the connection, also when asked through the wrapper that a borrower holds."""
        return self

    def run(self, prepared: object, args: Sequence[object]) -> Awaitable[list[asyncpg.Record]]:
        """Run in one step what is `ready`; whoever awaits the rows ends the step."""
        self.begin_step()
        return self._bind(prepared, args, "", 0, False, NO_TIMEOUT)

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
        elif isinstance(error, UNSENT):
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

    async def prepared(self, query: str, **options: object) -> CheckedStatement:
        """Have the server look at a statement whose arguments will be checked."""
        self.clean = False
        async with self.within(options.get("timeout")):
            statement = await self.portably(lambda: plain_prepare(self, query, **options))
            if not self._portable and is_anonymous(statement):
                await self._go_portable()
                statement = await plain_prepare(self, query, **options)
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
    except UNSENT as error:
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
