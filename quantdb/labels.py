"""What a statement is called: the same in a trace, in a log and in the server's own views.

``TradeRepo.between`` is the class and the attribute that hold the query; a query that no class
holds is called after its folder and file, ``trades/between``.
"""

import re
from pathlib import PurePath
from typing import Final

import attrs

from quantdb.sqlfile import SqlFile

__all__ = ["Operation", "Tagged", "of_attribute", "of_file", "tagged"]

_LAST: Final = re.compile(r"[^./]*\Z")
# What else a class, a folder or a file may be called could end a comment, or has no place in the
# encoding of some database.
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_./-]")


@attrs.frozen
class Operation:
    """What a call does, for those who watch.

    Attributes:
        name: What it is called.
        file: Its statement; of a method of several, the one that does its work.
    """

    name: str
    file: SqlFile

    def of(self, method: str) -> "Operation":
        """Return the operation of another method that does its work by this statement."""
        return Operation(_LAST.sub(method, self.name, count=1), self.file)


def of_file(file: SqlFile) -> str:
    """Return what a statement is called that no class holds."""
    folder = PurePath(file.path).parent.name
    return f"{folder}/{file.name}" if folder else file.name


def of_attribute(owner: type, attribute: str) -> str:
    """Return what a statement is called that a class holds."""
    mangled = f"_{owner.__name__.lstrip('_')}__"
    return f"{owner.__name__}.{attribute.removeprefix(mangled).lstrip('_')}"


@attrs.frozen
class Tagged:
    """The text of a statement as it is sent: that of its file, and a comment with its name.

    Attributes:
        text: What is sent.
        at: Where the comment begins, from 0.
        length: Its characters.
    """

    text: str
    at: int = 0
    length: int = 0

    def in_file(self, position: int) -> int:
        """Return where a character stands in the file, both from 1."""
        return position if position <= self.at else max(self.at + 1, position - self.length)


def tagged(file: SqlFile, name: str) -> Tagged:
    """Put the name of a statement into its text.

    The comment stands behind the first word: ``pg_stat_statements`` of PostgreSQL 18 drops what
    comes before it, and ``pg_stat_activity`` what comes after the first kilobyte. It begins no
    line, so that each keeps its number, and follows the hints, which an extension looks for in the
    first comment.
    """
    if file.mistake:
        return Tagged("")
    comment = f"/* {_UNFIT.sub('_', name)} */ "
    return Tagged(
        f"{file.text[: file.tag_at]}{comment}{file.text[file.tag_at :]}", file.tag_at, len(comment)
    )
