"""What a block holds, in 32 bytes that do not depend on how its memory is laid out."""

from hashlib import blake2b
from typing import Final

import pyarrow as pa

from quantdb.columns.arrow import (
    Array,
    Buffer,
    batch_of,
    cast,
    columns_of,
    fields_of,
    function,
    label_of,
    storage_of,
)

__all__ = ["digest_of"]

_drop_null: Final = function("drop_null")
_is_null: Final = function("is_null")


def digest_of(table: pa.Table) -> bytes:
    """Return a hash of the columns: their names, types and values, in their order.

    NULLs are hashed apart from the values: what memory holds in their place is of no account.
    """
    digest = blake2b(digest_size=32)
    for field, column in zip(fields_of(table.schema), columns_of(table), strict=True):
        array = _plain(column.combine_chunks())
        digest.update(repr((field.name, str(array.type), len(array), array.null_count)).encode())
        if array.null_count:
            digest.update(_bytes_of(cast(_is_null(array), pa.uint8())))
        digest.update(_bytes_of(_drop_null(array)))
    return digest.digest()


def _plain(array: Array) -> Array:
    label = label_of(array.type)
    if label is not None:
        return cast(array, label)
    if pa.types.is_string_view(array.type):
        return cast(array, pa.string())
    if pa.types.is_binary_view(array.type):
        return cast(array, pa.binary())
    if pa.types.is_boolean(array.type):
        return cast(array, pa.uint8())
    return storage_of(array)


def _bytes_of(array: Array) -> bytes:
    # As Arrow sends it to another process: no more than its values, from the first.
    message: Buffer = batch_of([array], names=[""]).serialize()
    return message.to_pybytes()
