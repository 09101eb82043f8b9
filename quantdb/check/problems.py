"""What `quantdb check` finds: a problem, where it is, and what to do."""

from typing import Literal

import attrs

__all__ = ["Place", "Problem", "Rule", "Severity"]

Rule = Literal[
    "after",
    "annotation",
    "arguments",
    "cardinality",
    "columns",
    "file",
    "float-money",
    "import",
    "index",
    "nullability",
    "numeric-scale",
    "parameters",
    "prepare",
    "schema",
    "select-star",
    "session-set",
    "snapshot",
    "timestamp",
    "unused",
    "write-in-read",
]
"""What a problem is about; ``-- allow: <rule>`` in a file says that a hazard there is meant."""

Severity = Literal["problem", "note"]
"""A note is for what cannot be known; only a problem makes the check fail."""


@attrs.frozen(order=True)
class Place:
    """A place in a file.

    Attributes:
        file: Its path.
        line: The line, from 1.
        column: The character in that line, from 1.
        width: How many characters are meant.
    """

    file: str
    line: int = 1
    column: int = 1
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@attrs.frozen
class Problem:
    """Something that is wrong with a statement, or with the code that uses it.

    Attributes:
        place: Where to correct it.
        rule: What it is about.
        message: What is wrong, in a sentence.
        hint: What to do.
        related: Other places that matter: the field that a column fills, a caller.
        severity: Whether it makes the check fail.
    """

    place: Place
    rule: Rule
    message: str
    hint: str = ""
    related: tuple[Place, ...] = ()
    severity: Severity = "problem"
