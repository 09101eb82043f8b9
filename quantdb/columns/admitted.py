"""Which columns may go into a field, and what of them is sent: exactly, or not at all."""

import struct
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

import pyarrow as pa

from quantdb.columns.arrow import (
    Array,
    Field,
    Scalar,
    any_true,
    array_of,
    as_dictionary,
    bounds_of,
    cast,
    dictionary_encoded,
    digits_of,
    function,
    label_of,
    nulls,
    place_of,
    storage_of,
    zone_of,
)
from quantdb.columns.exactly import Unfit, first_failing, texts_of, uuids_of
from quantdb.columns.types import LABELS
from quantdb.errors import InexactValue

__all__ = ["Admission", "admission", "intervals", "python_value"]

Admission: TypeAlias = Callable[[Array], Array]

_has: Final = function("match_substring")
_has_form: Final = function("match_substring_regex")
_invert: Final = function("invert")
_is_null: Final = function("is_null")

_INSTANT: Final = pa.timestamp("us", "UTC")
_SPAN: Final = pa.duration("us")
_KEY: Final = pa.binary(16)
_WHOLE: Final = pa.decimal128(20, 0)
_MOST: Final = 38
"""Digits of the widest decimal that is sent."""

# The years 1 to 9999, as Python and the schema have them, in microseconds from 1970.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


def admission(name: str, given: pa.DataType, wanted: Field) -> Admission:
    """Return what makes a column that is given one that can be sent.

    Raises:
        InexactValue: No column of its type may go into the field.
    """
    way = None if pa.types.is_null(given) else _way(given, wanted.type)
    if pa.types.is_null(given) and wanted.nullable:
        kind = _sent_as(wanted.type)
        return lambda array: nulls(len(array), kind)
    if way is None:
        raise InexactValue(f"{name}: {_demand(given, wanted.type)}; it is {given}", name)
    if wanted.nullable:
        return way
    return lambda array: way(_filled(array))


def _filled(array: Array) -> Array:
    if array.null_count:
        raise Unfit(place_of(_is_null(array), True), "must not be null")
    return array


def _sent_as(wanted: pa.DataType) -> pa.DataType:
    if wanted == LABELS:
        return pa.string()
    return _KEY if wanted == pa.uuid() else wanted


def _demand(given: pa.DataType, wanted: pa.DataType) -> str:
    if pa.types.is_decimal(wanted):
        if pa.types.is_decimal(given):
            return "a decimal must not have a negative scale"
        return "must be decimal, or an integer, never a float or text"
    if wanted == _INSTANT:
        if pa.types.is_timestamp(given):
            return "a timestamp must have a zone"
        return "must be a timestamp with a zone"
    if wanted == pa.uuid():
        return "must be uuid, 16 bytes, or the text of a UUID"
    if wanted in {pa.string(), LABELS}:
        return "must be text"
    return f"must be {wanted}"


def _way(given: pa.DataType, wanted: pa.DataType) -> Admission | None:
    if pa.types.is_decimal(wanted):
        return _decimal_way(given)
    if wanted == _INSTANT:
        return _instants if pa.types.is_timestamp(given) and zone_of(given) else None
    if wanted == _SPAN:
        if given == pa.month_day_nano_interval():
            return _of_parts
        return (lambda array: _cast(array, _SPAN, _TOO_FINE)) if _is_span(given) else None
    if wanted == pa.int64():
        whole = pa.types.is_integer(given)
        return (lambda array: _cast(array, wanted, "is out of range")) if whole else None
    if wanted == pa.uuid():
        return _key_way(given)
    return _texts if wanted in {pa.string(), LABELS} and _is_text(given) else None


def _is_span(given: pa.DataType) -> bool:
    return pa.types.is_duration(given)


def _is_text(given: pa.DataType) -> bool:
    label = label_of(given)
    if label is not None:
        return _is_text(label)
    return (
        pa.types.is_string(given)
        or pa.types.is_large_string(given)
        or pa.types.is_string_view(given)
    )


def _decimal_way(given: pa.DataType) -> Admission | None:
    if pa.types.is_integer(given):
        return lambda array: _cast(array, _WHOLE, "is out of range")
    digits = digits_of(given)
    if digits is None or digits.scale < 0:
        return None
    if pa.types.is_decimal128(given):
        return lambda array: array
    narrow = pa.decimal128(min(digits.precision, _MOST), min(digits.scale, _MOST))
    return lambda array: _cast(array, narrow, f"has more than {_MOST} digits")


_TOO_FINE: Final = "is finer than a microsecond, or out of range"


def _cast(array: Array, kind: pa.DataType, otherwise: str) -> Array:
    """Return *array* as *kind*, or raise Unfit with what is wrong *otherwise*."""
    if array.type == kind:
        return array
    try:
        return cast(array, kind)
    except pa.ArrowInvalid:

        def fails(start: int, end: int) -> bool:
            try:
                cast(array.slice(start, end - start), kind)
            except pa.ArrowInvalid:
                return True
            return False

        place = first_failing(len(array), fails)
        raise Unfit(place, f"{array[place]} {otherwise}") from None


def _instants(array: Array) -> Array:
    instants = _cast(array, _INSTANT, _TOO_FINE)
    counts = cast(instants, pa.int64())
    bounds = bounds_of(counts)
    if bounds is not None and (bounds[0] < _FIRST or bounds[1] > _LAST):
        for place, count in enumerate(counts.to_pylist()):
            if isinstance(count, int) and not _FIRST <= count <= _LAST:
                raise Unfit(place, "must lie within the years 1 to 9999")
    return instants


def _texts(array: Array) -> Array:
    labels = as_dictionary(array)
    texts = cast(array, pa.string())
    few = texts if labels is None else cast(labels.dictionary, pa.string())
    if any_true(_has(few, "\0")):
        place = place_of(_has(texts, "\0"), True)
        if place >= 0:  # not only in the dictionary
            raise Unfit(place, "must not contain NUL")
    return texts


_UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def _key_way(given: pa.DataType) -> Admission | None:
    if given == pa.uuid():
        return storage_of
    if given == _KEY:
        return lambda array: array
    if pa.types.is_binary_view(given):
        return lambda array: _cast(cast(array, pa.binary()), _KEY, "is not of 16 bytes")
    if pa.types.is_binary(given) or pa.types.is_large_binary(given):
        return lambda array: _cast(array, _KEY, "is not of 16 bytes")
    return _keys_of_text if _is_text(given) else None


def _keys_of_text(array: Array) -> Array:
    texts = cast(array, pa.string())
    wrong = _invert(_has_form(texts, _UUID))
    if any_true(wrong):
        place = place_of(wrong, True)
        raise Unfit(place, f"{texts[place]} is no UUID")
    # Made anew, because the buffers of a slice hold the rest as well.
    return storage_of(uuids_of(array_of(texts_of(texts), pa.string())))


def _of_parts(array: Array) -> Array:
    spans: list[int | None] = []
    for place, parts in enumerate(array.to_pylist()):
        if not isinstance(parts, pa.MonthDayNano):
            spans.append(None)
            continue
        months, days, nanoseconds = parts
        if months:
            raise Unfit(place, "has months, of no fixed length")
        if nanoseconds % 1_000:
            raise Unfit(place, _TOO_FINE)
        spans.append(days * 86_400_000_000 + nanoseconds // 1_000)
    return cast(array_of(spans, pa.int64()), _SPAN)


_PARTS: Final = struct.Struct("!qii").pack


def intervals(array: Array) -> Array:
    """Return durations in the binary form of intervals: days apart from the rest, no months."""
    few = dictionary_encoded(array)
    made = [
        _PARTS(span.seconds * 1_000_000 + span.microseconds, span.days, 0)
        for count in cast(few.dictionary, pa.int64()).to_pylist()
        if isinstance(count, int)
        for span in [timedelta(microseconds=count)]
    ]
    return array_of(made, _KEY).take(few.indices)


def python_value(scalar: Scalar) -> object:
    """Return the value that a model has for one that is sent."""
    value = scalar.as_py()
    return UUID(bytes=value) if isinstance(value, bytes) else value
