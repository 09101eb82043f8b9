"""Query: one SQL file, typed by the row that it returns."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import lru_cache
from importlib.resources.abc import Traversable
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar, get_origin, overload

import attrs

from quantdb import exact, sqlfile
from quantdb.calls import (
    READING,
    TRANSACTION,
    WRITING,
    Way,
    call,
    commits_alone,
    iterating,
)
from quantdb.connection import pooled
from quantdb.database import Connection, Database, Row, is_pool
from quantdb.errors import (
    Ambiguous,
    InexactValue,
    NotFound,
    QuantDBError,
    ReadOnly,
    ShapeMismatch,
)
from quantdb.labels import Operation, of_attribute
from quantdb.pool import Pool
from quantdb.retries import Repeat
from quantdb.rows import Builder, builder
from quantdb.sameness import at_once_the_same
from quantdb.scopes import bulk_scope, doom, kept_as_sent, statement_scope
from quantdb.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from quantdb.columns.reading import Wanted

__all__ = ["Query"]

R = TypeVar("R")
T = TypeVar("T")

_BATCH: Final = 1_000
"""Rows that a stream fetches at once: enough to hide the round trip, few enough to hold."""


class Query(Generic[R]):
    """One statement in a file of its own, and the type of the rows that it returns.

    The file is read when the query is made, which is when its module is imported; a mistake in it
    fails there. Its text is sent as it stands, with a comment that names it: what a class holds as
    ``_between`` is ``TradeRepo.between``, and any other goes by its folder and file. Every verb
    takes a pool, and is then a transaction of its own, or a connection, and then joins the
    transaction that the connection is in. On a pool, what reads is repeated after a lost connection
    or contention, and what writes only if it was surely not applied, within the pool's
    ``retry_timeout``; a stream is not. A verb's ``timeout`` is the seconds that the statement may
    take; by default the pool's ``command_timeout``. Its ``method`` is what traces and logs call it
    after if that is not the query: ``find``, by way of ``_get``.

    Args:
        file: The SQL file: a path or an importlib resource. Its first line is
            ``-- name: <file> :one|:many|:exec|:execrows``.
        row: An attrs class, whose fields the columns are, by name and in order; a plain type
            (`int`, `Decimal`) for one column of it; or any callable of the columns. None for a
            statement that returns no rows.
        root: The folder that the file must not leave; by default its own.

    Attributes:
        file: The statement.
        row: The row type that was given.

    Raises:
        ConfigError: The file is missing or is not one statement with its header.
    """

    __slots__ = ("_build", "_is_held", "_row_way", "_statement", "_way", "file", "row")

    @overload
    def __init__(
        self: "Query[None]",
        file: Path | Traversable,
        row: None = None,
        *,
        root: Path | Traversable | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        file: Path | Traversable,
        row: Callable[..., R],
        *,
        root: Path | Traversable | None = None,
    ) -> None: ...

    def __init__(
        self,
        file: Path | Traversable,
        row: Callable[..., R] | None = None,
        *,
        root: Path | Traversable | None = None,
    ) -> None:
        self.file: Final = sqlfile.read(file, root)
        self.row: Final = row
        self._build: Builder[R] | None = builder(row, self.file.path) if row is not None else None
        self._take_for(WRITING if self.file.writes or self.file.lingers else READING)
        self._statement: Final = Statement(self.file)
        self._is_held = False

    def __set_name__(self, owner: type, attribute: str) -> None:
        # The first class that holds it names it: its text, by which statements are kept, is one.
        if not self._is_held:
            self._is_held = True
            self._statement.name(of_attribute(owner, attribute))

    def __repr__(self) -> str:
        return f"Query({self.file.path!r})"

    @property
    def operation(self) -> Operation:
        """What it is called in traces, in logs and on the server: ``TradeRepo.between``."""
        return self._statement.operation

    async def one(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> R:
        """Return the only row.

        Raises:
            NotFound: There is none.
            Ambiguous: There are several.
            InexactValue: An argument would not be stored or compared as it is; nothing was sent.
            ShapeMismatch: The columns are not what the row type takes.
        """
        return await self._called(db, self._work(args, timeout, self._only), self._row_way, method)

    async def find(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> R | None:
        """Return the only row, or None if there is none; else as `one`."""
        work = self._work(args, timeout, self._only_or_none)
        return await self._called(db, work, self._row_way, method)

    async def all(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> list[R]:
        """Return every row, in the order of the statement."""
        return await self._called(db, self._work(args, timeout, _all), self._row_way, method)

    async def stream(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> AsyncGenerator[R, None]:
        """Iterate over the rows with a server-side cursor, in constant memory.

        The connection is kept until the iteration ends; whoever may leave it early closes it with
        `contextlib.aclosing`.
        """
        build = self._builder()
        with iterating(db, self._statement.operation_of(method)) as watch:
            async with statement_scope(db, forgettable=True) as connection:
                if watch is not None:
                    watch.on(pooled(connection))
                cursor = await self._statement.cursor(connection, args, timeout)
                try:
                    while records := await cursor.fetch(_BATCH, timeout=timeout):
                        if watch is not None:
                            watch.gave(len(records))
                        for row in build(records):
                            yield row
                        if watch is not None:
                            watch.resume()
                except Exception as error:
                    self._statement.fail(error)

    async def table(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> "pa.Table":
        """Return every row, in the order of the statement, as columns of Arrow.

        By COPY, so it is a SELECT, a VALUES or a statement with RETURNING. The columns have the
        types of the model's fields, or of the statement's columns if the rows are of no model,
        whatever the rows are; see `quantdb.columns.types`. A connection's transaction stays usable
        after an error. *timeout* is the seconds that the server may be silent.

        Raises:
            InexactValue: A value has no equal in its column (a numeric of more than 20 digits
                before the point or 18 after it, NaN or infinity, an interval of months); ``row`` is
                its number, from 1, ``field`` its column.
            ShapeMismatch: The columns are not the fields, in their order and of their types.
        """
        from quantdb.columns.reading import tabled  # noqa: PLC0415 - the extra arrow

        wanted = self._wanted(args, timeout)
        reads = self._way.reads
        repeat: Repeat = "always" if reads else "unapplied"
        return await call(
            db,
            lambda connection: tabled(connection, wanted),
            Way(bulk=True, reads=reads),
            operation=self._statement.operation_of(method),
            repeat=repeat,
        )

    async def batches(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> "AsyncGenerator[pa.RecordBatch, None]":
        """Iterate over the rows as record batches of some 60 000, in constant memory; as `table`.

        The connection is kept until the iteration ends; whoever may leave it early closes it with
        `contextlib.aclosing`. It is not repeated. Each batch has dictionaries of its own.
        """
        from quantdb.columns.reading import streamed  # noqa: PLC0415 - the extra arrow

        wanted = self._wanted(args, timeout)
        with iterating(db, self._statement.operation_of(method)) as watch:
            async with (
                bulk_scope(db, forgettable=True) as connection,
                aclosing(streamed(connection, wanted)) as batches,
            ):
                if watch is not None:
                    watch.on(pooled(connection))
                async for batch in batches:
                    if watch is not None:
                        watch.gave(batch.num_rows)
                    yield batch
                    if watch is not None:
                        watch.resume()

    def _wanted(self, args: Sequence[object], timeout: float | None) -> "Wanted":
        from quantdb.columns.reading import Wanted  # noqa: PLC0415 - the extra arrow

        return Wanted(self._statement, args, self.schema, timeout)

    @property
    def schema(self) -> "pa.Schema | None":
        """The columns of `table`, if the rows are of a model; else they are the statement's."""
        from quantdb.columns.types import schema_of  # noqa: PLC0415 - the extra arrow

        kind: object = get_origin(self.row) or self.row
        return schema_of(kind) if isinstance(kind, type) and attrs.has(kind) else None

    async def run(
        self, db: Database, *args: object, timeout: float | None = None, method: str = ""
    ) -> int:
        """Run the statement and return how many rows it touched."""

        async def work(connection: Connection) -> int:
            status = await self._statement.execute(connection, args, timeout)
            count = status.rpartition(" ")[2]
            return int(count) if count.isdecimal() else 0

        return await self._called(db, work, self._way, method)

    async def store(
        self, db: Database, model: attrs.AttrsInstance, *, idempotent: bool = False
    ) -> R:
        """Send the fields of *model* as ``$1 … $n`` and return the row that is stored.

        The statement returns a column for each field that is sent. The transaction is rolled
        back unless what came back is what was sent.

        A field with ``metadata={"secret": True}`` is named in errors, and its value is not shown.

        Args:
            db: A pool or a connection.
            model: What is stored.
            idempotent: Whether to store it twice comes to the same (an upsert), so that a pool may
                repeat it after `CommitUnknown` too.

        Raises:
            InexactValue: The database changed a value (a column's scale, a domain, a trigger), or
                a value cannot enter it; the field is named and nothing is stored.
            NotFound: The statement stored nothing (``ON CONFLICT DO NOTHING``).
        """
        if not attrs.has(type(model)):
            raise InexactValue(f"a model is stored, an attrs class; got {exact.shown(model)}")

        alone = commits_alone(db)

        async def work(connection: Connection) -> R:
            return await self.store_in(connection, model, alone)

        way = self.store_way(type(model), alone)
        return await self._called(db, work, way, idempotent=idempotent)

    def store_way(self, kind: type, alone: Pool | None) -> Way:
        """Return the way to store models of a *kind*; *alone* is as in `store_in`.

        It has no BEGIN where a statement may be a transaction by itself, and nothing would have to
        be taken back: the statement does no more than store what is sent, and was seen to.
        """
        if alone is not None and alone.has_proven((self, kind), self._statement.text):
            return WRITING
        return TRANSACTION

    async def store_in(
        self, connection: Connection, model: attrs.AttrsInstance, alone: Pool | None
    ) -> R:
        """Do the work of `store` on a connection that is in its scope.

        The pool on which statements run *alone* learns whether this one may.
        """
        values_of, names = _sent_of(type(model))
        values = values_of(model)
        sent, records = await self._statement.fetch(connection, values, names=names)
        if not records:
            return self._only([])
        try:
            rows = self._builder()(records)
        except ShapeMismatch:
            await self._doomed(connection)
            raise
        if len(rows) > 1:
            await doom(connection, f"{self.file.name}: stored several rows for one")
        record = records[0]
        kind: object = type(model)
        has_names = self.row is kind or tuple(record.keys()) == names
        ours = pooled(connection)
        zoned = ours is not None and ours.has_codecs  # else the rules have moved it to UTC
        if not (has_names and at_once_the_same(sent, record, zoned=zoned)):
            if alone is not None:
                alone.disprove((self, type(model)))
            await self._compared(connection, dict(zip(names, sent, strict=True)), record)
        if alone is not None:
            alone.prove((self, type(model)), self._statement.text, connection)
        return self._only(rows)

    async def _compared(
        self, connection: Connection, sent: Mapping[str, object], record: Row
    ) -> None:
        """Raise unless every value that was *sent* is stored, in whatever form it came back."""
        places = {name: place for place, name in enumerate(sent)}

        async def written(name: str) -> object:
            return await self._statement.written(connection, places[name], sent[name])

        stored = dict(zip(record.keys(), record, strict=True))
        try:
            await kept_as_sent(connection, sent, stored, written)
        except QuantDBError as error:
            error.add_note(f"in {self.file.path}")
            raise

    async def _called(
        self,
        db: Database,
        work: Callable[[Connection], Awaitable[T]],
        way: Way,
        method: str = "",
        *,
        idempotent: bool = False,
    ) -> T:
        operation = self._statement.operation_of(method)
        if not way.reads:
            repeat: Repeat = "always" if idempotent else "unapplied"
            return await call(db, work, way, operation=operation, repeat=repeat)
        try:
            return await call(db, work, way, operation=operation, repeat="always")
        except ReadOnly:
            if not is_pool(db):
                raise
            # What looks like a read calls a function that writes; or it is a standby, which says so
            # again. Nothing was written, and from now on it is repeated as a write is.
            self._take_for(WRITING)
        return await call(db, work, WRITING, operation=operation)

    def _take_for(self, way: Way) -> None:
        self._way = way
        # What was written is taken back when the rows that came back are not as promised.
        self._row_way = TRANSACTION if self.file.writes else way

    def _work(
        self, args: Sequence[object], timeout: float | None, given: Callable[[list[R]], T]
    ) -> Callable[[Connection], Awaitable[T]]:
        """Return the work that sends the statement and gives what is *given* of its rows."""
        build, statement = self._builder(), self._statement

        async def work(connection: Connection) -> T:
            _sent, records = await statement.fetch(connection, args, timeout)
            try:
                return given(build(records))
            except ShapeMismatch:
                await self._doomed(connection)
                raise

        return work

    async def _doomed(self, connection: Connection) -> None:
        await doom(connection, f"{self.file.name}: what came back is no row of its type")

    def _only_or_none(self, rows: list[R]) -> R | None:
        return self._only(rows) if rows else None

    def _only(self, rows: list[R]) -> R:
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise Ambiguous(f"{self.file.name}: {len(rows)} rows where one was promised")
        raise NotFound(f"{self.file.name}: no such row")

    def _builder(self) -> Builder[R]:
        if self._build is None:
            raise TypeError(f"{self!r} was given no row type; it can only run()")
        return self._build


def _all(rows: list[R]) -> list[R]:
    return rows


@lru_cache(256)
def _sent_of(
    model: type[attrs.AttrsInstance],
) -> tuple[Callable[[object], Sequence[object]], tuple[str, ...]]:
    """Return what gives the values of a model that are sent, and what they are called."""
    fields = [field for field in attrs.fields(model) if field.init]
    return _getter([field.name for field in fields]), tuple(_name(field) for field in fields)


def _getter(names: Sequence[str]) -> Callable[[object], Sequence[object]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda model: [getattr(model, name) for name in names]


def _name(field: "attrs.Attribute[object]") -> str:
    name = field.alias or field.name
    return exact.SecretName(name) if field.metadata.get("secret") else name
