"""A tape gives the records of a CSV file with their lines, or says what is wrong and where."""

import csv
import gzip
import io
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from quantdb.cli.failures import Failure
from quantdb.cli.tape import opened_tape


def records(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    with opened_tape(str(file)) as tape:
        return tape.header, [(tape.line, cells) for cells in tape]


def written(file: Path, content: bytes | str) -> Path:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def failure(file: Path, content: bytes | str) -> str:
    with pytest.raises(Failure) as caught:
        records(written(file, content))
    return str(caught.value).removeprefix(str(file))


def test_each_record_comes_with_the_line_on_which_it_begins(tmp_path: Path) -> None:
    content = 'a,b\n1,2\n"x\ny",3\n\n4,"5\n\n6"\n7,8'

    header, rows = records(written(tmp_path / "f", content))

    assert header == ["a", "b"]
    assert rows == [(2, ["1", "2"]), (3, ["x\ny", "3"]), (6, ["4", "5\n\n6"]), (9, ["7", "8"])]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_cells(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa,b\r\n1,2\r\n"

    assert records(written(tmp_path / "f", content)) == (["a", "b"], [(2, ["1", "2"])])


@pytest.mark.parametrize("name", ["tape.csv", "tape.csv.gz", "tape"])
def test_gzip_is_known_by_its_content_not_by_its_name(tmp_path: Path, name: str) -> None:
    packed = written(tmp_path / name, gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"))

    assert records(packed) == (["a"], [(2, ["1"]), (3, ["2"])])
    assert records(written(tmp_path / name, b"a\n1\n")) == (["a"], [(2, ["1"])])


@given(st.lists(st.lists(texts(1, 12), min_size=2, max_size=2), min_size=1, max_size=8))
def test_whatever_text_a_cell_holds_is_read_back(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(text.getvalue().encode())

    with opened_tape(f"/dev/fd/{reader}") as tape:
        got = [(cells, tape.line) for cells in tape]
        lines = [tape.line_of(number) for number, _row in enumerate(rows, 1)]
    os.close(reader)

    assert [cells for cells, _line in got] == rows
    assert [line for _cells, line in got] == lines
    breaks = ["".join(row).count("\n") for row in rows]
    assert lines == [2 + n + sum(breaks[:n]) for n in range(len(rows))]


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    with opened_tape(str(written(tmp_path / "f", "a\n1\n"))) as tape:
        assert (tape.size, tape.bytes_read) == (4, 4)
    reader, writer = os.pipe()
    os.write(writer, b"a\n1\n")
    os.close(writer)
    with opened_tape(f"/dev/fd/{reader}") as tape:
        assert (tape.size, tape.bytes_read) == (None, 0)
    os.close(reader)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ": is empty"),
        (b"\n\n", ": is empty"),
        (b"\xef\xbb\xbf", ": is empty"),
        (gzip.compress(b""), ": is empty"),
        (b"a,b\n", ": has a header and no rows"),
        (b"a,b\n\n\n", ": has a header and no rows"),
        (b"a,b\n1,2\n1\n", ":3: has 1 cells, but the header has 2"),
        (b'a,b\n"1\n",2\n1,2,3\n', ":4: has 3 cells, but the header has 2"),
        (b"a,b\n1,\xff\n", ":2: is not UTF-8"),
        (b'a,b\n"1\n\xe9",2\n', ":3: is not UTF-8"),
        (b"a\xe9,b\n", ":1: is not UTF-8"),
        (b'a,b\n1,"2\n3,4\n', ":2: a quoted cell is never closed"),
        (b'a,b\n1,"2"x\n', ":2: ',' expected after '\"'"),
        (b"a,b\r1,2\r", ":1: new-line character seen in unquoted field"),
        (b"a\n" + b"x" * (1 << 20) + b"y\n", ":2: a cell of more than 1 MB"),
        (b"a,b\n\x00", ": is no text"),
        (b"PK\x03\x04junk", ": is a ZIP archive"),
        ("a,b\n1,2\n".encode("utf-16"), ": is UTF-16"),
        (b"\x28\xb5\x2f\xfdjunk", ": is compressed by zstd"),
        (b"PAR1junk", ": is a Parquet file"),
        (gzip.compress(gzip.compress(b"a\n1\n")), ": is no text"),
        (b"\x1f\x8bjunk", ": is broken gzip"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_tape_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    assert failure(tmp_path / "f", content).startswith(said)


def test_a_gzip_that_is_cut_anywhere_never_passes_for_whole(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(500)))

    for length in range(2, len(whole)):
        assert "gzip" in failure(tmp_path / "f", whole[:length])


def test_a_gzip_with_a_wrong_byte_never_passes_for_right(tmp_path: Path) -> None:
    rows = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(50))
    whole = gzip.compress(rows)

    for place in range(10, len(whole)):
        spoilt = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        assert failure(tmp_path / "f", spoilt)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened_tape(str(tmp_path / "none")):
        pass


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "f.gz"
    with gzip.open(file, "wb", compresslevel=1) as packed:
        packed.write(b"a,b\n" + b"0123456789,0123456789\n" * 300_000)

    tracemalloc.start()
    with opened_tape(str(file)) as tape:
        rows = sum(1 for _cells in tape)
        _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert rows == 300_000
    assert peak < 3_000_000
