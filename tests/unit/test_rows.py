"""From rows to models: a row becomes exactly what its type would make of its columns."""

import abc
import dataclasses
import math
import pickle
import weakref
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import ClassVar, Final, Generic, NamedTuple, Protocol, Self, TypeVar
from uuid import UUID

import attr
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import prices, texts, trades

from quantdb import Coverage, Gap, Position, Price, ShapeMismatch, Trade, User
from quantdb.rows import builder, is_twin, trusted

T = TypeVar("T")
R = TypeVar("R")

NOON: Final = datetime(2024, 7, 1, 12, tzinfo=UTC)
KEY: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Record:
    """A row of a result, as the driver gives it."""

    def __init__(self, *columns: tuple[str, object]) -> None:
        self._columns = columns

    def __iter__(self) -> Iterator[object]:
        return (value for _name, value in self._columns)

    def __getitem__(self, key: str, /) -> object:
        return dict(self._columns)[key]

    def keys(self) -> Iterator[str]:
        return (name for name, _value in self._columns)


def record(**columns: object) -> Record:
    return Record(*columns.items())


def built(row: Callable[..., R], *columns: Record) -> list[R]:
    return builder(row, "trades/between.sql")(columns)


# The zoo: whatever attrs lets a class be.


@attrs.frozen(weakref_slot=False)
class Slim:
    a: int
    b: str


@attrs.frozen
class Frozen:
    a: int
    b: str


@attrs.define
class Mutable:
    a: int
    b: str


@attrs.define(weakref_slot=False)
class SlimMutable:
    a: int
    b: str


@attrs.frozen(slots=False)
class FrozenDict:
    a: int
    b: str


@attrs.define(slots=False)
class MutableDict:
    a: int
    b: str


@attr.s(auto_attribs=True, slots=True, frozen=True, weakref_slot=False)
class OldFrozen:
    a: int
    b: str


@attr.s(auto_attribs=True)
class OldDict:
    a: int
    b: str


@attrs.frozen(weakref_slot=False, eq=False)
class ByIdentity:
    a: int
    b: str


@attrs.frozen(weakref_slot=False, order=True)
class Ordered:
    a: int
    b: str = attrs.field(eq=str.lower, repr=False)


def doubled(value: int) -> int:
    return value * 2


def shouted(value: str | None) -> str | None:
    return None if value is None else value.upper()


@attrs.frozen(weakref_slot=False)
class Converted:
    a: int = attrs.field(converter=doubled)
    b: str | None = attrs.field(converter=shouted)


@attrs.frozen(slots=False)
class ConvertedDict:
    a: int = attrs.field(converter=doubled)
    b: str


@attrs.frozen(weakref_slot=False)
class AfterInit:
    a: int
    b: str
    seen: list[int] = attrs.field(init=False, factory=list[int])

    def __attrs_post_init__(self) -> None:
        self.seen.append(self.a)


@attrs.define(weakref_slot=False)
class ChangedAfterInit:
    a: int
    b: str

    def __attrs_post_init__(self) -> None:
        self.a += 100


@attrs.define(weakref_slot=False)
class BeforeInit:
    made: ClassVar[int] = 0
    a: int
    b: str

    def __attrs_pre_init__(self) -> None:
        object.__setattr__(self, "b", "before")


@attrs.frozen(weakref_slot=False, init=False)
class OwnInit:
    a: int
    b: str

    def __init__(self, first: int, second: str) -> None:
        self.__attrs_init__(a=first + 1, b=second)

    def __attrs_init__(self, a: int, b: str) -> None:
        object.__setattr__(self, "a", a)
        object.__setattr__(self, "b", b)


@attrs.frozen(weakref_slot=False)
class Derived:
    a: int
    b: str
    c: str = attrs.field(init=False, default="derived")


@attrs.frozen(weakref_slot=False)
class DerivedFromSelf:
    a: int
    b: str
    c: str = attrs.field(init=False, default=attrs.Factory(repr, takes_self=True))

    def __repr__(self) -> str:
        return f"DerivedFromSelf({self.a}, {self.b!r})"


@attrs.frozen(weakref_slot=False)
class Defaults:
    a: int = 7
    b: str = attrs.field(factory=str)


@attrs.frozen(weakref_slot=False)
class Private:
    _a: int
    b: str


Mangled = attrs.make_class(
    "Mangled",
    {"_Mangled__a": attrs.field(), "b": attrs.field()},
    frozen=True,
    slots=True,
    weakref_slot=False,
)


@attrs.frozen(slots=False)
class PrivateDict:
    _a: int
    b: str


@attrs.frozen(weakref_slot=False)
class Renamed:
    x: int = attrs.field(alias="a")
    y: str = attrs.field(alias="b")


@attrs.frozen(weakref_slot=False, cache_hash=True)
class CachedHash:
    a: int
    b: str


@attrs.frozen(slots=False, cache_hash=True)
class CachedHashDict:
    a: int
    b: str


@attrs.frozen(weakref_slot=False)
class CachedProperty:
    a: int
    b: str

    @cached_property
    def twice(self) -> int:
        return self.a * 2


@attrs.frozen(slots=False)
class CachedPropertyDict:
    a: int
    b: str

    @cached_property
    def twice(self) -> int:
        return self.a * 2


@attrs.define(weakref_slot=False)
class OwnSetattr:
    a: int
    b: str

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, (name, value))


@attrs.define(slots=False)
class OwnSetattrDict:
    a: int
    b: str

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, (name, value))


@attrs.define(weakref_slot=False)
class HookedSetattr:
    a: int = attrs.field(on_setattr=attrs.setters.frozen)
    b: str


class Loud:
    """A mixin that has a say in every assignment."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, (name, value))


@attrs.define(weakref_slot=False)
class MixedLoud(Loud):
    a: int
    b: str


@attrs.frozen(weakref_slot=False)
class FrozenLoud(Loud):
    a: int
    b: str


@attrs.frozen(weakref_slot=False)
class FrozenParent:
    a: int


@attrs.frozen(weakref_slot=False)
class FrozenChild(FrozenParent):
    b: str


@attrs.frozen(slots=False)
class FrozenDictParent:
    a: int


@attrs.frozen(slots=False)
class FrozenDictChild(FrozenDictParent):
    b: str


@attrs.define(weakref_slot=False)
class MutableParent:
    a: int


@attrs.define(weakref_slot=False)
class MutableChild(MutableParent):
    b: str


@attrs.define(slots=False)
class MutableDictParent:
    a: int


@attrs.define(slots=False)
class MutableDictChild(MutableDictParent):
    b: str


@attrs.frozen(weakref_slot=False)
class Overriding(FrozenParent):
    a: int = 5
    b: str = ""


@attrs.frozen
class WeakChild(FrozenParent):
    b: str


@attrs.frozen(weakref_slot=False)
class GrandChild(FrozenChild):
    a: int

    def __del__(self) -> None:
        assert not isinstance(self.b, attrs.Attribute), "a trial came to its end as a model"


@attrs.frozen(weakref_slot=False)
class SlottedChildOfDict(FrozenDictParent):
    b: str


@attrs.frozen(slots=False)
class DictChildOfSlotted(FrozenParent):
    b: str


@attrs.frozen(weakref_slot=False)
class ConvertingParent:
    a: int = attrs.field(converter=doubled)


@attrs.frozen(weakref_slot=False)
class ConvertingChild(ConvertingParent):
    b: str


class PlainChild(Slim):
    """Inherits everything, and is no attrs class of its own."""


class PlainChildWithInit(Slim):
    def __init__(self, a: int, b: str) -> None:
        super().__init__(a + 1, b)


class Mixin:
    __slots__ = ()

    def hello(self) -> str:
        return "hello"


class DictMixin:
    pass


@attrs.frozen(weakref_slot=False)
class Mixed(Mixin):
    a: int
    b: str

    def hello(self) -> str:
        return super().hello() + self.b


@attrs.frozen(weakref_slot=False)
class DictMixed(DictMixin):
    a: int
    b: str


class Registering:
    __slots__ = ()

    known: ClassVar[list[str]] = []

    def __init_subclass__(cls) -> None:
        Registering.known.append(cls.__name__)


@attrs.frozen(slots=False)
class Registered(Registering):
    a: int
    b: str


@attrs.frozen
class WeakOrdered(FrozenParent):
    b: str = attrs.field(eq=str.lower, repr=False)


@attrs.define
class WeakHooked:
    a: int = attrs.field(on_setattr=attrs.setters.frozen)
    b: str


@attrs.frozen
class WeakRegistering:
    a: int
    b: str

    def __init_subclass__(cls) -> None:
        raise AssertionError("nobody has made a child of this one")


@attrs.frozen
class WeakEnding:
    a: int
    b: str

    def __del__(self) -> None:
        assert type(self) is WeakEnding
        assert not isinstance(self.b, attrs.Attribute), "a trial came to its end as a model"


@attrs.frozen(cache_hash=True)
class WeakCachedHash:
    a: int
    b: str


@attrs.frozen
class WeakAfterInit:
    a: int
    b: str

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "b", "after")


class Ending:
    """A parent that hears when its children end."""

    def __del__(self) -> None:
        assert not any(isinstance(value, attrs.Attribute) for value in vars(self).values())


@attrs.frozen(slots=False)
class EndingChild(Ending):
    a: int
    b: str


@attrs.define(slots=False)
class Computed:
    a: int
    b: str


def shouting(value: object) -> str:
    return f"{vars(value)['_b']}!"


def set_b(one: object, value: str) -> None:
    vars(one)["_b"] = value


setattr(Computed, "b", property(shouting, set_b))  # noqa: B010 - type checkers refuse the plain form


class Newborn:
    __slots__ = ("born",)

    def __new__(cls, *_args: object) -> Self:
        self = super().__new__(cls)
        object.__setattr__(self, "born", "new")
        return self


@attrs.frozen(weakref_slot=False)
class WithNew(Newborn):
    a: int
    b: str


class Abstract(abc.ABC):
    __slots__ = ()

    @abc.abstractmethod
    def hello(self) -> str: ...


@attrs.frozen(weakref_slot=False)
class Concrete(Abstract):
    a: int
    b: str

    def hello(self) -> str:
        return self.b


class HasRepr(Protocol):
    def __repr__(self) -> str: ...


@attrs.frozen(slots=False)
class Conforming(HasRepr):
    a: int
    b: str


@attrs.frozen(weakref_slot=False)
class General(Generic[T]):
    a: T
    b: str


@attrs.frozen(slots=False)
class GeneralDict(Generic[T]):
    a: T
    b: str


@attrs.frozen(weakref_slot=False)
class Specific(General[int]):
    pass


@attrs.define(slots=False)
class Failure(Exception):
    a: int
    b: str


@attrs.frozen(weakref_slot=False)
class Dynamic:
    a: int
    b: str

    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"no {name}"


@attrs.frozen(weakref_slot=False)
class Plainer(Trade):
    """A user's own trade."""

    desk: str = "none"


class Pair(NamedTuple):
    a: int
    b: str


@dataclasses.dataclass(frozen=True)
class Data:
    a: int
    b: str


class Plain:
    def __init__(self, a: int, b: str) -> None:
        self.a, self.b = a, b

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.a)

    def __repr__(self) -> str:
        return f"Plain({self.a}, {self.b})"


ZOO: Final[list[Callable[..., object]]] = [
    *(Slim, Frozen, Mutable, SlimMutable, FrozenDict, MutableDict, OldFrozen, OldDict),
    *(ByIdentity, Ordered, Converted, ConvertedDict, AfterInit, ChangedAfterInit, BeforeInit),
    *(OwnInit, Derived, DerivedFromSelf, Defaults, Private, PrivateDict, Renamed),
    *(CachedHash, CachedHashDict, CachedProperty, CachedPropertyDict, OwnSetattr, OwnSetattrDict),
    *(HookedSetattr, MixedLoud, FrozenLoud, FrozenParent, FrozenChild, FrozenDictChild),
    EndingChild,
    *(WeakOrdered, WeakHooked, WeakRegistering, WeakEnding, WeakCachedHash, WeakAfterInit),
    *(WeakChild, SlottedChildOfDict, DictChildOfSlotted),
    *(MutableChild, MutableDictChild, Overriding, ConvertingChild, PlainChild, PlainChildWithInit),
    *(Mixed, DictMixed, Registered, WithNew, Concrete, Conforming, General, GeneralDict),
    *(General[int], Specific, Failure, Dynamic, Pair, Data, Plain),
]


def slots_of(kind: type) -> list[str]:
    slots: str | Sequence[str] = vars(kind).get("__slots__", ())
    return [slots] if isinstance(slots, str) else list(slots)


def state(one: object) -> dict[str, object]:
    """Everything that an object holds."""
    held: dict[str, object] = dict(getattr(one, "__dict__", {}))
    for kind in type(one).__mro__:
        for slot in slots_of(kind):
            if slot not in {"__weakref__", "__dict__"}:
                try:
                    held[slot] = object.__getattribute__(one, slot)
                except AttributeError:  # not set yet
                    held[slot] = AttributeError
    return held


def compared_by_identity(one: object) -> bool:
    return type(one).__eq__ is object.__eq__ or isinstance(one, Exception)


def hash_of(one: object) -> int | None:
    try:
        return hash(one)
    except TypeError:
        return None


def columns_of(row: Callable[..., object], a: int, b: str) -> dict[str, object]:
    return {"a": a} if row is FrozenParent else {"a": a, "b": b}


@pytest.mark.parametrize("row", ZOO, ids=lambda row: getattr(row, "__name__", "General[int]"))
@settings(max_examples=20)
@given(a=st.integers(), b=texts())
def test_a_row_is_the_arguments_of_its_type(row: Callable[..., object], a: int, b: str) -> None:
    columns = columns_of(row, a, b)
    expected = row(*columns.values())

    (actual,) = built(row, record(**columns))

    assert type(expected) is type(actual)
    assert state(expected) == state(actual)
    assert repr(expected) == repr(actual)
    if not compared_by_identity(expected):
        assert expected == actual
        assert actual == expected
        assert hash_of(expected) == hash_of(actual)


@pytest.mark.parametrize("row", ZOO, ids=lambda row: getattr(row, "__name__", "General[int]"))
def test_a_row_is_pickled_as_what_it_is(row: Callable[..., object]) -> None:
    (actual,) = built(row, record(**columns_of(row, 1, "b")))
    expected = row(*columns_of(row, 1, "b").values())

    try:
        pickle.dumps(expected)
    except (TypeError, AttributeError):
        return  # what cannot be pickled need not be
    copied, as_expected = pickle.loads(pickle.dumps((actual, expected)))

    assert type(expected) is type(copied)
    assert state(as_expected) == state(copied)


@pytest.mark.parametrize("row", ZOO, ids=lambda row: getattr(row, "__name__", "General[int]"))
def test_many_rows_are_as_many_objects(row: Callable[..., object]) -> None:
    records = [record(**columns_of(row, n, "b")) for n in range(3)]

    made = built(row, *records)

    assert [state(row(*record)) for record in records] == [state(one) for one in made]
    assert len({id(one) for one in made}) == 3


def test_a_mangled_name_is_a_field_like_any_other() -> None:
    alias = attrs.fields(Mangled)[0].alias
    assert alias is not None

    assert [Mangled(1, "x")] == built(Mangled, Record((alias, 1), ("b", "x")))


# What a row is afterwards.


@pytest.mark.parametrize(
    "row", [Slim, Frozen, FrozenDict, OldFrozen, CachedHash, Converted, WeakOrdered]
)
def test_a_row_of_a_frozen_class_is_frozen(row: Callable[..., object]) -> None:
    (one,) = built(row, record(a=1, b="b"))

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(one, "a", 2)  # noqa: B010 - type checkers refuse the plain form
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(one, "a")


@attrs.define(weakref_slot=False)
class Guarded:
    a: int = attrs.field(validator=attrs.validators.gt(0))
    b: str = "b"


def test_a_row_of_a_mutable_class_checks_what_is_set_later() -> None:
    (one,) = built(Guarded, record(a=1, b="b"))

    one.a = 5
    with pytest.raises(ValueError, match="must be > 0"):
        one.a = -5

    assert one == Guarded(5, "b")


def test_a_row_can_be_referred_to_weakly_if_its_class_can() -> None:
    (one,) = built(Frozen, record(a=1, b="b"))
    reference = weakref.ref(one)

    assert reference() is one


def test_a_row_keeps_its_methods_its_super_and_its_cached_values() -> None:
    (mixed,) = built(Mixed, record(a=1, b="b"))
    (cached,) = built(CachedProperty, record(a=2, b="b"))
    (in_dict,) = built(CachedPropertyDict, record(a=3, b="b"))

    assert mixed.hello() == "hellob"
    assert (cached.twice, in_dict.twice) == (4, 6)


@attrs.frozen(weakref_slot=False)
class Never:
    a: int = attrs.field(validator=attrs.validators.gt(0))


@attrs.frozen(slots=False)
class NeverDict:
    a: int = attrs.field(validator=attrs.validators.gt(0))


@attrs.frozen
class NeverWeak:
    a: int = attrs.field(validator=attrs.validators.gt(0))


@pytest.mark.parametrize("row", [Never, NeverDict, NeverWeak])
def test_validators_are_not_run_again_on_what_the_database_has_checked(
    row: Callable[..., object],
) -> None:
    (one,) = built(row, record(a=-1))

    assert state(one) == {"a": -1}
    with pytest.raises(ValueError, match="must be > 0"):
        row(-1)


@pytest.mark.parametrize("row", [Slim, Frozen, FrozenDict, WeakChild, WeakOrdered, Trade])
def test_an_ordinary_class_is_built_without_its_init(row: type[object]) -> None:
    assert trusted(row) is not row


@pytest.mark.parametrize("row", [Converted, OwnSetattr, WeakCachedHash, WeakAfterInit])
def test_a_class_that_is_more_than_its_fields_is_built_by_its_init(row: type[object]) -> None:
    assert trusted(row) is row


def test_a_field_that_is_a_property_is_set_as_one() -> None:
    expected = Computed(1, "b")

    (one,) = built(Computed, record(a=1, b="b"))

    assert (one.b, one.a) == (expected.b, expected.a) == ("b!", 1)


def test_a_class_with_weak_references_gets_one_child_at_most() -> None:
    @attrs.frozen
    class Parent:
        a: int

    builders = [builder(Parent, "q.sql") for _ in range(3)]

    assert [make([record(a=1)]) for make in builders] == [[Parent(1)]] * 3
    assert {child.__name__ for child in Parent.__subclasses__()} <= {"ParentTwin"}
    assert len(Parent.__subclasses__()) <= 1
    assert all(map(is_twin, Parent.__subclasses__()))
    assert not is_twin(Parent)


def test_a_class_without_weak_references_gets_no_children() -> None:
    @attrs.frozen(weakref_slot=False)
    class Childless:
        a: int

    built(Childless, record(a=1))

    assert Childless.__subclasses__() == []


def test_the_models_of_quantdb_take_rows_without_their_checks() -> None:
    columns = dict.fromkeys((field.name for field in attrs.fields(Trade)), "raw")

    (one,) = built(Trade, record(**columns))

    assert type(one) is Trade
    assert one.quantity == "raw" == one.id


class Finalized:
    ends: ClassVar[list[object]] = []


@attrs.define(weakref_slot=False)
class Finalizing:
    a: int

    def __del__(self) -> None:
        Finalized.ends.append(self.a)


def test_no_object_is_made_before_there_is_a_row() -> None:
    Finalized.ends.clear()

    builder(Finalizing, "q.sql")

    assert Finalized.ends == []


def test_a_class_that_takes_no_positions_is_refused() -> None:
    @attrs.frozen(kw_only=True)
    class Named:
        a: int

    with pytest.raises(TypeError):
        built(Named, record(a=1))


# The models of quantdb.


@given(one=trades())
def test_any_trade_comes_back_from_its_columns(one: Trade) -> None:
    columns = attrs.asdict(one)

    assert [one] == built(Trade, record(**columns))
    assert one == trusted(Trade)(*columns.values())


@given(bar=prices())
def test_any_bar_comes_back_from_its_columns(bar: Price) -> None:
    assert [bar] == built(Price, record(**attrs.asdict(bar)))


WHOLE: Final[list[attrs.AttrsInstance]] = [
    Trade("AAPL", "buy", Decimal(1), Decimal(2), NOON, "XNAS"),
    User(1, "Ada", None, date(1815, 12, 10), active=True, version=1, created_at=NOON),
    Position("AAPL", "USD", *[Decimal(1)] * 6),
    Coverage("AAPL", timedelta(1), NOON, NOON, 1),
    Gap(NOON, NOON),
]


@pytest.mark.parametrize("model", WHOLE, ids=lambda model: type(model).__name__)
def test_a_model_from_a_row_is_hashed_copied_and_pickled_as_any_other(
    model: attrs.AttrsInstance,
) -> None:
    (row,) = built(type(model), record(**attrs.asdict(model)))

    for one in (row, deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert type(model) is type(one)
        assert (model, hash(model), repr(model)) == (one, hash(one), repr(one))


def test_a_users_own_kind_of_trade_can_be_read() -> None:
    columns: dict[str, object] = {**attrs.asdict(WHOLE[0]), "desk": "delta one"}
    make: Callable[..., object] = trusted(Plainer)

    (one,) = built(Plainer, record(**columns))

    assert type(one) is Plainer
    assert make(*columns.values()) == one
    assert attrs.evolve(one, desk="delta two").desk == "delta two"


def test_a_trusted_class_takes_exactly_its_columns() -> None:
    for model in (Slim, Frozen, AfterInit, Converted):
        make = trusted(model)

        assert model(1, "b") == make(1, "b")
        assert type(make(1, "b")) is model
        for wrong in ((), (1,), (1, "b", 3)):
            with pytest.raises(TypeError):
                make(*wrong)


# What does not fit.


def difference(row: Callable[..., object], *columns: str) -> str:
    with pytest.raises(ShapeMismatch) as caught:
        built(row, Record(*((name, 1) for name in columns)))
    assert str(caught.value).startswith("trades/between.sql: ")
    assert caught.value.outcome == "not_applied"
    return str(caught.value).removeprefix("trades/between.sql: ")


KINDS: Final[list[Callable[..., object]]] = [
    Slim,
    Frozen,
    FrozenDict,
    Converted,
    AfterInit,
    Derived,
    Private,
    General,
    General[int],
]
kinds = pytest.mark.parametrize(
    "row", KINDS, ids=lambda row: getattr(row, "__name__", "General[int]")
)


@kinds
def test_a_missing_column_is_named(row: Callable[..., object]) -> None:
    assert difference(row, "a").endswith("no column for b")
    assert difference(row).endswith("no column for a, b")


@kinds
def test_a_surplus_column_is_named(row: Callable[..., object]) -> None:
    assert difference(row, "a", "b", "colour").endswith("no field for colour")


@kinds
def test_a_misspelt_column_is_named_on_both_sides(row: Callable[..., object]) -> None:
    assert difference(row, "a", "B").endswith("no column for b; no field for B")


@kinds
def test_columns_in_another_order_are_named_in_that_order(row: Callable[..., object]) -> None:
    assert difference(row, "b", "a").endswith("the order is b, a")


@kinds
def test_a_column_that_comes_twice_is_refused(row: Callable[..., object]) -> None:
    assert "a, b, b" in difference(row, "a", "b", "b")


def test_the_mismatch_names_the_model() -> None:
    assert "the fields of Slim" in difference(Slim, "a")


@pytest.mark.parametrize("row", [Slim, int, dict, Pair])
def test_no_rows_are_no_objects(row: Callable[..., object]) -> None:
    assert built(row) == []


# Plain types.

PLAIN: Final[list[tuple[type, object]]] = [
    (bool, True),
    (bytes, b"a"),
    (date, date(2024, 7, 1)),
    (datetime, NOON),
    (Decimal, Decimal("1.50")),
    (float, math.pi),
    (int, 7),
    (str, "text"),
    (time, time(12)),
    (timedelta, timedelta(1)),
    (UUID, KEY),
]


@pytest.mark.parametrize(("kind", "value"), PLAIN)
def test_a_plain_type_takes_one_column_of_it(kind: type, value: object) -> None:
    assert [value, value] == built(kind, record(a=value), record(a=value))


@pytest.mark.parametrize(("kind", "_value"), PLAIN)
@pytest.mark.parametrize(
    "wrong",
    [None, *(value for _kind, value in PLAIN), NOON.replace(tzinfo=None), [1], "7", object()],
)
def test_a_plain_type_takes_nothing_else(kind: type, _value: object, wrong: object) -> None:
    if type(wrong) is kind:
        return
    with pytest.raises(ShapeMismatch) as caught:
        built(kind, record(total=wrong))

    assert f"column 'total' is to be {kind.__name__}; it is {type(wrong).__name__}" in str(
        caught.value
    )


@pytest.mark.parametrize(("kind", "value"), PLAIN)
def test_a_plain_type_takes_one_column_not_two_and_not_none(kind: type, value: object) -> None:
    for row in (record(a=value, b=value), record()):
        with pytest.raises(ShapeMismatch, match="takes one column"):
            built(kind, row)


def test_every_row_of_a_plain_type_is_looked_at() -> None:
    with pytest.raises(ShapeMismatch, match="NoneType"):
        built(int, record(a=1), record(a=None))


class DriversUUID(UUID):
    """asyncpg gives a UUID class of its own, which is a subclass of this one."""


def test_a_uuid_of_the_driver_is_a_uuid() -> None:
    assert built(UUID, record(id=DriversUUID(str(KEY)))) == [KEY]


# Any other callable.


def test_a_callable_takes_whatever_the_columns_are() -> None:
    def swapped(one: int, other: int) -> tuple[int, int]:
        return other, one

    assert built(swapped, record(a=1, b=2)) == [(2, 1)]
    assert [Slim(9, "b")] == built(partial(Slim, 9), record(anything="b"))
    assert [Pair(1, "b")] == built(Pair, record(x=1, y="b"))
    assert built(lambda *columns: list(columns), record(a="ab")) == [["ab"]]


def test_an_error_of_a_callable_is_its_own() -> None:
    def fail(_a: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        built(fail, record(a=1))
    with pytest.raises(TypeError):
        built(fail, record(a=1, b=2))
