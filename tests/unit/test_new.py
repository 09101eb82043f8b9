"""What `quantdb new` is made of: names, layout, values as source, files that are all written."""

import ast
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import dates, decimals, durations, texts

from quantdb.check.facts import PgType
from quantdb.new.annotations import choices
from quantdb.new.designing import designed, is_constant, is_model
from quantdb.new.files import AlreadyThere, put
from quantdb.new.hazards import hazards
from quantdb.new.imports import Imports
from quantdb.new.layout import call, docstring, listed, paragraph, text, width
from quantdb.new.matching import matching
from quantdb.new.migration import migration
from quantdb.new.names import (
    camel,
    field_names,
    folder_name,
    is_module,
    module_name,
    quoted,
    singular,
    snake,
)
from quantdb.new.source import source
from quantdb.new.statements import statements
from quantdb.new.table import Column, Constraint, Function, Index, MadeType, Table

TEXT = PgType("text")
INT = PgType("int4")
NUMERIC = PgType("numeric")
TIMESTAMPTZ = PgType("timestamptz")

# Names


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("trades", "trade"),
        ("prices", "price"),
        ("addresses", "address"),
        ("series", "series"),
        ("time_series", "time_series"),
        ("currencies", "currency"),
        ("exchanges", "exchange"),
        ("batches", "batch"),
        ("boxes", "box"),
        ("statuses", "status"),
        ("bonuses", "bonus"),
        ("causes", "cause"),
        ("warehouses", "warehouse"),
        ("analyses", "analysis"),
        ("indices", "index"),
        ("order_books", "order_book"),
        ("people", "person"),
        ("pies", "pie"),
        ("gas", "gas"),
        ("bias", "bias"),
        ("analysis", "analysis"),
        ("class", "class"),
        ("ohlcv", "ohlcv"),
        ("s", "s"),
        ("", ""),
    ],
)
def test_a_row_is_called_as_the_table_in_the_singular(several: str, one: str) -> None:
    assert one == singular(several)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("createdAt", "created_at"),
        ("HTTPStatus", "http_status"),
        ("weird name", "weird_name"),
        ("a.b-c", "a_b_c"),
        ("__x__", "x"),
        ("1st", "column_1st"),
        ("$", ""),
        ("Größe", "größe"),
        ("ᴶ ℌx", "j_hx"),
    ],
)
def test_a_name_is_in_lower_case_and_joined_by_underscores(name: str, expected: str) -> None:
    assert expected == snake(name)


def test_a_class_is_in_camel_case() -> None:
    assert camel("fx_rates") == "FxRates"
    assert camel("MixedCase") == "MixedCase"


@given(st.lists(texts(min_size=1), min_size=1, max_size=12, unique=True))
def test_every_column_has_a_field_of_its_own_that_python_takes(columns: Sequence[str]) -> None:
    fields = field_names(columns)

    assert [*columns] == [*fields]
    assert len(columns) == len({*fields.values()})
    for column, name in fields.items():
        ast.parse(f"class Row:\n    {name}: int")
        assert not name.startswith("_")
        # A statement has it without quotes, and the server reads that in lower case.
        assert name == name.lower()
        # What a statement calls it is no other column: ORDER BY would mean either.
        assert name == column or name not in columns


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (["id", "class", "self", "l"], ["id", "class_", "self_", "l_"]),
        (["_x", "x"], ["x_", "x"]),
        (["x", "X", "_x"], ["x", "x_", "x_2"]),
        (["class", "class_"], ["class_2", "class_"]),
        (["a b", "a_b", "a-b"], ["a_b_", "a_b", "a_b_2"]),
        (["😀", "!", ""], ["column", "column_", "column_2"]),
        (["x" * 63], ["x" * 36]),
        (["match", "type", "date"], ["match", "type", "date"]),
    ],
)
def test_a_column_keeps_its_name_if_it_is_a_good_one(
    columns: Sequence[str], fields: Sequence[str]
) -> None:
    assert fields == [*field_names(columns).values()]


def test_a_name_is_quoted_if_it_must_be() -> None:
    names = ["price", "interval", "select", "Price", "a b", 'a"b', "é", "1st", "_x"]

    assert [quoted(name, {"select"}) for name in names] == [
        "price", "interval", '"select"', '"Price"', '"a b"', '"a""b"', '"é"', '"1st"', "_x",
    ]  # fmt: skip


def test_a_package_hides_no_module() -> None:
    assert not any(
        map(is_module, [*sys.stdlib_module_names, "quantdb", "attrs", "pytest", "class"])
    )
    assert module_name("orders") == "orders"
    assert module_name("calendar") == "calendar_db"
    assert module_name("2024") == "table_2024"
    assert module_name("名前") == "a_table"
    assert folder_name("Order Books") == "order_books"
    assert not is_model("Page")
    assert not is_model("ValueError")
    assert not is_model("I")
    assert is_model("Order")


# Layout


@given(texts(max_size=200))
def test_a_text_as_source_is_that_text(value: str) -> None:
    written = text(value)

    assert written.isprintable()
    assert value == ast.literal_eval(written)


def test_a_text_has_the_quotes_that_the_formatter_gives_it() -> None:
    assert text("it's") == '"it\'s"'
    assert text('a "b"') == "'a \"b\"'"
    assert text('it\'s "b"') == "'it\\'s \"b\"'"
    assert text("a\"b'c") == '"a\\"b\'c"'


@given(texts(max_size=300), texts(max_size=100))
def test_a_docstring_says_what_it_is_given_in_lines_that_fit(said: str, more: str) -> None:
    lines = docstring(f"X {said}", paragraph(f"Y {more}", "    "))
    module = ast.parse("\n".join(["class Row:", *lines]))
    row = module.body[0]

    assert isinstance(row, ast.ClassDef)
    assert (ast.get_docstring(row) or "").split() == f"X {said} Y {more}".split()
    for line in lines:
        assert width(line) <= 88 or len(line.split()) == 1
        assert line == line.rstrip() or not line.isascii()


def test_a_docstring_of_one_line_stays_one_if_its_quotes_fit() -> None:
    fitting = "x" * (88 - len('    """"""'))

    assert docstring(fitting) == [f'    """{fitting}"""']
    assert docstring(f"{fitting[:-4]} end.")[1:] == ["    end.", '    """']


@given(st.lists(st.text("abc", min_size=1, max_size=30), min_size=1, max_size=40))
def test_items_fill_their_lines(items: Sequence[str]) -> None:
    lines = listed(items, indent="    ")

    assert [*items] == " ".join(lines).replace(",", "").split()
    assert all(width(line) <= 88 for line in lines)
    for line, after in pairwise(lines):
        assert width(line) + 1 + width(after.split()[0]) > 88


def test_what_does_not_fit_is_written_one_item_a_line() -> None:
    assert call("f(", ["a", "b"], ")") == "f(a, b)"
    long = ["a" * 50, "b" * 50]
    assert call("f(", long, ") -> None:", "  ") == (
        f"  f(\n      {long[0]},\n      {long[1]},\n  ) -> None:"
    )


def test_imports_are_in_the_order_of_isort() -> None:
    imports = Imports(taken=["date"])
    imports.module("attrs")
    for module, name in [
        (".models", "Order"),
        ("quantdb", "Repo"),
        ("datetime", "datetime"),
        ("datetime", "UTC"),
        ("orders.models", "Order"),
        ("datetime", "date"),
        ("builtins", "int"),
    ]:
        imports.name(module, name)

    assert imports.name("datetime", "date") == "date_type"
    assert imports.lines() == [
        "from datetime import UTC, datetime",
        "from datetime import date as date_type",
        "",
        "import attrs",
        "from quantdb import Repo",
        "",
        "from orders.models import Order",
        "",
        "from .models import Order",
    ]


# Values


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    texts(),
    st.binary(max_size=20),
    decimals().filter(lambda value: len(str(value)) < 100),
    st.uuids(),
    dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
    durations(),
    st.ip_addresses(),
)
KNOWN: dict[str, object] = {
    "Decimal": Decimal,
    "IPv4Address": IPv4Address,
    "IPv4Interface": IPv4Interface,
    "IPv4Network": IPv4Network,
    "IPv6Address": IPv6Address,
    "UTC": UTC,
    "UUID": UUID,
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
}


def made_of(written: str) -> object:
    """The value that an expression makes."""
    value: object = eval(written, {**KNOWN})
    return value


@given(VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(texts(), VALUES, max_size=3))
def test_the_source_of_a_value_makes_it_again(value: object) -> None:
    written = source(value, Imports())

    assert written is not None
    again = made_of(written)
    assert value == again
    assert type(value) is type(again)
    if isinstance(value, Decimal):
        assert str(value) == str(again)


def test_what_has_no_source_has_none() -> None:
    assert source(object(), Imports()) is None
    assert source(float("nan"), Imports()) is None
    assert source([1, object()], Imports()) is None
    assert source({"a": object()}, Imports()) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{3}-[0-9]{2}$",
        "^[A-Z]{2}[A-Z0-9]{9}[0-9]$",
        r"^\d{4}-\d\d$",
        "^(buy|sell)$",
        "^(?:a|b)+c?d*$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        "^[[:upper:]]{1,5}(\\.[[:alpha:]])?$",
        "^.{3,}$",
        "[^[:space:]]",
        "^x{2}y{0}z{1,}$",
        r"^\$[0-9]+\.[0-9]{2}$",
        "^[a-z][a-z0-9_]*$",
        "",
    ],
)
def test_a_text_is_found_for_a_pattern(pattern: str) -> None:
    found = matching(pattern)

    assert found is not None
    plain = pattern
    for name, inside in {"upper": "A-Z", "alpha": "a-zA-Z", "space": r"\s"}.items():
        plain = plain.replace(f"[:{name}:]", inside)
    assert re.search(plain, found)


@pytest.mark.parametrize("pattern", ["(?=a)b", "[", "(", "a{1000}", r"\1", "(?<!a)b", "\\"])
def test_no_text_is_found_for_a_pattern_that_is_beyond_us(pattern: str) -> None:
    assert matching(pattern) is None


@pytest.mark.parametrize(
    ("expression", "constant"),
    [
        ("0", True),
        ("'-1'::integer", True),
        ("(0)::numeric", True),
        ("1.50", True),
        ("'USD'::text", True),
        ("'it''s'::character varying", True),
        ("'1970-01-01 00:00:00+00'::timestamp with time zone", True),
        ("'{}'::text[]", True),
        ("ARRAY[]::text[]", True),
        ('\'x\'::"Odd Schema"."Mood"', True),
        ("true", True),
        ("NULL::character varying", True),
        ("now()", False),
        ("CURRENT_DATE", False),
        ("nextval('a_seq'::regclass)", False),
        ("gen_random_uuid()", False),
        ("(now() + '1 day'::interval)", False),
        ("('a'::text || 'b'::text)", False),
        ("ARRAY['a'::text]", False),
        ("'now'::text::date || f()", False),
    ],
)
def test_a_default_that_is_the_same_for_every_row_is_told_from_others(
    *, expression: str, constant: bool
) -> None:
    assert is_constant(expression) is constant


# Decisions


def a_table(
    *columns: Column, constraints: Sequence[Constraint] = (), indexes: Sequence[Index] = ()
) -> Table:
    return Table("public", "orders", columns, constraints, indexes)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("(side = ANY (ARRAY['buy'::text, 'sell'::text]))", ["buy", "sell"]),
        (
            (
                "((side)::text = ANY ((ARRAY['buy'::character varying, "
                "'sell'::character varying])::text[]))"
            ),
            ["buy", "sell"],
        ),
        (
            (
                "((side)::text = ANY (ARRAY[('buy'::character varying)::text, "
                "('sell'::character varying)::text]))"
            ),
            ["buy", "sell"],
        ),
        ("(side = 'buy'::text)", ["buy"]),
        (
            "(side = ANY (ARRAY['it''s'::text, 'a, b'::text, 'c'']))'::text]))",
            ["it's", "a, b", "c']))"],
        ),
        ("(lower(side) = ANY (ARRAY['buy'::text, 'sell'::text]))", None),
        ("((side = 'buy'::text) OR (side = 'sell'::text))", None),
        ("(NOT (side = 'buy'::text))", None),
        ("(side <> 'buy'::text)", None),
        ("(side = ANY (ARRAY['a'::text, E'b\\\\c'::text]))", None),
        ("((side IS NULL) OR (side = ANY (ARRAY['a'::text])))", None),
        ("(side ~ 'a'::text)", None),
        ("(side = other)", None),
    ],
)
def test_a_check_for_one_of_several_texts_is_read(
    expression: str, labels: Sequence[str] | None
) -> None:
    check = Constraint("c", "check", "", expression, ["side"])
    found = choices(
        a_table(Column("side", TEXT, "text"), constraints=[check]), {"side": "side"}, []
    )

    assert labels == (found["side"].labels if found else None)


def test_a_check_that_some_rows_may_not_pass_says_nothing() -> None:
    check = Constraint("c", "check", "", "(side = 'buy'::text)", ["side"], validated=False)

    assert (
        choices(a_table(Column("side", TEXT, "text"), constraints=[check]), {"side": "side"}, [])
        == {}
    )


def test_the_key_is_the_primary_one_or_the_shortest_that_is_never_null() -> None:
    a, b = Column("a", INT, "integer", nullable=False), Column("b", INT, "integer", nullable=False)
    c = Column("c", INT, "integer")
    primary = Constraint("p", "primary key", "", None, ["a", "b"], "p")
    both = Index("p", "", unique=True, columns=["a", "b"], options=[0, 0], of_constraint=True)
    single = Index("b", "", unique=True, columns=["b"], options=[0])
    of_null = Index("c", "", unique=True, columns=["c"], options=[0])
    partial = Index("d", "", unique=True, columns=["b"], options=[0], partial=True)
    of_expression = Index("e", "", unique=True, columns=[None], options=[0])
    plain = Index("f", "", columns=["b"], options=[0])

    def key(indexes: Sequence[Index], constraints: Sequence[Constraint] = ()) -> str | None:
        found = designed(a_table(a, b, c, constraints=constraints, indexes=indexes)).key
        return found.index if found else None

    assert key([single, both], [primary]) == "p"
    assert key([both, single]) == "b"
    assert key([of_null, partial, of_expression, plain]) is None


def test_a_series_is_an_index_in_the_order_of_a_time() -> None:
    symbol = Column("symbol", TEXT, "text")
    at = Column("at", TIMESTAMPTZ, "timestamp with time zone", nullable=False)
    later = Column("later", TIMESTAMPTZ, "timestamp with time zone")
    amount = Column("amount", NUMERIC, "numeric")

    def series(*columns: str | None, options: Sequence[int] | None = None) -> list[str] | None:
        index = Index("i", "", columns=columns, options=options or [0] * len(columns))
        found = designed(a_table(symbol, at, later, amount, indexes=[index])).series
        return None if found is None else [*(each.name for each in found.of), found.time.name]

    assert series("symbol", "at") == ["symbol", "at"]
    assert series("at", options=[3]) == ["at"]
    assert series("at", "symbol", options=[3, 0]) is None, "it is read in no order"
    assert series("later") is None, "a time that is NULL is before and after all others"
    assert series("symbol", "amount") is None
    assert series(None, "at") is None


def test_a_field_by_another_name_is_named_in_every_statement() -> None:
    key = Index("k", "", unique=True, columns=["class"], options=[0])
    table = a_table(
        Column("class", TEXT, "text", nullable=False),
        Column("order", INT, "integer"),
        indexes=[key],
    )
    written = statements(designed(table))

    assert {"insert.sql", "get.sql", "first_page.sql", "page.sql"} == {*written}
    assert all("class AS class_" in each for each in written.values())
    assert "-- $1 class_, $2 order\n" in written["insert.sql"]


@pytest.mark.parametrize(
    ("column", "rules"),
    [
        (Column("price", PgType("float8"), "double precision"), ["float-money"]),
        (Column("latitude", PgType("float8"), "double precision"), []),
        (Column("x", PgType("money"), "money"), ["float-money"]),
        (Column("price", NUMERIC, "numeric(10,2)"), ["numeric-scale"]),
        (
            Column("prices", PgType("numeric[]", kind="array", element=NUMERIC), "numeric(10,2)[]"),
            ["numeric-scale"],
        ),
        (Column("price", NUMERIC, "numeric"), []),
        (Column("at", PgType("timestamp"), "timestamp without time zone"), ["timestamp"]),
        (Column("at", PgType("timestamp"), "timestamp(0) without time zone"), ["timestamp"]),
        (Column("at", TIMESTAMPTZ, "timestamp with time zone"), []),
    ],
)
def test_the_hazards_of_a_table_are_known(column: Column, rules: Sequence[str]) -> None:
    assert rules == hazards(a_table(column))


def test_what_an_extension_has_is_left_out_unless_a_type_needs_the_extension() -> None:
    column = Column(
        "id", INT, "integer", not_null=True, nullable=False, expression="f()", functions=[1]
    )
    check = Constraint("c", "check", "CHECK (g(id))", "g(id)", ["id"], functions=[2])
    index = Index("i", "CREATE INDEX i ON public.orders USING gin (id)", extension="e")
    table = attrs.evolve(
        a_table(column, constraints=[check], indexes=[index]),
        functions={
            1: Function(1, "f()", "public", "c", "", "e"),
            2: Function(2, "g(integer)", "public", "plpgsql", "CREATE FUNCTION g"),
        },
    )

    made = migration(designed(table))

    assert made.lacking == ["id"]
    assert made.left_out == [
        "the default of id, f(), for a function that is not to be had here",
        "the index i, for the extension e",
    ]
    assert "    id integer NOT NULL,\n    CONSTRAINT c CHECK (g(id))\n" in made.text
    assert "\nCREATE FUNCTION g;\n" in made.text

    of_extension = MadeType(3, "public", "vector", "vector", "b", extension="e")
    whole = migration(designed(attrs.evolve(table, types=[of_extension])))

    assert (whole.left_out, whole.lacking) == ([], [])
    assert "CREATE EXTENSION IF NOT EXISTS e;\n" in whole.text
    assert "    id integer DEFAULT f() NOT NULL,\n" in whole.text
    assert "CREATE INDEX IF NOT EXISTS i ON orders USING gin (id);\n" in whole.text


def test_a_default_of_an_extension_that_postgresql_has_itself_is_that() -> None:
    column = Column("id", PgType("uuid"), "uuid", expression="uuid_generate_v4()", functions=[1])
    function = Function(1, "uuid_generate_v4()", "public", "c", "", "uuid-ossp")
    made = migration(designed(attrs.evolve(a_table(column), functions={1: function})))

    assert made.left_out == []
    assert "    id uuid DEFAULT gen_random_uuid()\n" in made.text


def test_what_a_text_holds_is_not_indented() -> None:
    check = Constraint("c", "check", "CHECK ((a = 'one\ntwo'::text))", "", ["a"])
    made = migration(designed(a_table(Column("a", TEXT, "text"), constraints=[check])))

    assert "CHECK ((a = 'one\ntwo'::text))" in made.text


# Files


def there(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text("utf-8")
        for file in folder.rglob("*")
        if file.is_file()
    }


FILES = {"a/b/one.py": "één\n", "a/two.sql": "two\n"}


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    put(tmp_path / "new", FILES)

    assert there(tmp_path / "new") == FILES


def test_nothing_is_written_when_a_file_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/two.sql").write_text("mine")

    with pytest.raises(AlreadyThere, match=r"there already: .*two\.sql$"):
        put(tmp_path, FILES)

    assert there(tmp_path) == {"a/two.sql": "mine"}
    put(tmp_path, FILES, force=True)
    assert there(tmp_path) == FILES


def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/two.sql").symlink_to(tmp_path / "nowhere")

    with pytest.raises(AlreadyThere):
        put(tmp_path, FILES)
    with pytest.raises(AlreadyThere):
        put(tmp_path, FILES, force=True)

    assert there(tmp_path) == {}


def test_what_was_replaced_comes_back_when_a_later_file_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/two.sql").write_text("mine")
    replaced = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.name.endswith(".part") and target.name == "two.sql":
            raise OSError("no space left on device")
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", replace)

    with pytest.raises(OSError, match="no space"):
        put(tmp_path, FILES, force=True)

    assert there(tmp_path) == {"a/two.sql": "mine"}
    assert [tmp_path / "a", tmp_path / "a/two.sql"] == sorted(tmp_path.rglob("*"))
