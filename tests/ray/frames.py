# ruff: noqa: E402 - the environment comes before the import of Ray
"""What the tests ask of Ray's datasets, typed, and how they count the connections of a program."""

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, ParamSpec, Protocol, runtime_checkable

import asyncpg

from quantdb.demo import environment

environment.prepare()

import pyarrow as pa
import ray.data
from ray.data import Dataset
from ray.data.expressions import Expr

import quantdb.ray.data as datasets
from quantdb.columns.arrow import fields_of

__all__ = [
    "Frame",
    "columns_of",
    "counted",
    "frame_of",
    "read_prices",
    "read_query",
    "read_table",
    "read_trades",
    "rows_of",
    "run",
    "write",
]

P = ParamSpec("P")


@runtime_checkable
class Frame(Protocol):
    def count(self) -> int: ...
    def take(self, limit: int) -> list[dict[str, object]]: ...
    def schema(self) -> object: ...
    def select_columns(self, cols: Sequence[str]) -> "Frame": ...
    def filter(self, *, expr: Expr) -> "Frame": ...
    def materialize(self) -> "Frame": ...
    def repartition(self, num_blocks: int) -> "Frame": ...
    def map_batches(
        self, fn: Callable[[pa.Table], pa.Table], *, batch_format: str, batch_size: None
    ) -> "Frame": ...
    def iter_batches(self, *, batch_size: None, batch_format: str) -> Iterator[pa.Table]: ...


def as_frame(dataset: object) -> Frame:
    assert isinstance(dataset, Frame)
    return dataset


def seen(read: Callable[P, Dataset]) -> Callable[P, Frame]:
    """Give what reads a dataset as what reads a frame."""

    def as_frames(*args: P.args, **kwargs: P.kwargs) -> Frame:
        return as_frame(read(*args, **kwargs))

    return as_frames


read_prices: Final = seen(datasets.read_prices)
read_query: Final = seen(datasets.read_query)
read_table: Final = seen(datasets.read_table)
read_trades: Final = seen(datasets.read_trades)
write: Final[Callable[..., object]] = datasets.write
_from_arrow: Final[Callable[[object], object]] = getattr(ray.data, "from_arrow")  # noqa: B009


def frame_of(tables: Sequence[pa.Table]) -> Frame:
    """Return a dataset of tables, a block each."""
    return as_frame(_from_arrow(list(tables)))


def rows_of(frame: Frame) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for batch in frame.iter_batches(batch_size=None, batch_format="pyarrow"):
        batch.validate(full=True)
        rows += [dict(row) for row in batch.to_pylist()]
    return rows


def columns_of(frame: Frame) -> dict[str, object]:
    """Return the types of the columns, which no block has to be read for."""
    schema: object = getattr(frame.schema(), "base_schema")  # noqa: B009
    assert isinstance(schema, pa.Schema)
    return {field.name: field.type for field in fields_of(schema)}


async def run(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def counted(dsn: str, name: str) -> Generator[list[int]]:
    """Count the connections of an application, again and again."""
    counts: list[int] = []
    stop = threading.Event()

    async def count() -> None:
        connection = await asyncpg.connect(dsn)
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
        while not stop.is_set():
            counts.append(int(str(await connection.fetchval(sql, name))))
            await asyncio.sleep(0.002)
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(count()))
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()
