"""A statement on a connection: its arguments checked, its errors explained."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, NoReturn

import asyncpg

from quantdb import sqlfile
from quantdb.catalog import DRIVERS_OWN, Rules, checked, learnt_of
from quantdb.connection import PooledConnection, pooled
from quantdb.database import Connection, Cursor, Prepared, Row
from quantdb.deadlines import NEVER
from quantdb.errors import InexactValue, QuantDBError
from quantdb.labels import Operation, of_file, tagged
from quantdb.outcomes import fail, out_of_time
from quantdb.rarer import is_written
from quantdb.sqlfile import SqlFile

__all__ = ["Statement"]

_BACKENDS_KNOWN: Final = 256
_OF_MANY_FORMS: Final = frozenset({"composite", "multirange", "range"})

with sqlfile.mistakes_deferred():
    _TYPE_NAME: Final = sqlfile.read(sqlfile.sql_folder() / "types/type_name.sql")


class Statement:
    """The statement of a file, to be run on any connection, ours or not.

    Every method refuses arguments that the database would change, before anything is sent, and
    raises what an error means, with a note of the file and the line.
    """

    __slots__ = ("_foreign", "_of_methods", "_sent", "file", "operation", "text")

    def __init__(self, file: SqlFile) -> None:
        self.file: Final = file
        self.name(of_file(file))
        # What the server takes for $1 … $n, by backend, on connections that are not ours: such a
        # connection is wrapped anew for each borrower, so only its backend can stand for it.
        self._foreign: dict[tuple[int, int], Rules] = {}

    def name(self, name: str) -> None:
        """Have it known by a *name*, on the server too: its text holds it from now on."""
        self.operation = Operation(name, self.file)
        self._of_methods: dict[str, Operation] = {}
        self._sent = tagged(self.file, name)
        self.text = self._sent.text

    def operation_of(self, method: str) -> Operation:
        """Return what a call of it is named: after the *method* that makes it, or after itself."""
        if not method:
            return self.operation
        found = self._of_methods.get(method)
        if found is None:
            found = self._of_methods[method] = self.operation.of(method)
        return found

    async def fetch(
        self,
        connection: Connection,
        args: Sequence[object],
        timeout: float | None = None,
        names: Sequence[str] = (),
    ) -> tuple[Sequence[object], Sequence[Row]]:
        """Return what was sent for the arguments, and the rows."""
        ours = self._ours(connection)
        if ours is None:
            sent = await self.admitted(connection, args, timeout, names)
            try:
                return sent, await connection.fetch(self.text, *sent, timeout=timeout)
            except Exception as error:
                self.fail(error)
        ready = ours.ready(self.text, args) if timeout is None else None
        if ready is None:
            sent = await self._admitted_by(ours, args, timeout, names)
            records = await self._fetched(ours.fetch_admitted(self.text, sent, timeout))
        else:
            prepared, sent = ready
            try:
                records = await ours.run(prepared, sent)
                ours.until = NEVER
            except Exception as error:
                records = await self._fetched(ours.fetch_after(error, self.text, sent))
            except BaseException:
                ours.until = NEVER  # or it would be the deadline of whatever runs there next
                raise
        if ours.watch is not None:
            ours.watch.returned = len(records)
        return sent, records

    async def _admitted_by(
        self,
        ours: PooledConnection,
        args: Sequence[object],
        timeout: float | None,
        names: Sequence[str],
    ) -> Sequence[object]:
        sent = ours.admitted_at_once(self.text, args)
        return await self.admitted(ours, args, timeout, names) if sent is None else sent

    async def _fetched(self, records: Awaitable[Sequence[Row]]) -> Sequence[Row]:
        try:
            return await records
        except Exception as error:
            self.fail(error)

    async def execute(
        self, connection: Connection, args: Sequence[object], timeout: float | None
    ) -> str:
        """Return the status."""
        sent = await self.admitted(connection, args, timeout) if args else self._complete(args)
        ours = self._ours(connection)
        try:
            if ours is not None:
                return await ours.execute_admitted(self.text, sent, timeout)
            return await connection.execute(self.text, *sent, timeout=timeout)
        except Exception as error:
            self.fail(error)

    async def cursor(
        self, connection: Connection, args: Sequence[object], timeout: float | None
    ) -> Cursor:
        """Open a server-side cursor."""
        sent = await self.admitted(connection, args, timeout)
        ours = self._ours(connection)
        try:
            if ours is not None:
                return await ours.cursor_admitted(self.text, sent, timeout)
            return await connection.cursor(self.text, *sent, timeout=timeout)
        except Exception as error:
            self.fail(error)

    async def described(self, connection: Connection, timeout: float | None) -> Prepared:
        """Have the server say what the statement takes and gives."""
        ours = self._ours(connection)
        try:
            if ours is not None:
                return await ours.described(self.text, timeout)
            return await connection.prepare(self.text, timeout=timeout)
        except Exception as error:
            self.fail(error)

    async def written(self, connection: Connection, place: int, value: object) -> object:
        """Return the form in which the server writes what was sent in a *place*, from 0.

        It has one for types whose values are text to us, for composites that hold some, and for
        ranges whose order only it knows; any other value is as it was sent.
        """
        prepared = await connection.prepare(self.text)
        kind = prepared.get_parameters()[place]
        if kind.kind not in _OF_MANY_FORMS and not is_written(kind.name):
            return value
        name = await connection.fetchval(_TYPE_NAME.text, kind.oid)
        return await connection.fetchval(f"SELECT $1::{name}", value)

    def fail(self, error: Exception) -> NoReturn:
        """Raise what *error* means, with a note of the file and the line where it arose."""
        if isinstance(error, QuantDBError):
            raise error
        line = self._line_of(error)
        fail(out_of_time(error), note=f"in {self.file.path}, line {line}")

    def _line_of(self, error: Exception) -> int:
        """Return the line where *error* arose, and have its position be that in the file."""
        position: object = getattr(error, "position", None)
        if not isinstance(error, asyncpg.PostgresError) or not position:
            return self.file.line
        place = self._sent.in_file(int(str(position)))
        error.position = str(place)
        return self.file.line_of(place)

    def _ours(self, connection: Connection) -> PooledConnection | None:
        ours = pooled(connection)
        if ours is not None and self.file.lingers:
            ours.clean = False
        return ours

    def _complete(self, args: Sequence[object]) -> Sequence[object]:
        self.file.must_be_right()
        if len(args) != self.file.parameters:
            raise TypeError(
                f"{self.file.path} takes {self.file.parameters} arguments; {len(args)} were given"
            )
        return args

    async def admitted(
        self,
        connection: Connection,
        args: Sequence[object],
        timeout: float | None,
        names: Sequence[str] = (),
    ) -> Sequence[object]:
        """Return what is sent for the arguments; *names* says what they are called."""
        self._complete(args)
        names = names or self.file.names
        ours = pooled(connection)
        try:
            if ours is not None:
                async with ours.within(timeout):
                    return await ours.admitted(self.text, args, names)
            if not args:
                return args
            async with asyncio.timeout(timeout):
                return await self._admitted_by_backend(connection, args, names)
        except InexactValue as error:
            error.add_note(f"in {self.file.path}")
            raise
        except Exception as error:
            self.fail(error)

    async def _admitted_by_backend(
        self, connection: Connection, args: Sequence[object], names: Sequence[str]
    ) -> Sequence[object]:
        # With the settings' identity, because two servers may have backends of one number.
        backend = connection.get_server_pid(), id(connection.get_settings())
        known = self._foreign.get(backend)
        if known is not None:
            try:
                return checked(known, args, names)
            except InexactValue:
                rules = await self._asked(connection)
                sent = checked(rules, args, names)
            # The type was altered: what the driver has prepared goes by the old one.
            await connection.reload_schema_state()
            self._foreign[backend] = rules
            return sent
        rules = await self._asked(connection)
        if len(self._foreign) >= _BACKENDS_KNOWN:
            self._foreign.clear()
        self._foreign[backend] = rules
        return checked(rules, args, names)

    async def _asked(self, connection: Connection) -> Rules:
        prepared = await connection.prepare(self.text)
        types = prepared.get_parameters()
        return (await learnt_of(connection, self.text, types, DRIVERS_OWN)).rules
