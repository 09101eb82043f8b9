"""What quantdb asks of a database: the seam between the repositories and the driver.

A pool of quantdb's, a plain ``asyncpg.create_pool(...)`` pool, a connection of either and a
stand-in of a test all have these methods. Signatures here are those of asyncpg, so that nobody
who uses quantdb needs asyncpg's types.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["Connection", "Database", "Isolation", "Pool", "Record", "Row", "each", "is_pool"]

T = TypeVar("T")

Isolation = Literal["read_committed", "repeatable_read", "serializable"]


CopyFormat = Literal["text", "binary"]


class Row(Protocol):
    """A record: its values by position, their names beside them."""

    def __iter__(self) -> Iterator[object]:
        """Give the values, in the order of the columns."""
        ...

    def keys(self) -> Iterator[str]:
        """Give the names of the columns, in order."""
        ...


class Record(Row, Protocol):
    """A row as it is handed out: a value by the name of its column, or by position."""

    @overload
    def __getitem__(self, key: str, /) -> object: ...
    @overload
    def __getitem__(self, key: int, /) -> object: ...

    def __len__(self) -> int:
        """Give the number of columns."""
        ...


class ColumnType(Protocol):
    """The type of a parameter or a column, as the catalogue has it."""

    @property
    def oid(self) -> int:
        """Its number."""
        ...

    @property
    def name(self) -> str:
        """Its name (``"numeric"``, ``"numeric[]"``)."""
        ...

    @property
    def schema(self) -> str:
        """Its schema."""
        ...

    @property
    def kind(self) -> str:
        """What it is: ``"scalar"``, ``"array"``, ``"composite"``, ``"range"``, ``"multirange"``."""
        ...


class Attribute(Protocol):
    """A column of a result."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def type(self) -> ColumnType:
        """Its type."""
        ...


class Prepared(Protocol):
    """A statement that the server has looked at."""

    def get_attributes(self) -> Sequence[Attribute]:
        """Give the columns of its result; none if it gives no rows."""
        ...

    def get_parameters(self) -> Sequence[ColumnType]:
        """Give the types of ``$1 … $n``."""
        ...

    async def fetch(self, *args: object, timeout: float | None = None) -> Sequence[Record]:
        """Run it and return its rows."""
        ...

    async def fetchrow(self, *args: object, timeout: float | None = None) -> Record | None:
        """Run it and return its first row."""
        ...

    async def fetchval(self, *args: object, timeout: float | None = None) -> object:
        """Run it and return the first column of its first row."""
        ...


class Block(Protocol):
    """A transaction or savepoint of the driver."""

    async def __aenter__(self) -> object:
        """Begin."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """End: keep, or drop after an error."""
        ...

    async def start(self) -> None:
        """Begin."""
        ...

    async def commit(self) -> None:
        """End and keep."""
        ...

    async def rollback(self) -> None:
        """End and drop."""
        ...


class Cursor(Protocol):
    """A server-side cursor."""

    async def fetch(self, n: int, *, timeout: float | None = None) -> Sequence[Record]:
        """Return the next *n* rows, fewer at the end."""
        ...


class Connection(Protocol):
    """One connection to PostgreSQL."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement and return its status (``"INSERT 0 1"``)."""
        ...

    async def executemany(
        self,
        command: str,
        args: Iterable[Sequence[object]],
        *,
        timeout: float | None = None,
    ) -> None:
        """Run a statement for each row of arguments, all or nothing."""
        ...

    async def fetch(
        self, query: str, *args: object, timeout: float | None = None
    ) -> Sequence[Record]:
        """Run a statement and return its rows."""
        ...

    async def fetchrow(
        self, query: str, *args: object, timeout: float | None = None
    ) -> Record | None:
        """Run a statement and return its first row."""
        ...

    async def fetchval(self, query: str, *args: object, timeout: float | None = None) -> object:
        """Run a statement and return the first column of its first row."""
        ...

    async def prepare(self, query: str, *, timeout: float | None = None) -> Prepared:
        """Have the server look at a statement."""
        ...

    def cursor(self, query: str, *args: object, timeout: float | None = None) -> Awaitable[Cursor]:
        """Open a server-side cursor."""
        ...

    def transaction(self, *, isolation: Isolation | None = None, readonly: bool = False) -> Block:
        """Make a transaction, or a savepoint inside one."""
        ...

    async def reload_schema_state(self) -> None:
        """Forget what was prepared and what is known of types."""
        ...

    def get_settings(self) -> object:
        """Give the settings that the server reports; of a connection, always the same object."""
        ...

    def get_server_pid(self) -> int:
        """Give the process number of the backend."""
        ...

    def is_closed(self) -> bool:
        """Tell whether the connection is gone."""
        ...

    def is_in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        ...

    async def copy_to_table(
        self,
        table_name: str,
        *,
        source: AsyncIterator[bytes],
        columns: Iterable[str] | None = None,
        timeout: float | None = None,
        format: CopyFormat = "text",  # noqa: A002 - the driver's name
    ) -> str:
        """Send rows in a format of COPY and return the status (``"COPY 3"``)."""
        ...


class FullConnection(Connection, Protocol):
    """A connection with what only a pool of ours asks of it."""

    async def fetchmany(
        self,
        query: str,
        args: Iterable[Sequence[object]],
        *,
        timeout: float | None = None,
    ) -> Sequence[Record]:
        """Run a statement for each row of arguments and return their rows."""
        ...

    async def copy_records_to_table(  # noqa: PLR0913 - the driver's signature
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]],
        columns: Iterable[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
        where: str | None = None,
    ) -> str:
        """Copy records into a table and return the status."""
        ...


class Pool(Protocol):
    """Something that lends connections."""

    def acquire(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection; wait for one for at most *timeout* seconds."""
        ...


Database = Pool | Connection


async def each(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T, None]:
    """Iterate over what is iterable in either way."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def batched(items: AsyncIterable[T], size: int) -> AsyncGenerator[list[T], None]:
    """Give the items in lists of so many; the last one may be shorter, and none is empty."""
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def is_pool(db: Database) -> "TypeIs[Pool]":
    """Tell a pool from a connection."""
    return hasattr(db, "acquire")
