"""One file, one statement: what is read as it stands, and what is refused at import."""

import zipfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from quantdb import ConfigError, Query
from quantdb.sqlfile import SqlFile, first_words, read, sql_folder


def written(folder: Path, text: str | bytes, name: str = "q.sql") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def statement(folder: Path, body: str) -> SqlFile:
    return read(written(folder, f"-- name: q :many\n{body}"))


def refusal(file: Path | Traversable, root: Path | Traversable | None = None) -> str:
    """What is said of a file that cannot be used; it names the file, and nothing was sent."""
    with pytest.raises(ConfigError) as caught:
        read(file, root)
    assert str(file) in str(caught.value)
    return str(caught.value)


# The file.


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no such SQL file" in refusal(tmp_path / "absent.sql")


def test_a_missing_file_fails_where_the_query_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.sql"):
        Query(tmp_path / "absent.sql")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_what_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, b"-- name: q :many\n-- caf\xc3\xa9\nSELECT 'caf\xe9'\n")

    assert f"{file}:3: is not UTF-8" == refusal(file)


def test_utf16_is_refused(tmp_path: Path) -> None:
    assert "UTF-8" in refusal(written(tmp_path, "-- name: q :many\nSELECT 1".encode("utf-16")))


def test_a_byte_order_mark_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, b"\xef\xbb\xbf-- name: q :many\nSELECT 1\n")

    assert "byte-order mark" in refusal(file)


@pytest.mark.parametrize("text", ["", "\n", ";", "-- name: q :many", "-- name: q :many\n"])
def test_a_file_without_a_statement_is_refused(tmp_path: Path, text: str) -> None:
    refusal(written(tmp_path, text))


@pytest.mark.parametrize("body", [";", ";;", "-- comment", "/* SELECT 1 */;", "\n \t\r\n"])
def test_a_header_alone_is_no_statement(tmp_path: Path, body: str) -> None:
    assert "holds no statement" in refusal(written(tmp_path, f"-- name: q :many\n{body}"))


@given(body=texts(max_size=200))
def test_any_text_is_read_unchanged_or_refused_with_its_name(
    tmp_path_factory: pytest.TempPathFactory, body: str
) -> None:
    file = written(tmp_path_factory.getbasetemp(), f"-- name: any :exec\n{body}", "any.sql")

    try:
        sql = read(file)
    except ConfigError:
        refusal(file)
        return

    assert file.read_bytes() == sql.text.encode()
    assert sql.parameters >= 0


@pytest.mark.parametrize(
    "raw",
    [
        b"-- name: q :many\r\n-- note\r\nSELECT $1::text,\r\n  'a\r\nb';\r\n",
        b"-- name: q :many \t\nSELECT\t1  ;  \n\n\n",
        b"-- name: q :many\nSELECT '\xf0\x9f\x98\x80', E'\\r\\n', $$\r$$",
        "-- name: q :many\nSELECT 'e\u0301 \u00e9 \u2028 \ufeff'".encode(),
    ],
)
def test_the_text_is_untouched_byte_for_byte(tmp_path: Path, raw: bytes) -> None:
    assert raw == read(written(tmp_path, raw)).text.encode()


def test_a_file_of_windows_is_read_as_any_other(tmp_path: Path) -> None:
    raw = b"-- name: q :one\r\n-- index: trades_pkey\r\n-- note\r\nSELECT $1, $2;\r\n"

    sql = read(written(tmp_path, raw))

    assert (sql.name, sql.cardinality, sql.parameters, sql.line) == ("q", "one", 2, 4)
    assert sql.indexes == ("trades_pkey",)


# The driver's own words are "invalid message format", when the statement runs.
def test_a_nul_is_refused(tmp_path: Path) -> None:
    refusal(written(tmp_path, "-- name: q :many\nSELECT 1\0"))


def test_the_repr_does_not_repeat_the_text(tmp_path: Path) -> None:
    assert "canary" not in repr(statement(tmp_path, "SELECT 'canary'"))


# The header.


@pytest.mark.parametrize(
    "header",
    [
        "SELECT 1",
        "-- q",
        "-- name: q",
        "-- name: q many",
        "-- name q :many",
        "-- name:q :many",
        "--name: q :many",
        " -- name: q :many",
        "-- name: q : many",
        "-- name: q :many and more",
        "-- name: q :many; SELECT 2",
        "-- Name: q :many",
        "/* name: q :many */",
        "\n-- name: q :many",
    ],
)
def test_the_first_line_must_be_the_header(tmp_path: Path, header: str) -> None:
    said = refusal(written(tmp_path, f"{header}\nSELECT 1"))

    assert "-- name: q :one|:many|:exec|:execrows" in said


@pytest.mark.parametrize("name", ["other", "Q", "q_", "sql"])
def test_the_header_must_name_the_file(tmp_path: Path, name: str) -> None:
    said = refusal(written(tmp_path, f"-- name: {name} :many\nSELECT 1"))

    assert repr(name) in said
    assert "'q'" in said


@pytest.mark.parametrize("word", ["several", "MANY", "One", "execresult", "copyfrom", "execrow"])
def test_an_unknown_cardinality_is_refused(tmp_path: Path, word: str) -> None:
    assert f":{word}" in refusal(written(tmp_path, f"-- name: q :{word}\nSELECT 1"))


@pytest.mark.parametrize("word", ["one", "many", "exec", "execrows"])
def test_the_four_cardinalities_are_known(tmp_path: Path, word: str) -> None:
    assert word == read(written(tmp_path, f"-- name: q :{word}\nSELECT 1")).cardinality


# One statement.


@pytest.mark.parametrize(
    "body",
    [
        "SELECT 1",
        "SELECT 1;",
        "SELECT 1 ; \n",
        "SELECT 1;;",
        "SELECT 1; -- SELECT 2;",
        "SELECT 1; /* SELECT 2; */",
        "/* a; /* b; */ c; */ SELECT 1",
        "/* it's */ SELECT 1",
        "-- it's; \"\n SELECT 1",
        "SELECT 'a;b'",
        "SELECT 'it''s; '",
        "SELECT '--', ';', '/*'",
        "SELECT E'it\\'s; '",
        "SELECT e'\\\\' ';'",
        "SELECT 'a\\'",
        "SELECT E'it''s; '",
        'SELECT 1 AS "a;b"',
        'SELECT 1 AS "a"";b"',
        "SELECT $$a;b$$",
        "SELECT $body$a; $$ ; $other$ ;$body$",
        "SELECT $é$a;b$é$",
        "SELECT U&'\\003B;'",
        "SELECT 1 - -1, 2 / 1, 3 --;\n",
        "DO $$BEGIN PERFORM 1; PERFORM 2; END$$",
        # An E'' text needs no blank before it, and goes on in the same way on a further line.
        "SELECT (E'it\\'s; $1')",
        "SELECT 1,E'it\\'s; $1'",
        "SELECT 'a'||E'\\'; $1'",
        "SELECT a=E'\\'; $1' FROM t",
        "SELECT E'a' -- it's\n '\\'; $1'",
        # Names may contain $, and the $ of one opens no quote.
        "SELECT a$ FROM t",
        "SELECT a$$ FROM t",
        "SELECT a$x$ FROM t",
    ],
)
def test_one_statement_is_one_whatever_its_texts_and_comments_hold(
    tmp_path: Path, body: str
) -> None:
    assert statement(tmp_path, body).parameters == 0


@pytest.mark.parametrize(
    "body",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1;\nSELECT 2;",
        "SELECT 'a'; SELECT 2",
        "SELECT 'a\\'; SELECT 2; --'",
        "SELECT 1; -- c\n/* d */ SELECT 2",
        "SELECT $$a$$; SELECT 2",
        'SELECT "a"; DROP TABLE trades',
        "/* a /* b */ c */ SELECT 1; SELECT 2",
        "BEGIN; COMMIT",
        "SELECT begin atomic; COMMIT",
        # A carriage return ends a -- comment as well.
        "SELECT 1 -- c\r; SELECT 2",
    ],
)
def test_several_statements_are_refused(tmp_path: Path, body: str) -> None:
    assert "a second statement" in refusal(written(tmp_path, f"-- name: q :many\n{body}"))


def test_a_second_statement_is_named_by_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, "-- name: q :many\nSELECT 1;\n\n-- two\nSELECT 2")

    assert refusal(file).startswith(f"{file}:5: ")


@pytest.mark.parametrize(
    "body",
    ["/* never", "/* a /* b */", "SELECT $x$ a $y$", "SELECT $$", "SELECT '", "SELECT E'\\'"],
)
def test_what_is_opened_and_never_closed_is_refused(tmp_path: Path, body: str) -> None:
    assert "never closed" in refusal(written(tmp_path, f"-- name: q :many\n{body}"))


def test_the_line_of_the_statement_and_of_a_position_count_from_one(tmp_path: Path) -> None:
    sql = statement(tmp_path, "-- é😀\n\n  SELECT\n 1")

    assert sql.line == 4
    assert sql.line_of(1) == 1
    assert sql.line_of(sql.text.index("1") + 1) == 5


# Parameters.


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("SELECT 1", 0),
        ("SELECT $1", 1),
        ("SELECT $1, $1", 1),
        ("SELECT $2, $1", 2),
        ("SELECT $1::text||$2", 2),
        ("SELECT a[$1:$2]", 2),
        ("SELECT -$1+$2/$3", 3),
        ("SELECT ($1,$2)", 2),
        ("SELECT $10,$9,$8,$7,$6,$5,$4,$3,$2,$1", 10),
        ("SELECT '$1'", 0),
        ("SELECT E' \\' $1', $1", 1),
        ('SELECT "$1"', 0),
        ("SELECT $$ $1 $$", 0),
        ("SELECT $x$ $1 $x$, $1", 1),
        ("SELECT 1 -- $1", 0),
        ("SELECT 1 /* $1 */", 0),
        ("-- $1 symbol\nSELECT $1", 1),
        ("INSERT INTO t VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING a", 2),
        # a$1 is a name.
        ("SELECT a$1 FROM t", 0),
        ("SELECT é$2, $1::int FROM t", 1),
    ],
)
def test_parameters_are_counted_where_the_server_sees_them(
    tmp_path: Path, body: str, count: int
) -> None:
    assert count == statement(tmp_path, body).parameters


@pytest.mark.parametrize(
    ("body", "given_numbers"),
    [
        ("SELECT $2", "$2"),
        ("SELECT $1, $3", "$1, $3"),
        ("SELECT $0, $1", "$0, $1"),
        ("SELECT $3, '$2', $1 -- $2", "$1, $3"),
    ],
)
def test_a_gap_in_the_parameters_is_refused(tmp_path: Path, body: str, given_numbers: str) -> None:
    said = refusal(written(tmp_path, f"-- name: q :many\n{body}"))

    assert said.endswith(f"there are {given_numbers}")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("", 1),
        ("-- nothing\n;\n", 1),
        ("SELECT 1;\n\nSELECT 2", 4),
        ("SELECT 1,\n  'a\nb", 3),
        ("SELECT 1,\n  E'\\'\nb", 3),
        ('SELECT 1\nAS "a', 3),
        ("SELECT $$a$$,\n\n$x$ b $$", 4),
        ("SELECT 1 /* a\n/* b */", 2),
        ("SELECT 1,\n2 /* a", 3),
        ("SELECT $1,\n$2,\n$4,\n$3,\n$6", 6),
        ("SELECT $3,\n$1,\n$3", 2),
        ("SELECT\n$1,\n$0", 4),
        ("SELECT 1\0", 2),
    ],
)
def test_whatever_is_wrong_is_named_by_its_line(tmp_path: Path, body: str, line: int) -> None:
    file = written(tmp_path, f"-- name: q :many\n{body}")

    assert refusal(file).startswith(f"{file}:{line}: ")


# The folder.


def test_a_path_with_two_dots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    written(tmp_path, "-- name: q :many\nSELECT 1")

    assert "'..'" in refusal(tmp_path / "sub" / ".." / "q.sql")


def test_a_root_lets_two_dots_go_where_they_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    written(tmp_path, "-- name: q :many\nSELECT 1")

    assert read(tmp_path / "sub" / ".." / "q.sql", tmp_path).name == "q"
    assert "outside" in refusal(tmp_path / "sub" / ".." / "q.sql", tmp_path / "sub")


def test_a_file_outside_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "rooted").mkdir()  # begins with the same letters, and is no part of it
    for folder in (tmp_path, tmp_path / "rooted"):
        file = written(folder, "-- name: q :many\nSELECT 1")

        assert "outside" in refusal(file, tmp_path / "root")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    outside = written(tmp_path, "-- name: q :many\nSELECT 1")
    link = tmp_path / "sql" / "q.sql"
    link.symlink_to(outside)

    assert "outside" in refusal(link)
    assert "outside" in refusal(link, tmp_path / "sql")
    assert read(link, tmp_path).name == "q"


def test_a_link_within_the_folder_and_a_link_to_the_folder_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    folder.mkdir()
    real = written(folder, "-- name: q :many\nSELECT 1")
    (folder / "link").symlink_to(real)
    (tmp_path / "elsewhere").symlink_to(folder)

    assert read(tmp_path / "elsewhere" / "q.sql").name == "q"
    assert read(tmp_path / "elsewhere" / "q.sql", folder).name == "q"
    assert "'link'" in refusal(folder / "link")  # its own name counts, as in an import


# Path.resolve raises RuntimeError for a loop until Python 3.12.
def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.sql").symlink_to(tmp_path / "q.sql")

    refusal(tmp_path / "q.sql")


def test_a_relative_path_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "-- name: q :many\nSELECT 1")
    monkeypatch.chdir(tmp_path)

    assert read(Path("q.sql")).name == "q"
    assert read(Path("q.sql"), Path()).name == "q"


# Resources.


def zipped(folder: Path, **entries: str) -> Traversable:
    archive = folder / "package.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, text in entries.items():
            file.writestr(f"sql/{name}.sql", text)
    return zipfile.Path(archive) / "sql"


def test_a_statement_is_read_from_a_zip(tmp_path: Path) -> None:
    folder = zipped(tmp_path, q="-- name: q :one\r\nSELECT $1\r\n")

    sql = read(folder / "q.sql")

    assert (sql.name, sql.cardinality, sql.parameters, sql.line) == ("q", "one", 1, 2)
    assert sql.text == "-- name: q :one\r\nSELECT $1\r\n"
    assert str(tmp_path / "package.zip") in sql.path


def test_a_resource_is_held_to_the_same_rules(tmp_path: Path) -> None:
    folder = zipped(
        tmp_path,
        other="-- name: q :one\nSELECT 1",
        two="-- name: two :one\nSELECT 1; SELECT 2",
    )

    assert "'other'" in refusal(folder / "other.sql")
    assert "a second statement" in refusal(folder / "two.sql")
    assert "no such SQL file" in refusal(folder / "absent.sql")


def test_a_query_takes_a_resource_of_a_package() -> None:
    found = files("quantdb") / ".." / "sql" / "trades" / "get.sql"
    folder = sql_folder()

    assert Query(folder / "trades" / "get.sql").file.name == "get"
    assert isinstance(found, Path)
    assert "'..'" in refusal(found)


# Migrations may hold several statements.


@given(
    words=st.lists(
        st.sampled_from(["SELECT", "CREATE", "begin", "Commit"]), min_size=1, max_size=5
    ),
    between=st.sampled_from([";", " ;\n", "; -- ; x\n", "; /* ; */ ", ";\n;"]),
)
def test_the_first_word_of_each_statement_is_found(words: list[str], between: str) -> None:
    text = between.join(f"{word} ';' , $$;$$" for word in words)

    assert words == [word for _line, word in first_words("m.sql", text)]


def test_the_body_of_a_function_is_no_statement_of_the_migration() -> None:
    body = "SELECT CASE WHEN true THEN 1 END; SELECT 2;"
    text = f"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC {body} END; SELECT 3"

    assert [word for _line, word in first_words("m.sql", text)] == ["CREATE", "SELECT"]


def test_the_own_folder_is_found() -> None:
    assert (sql_folder() / "schema").is_dir()
    assert (sql_folder() / "trades" / "insert.sql").is_file()
