"""A file that is there whole or not at all."""

import gzip
import os
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import RawIOBase
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from quantdb.cli.failures import Failure

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ReaderGone", "Sink", "opened_sink"]


class ReaderGone(Failure):
    """Nobody reads the standard output any more, as behind ``| head``."""


class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Sink:
    """Takes text, or bytes.

    Attributes:
        size: Bytes that were written, before they were packed.
    """

    def __init__(self, target: _Writable) -> None:
        self._target = target
        self.size = 0

    def write(self, text: str) -> None:
        """Write text in UTF-8.

        Raises:
            ReaderGone: Nobody reads the standard output any more.
        """
        self.put(text.encode())

    def binary(self) -> "_Counted":
        """Return a file for whoever writes bytes; what is written counts."""
        return _Counted(self)

    def put(self, data: bytes) -> None:
        """Write bytes; raises as `write`."""
        self.size += len(data)
        try:
            self._target.write(data)
        except BrokenPipeError as error:
            raise _reader_gone() from error

    def flush(self) -> None:
        """Have all that was written on its way; raises as `write`."""
        try:
            self._target.flush()
        except BrokenPipeError as error:
            raise _reader_gone() from error


class _Counted(RawIOBase):
    """A sink as a file that is written from its beginning to its end."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer", /) -> int:
        written = bytes(data)
        self._sink.put(written)
        return len(written)

    def tell(self) -> int:
        return self._sink.size


def _reader_gone() -> ReaderGone:
    """Make the error, which to the database's side must not look like a lost connection."""
    # Else the interpreter complains when it flushes what is left at its end.
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return ReaderGone("nobody reads the output any more")


@contextmanager
def opened_sink(file: str, *, force: bool) -> Generator[Sink, None, None]:
    """Give a sink; what was written is at *file* only once the block has ended well.

    It is written beside *file*, and then takes its name. It is gzipped if *file* ends in ``.gz``.
    ``-`` is the standard output.

    Raises:
        Failure: *file* exists and *force* is not given, or it is no regular file.
        OSError: It cannot be written.
    """
    if file == "-":
        sink = Sink(sys.stdout.buffer)
        yield sink
        sink.flush()
        return
    target = Path(file).resolve()
    _refuse(target, file, force=force)
    part = target.with_name(f".{target.name}.{token_hex(4)}.part")
    with part.open("xb") as raw:
        try:
            packed: AbstractContextManager[_Writable] = nullcontext(raw)
            if target.suffix == ".gz":
                # Neither a name nor a time inside: the same rows are the same bytes.
                packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)
            with packed as writable:
                yield Sink(writable)
            raw.flush()
            os.fsync(raw.fileno())
            _refuse(target, file, force=force)  # somebody else may have made it meanwhile
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _refuse(target: Path, file: str, *, force: bool) -> None:
    if not target.parent.is_dir():
        raise Failure(f"{file}: there is no folder {target.parent}")
    if target.exists():
        if not target.is_file():
            raise Failure(f"{file}: is no regular file; the standard output is -")
        if not force:
            raise Failure(f"{file}: exists; --force overwrites it")
