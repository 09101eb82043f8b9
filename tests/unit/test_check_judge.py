"""Mistakes of every kind are found, each where it is to be corrected; and nothing else is."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages import Package, column, importable, kind, package

from quantdb.check.facts import Column, Facts, StatementFacts
from quantdb.check.judge import judged
from quantdb.check.matching import differences
from quantdb.check.problems import Place, Problem
from quantdb.check.rowtypes import shape_of
from quantdb.check.uses import Found

HEAD: Final = """\
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Generic, Literal, NamedTuple, Optional, TypeVar
from uuid import UUID

import attrs

from quantdb import Query, Repo

SQL = Path(__file__).parents[1] / "sql"
T = TypeVar("T")

@attrs.frozen
class Order:
    id: int
    symbol: str
    price: Decimal
    note: str | None

"""
ORDER: Final = "id int8!, symbol text!, price numeric!, note text?"
GET: Final = ":one\n-- $1 id\nSELECT id, symbol, price, note FROM orders WHERE id = $1;"
ALL: Final = ":many\nSELECT id, symbol, price, note FROM orders ORDER BY id;"


def written(folder: Path, repository: str, sql: Mapping[str, str], models: str = "") -> Package:
    """A package with a repository of these lines."""
    text = f"{HEAD}{models}\nclass Orders(Repo):\n{indent(repository.strip(), '    ')}\n"
    return package(folder, {"repos.py": text}, sql)


def problems(
    made: Package, columns: Mapping[str, str], parameters: Mapping[str, str] | None = None
) -> list[Problem]:
    with importable(made.folder.parent):
        return made.judged(made.facts(columns, parameters))


def said(found: list[Problem]) -> list[tuple[str, str, str]]:
    return [(str(each.place), each.rule, each.message) for each in found]


def related(problem: Problem) -> list[str]:
    return [str(place) for place in problem.related]


# What is right


def test_where_all_fits_nothing_is_said(tmp_path: Path) -> None:
    repository = """
_get = Query(SQL / "get.sql", Order)
_all = Query(SQL / "all.sql", Order)
_drop = Query(SQL / "drop.sql")

async def get(self, id: int) -> Order:
    return await self._get.one(self.db, id)

async def all(self) -> list[Order]:
    await self._drop.run(self.db)
    return await self._all.all(self.db)
"""
    sql = {"get.sql": GET, "all.sql": ALL, "drop.sql": ":exec\nDROP TABLE orders;"}
    made = written(tmp_path, repository, sql)

    columns = {"get.sql": ORDER, "all.sql": ORDER, "drop.sql": ""}
    assert problems(made, columns, {"get.sql": "int8"}) == []


@pytest.mark.parametrize(
    ("row", "models", "columns"),
    [
        ("object", "", "a text?"),
        ("dict", "", "a text?, b text"),
        ("lambda *columns: columns", "", "a text?, b text"),
        ("lambda a, b: a", "", "a text?, b text"),
        ("Mood", "class Mood(Enum):\n    OK = 'ok'", "a text"),
        ("Model[int]", "@attrs.frozen\nclass Model(Generic[T]):\n    a: T", "a int8!"),
        ("Model", "@attrs.frozen\nclass Model(Generic[T]):\n    a: T", "a text?"),
        ("Model", "class Model(NamedTuple):\n    a: int\n    b: str | None", "x int8!, y text?"),
        ("Model", "@dataclass\nclass Model:\n    a: int\n    b: int = 0", "x int8!"),
        ("make", "def make(a: int, b: str | None) -> object: ...", "x int8!, y text!"),
        ("make", "def make(a: int, *rest: object) -> object: ...", "x int8!, y text?, z text?"),
        ("Model", "@attrs.frozen\nclass Model:\n    _a: int", "a int8!"),
        ("Model", "@attrs.frozen\nclass Model:\n    a: 'Ghost'", "a int8?"),
        ("Model", "@attrs.frozen\nclass Model:\n    a: object\n    b: int", "a int8?, b int8"),
        (
            "Model",
            "def f(x): ...\n@attrs.frozen\nclass Model:\n    a: Enum = attrs.field(converter=f)",
            "a text?",
        ),
        ("Model", "@attrs.frozen\nclass Model:\n    a: dict[str, object] | None", "a jsonb!"),
        ("str", "", "a ok|sad!"),
    ],
)
def test_what_fits_or_cannot_be_known_is_no_problem(
    tmp_path: Path, row: str, models: str, columns: str
) -> None:
    made = written(tmp_path, f'_get = Query(SQL / "get.sql", {row})', {"get.sql": GET}, models)

    assert problems(made, {"get.sql": columns}) == []


# Columns and fields


def one(
    folder: Path, columns: str, row: str = "Order", models: str = ""
) -> tuple[Package, Problem]:
    """A package of one Query, and the only problem with it."""
    made = written(folder, f'_get = Query(SQL / "get.sql", {row})', {"get.sql": GET}, models)
    (problem,) = problems(made, {"get.sql": columns})
    return made, problem


@pytest.mark.parametrize(
    ("columns", "line", "field", "message"),
    [
        (
            "id int8!, symbol text!, note text?",
            4,
            "price: Decimal",
            "no column fills the field 'price' of Order",
        ),
        (
            f"{ORDER}, extra text",
            7,
            "class Order:",
            "the column 'extra' is no field of Order",
        ),
        (
            "id int8!, symbl text!, price numeric!, note text?",
            4,
            "symbol: str",
            "the column 'symbl' is no field of Order, which has 'symbol'",
        ),
        (
            "id int8!, symbol text!, px numeric!, note text?",
            5,
            "price: Decimal",
            "the column 'px' is no field of Order, which has 'price'",
        ),
        (
            "id int8!, price numeric!, symbol text!, note text?",
            4,
            "symbol: str",
            (
                "the columns are not in the order of the fields of Order: "
                "'price' stands where 'symbol' is expected"
            ),
        ),
        (
            f"{ORDER}, id int8!",
            7,
            "id: int",
            "there are several columns 'id', and one field of Order",
        ),
    ],
)
def test_columns_that_are_not_the_fields(
    tmp_path: Path, columns: str, line: int, field: str, message: str
) -> None:
    made, problem = one(tmp_path, columns)

    assert [(f"get.sql:{line}", "columns", message)] == said([problem])
    assert made.line('_get = Query(SQL / "get.sql", Order)') == related(problem)[-1]
    if message.startswith("there are several"):
        field = "class Order:"
    assert made.line(field) == related(problem)[0]


def test_another_row_type_altogether_is_a_mistake_of_the_query(tmp_path: Path) -> None:
    made, problem = one(tmp_path, "name text!, email text?, born date?, active bool!")

    assert made.line('_get = Query(SQL / "get.sql", Order)') == str(problem.place)
    assert problem.rule == "columns"
    assert [made.line("class Order:"), "get.sql:3"] == related(problem)


@pytest.mark.parametrize(
    ("models", "columns", "message"),
    [
        (
            "def make(a: int, b: int) -> object: ...",
            "a int8!, b int8!, c int8!",
            "make takes 2 columns; the result has 3: a, b, c",
        ),
        (
            "def make(a: int, b: int) -> object: ...",
            "a int8!",
            "make takes 2 columns; the result has 1: a",
        ),
        (
            "def make(a: int, *rest: int) -> object: ...\nmake2 = make",
            "a text!",
            "the column 'a' is text, but make.a is int",
        ),
        (
            "def make(a: int, *rest: int) -> object: ...",
            "a int8!, b text!",
            "the column 'b' is text, but make.rest is int",
        ),
        (
            "def make(a: int, *, b: int) -> object: ...",
            "a int8!",
            "make needs b by keyword",
        ),
        (
            "class make(NamedTuple):\n    a: int\n    b: int = 0",
            "a int8!, b int8!, c int8!",
            "make takes 1 to 2 columns; the result has 3: a, b, c",
        ),
        (
            "@attrs.frozen(kw_only=True)\nclass make:\n    a: int",
            "a int8!",
            "make takes a by keyword alone, and a row is given by position",
        ),
        (
            "@dataclass\nclass make:\n    a: int",
            "a int8?",
            "the column 'a' can be NULL, but make.a is int",
        ),
        (
            "@attrs.frozen\nclass make:\n    a: list[float]",
            "a numeric[]!",
            "the column 'a' is numeric[], but make.a is list[float]",
        ),
        (
            "@attrs.frozen\nclass make:\n    a: Literal['ok']",
            "a ok|sad!",
            "the column 'a' is mood, but make.a is Literal['ok'] ('sad' is missing)",
        ),
    ],
)
def test_row_types_of_every_kind(tmp_path: Path, models: str, columns: str, message: str) -> None:
    made, problem = one(tmp_path, columns, "make", models)

    assert message == problem.message
    assert problem.severity == "problem"
    assert problem.place.file == "get.sql"
    assert related(problem)[0].startswith(str(made.folder / "repos.py"))


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ("Decimal", "n int8!", "the column 'n' is int8, but the row type is Decimal"),
        ("int", "n int8!, m int8!", "int takes 1 column; the result has 2: n, m"),
        (
            "int",
            "n int8?",
            "the column 'n' can be NULL, but the row type is int, which is never None",
        ),
        ("int", "", "get.sql returns no rows, but its Query has the row type int"),
        ("Order", "", "get.sql returns no rows, but its Query has the row type Order"),
    ],
)
def test_plain_types(tmp_path: Path, row: str, columns: str, message: str) -> None:
    made, problem = one(tmp_path, columns, row)

    assert message == problem.message
    assert problem.place.file == "get.sql"
    assert made.line(f'_get = Query(SQL / "get.sql", {row})') in related(problem)


# Types and NULL


@pytest.mark.parametrize(
    ("columns", "rule", "line", "field", "message"),
    [
        (
            "id int8!, symbol text!, price float8!, note text?",
            "annotation",
            5,
            "price: Decimal",
            "the column 'price' is float8, but Order.price is Decimal",
        ),
        (
            "id uuid!, symbol text!, price numeric!, note text?",
            "annotation",
            3,
            "id: int",
            "the column 'id' is uuid, but Order.id is int",
        ),
        (
            "id int8!, symbol text?, price numeric!, note text?",
            "nullability",
            4,
            "symbol: str",
            "the column 'symbol' can be NULL, but Order.symbol is str",
        ),
        (
            "id int8!, symbol text!, price numeric!, note text!",
            "nullability",
            6,
            "note: str | None",
            "the column 'note' is never NULL, but Order.note is str | None",
        ),
    ],
)
def test_a_field_that_does_not_fit_its_column(  # noqa: PLR0913, PLR0917
    tmp_path: Path, columns: str, rule: str, line: int, field: str, message: str
) -> None:
    made, problem = one(tmp_path, columns)

    assert [(f"get.sql:{line}", rule, message)] == said([problem])
    assert made.line(field) == related(problem)[0]


def test_what_cannot_be_known_of_null_is_left_alone(tmp_path: Path) -> None:
    made = written(tmp_path, '_get = Query(SQL / "get.sql", Order)', {"get.sql": GET})

    assert problems(made, {"get.sql": "id int8, symbol text, price numeric, note text"}) == []


def test_a_type_that_only_a_codec_can_make_is_a_note(tmp_path: Path) -> None:
    models = "class Money(Decimal): ...\n@attrs.frozen\nclass Model:\n    price: Money"
    _made, problem = one(tmp_path, "price numeric!", "Model", models)

    assert problem.rule == "annotation"
    assert problem.severity == "note"


def test_a_converter_is_held_against_the_column_and_may_take_none(tmp_path: Path) -> None:
    models = """
def side(value: str | None) -> Enum: ...

@attrs.frozen
class Model:
    a: Enum = attrs.field(converter=side)
    b: Enum = attrs.field(converter=side)
"""
    made, problem = one(tmp_path, "a text!, b int8!", "Model", models)

    assert problem.rule == "annotation"
    assert problem.message.startswith("the column 'b' is int8, but Model.b is ")
    assert made.line("b: Enum = attrs.field(converter=side)") == related(problem)[0]


def test_a_field_that_a_where_makes_sure_of_may_be_none_as_its_table_has_it(tmp_path: Path) -> None:
    made = written(tmp_path, '_get = Query(SQL / "get.sql", Order)', {"get.sql": GET})
    columns = [column(each) for each in ORDER.replace("?", "!").split(", ")]
    facts = StatementFacts(
        "get.sql",
        "",
        columns=(*columns[:3], attrs.evolve(columns[3], origin_nullable=True)),
    )

    with importable(tmp_path):
        assert made.judged({"get.sql": facts}) == []


def test_labels_are_corrected_where_their_alias_is(tmp_path: Path) -> None:
    models = """
Mood = Literal["ok", "bad"]

@attrs.frozen
class One:
    mood: Mood

@attrs.frozen
class Two:
    mood: Mood | None
"""
    repository = '_a = Query(SQL / "a.sql", One)\n_b = Query(SQL / "b.sql", Two)'
    made = written(tmp_path, repository, {"a.sql": ALL, "b.sql": ALL}, models)
    (problem,) = problems(made, {"a.sql": "mood ok|sad!", "b.sql": "mood ok|sad?"})

    assert made.line('Mood = Literal["ok", "bad"]') == str(problem.place)
    assert problem.message.endswith("('sad' is missing and 'bad' is no label)")
    assert [made.line("mood: Mood"), "a.sql:3", "b.sql:3"] == related(problem)


def test_a_generic_model_says_what_its_variables_are_and_who_says_so(tmp_path: Path) -> None:
    models = """
@attrs.frozen
class Keyed(Generic[T]):
    id: T

@attrs.frozen
class Model(Keyed[int]):
    name: str
"""
    made, problem = one(tmp_path, "id uuid!, name text!", "Model", models)

    assert problem.message == "the column 'id' is uuid, but Model.id is int"
    assert [made.line("id: T"), made.line("class Model(Keyed[int]):")] == related(problem)[:2]


# Who is at fault

MANY: Final = """
_a = Query(SQL / "a.sql", Order)
_b = Query(SQL / "b.sql", Order)
_c = Query(SQL / "c.sql", Order)
"""
FILES: Final = {f"{name}.sql": ALL for name in "abc"}


def of_many(folder: Path, **columns: str) -> tuple[Package, list[Problem]]:
    made = written(folder, MANY, FILES)
    facts = {f"{name}.sql": columns.get(name, ORDER) for name in "abc"}
    return made, problems(made, facts)


def test_a_field_that_most_statements_differ_from_is_one_problem_of_the_model(
    tmp_path: Path,
) -> None:
    wrong = ORDER.replace("numeric", "float8")
    made, found = of_many(tmp_path, a=wrong, b=wrong)

    (problem,) = found
    assert made.line("price: Decimal") == str(problem.place)
    assert problem.rule == "annotation"
    assert related(problem) == ["a.sql:5", "b.sql:5"]


def test_a_statement_that_differs_alone_is_at_fault_itself(tmp_path: Path) -> None:
    made, found = of_many(tmp_path, b=ORDER.replace("numeric", "float8"))

    (problem,) = found
    assert str(problem.place) == "b.sql:5"
    assert made.line("price: Decimal") == related(problem)[0]


def test_statements_that_differ_each_in_a_way_of_its_own_are_at_fault(tmp_path: Path) -> None:
    _made, found = of_many(
        tmp_path, a=ORDER.replace("numeric", "float8"), b=ORDER.replace("numeric", "text")
    )

    assert [str(problem.place) for problem in found] == ["a.sql:5", "b.sql:5"]


@pytest.mark.parametrize(
    ("columns", "field", "rule"),
    [
        (f"{ORDER}, extra text", "class Order:", "columns"),
        ("id int8!, symbol text!, note text?", "price: Decimal", "columns"),
        ("id int8!, ticker text!, price numeric!, note text?", "symbol: str", "columns"),
        ("id int8!, price numeric!, symbol text!, note text?", "symbol: str", "columns"),
        ("id int8?, symbol text!, price numeric!, note text?", "id: int", "nullability"),
        ("id int8!, symbol text!, price numeric!, note text!", "note: str | None", "nullability"),
    ],
)
def test_a_mistake_in_a_model_is_told_once_at_its_line(
    tmp_path: Path, columns: str, field: str, rule: str
) -> None:
    made, found = of_many(tmp_path, a=columns, b=columns, c=columns)

    (problem,) = found
    assert (made.line(field), rule) == (str(problem.place), problem.rule)
    assert len(problem.related) == 3


def test_a_field_that_one_statement_needs_to_be_none_is_no_pretence(tmp_path: Path) -> None:
    never = ORDER.replace("?", "!")

    _made, found = of_many(tmp_path, a=never, b=never)

    assert found == []


def test_a_field_is_no_pretence_while_a_statement_is_unknown(tmp_path: Path) -> None:
    made = written(tmp_path, MANY, FILES)
    facts = made.facts(dict.fromkeys(FILES, ORDER.replace("?", "!")))
    unknown = Problem(Place("c.sql", 2), "prepare", 'column "x" does not exist')
    facts["c.sql"] = StatementFacts("c.sql", "", problems=(unknown,))

    with importable(tmp_path):
        assert made.judged(facts) == [unknown]


def test_a_field_of_a_base_belongs_to_all_that_inherit_it(tmp_path: Path) -> None:
    models = """
@attrs.frozen
class Base:
    at: date | None

@attrs.frozen
class One(Base):
    a: int

@attrs.frozen
class Two(Base):
    b: int
"""
    repository = '_a = Query(SQL / "a.sql", One)\n_b = Query(SQL / "b.sql", Two)'
    made = written(tmp_path, repository, {"a.sql": ALL, "b.sql": ALL}, models)

    fine = problems(made, {"a.sql": "at date?, a int8!", "b.sql": "at date!, b int8!"})
    (problem,) = problems(
        made, {"a.sql": "at timestamptz, a int8", "b.sql": "at timestamptz, b int8"}
    )

    assert fine == []
    assert made.line("at: date | None") == str(problem.place)


@attrs.frozen
class Letters:
    a: object
    b: object
    c: object
    d: object


@given(st.lists(st.sampled_from("abcdxy"), min_size=1, max_size=6))
def test_columns_fit_a_model_if_they_are_its_fields_and_only_then(names: list[str]) -> None:
    columns = tuple(Column(name, kind("text"), None, line) for line, name in enumerate(names, 1))
    shape = shape_of(Letters)
    assert shape is not None

    found = differences(shape, StatementFacts("x.sql", "", columns=columns))

    assert (list("abcd") == names) is (found == [])
    assert {each.sql.line for each in found} <= {*range(1, len(names) + 1)}
    assert all(each.python is not None for each in found)


# Verbs


def test_a_verb_that_the_header_does_not_promise(tmp_path: Path) -> None:
    repository = """
_get = Query(SQL / "get.sql", Order)
_all = Query(SQL / "all.sql", Order)
_drop = Query(SQL / "drop.sql")
_add = Query(SQL / "add.sql", Order)

async def work(self, id: int) -> None:
    await self._get.all(self.db, id)
    await self._get.find(self.db, id)
    await self._all.one(self.db)
    self._all.stream(self.db)
    await self._drop.run(self.db)
    await self._drop.all(self.db)
    await self._add.run(self.db)
"""
    sql = {
        "get.sql": GET,
        "all.sql": ALL,
        "drop.sql": ":exec\nDROP TABLE orders;",
        "add.sql": ":one\nINSERT INTO orders DEFAULT VALUES RETURNING id;",
    }
    made = written(tmp_path, repository, sql)
    columns = {"get.sql": ORDER, "all.sql": ORDER, "drop.sql": "", "add.sql": ORDER}
    found = problems(made, columns, {"get.sql": "int8"})

    assert said(found) == [
        (
            made.line("await self._get.all(self.db, id)"),
            "cardinality",
            "Orders._get is called by all(), but get.sql is :one",
        ),
        (
            made.line("await self._all.one(self.db)"),
            "cardinality",
            "Orders._all is called by one(), but all.sql is :many",
        ),
        (
            made.line("await self._drop.all(self.db)"),
            "cardinality",
            "Orders._drop is called by all(), but drop.sql is :exec",
        ),
        (
            made.line("await self._drop.all(self.db)"),
            "columns",
            "Orders._drop has no row type, so all() has nothing to return",
        ),
        (
            made.line("await self._add.run(self.db)"),
            "cardinality",
            "Orders._add is called by run(), but add.sql is :one",
        ),
    ]
    assert related(found[0]) == ["get.sql:1"]


def test_a_header_that_no_call_agrees_with_is_at_fault_itself(tmp_path: Path) -> None:
    repository = """
_all = Query(SQL / "all.sql", Order)

async def work(self) -> None:
    await self._all.one(self.db)
    await self._all.find(self.db)
"""
    made = written(tmp_path, repository, {"all.sql": ALL})
    (problem,) = problems(made, {"all.sql": ORDER})

    assert str(problem.place) == "all.sql:1"
    assert problem.rule == "cardinality"
    assert [
        made.line("await self._all.one(self.db)"),
        made.line("await self._all.find(self.db)"),
    ] == related(problem)


# Arguments

SEND: Final = """
_get = Query(SQL / "get.sql", Order)

async def get(self, id: UUID, other: int) -> None:
    {call}
"""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("await self._get.one(self.db)", "Orders._get is given none; get.sql takes 1 parameter: "),
        (
            "await self._get.one(self.db, other, id)",
            "Orders._get is given other, id; get.sql takes 1 parameter: $1 (id)",
        ),
        ("await self._get.one(self.db, id)", "id is UUID, but $1 (id) is int8"),
        ("await self._get.one(self.db, 'x', timeout=1)", "'x' is str, but $1 (id) is int8"),
    ],
)
def test_arguments_that_are_not_the_parameters(tmp_path: Path, call: str, message: str) -> None:
    made = written(tmp_path, SEND.format(call=call), {"get.sql": GET})
    (problem,) = problems(made, {"get.sql": ORDER}, {"get.sql": "int8"})

    assert problem.rule == "arguments"
    assert made.line(call) == str(problem.place)
    assert problem.message.startswith(message)
    assert related(problem) == ["get.sql:3"]


@pytest.mark.parametrize(
    "call",
    [
        "await self._get.one(self.db, other)",
        "await self._get.one(self.db, *[other])",
        "await self._get.one(self.db, other + 1)",
        "await self._get.one(self.db, str(id))",
        "await self._get.one(self.db, None)",
        "await getattr(self, '_get').one(self.db, id)",
        "await (lambda id: self._get.one(self.db, id))(1)",
    ],
)
def test_arguments_that_fit_or_cannot_be_known(tmp_path: Path, call: str) -> None:
    made = written(tmp_path, SEND.format(call=call), {"get.sql": GET})

    assert problems(made, {"get.sql": ORDER}, {"get.sql": "int8"}) == []


def test_a_parameter_that_no_call_agrees_with_is_at_fault_itself(tmp_path: Path) -> None:
    repository = """
_get = Query(SQL / "get.sql", Order)

async def get(self, id: int) -> None:
    await self._get.one(self.db, id)

async def find(self, key: int) -> None:
    await self._get.find(self.db, key)
"""
    made = written(tmp_path, repository, {"get.sql": GET})
    (problem,) = problems(made, {"get.sql": ORDER}, {"get.sql": "uuid"})

    assert problem.rule == "arguments"
    assert str(problem.place) == "get.sql:3"
    assert [
        made.line("await self._get.one(self.db, id)"),
        made.line("await self._get.find(self.db, key)"),
    ] == related(problem)


STORE: Final = """
_add = Query(SQL / "add.sql", Order)

async def add(self, new: New) -> Order:
    return await self._add.store(self.db, new)
"""
ADD: Final = ":one\n-- $1 symbol, $2 price\nINSERT INTO orders VALUES ($1, $2) RETURNING id;"
NEW: Final = "@attrs.frozen\nclass New:\n    symbol: str\n    price: Decimal\n"


def stored(folder: Path, columns: str, parameters: str, models: str = NEW) -> list[Problem]:
    made = written(folder, STORE, {"add.sql": ADD}, models)
    return problems(made, {"add.sql": columns}, {"add.sql": parameters})


def test_a_model_is_stored_field_by_field(tmp_path: Path) -> None:
    assert stored(tmp_path, ORDER, "text, numeric") == []


@pytest.mark.parametrize(
    ("columns", "parameters", "rule", "message"),
    [
        (
            ORDER,
            "text",
            "arguments",
            "add.sql takes 1 parameter: $1 (symbol); the model has symbol, price",
        ),
        (
            ORDER,
            "text, date",
            "arguments",
            "the field 'price' is Decimal, but $2 (price) is date",
        ),
    ],
)
def test_a_model_that_cannot_be_stored(
    tmp_path: Path, columns: str, parameters: str, rule: str, message: str
) -> None:
    (problem,) = stored(tmp_path, columns, parameters)

    assert (rule, message) == (problem.rule, problem.message)
    assert problem.place.file.endswith("repos.py")
    assert problem.related[0].file == "add.sql"


def test_what_is_sent_has_to_come_back(tmp_path: Path) -> None:
    models = "@attrs.frozen\nclass New:\n    symbol: str\n    colour: str\n"
    (problem,) = stored(tmp_path, ORDER, "text, text", models)

    assert problem.rule == "columns"
    assert problem.message == "the field 'colour' is sent, but no column of that name comes back"


# Files


def test_a_file_that_nothing_uses(tmp_path: Path) -> None:
    sql = {
        "get.sql": GET,
        "old.sql": ":exec\n-- after: other\nSELECT 1;",
        "other.sql": ":exec\nSELECT 1;",
        "kept.sql": ":exec\n-- allow: unused\nSELECT 1;",
        "named.sql": ":exec\nSELECT 1;",
        "more/named.sql": ":exec\nSELECT 1;",
    }
    repository = """
_get = Query(SQL / "get.sql", Order)

def other(self) -> object:
    return Query(SQL / "more/named.sql")
"""
    made = written(tmp_path, repository, sql)
    columns = {**dict.fromkeys(sql, ""), "get.sql": ORDER}

    assert said(problems(made, columns)) == [
        ("named.sql:1", "unused", "no repository uses this file"),
        ("old.sql:1", "unused", "no repository uses this file"),
        ("other.sql:1", "unused", "no repository uses this file"),
    ]


def test_nothing_is_called_unused_while_a_module_could_not_be_looked_at(tmp_path: Path) -> None:
    made = written(tmp_path, '_get = Query(SQL / "get.sql", Order)', {"get.sql": GET})
    (made.folder / "broken.py").write_text("import no_such_module\n", "utf-8")
    (problem,) = problems(made, {"get.sql": ORDER, "old.sql": ""})

    assert (f"{made.folder / 'broken.py'}:1", "import") == (str(problem.place), problem.rule)


def test_a_folder_of_which_no_query_is_has_no_unused_files() -> None:
    facts = {"a.sql": StatementFacts("a.sql", "")}

    assert judged(Facts({}, facts), Found(())) == []


def test_a_query_without_its_file(tmp_path: Path) -> None:
    repository = """
_gte = Query(SQL / "gte.sql", Order)
_far = Query(SQL.parent / "far.sql", Order)
_all = Query(SQL / "all.sql", Order)
"""
    made = written(tmp_path, repository, {"get.sql": GET, "all.sql": ALL})
    # That nothing uses get.sql is a consequence.
    missing, far = problems(made, {"get.sql": ORDER, "all.sql": ORDER})

    assert made.line('_gte = Query(SQL / "gte.sql", Order)') == str(missing.place)
    assert missing.message == "Orders._gte reads gte.sql, which is no file"
    assert missing.hint == "did you mean get.sql?"
    assert made.line('_far = Query(SQL.parent / "far.sql", Order)') == str(far.place)
    assert far.message.endswith("far.sql: there is no such SQL file")
    assert {"file"} == {missing.rule, far.rule}


def test_a_bad_file_is_one_problem_whoever_finds_it(tmp_path: Path) -> None:
    made = written(
        tmp_path, '_get = Query(SQL / "get.sql", Order)', {"get.sql": ":lots\nSELECT 1;"}
    )
    theirs = Problem(Place("get.sql", 1), "file", "':lots' is no cardinality")
    silent = StatementFacts("get.sql", "")

    with importable(tmp_path):
        assert made.judged({"get.sql": attrs.evolve(silent, problems=(theirs,))}) == [theirs]
        (ours,) = made.judged({"get.sql": silent})

    assert said([ours])[0][:2] == ("get.sql:1", "file")
    assert ours.message.startswith("':lots' is none of")


def test_of_a_statement_that_cannot_be_prepared_nothing_else_is_said(tmp_path: Path) -> None:
    repository = """
_get = Query(SQL / "get.sql", Order)

async def get(self, id: UUID) -> None:
    await self._get.one(self.db, id, id)
"""
    made = written(tmp_path, repository, {"get.sql": GET})
    theirs = Problem(Place("get.sql", 3, 8, 6), "prepare", 'column "symbl" does not exist')

    with importable(tmp_path):
        assert made.judged({"get.sql": StatementFacts("get.sql", "", problems=(theirs,))}) == [
            theirs
        ]


def test_all_problems_are_there_at_once_by_place(tmp_path: Path) -> None:
    made = written(tmp_path, MANY, FILES)
    hazard = Problem(Place("b.sql", 2), "select-star", "SELECT *")
    schema = Problem(Place("schema/0001_a.sql", 2), "schema", "no")
    facts = made.facts({"a.sql": "id text", "b.sql": ORDER, "c.sql": f"{ORDER}, extra text"})
    facts["b.sql"] = attrs.evolve(facts["b.sql"], problems=(hazard,))
    facts["schema/0001_a.sql"] = StatementFacts("schema/0001_a.sql", "")

    with importable(tmp_path):
        found = judged(Facts({"schema/0001_a.sql": ""}, facts, (schema,)), made.found())

    assert [each.place.file for each in found] == sorted(each.place.file for each in found)
    assert {"select-star", "schema", "columns", "annotation"} == {each.rule for each in found}
    assert "unused" not in {each.rule for each in found}
