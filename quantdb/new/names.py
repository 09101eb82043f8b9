"""Names: from those of the database to those of Python, and back into statements."""

import builtins
import keyword
import re
import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, count
from typing import Final

from quantdb.new.layout import width

__all__ = [
    "camel",
    "field_names",
    "folder_name",
    "in_quotes",
    "is_class",
    "is_field",
    "is_module",
    "module_name",
    "quoted",
    "singular",
    "snake",
    "with_article",
]

_LONGEST: Final = 30
"""Letters of the names of classes and modules, so that lines with them are not too long."""

_LONGEST_FIELD: Final = 38
"""The same for a field, which stands in longer lines."""

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")

# What a field cannot be called: the first argument of every method, and names that look like
# others (pycodestyle E741).
_NO_FIELDS: Final = frozenset({"self", "l"})
_NO_CLASSES: Final = frozenset({"I", "O", "l"})


def quoted(name: str, reserved: Collection[str]) -> str:
    """Return a name as a statement has it: in quotes if it must be."""
    return name if _PLAIN.fullmatch(name) and name not in reserved else in_quotes(name)


def in_quotes(name: str) -> str:
    """Return a name as a statement has it, in quotes."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def field_names(columns: Sequence[str]) -> dict[str, str]:
    """Return what each column is called in Python: as it is, if that is a good name.

    None is called as another column is: what a statement orders by would be ambiguous.
    """
    given = {column: column for column in columns if is_field(column)}
    for column in columns:
        if column not in given:
            taken = {*columns, *given.values()}
            name = snake(column)[: _LONGEST_FIELD - 2].rstrip("_")
            given[column] = _free(name or "column", taken)
    return {column: given[column] for column in columns}


def is_field(name: str) -> bool:
    """Tell whether a field, or a variable, may have that name."""
    return (
        name.isidentifier()
        and width(name) <= _LONGEST_FIELD
        and not name.startswith("_")
        and name == name.lower() == unicodedata.normalize("NFKC", name)
        and not keyword.iskeyword(name)
        and name not in _NO_FIELDS
    )


def _free(name: str, taken: Collection[str]) -> str:
    if name not in taken and is_field(name):
        return name
    others = chain([f"{name}_"], (f"{name}_{number}" for number in count(2)))
    return next(other for other in others if other not in taken)


def snake(name: str, before_digits: str = "column") -> str:
    """Return a name in lower case, words joined by underscores; empty if it has no letters."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    # Some letters have no lower case until they are normalised ("ᴶ"), others need it again.
    lower = unicodedata.normalize("NFKC", spaced).lower()
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", lower))
    joined = "_".join(words)
    if joined[:1].isdigit():
        joined = f"{before_digits}_{joined}"
    return joined if joined.isidentifier() else ""


def camel(name: str) -> str:
    """Return a name as that of a class; empty if it has no letters."""
    words = snake(name, "of").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)[:_LONGEST]


def is_class(name: str) -> bool:
    """Tell whether a class may have that name, and hides nothing of Python's own."""
    return (
        name.isidentifier()
        and not name.startswith("_")
        and not keyword.iskeyword(name)
        and not hasattr(builtins, name)
        and name not in _NO_CLASSES
    )


# Nouns that are not made singular by the rules below.
_SINGULARS: Final[Mapping[str, str]] = {
    "aliases": "alias",
    "analyses": "analysis",
    "axes": "axis",
    "bases": "basis",
    "biases": "bias",
    "caches": "cache",
    "calories": "calorie",
    "children": "child",
    "cookies": "cookie",
    "crises": "crisis",
    "gases": "gas",
    "halves": "half",
    "indices": "index",
    "leaves": "leaf",
    "lives": "life",
    "matrices": "matrix",
    "men": "man",
    "movies": "movie",
    "people": "person",
    "quizzes": "quiz",
    "shelves": "shelf",
    "ties": "tie",
    "vertices": "vertex",
    "women": "woman",
}
_SAME: Final = frozenset(
    {"alias", "atlas", "bias", "canvas", "gas", "lens", "news", "series", "species"}
)


def singular(noun: str) -> str:
    """Return a word, or the last of several joined by underscores, in the singular."""
    before, joint, last = noun.rpartition("_")
    return f"{before}{joint}{_singular(last)}"


def _singular(noun: str) -> str:
    if noun in _SINGULARS:
        return _SINGULARS[noun]
    if noun in _SAME or not noun.endswith("s") or noun.endswith(("ss", "us", "is")):
        return noun
    if noun.endswith("ies") and len(noun) > len("pies"):
        return f"{noun[:-3]}y"
    if noun.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return noun[:-2]
    # Statuses and bonuses, but not causes and houses.
    if re.search(r"[^aeiou]uses$", noun) and len(noun) > len("muses"):
        return noun[:-2]
    return noun[:-1] if len(noun) > 1 else noun


def with_article(noun: str) -> str:
    """Return a noun with its article."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def folder_name(table: str) -> str:
    """Return what the folder of a table's statements is called."""
    name = snake(table, "table")[:_LONGEST].rstrip("_")
    return name if name.isascii() and name else "a_table"


def module_name(table: str) -> str:
    """Return what the package of a table is called: as the table, if that is a good name."""
    name = folder_name(table)
    return name if is_module(name) else f"{name}_db"


def is_module(name: str) -> bool:
    """Tell whether a package may have that name, and hides none that is needed."""
    return (
        re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None
        and not keyword.iskeyword(name)
        and name not in sys.stdlib_module_names
        and name not in _NEEDED
    )


_NEEDED: Final = frozenset({"asyncpg", "attr", "attrs", "conftest", "pytest", "quantdb", "tests"})
