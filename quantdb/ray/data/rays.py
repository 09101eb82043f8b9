"""What is asked of Ray Data, whose types are not all there, and no more."""

import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Final, Protocol

import pyarrow as pa
import ray
from ray.data import Dataset
from ray.data._internal.execution.interfaces import TaskContext
from ray.data.block import BlockMetadata
from ray.data.dataset import MaterializedDataset
from ray.data.datasource import Datasource, ReadTask
from ray.exceptions import RayTaskError

__all__ = [
    "STUB",
    "TaskContext",
    "block_of",
    "cpus",
    "dataset_of",
    "is_there",
    "make_base",
    "read_task",
    "written",
]

STUB: Final[str] = getattr(  # noqa: B009
    import_module("ray.data._internal.arrow_block"), "_BATCH_SIZE_PRESERVING_STUB_COL_NAME"
)
"""The column that stands for rows without columns."""


class _Accessor(Protocol):
    """A block, be it of Arrow or of pandas."""

    def to_arrow(self) -> pa.Table:
        """Return it as a table."""
        ...


_read: Final[Callable[..., Dataset]] = getattr(ray.data, "read_datasource")  # noqa: B009
_resources: Final[Callable[[], dict[str, float]]] = getattr(ray, "cluster_resources")  # noqa: B009
_task: Final[Callable[..., ReadTask]] = ReadTask
_metadata: Final[Callable[..., BlockMetadata]] = BlockMetadata
block_of: Final[Callable[[object], _Accessor]] = getattr(  # noqa: B009
    getattr(import_module("ray.data.block"), "BlockAccessor"),  # noqa: B009
    "for_block",
)
make_base: Final[Callable[[Datasource], None]] = getattr(Datasource, "__init__")  # noqa: B009


def cpus() -> int:
    """Return how many tasks the cluster runs at once; it is started if there is none."""
    if not ray.is_initialized():
        getattr(ray, "init")()  # noqa: B009 - as Ray does itself
    return max(1, int(_resources().get("CPU", 1)))


def dataset_of(source: Datasource, blocks: int, tasks: int) -> Dataset:
    """Return what a source gives, in so many *blocks*, read by so many *tasks* at once."""
    return _read(source, override_num_blocks=blocks, concurrency=tasks)


def is_there(dataset: Dataset) -> bool:
    """Tell whether the blocks of a dataset are in memory, so that nothing is left to be done."""
    return isinstance(dataset, MaterializedDataset)


def read_task(
    read: Callable[[], Iterable[pa.Table]], schema: pa.Schema, size: int, limit: int | None
) -> ReadTask:
    """Return a task that reads about *size* bytes, and no more than *limit* rows."""
    # An estimate of the rows would pass for their number.
    metadata = _metadata(num_rows=None, size_bytes=size, input_files=None, exec_stats=None)
    return _task(read, metadata, schema=schema, per_task_row_limit=limit)


def written(dataset: Dataset, sink: object, tasks: int, *, ordered: bool) -> None:
    """Write a dataset by so many *tasks* at once; an error of theirs is raised as itself.

    If it is *ordered*, the same dataset gives the same blocks to the same tasks each time.
    """
    write: Callable[..., None] = getattr(dataset, "write_datasink")  # noqa: B009
    options = dataset.context.execution_options
    before = options.preserve_order
    try:
        options.preserve_order = ordered or before
        with warnings.catch_warnings():
            # There may be fewer blocks than tasks: nobody knows before.
            warnings.filterwarnings("ignore", "The maximum number of concurrent tasks")
            write(sink, concurrency=tasks)
    except RayTaskError as error:
        cause: object = getattr(error, "cause", None)
        if isinstance(cause, Exception):
            raise cause from error
        raise
    finally:
        options.preserve_order = before
