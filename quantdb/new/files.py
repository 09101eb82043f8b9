"""Write several files: all of them, or none."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from quantdb.errors import QuantDBError

__all__ = ["AlreadyThere", "put"]


class AlreadyThere(QuantDBError):
    """Files are there already, and nothing was written."""


def put(folder: Path, files: Mapping[str, str], *, force: bool = False) -> None:
    """Write files below a folder, all of them or none.

    Args:
        folder: Is made if need be.
        files: Their texts, by path.
        force: Whether files that are there are overwritten.

    Raises:
        AlreadyThere: Some are there and *force* is not given, or one is no file.
        OSError: One cannot be written; all is as it was.
    """
    there = [folder / name for name in files if os.path.lexists(folder / name)]
    in_the_way = [str(each) for each in there if not force or not each.is_file()]
    if in_the_way:
        raise AlreadyThere(f"nothing was written; there already: {', '.join(in_the_way)}")
    batch = _Batch({folder / name: text for name, text in files.items()})
    try:
        batch.write()
    except BaseException:
        batch.undo()
        raise
    batch.tidy()


class _Batch:
    """Files that take the place of others all at once, or nearly, or not at all."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        mark = token_hex(4)
        self._texts = texts
        self._parts = {target: _beside(target, f"{mark}.part") for target in texts}
        self._old = {target: _beside(target, f"{mark}.old") for target in texts}
        self._made: list[Path] = []
        self._put: list[Path] = []

    def write(self) -> None:
        """Write every file beside its place, and then have each take its place."""
        for target, text in self._texts.items():
            self._made += _made(target.parent)
            self._parts[target].write_text(text, encoding="utf-8", newline="\n")
        for target, part in self._parts.items():
            if os.path.lexists(target):
                target.replace(self._old[target])
            part.replace(target)
            self._put.append(target)

    def undo(self) -> None:
        """Have all be as it was."""
        for target in self._put:
            target.unlink(missing_ok=True)
        for target, part in self._parts.items():
            if os.path.lexists(part):
                part.unlink()
            if os.path.lexists(self._old[target]):
                self._old[target].replace(target)
        for folder in reversed(self._made):
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()

    def tidy(self) -> None:
        """Remove what was replaced."""
        for old in self._old.values():
            old.unlink(missing_ok=True)


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{suffix}")


def _made(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the ones that were not there, outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing
