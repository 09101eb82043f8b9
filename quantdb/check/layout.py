"""Where SQL files are: the folder that holds the statements, and the schema that it builds on."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["folder_of", "schema_folder"]

_MIGRATION: Final = re.compile(r"\d{4}_\w+\.sql")
_PROJECT: Final = ("pyproject.toml", "setup.py", ".git")


def schema_folder(folder: Path) -> Path:
    """Return the folder of the migrations that the statements in *folder* build on.

    It is called ``schema`` and is in *folder*, or else beside it or above, in the same project. If
    there is none, what is returned does not exist.
    """
    inside = folder / "schema"
    if inside.exists():
        return inside
    whole = folder.absolute()
    for above in _above(whole):
        if above != whole and _has_migrations(above / "schema"):
            return above / "schema"
    return inside


def folder_of(files: Iterable[Path]) -> Path:
    """Return the folder to check for a repository that has statements in *files*.

    It is the one that holds all of them. Where that is a part of a folder that has the schema, and
    no code, it is that folder, or else the part of it that has no code.
    """
    common = Path(os.path.commonpath({file.absolute().parent for file in files}))
    highest = common
    for above in _above(common):
        if _has_code(above):
            break
        highest = above
        if _has_migrations(above / "schema"):
            return above
    return highest if _has_migrations(highest.parent / "schema") else common


def _above(folder: Path) -> Iterable[Path]:
    """Give *folder* and what is above it, up to the top of the project."""
    for each in (folder, *folder.parents):
        yield each
        if any((each / name).exists() for name in _PROJECT):
            return


def _has_migrations(folder: Path) -> bool:
    return any(_MIGRATION.fullmatch(file.name) for file in folder.glob("*.sql"))


def _has_code(folder: Path) -> bool:
    return any((folder / name).exists() for name in _PROJECT) or any(folder.glob("*.py"))
