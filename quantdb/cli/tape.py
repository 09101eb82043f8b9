"""A CSV file, plain or gzipped, read record by record in constant memory."""

import csv
import gzip
import io
import os
import stat
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

from quantdb.cli.failures import Failure

__all__ = ["Tape", "opened_tape"]

_NOTHING: Final[list[str]] = []
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_BUFFER: Final = 1 << 18
# Room for the longest number that PostgreSQL holds, which has 147 456 characters.
_LONGEST_CELL: Final = 1 << 20
_LONGEST_LINE: Final = 1 << 24

# What Python's csv module says in words of its own.
_CSV_ERRORS: Final = {
    "unexpected end of data": "a quoted cell is never closed",
    f"field larger than field limit ({_LONGEST_CELL})": "a cell of more than 1 MB: a quote open?",
}

_OTHERS: Final = {
    b"PK\x03\x04": "a ZIP archive (or a spreadsheet)",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\xfd7zXZ": "compressed by xz",
    b"BZh": "compressed by bzip2",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class Tape:
    """The records of a CSV file with a header, each of as many cells as the header.

    Attributes:
        name: The file, for messages.
        header: The names of the columns.
        rows: How many records were read so far, the header not counted.
        line: The line, from 1, on which the last of them begins: a record may span lines.
        size: Bytes of the file; None when nobody knows, as for a pipe.
    """

    def __init__(self, name: str, raw: io.FileIO, size: int | None) -> None:
        self.name = name
        self.size = size
        self.rows = 0
        self.line = 0
        self._raw = raw
        # Only where the distance between row and line changes: mostly once, after the header.
        self._began = array("Q", [0])
        self._distance = array("q", [0])
        buffered = io.BufferedReader(raw, _BUFFER)
        packed = buffered.peek(len(_GZIP)).startswith(_GZIP)
        # GzipFile alone reads lines in Python.
        self._bytes = (
            io.BufferedReader(gzip.GzipFile(fileobj=buffered), _BUFFER) if packed else buffered
        )
        self._records = self._read()
        self.header = next(self._records, _NOTHING)
        if not self.header:
            raise Failure(f"{name}: is empty; the first line must name the columns")

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file were read, packed ones if it is packed; 0 for a pipe."""
        return self._raw.tell() if self.size is not None else 0

    def __iter__(self) -> Iterator[list[str]]:
        """Give the cells of each record."""
        width = len(self.header)
        for cells in self._records:
            self.rows += 1
            if len(cells) != width:
                raise Failure(
                    f"{self.name}:{self.line}: has {len(cells)} cells, but the header has {width}"
                )
            if self.line - self.rows != self._distance[-1]:
                self._began.append(self.rows)
                self._distance.append(self.line - self.rows)
            yield cells
        if not self.rows:
            raise Failure(f"{self.name}: has a header and no rows")

    def line_of(self, row: int) -> int:
        """Return the line on which the record *row*, from 1, begins."""
        return row + self._distance[bisect_right(self._began, row) - 1]

    def _read(self) -> Iterator[list[str]]:
        csv.field_size_limit(_LONGEST_CELL)
        reader = csv.reader(self._lines(), strict=True)
        ended = 0
        try:
            for cells in reader:
                if cells:  # an empty line is no record
                    self.line = ended + 1
                    yield cells
                ended = reader.line_num
        except UnicodeDecodeError as error:
            # The record may have begun on an earlier line than the one that cannot be read.
            raise Failure(f"{self.name}:{reader.line_num + 1}: is not UTF-8") from error
        except csv.Error as error:
            said = _CSV_ERRORS.get(str(error), str(error))
            raise Failure(f"{self.name}:{ended + 1}: {said}") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            # An EOFError must not get out: to the database's side it is a lost connection.
            raise Failure(f"{self.name}: is broken gzip, after line {ended}: {error}") from error

    def _lines(self) -> Iterator[str]:
        start = self._bytes.peek(_BUFFER)
        for magic, what in _OTHERS.items():
            if start.startswith(magic):
                raise Failure(f"{self.name}: is {what}; quantdb reads CSV in UTF-8, or gzipped")
        if b"\0" in start:
            raise Failure(f"{self.name}: is no text; quantdb reads CSV in UTF-8, or gzipped")
        yield self._bytes.readline(_LONGEST_LINE).removeprefix(_BOM).decode()
        while line := self._bytes.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise Failure(f"{self.name}: has a line of more than {_LONGEST_LINE >> 20} MB")
            yield line.decode()


@contextmanager
def opened_tape(file: str) -> Generator[Tape, None, None]:
    """Open a CSV file; ``-`` is the standard input.

    Raises:
        Failure: It is no CSV file with a header.
        OSError: It cannot be read.
    """
    piped = file == "-"
    with io.FileIO(sys.stdin.fileno() if piped else file, closefd=not piped) as raw:
        status = os.fstat(raw.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        yield Tape("standard input" if piped else file, raw, size)
