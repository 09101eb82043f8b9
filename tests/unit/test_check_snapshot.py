"""A snapshot is what a server said, to the last word, and is missed when anything changed."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantdb import ConfigError
from quantdb.check.facts import Column, Facts, PgType, StatementFacts
from quantdb.check.problems import Place, Problem
from quantdb.check.snapshot import changed, loaded, written
from quantdb.sqlfile import sql_folder

NUMERIC: Final = PgType("numeric")
SIDE: Final = PgType("side", "public", "enum", labels=("buy", "sell", 'it\'s, "odd"\n'))
PRICE: Final = PgType("price", "public", "domain", NUMERIC)
LEG: Final = PgType("leg", "my.schema", "composite", attributes=(("side", SIDE), ("at", PRICE)))
TYPES: Final = [
    NUMERIC,
    PgType("numeric[]", kind="array", element=NUMERIC),
    PgType("void", kind="pseudo"),
    SIDE,
    PRICE,
    LEG,
    PgType("leg[]", "my.schema", "array", LEG),
    PgType("prices", "public", "domain", PgType("price[]", "public", "array", PRICE)),
    PgType("tstzrange", kind="range", element=PgType("timestamptz")),
    PgType("numeric", "public", "composite"),
]

types: Final = st.sampled_from(TYPES)
lines: Final = st.integers(1, 9)
maybe: Final = st.sampled_from([True, False, None])
texts: Final = st.text(max_size=9)
places: Final = st.builds(Place, texts, lines, lines, lines)
problems: Final = st.builds(
    Problem,
    places,
    st.sampled_from(["prepare", "index", "nullability"]),
    texts,
    texts,
    st.tuples(places),
    st.sampled_from(["problem", "note"]),
)
columns: Final = st.builds(Column, texts, types, maybe, lines, lines, maybe)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    files = draw(st.lists(texts, unique=True, max_size=3))
    some = st.lists(problems, max_size=2).map(tuple)
    return Facts(
        draw(st.dictionaries(texts, texts, max_size=3)),
        {
            file: StatementFacts(
                file,
                draw(texts),
                tuple(draw(st.lists(types, max_size=3))),
                tuple(draw(st.lists(columns, max_size=3))),
                draw(some),
            )
            for file in files
        },
        draw(some),
    )


@given(said=facts())
def test_what_is_written_is_loaded_again(said: Facts) -> None:
    assert said == loaded(written(said))


@given(said=facts())
def test_the_same_facts_are_the_same_text_in_any_order(said: Facts) -> None:
    turned = Facts(
        dict(reversed(said.schema.items())),
        dict(reversed(said.statements.items())),
        said.problems,
    )

    assert written(said) == written(turned)


def one(*, nullable: bool | None = False, kind: PgType = NUMERIC, checksum: str = "c") -> Facts:
    column = Column("price", kind, nullable, 3, 5)
    other = Column("side", SIDE, False, 3, 12)
    return Facts(
        {"schema/0001_a.sql": "a"},
        {"trades/get.sql": StatementFacts("trades/get.sql", checksum, (NUMERIC,), (column, other))},
    )


def test_a_column_is_a_line_so_that_a_change_is_a_small_difference() -> None:
    before, after = written(one()).splitlines(), written(one(nullable=True)).splitlines()

    assert sum(ours != theirs for ours, theirs in zip(before, after, strict=True)) == 1
    assert before[-1] == "}"


def test_a_type_of_ones_own_stands_there_once() -> None:
    text = written(one(kind=PRICE))

    assert text.count('"buy"') == 1
    assert {"public.price", "public.side"} == json.loads(text)["types"].keys()


def test_nothing_in_it_depends_on_the_database() -> None:
    assert "oid" not in written(one(kind=LEG))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("<<<<<<< ours\n{}\n=======\n", "damaged"),
        ("[" * 100_000, "damaged"),
        ("[]", "no snapshot"),
        ("null", "no snapshot"),
        ('{"name": "package"}', "no snapshot"),
        ('{"quantdb_check": 2}', "version 2"),
        ('{"quantdb_check": "1"}', "whole number"),
        ('{"quantdb_check": 1}', "has no 'types'"),
        ('{"quantdb_check": 1, "types": {}, "schema": [], "statements": {}}', "/schema is not"),
    ],
)
def test_a_damaged_or_foreign_snapshot_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        loaded(text)

    assert "quantdb check --snapshot" in str(caught.value)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ('"nullable": false', '"nullable": "no"', "/columns/0/nullable is not true, false or null"),
        ('"line": 3', '"line": true', "/columns/0/line is not a whole number"),
        ('"kind": "enum"', '"kind": "thing"', "/kind is not one of"),
        ('"checksum": "c"', '"checksums": "c"', "has no 'checksum'"),
        ('"name": "price"', '"name": 1', "/name is not a text"),
        ('"element": null', '"element": "public.side"', "made of itself"),
    ],
)
def test_what_is_damaged_is_named(ours: str, theirs: str, said: str) -> None:
    text = written(one())
    assert ours in text

    with pytest.raises(ConfigError) as caught:
        loaded(text.replace(ours, theirs))

    assert said in str(caught.value)


# Changes since


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(sql_folder() / "schema", tmp_path / "schema")
    shutil.copytree(sql_folder() / "users", tmp_path / "users")
    return tmp_path


def as_it_is(folder: Path) -> Facts:
    """Facts with the checksums of a folder, as `changed` itself names them."""
    nothing = changed(Facts({}, {}), folder)
    assert nothing
    schema: dict[str, str] = {}
    statements: dict[str, StatementFacts] = {}
    for problem in nothing:
        file = problem.place.file
        raw = (folder / file).read_bytes()
        digest = _sha256(raw)
        if file.startswith("schema/"):
            schema[file] = digest
        else:
            statements[file] = StatementFacts(file, digest)
    return Facts(schema, statements)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


def test_an_untouched_folder_is_no_change(folder: Path) -> None:
    assert changed(as_it_is(folder), folder) == []


def test_line_ends_of_windows_are_no_change(folder: Path) -> None:
    said = as_it_is(folder)
    for file in folder.rglob("*.sql"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert changed(said, folder) == []


@pytest.mark.parametrize("file", ["users/get.sql", "schema/0001_users.sql"])
def test_a_file_that_was_changed_is_a_problem_of_that_file(folder: Path, file: str) -> None:
    said = as_it_is(folder)
    with (folder / file).open("a") as opened:
        opened.write("-- more\n")

    [problem] = changed(said, folder)

    assert (Place(file), "snapshot") == (problem.place, problem.rule)
    assert "changed" in problem.message
    assert "quantdb check --snapshot" in problem.hint


@pytest.mark.parametrize("file", ["users/get.sql", "schema/0003_prices.sql"])
def test_a_file_that_is_gone_is_a_problem(folder: Path, file: str) -> None:
    said = as_it_is(folder)
    (folder / file).unlink()

    [problem] = changed(said, folder)

    assert Place(file) == problem.place
    assert "gone" in problem.message


@pytest.mark.parametrize("file", ["users/more.sql", "schema/0009_more.sql", "deep/er/x.sql"])
def test_a_new_file_is_a_problem_whatever_it_holds(folder: Path, file: str) -> None:
    said = as_it_is(folder)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text("no header")

    [problem] = changed(said, folder)

    assert Place(file) == problem.place
    assert "new" in problem.message


def test_a_checksum_that_moved_to_another_file_is_no_match(folder: Path) -> None:
    said = as_it_is(folder)
    moved = attrs.evolve(said.statements["users/get.sql"], file="users/got.sql")
    del said.statements["users/get.sql"]
    said.statements["users/got.sql"] = moved

    found = [problem.place.file for problem in changed(said, folder)]
    assert found == ["users/get.sql", "users/got.sql"]
