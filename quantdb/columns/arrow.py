"""What is asked of Arrow's arrays here, and no more: pyarrow tells type checkers nothing.

An array has one of some thirty classes, whose functions take and give any of them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeGuard

import attrs
import pyarrow as pa
from pyarrow import compute, csv

__all__ = [
    "Array",
    "Buffer",
    "Chunked",
    "Dictionary",
    "Digits",
    "Field",
    "Scalar",
    "any_true",
    "array_of",
    "arrays_of",
    "as_dictionary",
    "batch_of",
    "batches_of",
    "bounds_of",
    "cast",
    "chunked",
    "column_of",
    "columns_of",
    "dictionary_encoded",
    "digits_of",
    "field_of",
    "fields_of",
    "fixed_from_buffers",
    "function",
    "label_of",
    "nulls",
    "one_batch",
    "place_of",
    "read_csv",
    "schema_of_fields",
    "storage_of",
    "table_of",
    "uuids_from",
    "zone_of",
]


class Scalar(Protocol):
    """A value of an array."""

    def as_py(self) -> object:
        """Return it as Python has it; None for NULL."""
        ...


class Buffer(Protocol):
    """Memory of an array."""

    def to_pybytes(self) -> bytes:
        """Return a copy of it."""
        ...


class Array(Protocol):
    """A column of a batch."""

    @property
    def type(self) -> pa.DataType:
        """Of its values."""
        ...

    @property
    def null_count(self) -> int:
        """How many are NULL."""
        ...

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, place: int, /) -> Scalar:
        """Return the value at a place."""
        ...

    def slice(self, offset: int, length: int, /) -> "Array":
        """Return some of them, which are not copied."""
        ...

    def take(self, places: "Array", /) -> "Array":
        """Return the values at those places."""
        ...

    def to_pylist(self) -> list[object]:
        """Return the values as Python has them."""
        ...

    def buffers(self) -> Sequence[Buffer | None]:
        """Return its memory: which are not NULL, and what they are."""
        ...


class Dictionary(Array, Protocol):
    """A column of numbers, and what each of them stands for."""

    @property
    def indices(self) -> Array:
        """The numbers."""
        ...

    @property
    def dictionary(self) -> Array:
        """What they stand for."""
        ...


class Chunked(Protocol):
    """A column of a table."""

    @property
    def num_chunks(self) -> int:
        """Of how many arrays it is made."""
        ...

    def chunk(self, place: int, /) -> Array:
        """Return one of them."""
        ...

    def combine_chunks(self) -> Array:
        """Return all as one."""
        ...

    def slice(self, offset: int, length: int, /) -> "Chunked":
        """Return some of the values."""
        ...


class Field(Protocol):
    """A column of a schema."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def type(self) -> pa.DataType:
        """Of its values."""
        ...

    @property
    def nullable(self) -> bool:
        """Whether a value may be NULL."""
        ...

    def with_type(self, kind: pa.DataType, /) -> "Field":
        """Return it with another type."""
        ...


@attrs.frozen
class Digits:
    """How many digits decimals of a type have.

    Attributes:
        precision: In all.
        scale: After the point.
    """

    precision: int
    scale: int


def fields_of(schema: pa.Schema) -> list[Field]:
    """Return the columns of a schema."""
    return list(schema)


def batches_of(stream: pa.RecordBatchReader, rows: int) -> Iterator[pa.RecordBatch]:
    """Give what a stream has, at most so many *rows* at a time."""
    for batch in stream:
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def columns_of(table: pa.Table) -> list[Chunked]:
    """Return the columns of a table."""
    columns: list[Chunked] = getattr(table, "columns")  # noqa: B009
    return columns


def arrays_of(batch: pa.RecordBatch) -> list[Array]:
    """Return the columns of a batch."""
    arrays: list[Array] = getattr(batch, "columns")  # noqa: B009
    return arrays


def column_of(batch: pa.RecordBatch, place: int) -> Array:
    """Return a column of a batch."""
    column: Callable[[int], Array] = getattr(batch, "column")  # noqa: B009
    return column(place)


def function(name: str) -> Callable[..., Array]:
    """Return a function of Arrow's that gives an array."""
    found: Callable[..., Array] = getattr(compute, name)
    return found


cast: Final = function("cast")
dictionary_encoded: Final[Callable[[Array], Dictionary]] = getattr(  # noqa: B009
    compute, "dictionary_encode"
)
array_of: Final[Callable[[Sequence[object], pa.DataType], Array]] = getattr(pa, "array")  # noqa: B009
nulls: Final[Callable[[int, pa.DataType], Array]] = getattr(pa, "nulls")  # noqa: B009
chunked: Final[Callable[[Sequence[Array]], Chunked]] = getattr(pa, "chunked_array")  # noqa: B009
read_csv: Final[Callable[..., pa.Table]] = getattr(csv, "read_csv")  # noqa: B009
schema_of_fields: Final[Callable[[Sequence[object]], pa.Schema]] = getattr(pa, "schema")  # noqa: B009
fixed_from_buffers: Final[Callable[..., Array]] = getattr(pa.FixedSizeBinaryArray, "from_buffers")  # noqa: B009
batch_of: Final[Callable[..., pa.RecordBatch]] = getattr(pa.RecordBatch, "from_arrays")  # noqa: B009
table_of: Final[Callable[..., pa.Table]] = getattr(pa.Table, "from_arrays")  # noqa: B009
field_of: Final[Callable[..., Field]] = getattr(pa, "field")  # noqa: B009
one_batch: Final[Callable[[object], pa.RecordBatch]] = getattr(pa, "record_batch")  # noqa: B009
_from_storage: Final[Callable[..., Array]] = getattr(pa.ExtensionArray, "from_storage")  # noqa: B009
_index: Final[Callable[..., Scalar]] = getattr(compute, "index")  # noqa: B009
_any: Final[Callable[..., Scalar]] = getattr(compute, "any")  # noqa: B009
_min_max: Final[Callable[..., Scalar]] = getattr(compute, "min_max")  # noqa: B009


def uuids_from(storage: Array) -> Array:
    """Return UUIDs of their 16 bytes."""
    return _from_storage(pa.uuid(), storage)


def as_dictionary(array: Array) -> Dictionary | None:
    """Return *array* if it has a dictionary."""
    return array if _is_dictionary(array) else None


def _is_dictionary(array: Array) -> TypeGuard[Dictionary]:
    return pa.types.is_dictionary(array.type)


def storage_of(array: Array) -> Array:
    """Return the values of an array that means more than they say; any other as it is."""
    storage: Array = getattr(array, "storage", array)
    return storage


def zone_of(kind: pa.DataType) -> str | None:
    """Return the zone of a type of instants, if it has one."""
    zone: str | None = getattr(kind, "tz", None)
    return zone


def label_of(kind: pa.DataType) -> pa.DataType | None:
    """Return the type of what a dictionary holds; None for a type that is none."""
    label: pa.DataType | None = getattr(kind, "value_type", None)
    return label if pa.types.is_dictionary(kind) else None


def place_of(array: Array, value: object) -> int:
    """Return the first place of a value; -1 if there is none."""
    place = _index(array, value).as_py()
    return place if isinstance(place, int) else -1


def any_true(array: Array) -> bool:
    """Tell whether any is true; NULL is not."""
    return _any(array).as_py() is True


def bounds_of(array: Array) -> tuple[int, int] | None:
    """Return the least and the greatest of integers; None if there is none."""
    found = _min_max(array).as_py()
    match found:
        case {"min": int(least), "max": int(greatest)}:
            return least, greatest
        case _:
            return None


def digits_of(kind: pa.DataType) -> Digits | None:
    """Return the digits of a type of decimals; None for any other."""
    if not pa.types.is_decimal(kind):
        return None
    precision: int = getattr(kind, "precision")  # noqa: B009
    scale: int = getattr(kind, "scale")  # noqa: B009
    return Digits(precision, scale)
