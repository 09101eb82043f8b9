"""Annotations fit the types of PostgreSQL, or do not; what is not known is no misfit."""

import enum
import ipaddress
import numbers
import sys
import typing
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from types import GenericAlias
from typing import Annotated, Final, Literal, NewType, Protocol, TypedDict, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages import Package, array_of, enum_of, importable, kind, package

from quantdb.check.annotations import admits_none, cannot_be_sent, misfit, says_none
from quantdb.check.facts import PgType
from quantdb.check.hints import UNKNOWN, Hint, evaluated
from quantdb.check.pytypes import named
from quantdb.check.rowtypes import PLAIN, Shape, fields_of, shape_of
from quantdb.errors import ShapeMismatch
from quantdb.rows import builder

if sys.version_info >= (3, 12):
    from typing import TypeAliasType
else:
    from typing_extensions import TypeAliasType

T = TypeVar("T")

MOOD: Final = enum_of("ok", "sad")
PRICE: Final = PgType("price", "public", "domain", PgType("numeric"))
LEG: Final = PgType("leg", "public", "composite", attributes=(("n", PgType("int4")),))
VECTOR: Final = PgType("vector", "public")
CITEXT: Final = PgType("citext", "public")
RANGE: Final = PgType("numrange", kind="range", element=PgType("numeric"))
RANGES: Final = PgType("nummultirange", kind="multirange", element=PgType("numeric"))

Symbol = NewType("Symbol", str)
Side = Literal["ok", "sad"]
Amount = TypeAliasType("Amount", Decimal)
Some = TypeAliasType("Some", list[T], type_params=(T,))


class Mood(enum.Enum):
    FINE = "ok"
    SAD = "sad"


class ByName(enum.Enum):
    OK = 1
    SAD = 2


class Weather(enum.StrEnum):
    OK = "ok"
    RAIN = "rain"


class Ticker(str):
    __slots__ = ()


class Money(Decimal):
    __slots__ = ()


class Shaped(Protocol):
    def shape(self) -> int: ...


class Payload(TypedDict):
    n: int


FITS: Final[list[tuple[object, str]]] = [
    (Decimal, "numeric"),
    (Decimal | float, "numeric"),
    (numbers.Number, "numeric"),
    (typing.SupportsFloat, "numeric"),
    (object, "numeric"),
    (typing.Any, "numeric"),
    (Amount, "numeric"),
    (Annotated[Decimal, "money"], "numeric"),
    (int, "int2"),
    (int, "int8"),
    (int, "oid"),
    (Literal[1, 2], "int4"),
    (float, "float4"),
    (bool, "bool"),
    (Literal[True], "bool"),
    (str, "text"),
    (str, "varchar"),
    (str, "bpchar"),
    (str, "name"),
    (str, "money"),
    (Symbol, "text"),
    (Literal["buy", "sell"], "text"),
    (Hashable, "text"),
    (Shaped, "text"),
    (T, "text"),
    (bytes, "bytea"),
    (UUID, "uuid"),
    (datetime, "timestamptz"),
    (datetime, "timestamp"),
    (date, "date"),
    (time, "timetz"),
    (timedelta, "interval"),
    (IPv4Address, "inet"),
    (IPv4Interface | IPv6Address, "inet"),
    (IPv4Network, "cidr"),
    (asyncpg.BitString, "varbit"),
    (asyncpg.Point, "point"),
    (tuple[float, float], "point"),
    (dict[str, object], "jsonb"),
    (Mapping[str, object], "json"),
    (list[int], "jsonb"),
    (str, "jsonb"),
    (Payload, "jsonb"),
    (Ticker, "jsonb"),
    (list[str], "text[]"),
    (list[str | None], "text[]"),
    (tuple[str, ...], "text[]"),
    (Sequence[Symbol], "text[]"),
    (Iterable[object], "text[]"),
    (list, "text[]"),
    (list[list[Decimal]], "numeric[]"),
    (list[list[int]], "jsonb[]"),
    (list[dict[str, object]], "jsonb[]"),
    (Some[Decimal], "numeric[]"),
]

MISFITS: Final[list[tuple[object, str]]] = [
    (float, "numeric"),
    (float | None, "numeric"),
    (int, "numeric"),
    (str, "numeric"),
    (Annotated[float, "money"], "numeric"),
    (Decimal, "float8"),
    (int, "float8"),
    (float, "int8"),
    (Decimal, "int8"),
    (int, "bool"),
    (bool, "int4"),
    (Literal[True], "int4"),
    (Literal[1], "bool"),
    (Literal["a"], "int4"),
    (date, "timestamptz"),
    (datetime, "date"),
    (date, "timestamp"),
    (int, "interval"),
    (datetime, "time"),
    (str, "uuid"),
    (UUID, "text"),
    (bytes, "text"),
    (str, "bytea"),
    (str, "inet"),
    (Mood, "text"),
    (Weather, "text"),
    (Ticker, "text"),
    (list[str], "text"),
    (Callable[[], str], "text"),
    (None, "text"),
    (float, "jsonb"),
    (datetime, "json"),
    (bytes, "jsonb"),
    (str, "text[]"),
    (set[str], "text[]"),
    (dict[str, str], "text[]"),
    (list[float], "numeric[]"),
    (tuple[float, ...], "numeric[]"),
    (list[list[float]], "numeric[]"),
    (Some[float], "numeric[]"),
    (list[datetime], "date[]"),
    (Mood, "text[]"),
]


@pytest.mark.parametrize(("annotation", "type_name"), FITS)
def test_it_fits(annotation: object, type_name: str) -> None:
    assert misfit(Hint(annotation), kind(type_name)) is None


@pytest.mark.parametrize(("annotation", "type_name"), MISFITS)
def test_it_does_not_fit(annotation: object, type_name: str) -> None:
    found = misfit(Hint(annotation), kind(type_name))

    assert found is not None
    assert found.sure


@pytest.mark.parametrize(
    ("annotation", "of", "fits"),
    [
        (Decimal, PRICE, True),
        (float, PRICE, False),
        (asyncpg.Range, RANGE, True),
        (asyncpg.Range[Decimal], RANGE, True),
        (asyncpg.Range[float], RANGE, False),
        (tuple[Decimal, Decimal], RANGE, False),
        (list[asyncpg.Range[Decimal]], RANGES, True),
        (list[asyncpg.Range[float]], RANGES, False),
        (asyncpg.Range, RANGES, False),
        (tuple[object, ...], LEG, True),
        (asyncpg.Record, LEG, True),
        (Mapping[str, object], LEG, True),
        (Money, LEG, True),
        (str, LEG, False),
        (list[str], VECTOR, True),
        (str, VECTOR, True),
        (str, CITEXT, True),
        (int, CITEXT, False),
        (UNKNOWN.annotation, PRICE, True),
    ],
)
def test_types_that_are_made_of_others(annotation: object, of: PgType, *, fits: bool) -> None:
    assert (misfit(Hint(annotation), of) is None) is fits


@pytest.mark.parametrize(
    "annotation", [Side, str, object, Mood, ByName, Symbol, Side | Symbol, Side | None]
)
def test_an_enum_is_its_labels_or_any_text(annotation: object) -> None:
    assert misfit(Hint(annotation), MOOD) is None
    assert misfit(Hint(GenericAlias(list, (annotation,))), array_of(MOOD)) is None


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (Literal["ok"], "'sad' is missing"),
        (Literal["ok", "sad", "mad"], "'mad' is no label"),
        (Literal["fine", "bad"], "'ok', 'sad' are missing and 'fine', 'bad' are no labels"),
        (Weather, "'sad' is missing and 'rain' is no label"),
    ],
)
def test_labels_that_are_missing_and_surplus_are_named(annotation: object, why: str) -> None:
    found = misfit(Hint(annotation), MOOD)
    inside = misfit(Hint(GenericAlias(list, (annotation,))), array_of(MOOD))

    assert found is not None
    assert why == found.why
    assert found == inside


@pytest.mark.parametrize("annotation", [int, bytes, Literal[1], UUID])
def test_an_enum_is_nothing_but_text(annotation: object) -> None:
    assert misfit(Hint(annotation), MOOD) is not None


def test_a_class_that_a_codec_may_make_is_doubtful_not_wrong() -> None:
    found = misfit(Hint(Money), kind("numeric"))

    assert found is not None
    assert not found.sure


NONES: Final[list[tuple[object, bool, bool]]] = [
    (None, True, True),
    (int | None, True, True),
    (evaluated("Literal['a', None]", __name__, {}).annotation, True, True),
    (Annotated[int | None, "n"], True, True),
    (NewType("Maybe", Symbol), False, False),
    (object, False, True),
    (typing.Any, False, True),
    (Hashable, False, True),
    (T, False, True),
    (int, False, False),
    (list[None], False, False),
]


@pytest.mark.parametrize(("annotation", "says", "admits"), NONES)
def test_an_annotation_says_none_or_merely_admits_it(
    annotation: object, *, says: bool, admits: bool
) -> None:
    assert says is says_none(Hint(annotation))
    assert admits is admits_none(Hint(annotation))


SENT: Final[list[tuple[object, str]]] = [
    (int, "numeric"),
    (int, "float8"),
    (int | str, "int8"),
    (UUID | str, "uuid"),
    (int | None, "int8"),
    (None, "int8"),
    (object, "int8"),
    (T, "int8"),
    (Money, "numeric"),
    (Ticker, "text"),
    (Mood, "text"),
    (bytearray, "bytea"),
    (Literal["a"], "text"),
    (list[str], "text[]"),
    (tuple[str, ...], "text[]"),
    (Sequence[str | None], "text[]"),
    (Iterable[str], "text[]"),
    (list[list[int]], "int4[]"),
    (dict[str, float], "jsonb"),
    (datetime, "json"),
    (tuple[float, float], "point"),
    (str, "ok|sad"),
    (Literal["ok"], "ok|sad"),
    (Literal["ok", "never"], "ok|sad"),
    (str, "hstore"),
]
NOT_SENT: Final[list[tuple[object, str]]] = [
    (UUID, "int8"),
    (int, "uuid"),
    (str, "uuid"),
    (str, "timestamptz"),
    (date, "timestamptz"),
    (datetime, "date"),
    (float, "numeric"),
    (float | None, "numeric"),
    (Decimal, "float8"),
    (Decimal, "int8"),
    (bool, "int8"),
    (int, "bool"),
    (int, "text"),
    (bytes, "text"),
    (Literal["a"], "int8"),
    (Literal["never"], "ok|sad"),
    (int, "ok|sad"),
    (str, "text[]"),
    (list[str], "text"),
    (list[UUID], "int8[]"),
    (list[list[str]], "int4[]"),
    (int, "text[]"),
]


@pytest.mark.parametrize(("annotation", "type_name"), SENT)
def test_it_may_be_sent(annotation: object, type_name: str) -> None:
    assert not cannot_be_sent(Hint(annotation), kind(type_name))


@pytest.mark.parametrize(("annotation", "type_name"), NOT_SENT)
def test_it_can_never_be_sent(annotation: object, type_name: str) -> None:
    assert cannot_be_sent(Hint(annotation), kind(type_name))


# Properties

NAMES: Final = (
    *("bool", "bytea", "cidr", "date", "float8", "inet", "int8", "interval", "numeric"),
    *("ok|sad", "text", "time", "timestamptz", "uuid", "varbit"),
)
types = st.recursive(
    st.sampled_from(NAMES).map(kind), lambda inner: inner.map(array_of), max_leaves=3
)


def annotation_for(of: PgType) -> object:
    """What quantdb advises, as an annotation."""
    space: dict[str, object] = {"asyncpg": asyncpg, **vars(asyncpg), **vars(ipaddress)}
    return evaluated(named(of), __name__, space).annotation


@given(types)
def test_what_is_advised_fits_and_can_be_sent(of: PgType) -> None:
    hint = Hint(annotation_for(of))

    assert hint != UNKNOWN
    assert misfit(hint, of) is None
    assert not cannot_be_sent(hint, of)


@given(types, types)
def test_what_is_advised_for_one_type_fits_no_other(one: PgType, other: PgType) -> None:
    hint = Hint(annotation_for(one))
    texts = {one.name, other.name} == {"text", "mood"}  # labels are text

    if one != other and not texts:
        deep = other.kind == one.kind == "array"  # as deep as one likes
        assert deep or misfit(hint, other) is not None


@given(types, types)
def test_a_wrapper_changes_nothing(one: PgType, other: PgType) -> None:
    annotation = annotation_for(one)
    plain = misfit(Hint(annotation), other)
    makers: list[Callable[..., object]] = [TypeAliasType]
    space = {"it": annotation, "typing": typing}

    for text in ("it | None", "typing.Optional[it]", "typing.Annotated[it, 1]", "typing.Final[it]"):
        assert plain == misfit(evaluated(text, __name__, space), other)
    assert plain == misfit(Hint(makers[0]("Alias", annotation)), other)
    assert plain == misfit(Hint(T, {T: Hint(annotation)}), other)


# Row types, as `quantdb.rows` builds them

MODELS: Final = """
    from __future__ import annotations

    import functools
    from dataclasses import KW_ONLY, dataclass, field
    from decimal import Decimal
    from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Generic, Literal, NamedTuple
    from typing import NewType, Optional, TypeVar

    import attrs

    if TYPE_CHECKING:
        import datetime as dt
        from uuid import UUID

        from nowhere_to_be_found import Ghost

    T = TypeVar("T")
    U = TypeVar("U")
    Key = NewType("Key", int)

    @attrs.frozen
    class Base(Generic[T]):
        key: T
        table: ClassVar[str] = "orders"

    @attrs.frozen
    class Order(Base[Key]):
        id: UUID
        _secret: str
        at: dt.datetime | None
        ghost: Ghost
        many: list[Ghost]
        price: Annotated[Decimal, "exact"]
        none: "Optional[str]"
        kept: Final[int]
        later: int = attrs.field(init=False, default=0)

    @attrs.frozen
    class Pair(Base[list[U]], Generic[U]):
        second: U

    def to_side(value: str | None) -> Literal["buy", "sell"]:
        return "buy" if value == "B" else "sell"

    @attrs.frozen
    class Converted:
        side: Literal["buy", "sell"] = attrs.field(converter=to_side)
        size: Decimal = attrs.field(converter=Decimal)
        many: str | None = attrs.field(converter=attrs.converters.optional(to_side))

    @attrs.frozen(kw_only=True)
    class Named:
        a: int

    @dataclass
    class Data:
        a: int
        b: str | None = None
        c: int = field(init=False, default=0)

    @dataclass
    class NamedData:
        a: int
        _: KW_ONLY
        b: int

    class Tuple(NamedTuple):
        a: int
        b: Key = Key(1)

    class ByHand:
        def __init__(self, a: int, /, *rest: Decimal, flag: bool = False) -> None:
            self.a = a

    def build(a: int, b: str | None = None) -> Order: ...

    def anything(*columns: object) -> Order: ...

    half = functools.partial(build, 1)
    quick = lambda a, b: (a, b)

    class Maker:
        @classmethod
        def make(cls, a: int) -> Order: ...

        def __call__(self, a: int, b: int) -> Order: ...
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Package, dict[str, object]]]:
    folder = tmp_path_factory.mktemp("models")
    made = package(folder, {"models.py": MODELS}, {})
    with importable(folder):
        made.found()
        yield made, {**vars(sys.modules[f"{made.name}.models"])}


Models = tuple[Package, dict[str, object]]


def shape(models: Models, name: str) -> Shape:
    found = shape_of(models[1][name])
    assert found is not None
    return found


def meant(found: Shape) -> dict[str, list[object]]:
    return {slot.name: [each.annotation for each in slot.hint.choices()] for slot in found.slots}


def test_a_models_fields_are_found_through_text_bases_and_imports_for_checkers(
    models: Models,
) -> None:
    found = shape(models, "Order")

    assert found.kind == "model"
    assert meant(found) == {
        "key": [int],
        "id": [UUID],
        "secret": [str],
        "at": [datetime, type(None)],
        "ghost": [UNKNOWN.annotation],
        "many": [UNKNOWN.annotation],
        "price": [Decimal],
        "none": [str, type(None)],
        "kept": [int],
    }


def test_a_field_is_placed_where_it_is_written_be_it_in_a_base(models: Models) -> None:
    made, _names = models
    places = {slot.name: str(slot.place) for slot in shape(models, "Order").slots}
    said = {slot.name: slot.said for slot in shape(models, "Order").slots}

    assert made.line("key: T", "models.py") == places["key"]
    assert made.line("_secret: str", "models.py") == places["secret"]
    assert made.line("class Order(Base[Key]):", "models.py") == str(shape(models, "Order").place)
    assert said["at"] == "dt.datetime | None"
    assert said["price"] == "Annotated[Decimal, 'exact']"
    assert said["none"] == "Optional[str]"


def test_type_variables_stand_for_what_is_given(models: Models) -> None:
    pair: object = models[1]["Pair"]
    given = shape_of(GenericAlias(pair, (Decimal,))) if isinstance(pair, type) else None

    assert given is not None
    key, second = given.slots
    assert misfit(key.hint, kind("numeric[]")) is None
    assert misfit(key.hint, kind("text[]")) is not None
    assert misfit(second.hint, kind("numeric")) is None
    assert misfit(second.hint, kind("text")) is not None
    open_key, open_second = shape(models, "Pair").slots
    assert misfit(open_key.hint, kind("text[]")) is None
    assert misfit(open_key.hint, kind("text")) is not None
    assert misfit(open_second.hint, kind("text")) is None


def test_a_converter_is_what_takes_the_column(models: Models) -> None:
    found = shape(models, "Converted")

    assert meant(found) == {
        "side": [str, type(None)],
        "size": [UNKNOWN.annotation],
        "many": [str, type(None)],
    }
    assert not any(slot.keeps for slot in found.slots)
    stored = fields_of(models[1]["Converted"])
    assert [slot.said for slot in stored] == ["Literal['buy', 'sell']", "Decimal", "str | None"]


def test_the_models_of_quantdb_take_what_they_say() -> None:
    for name in ("Trade", "Price", "User"):
        found = shape_of(getattr(sys.modules["quantdb"], name))

        assert found is not None
        assert all(slot.keeps and slot.hint != UNKNOWN and slot.place for slot in found.slots)


@pytest.mark.parametrize(
    ("name", "takes", "required"),
    [
        ("Data", "a b", 1),
        ("NamedData", "a b=", 1),
        ("Tuple", "a b", 1),
        ("ByHand", "a *rest", 1),
        ("build", "a b", 1),
        ("half", "b", 0),
        ("anything", "*columns", 0),
        ("quick", "a b", 2),
        ("Named", "a a=", 1),
    ],
)
def test_any_other_callable_takes_its_parameters(
    models: Models, name: str, takes: str, required: int
) -> None:
    found = shape(models, name)
    names = [slot.name for slot in found.slots]
    names += [f"*{found.rest.name}"] if found.rest else []
    names += [f"{each}=" for each in found.by_keyword]

    assert takes == " ".join(names)
    assert required == found.required
    assert found.place is not None


def test_bound_methods_and_objects_can_be_called_too(models: Models) -> None:
    maker: object = models[1]["Maker"]
    assert isinstance(maker, type)

    made, called = shape_of(getattr(maker, "make")), shape_of(maker())  # noqa: B009 - unknown

    assert made is not None
    assert called is not None
    assert {"a": [int]} == meant(made)
    assert {"a": [int], "b": [int]} == meant(called)


@pytest.mark.parametrize("row", [dict, list, tuple, Mood, print, Decimal.from_float, list[int]])
def test_of_builtins_and_enums_nothing_is_said(row: object) -> None:
    assert shape_of(row) is None


class TwoColumns:
    """A record of two columns."""

    def __iter__(self) -> Iterator[object]:
        return iter([1, 2])

    def keys(self) -> Iterator[str]:
        return iter(["a", "b"])


@pytest.mark.parametrize("row", sorted(PLAIN, key=str))
def test_a_plain_type_takes_one_column_as_it_does_when_rows_are_built(row: type) -> None:
    found = shape_of(row)

    assert found is not None
    assert found.kind == "plain"
    assert [row] == [slot.hint.annotation for slot in found.slots]
    with pytest.raises(ShapeMismatch, match="takes one column"):
        builder(row, "a.sql")([TwoColumns()])
