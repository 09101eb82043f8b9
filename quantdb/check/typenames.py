"""The types that a statement names: in casts, in texts of a type, and in lists of columns."""

from collections.abc import Iterator
from typing import Final

import attrs

from quantdb.check.source import Source

__all__ = ["Mention", "TypeName", "mentions", "operand", "type_name"]

# What the grammar knows the types by that hazards are about, and what the catalogue calls them.
_NAMES: Final = {"dec": "numeric", "decimal": "numeric", "real": "float4"}
_DOUBTFUL: Final = frozenset({"float4", "float8", "money", "numeric", "timestamp"})
_FUNCTIONS: Final = frozenset({"float4", "float8", "money"})
_TEXTS: Final = frozenset({"quoted", "escaped", "dollar"})
_VERBS: Final = frozenset({"select", "insert", "update", "delete", "merge", "values", "with"})
_LONGEST_SHOWN: Final = 40
_MOST_DIGITS_OF_FLOAT4: Final = 24


@attrs.frozen
class TypeName:
    """A type as a statement names it.

    Attributes:
        name: Its name in the catalogue (``double precision`` is ``float8``).
        limited: Whether a modifier limits it, as the (10,2) of ``numeric(10,2)``.
        begin: The first of its tokens.
        end: The token after the last.
    """

    name: str
    limited: bool
    begin: int
    end: int


@attrs.frozen
class Mention:
    """A place where a value becomes of a type.

    Attributes:
        type: The type.
        begin: The first token of the value and the type, or of ``CAST``.
        end: The token after both.
    """

    type: TypeName
    begin: int
    end: int

    @property
    def value(self) -> list[int]:
        """The tokens of the value, brackets included."""
        numbers = range(self.begin, self.end)
        return [number for number in numbers if not self.type.begin <= number < self.type.end]

    def shown(self, source: Source) -> str:
        """Return the value as it stands, if that is short; else what stands for it."""
        first = self.begin + 2 if source.word(self.begin) == "cast" else self.begin
        last = self.type.begin - 2  # before :: or AS
        if first > last:
            return source.name(first) if first < self.type.begin else "a value"
        text = " ".join(source.text[source.tokens[first].at : source.tokens[last].end].split())
        return text if len(text) <= _LONGEST_SHOWN else "a value"


def type_name(source: Source, number: int) -> TypeName | None:
    """Return the type that is named from token *number* on; None if none is."""
    begin = number
    if source.word(number) == "setof":
        number += 1
    while source.sign(number + 1) == "." and source.name(number):
        number += 2
    word, quoted = source.word(number), source.name(number)
    if not quoted:
        return None
    end, name, limited = number + 1, _NAMES.get(word, quoted), False
    if (word, source.word(end)) in {("double", "precision"), ("character", "varying")}:
        end, name = end + 1, {"double": "float8"}.get(word, "varchar")
    modifier = source.closing.get(end) if source.sign(end) == "(" else None
    if modifier is not None:
        limited = name == "numeric"
        name = _float(source, end) if word == "float" else name
        end = modifier + 1
    elif word == "float":
        name = "float8"
    if word in {"timestamp", "time"} and source.word(end) in {"with", "without"}:
        name += "tz" if source.word(end) == "with" else ""
        end += 3
    while source.sign(end) == "[" or source.word(end) == "array":
        end = source.after(end)
    return TypeName(name, limited, begin, end)


def _float(source: Source, bracket: int) -> str:
    digits = source.tokens[bracket + 1].text
    small = digits.isdecimal() and int(digits) <= _MOST_DIGITS_OF_FLOAT4
    return "float4" if small else "float8"


def mentions(source: Source) -> Iterator[Mention]:
    """Give every place where a value is made of a type, in order."""
    for number in range(len(source.tokens)):
        if source.sign(number) == "::":
            named = type_name(source, number + 1)
            if named is not None:
                yield Mention(named, operand(source, number), named.end)
        elif source.word(number) == "cast" and source.sign(number + 1) == "(":
            yield from _cast(source, number)
        elif source.word(number) in {"as", "columns"}:
            yield from _listed(source, number)
        elif source.word(number) == "returning" and _is_within_json(source, number):
            named = type_name(source, number + 1)
            if named is not None:
                yield Mention(named, named.begin, named.end)
        else:
            yield from _text_or_function(source, number)


def operand(source: Source, number: int) -> int:
    """Return the first token of the value to which the ``::`` at token *number* belongs."""
    first = _primary(source, number - 1)
    while source.sign(first - 1) == "::":
        first = _primary(source, first - 2)
    return first


def _primary(source: Source, last: int) -> int:
    """Return the first token of the value that ends with token *last*."""
    first = last
    while source.sign(first) == "]":
        first = source.opening(first) - 1
    if source.word(first) == "end":
        return _case(source, first)
    if source.sign(first) == ")":
        first = source.opening(first)
        if source.word(first - 1) in {"over", "filter"}:
            return _primary(source, first - 2)
        if (source.word(first - 2), source.word(first - 1)) == ("within", "group"):
            return _primary(source, first - 3)
        return _dotted(source, first - 1) if source.name(first - 1) else first
    if source.word(first - 1) == "over":
        return _primary(source, first - 2)
    if (source.word(first - 1), source.word(first)) == ("double", "precision"):
        return first - 1
    return max(_dotted(source, first), 0)


def _dotted(source: Source, number: int) -> int:
    """Return the first token of the name, such as ``t.price``, that ends with token *number*."""
    while source.sign(number - 1) == "." and source.name(number - 2):
        number -= 2
    return number


def _case(source: Source, number: int) -> int:
    depth = 0
    while number >= 0:
        depth += {"end": 1, "case": -1}.get(source.word(number), 0)
        if not depth:
            return number
        number -= 1
    return 0


def _cast(source: Source, number: int) -> Iterator[Mention]:
    """Give the type of ``CAST(value AS type)``."""
    close = source.closing.get(number + 1)
    if close is None:
        return
    at, last = number + 2, None
    while at < close:
        last = at if source.word(at) == "as" else last
        at = source.after(at)
    named = type_name(source, last + 1) if last is not None else None
    if named is not None:
        yield Mention(named, number, close + 1)


def _listed(source: Source, number: int) -> Iterator[Mention]:
    """Give the types of ``AS t (a type, …)`` and ``COLUMNS (a type …)``."""
    opening = number + 1 if source.sign(number + 1) == "(" else number + 2
    close = source.closing.get(opening) if source.sign(opening) == "(" else None
    if close is None or source.word(opening + 1) in _VERBS:
        return
    for begin, end in source.split(opening + 1, close):
        named = type_name(source, begin + 1) if end - begin > 1 and source.name(begin) else None
        if named is not None:
            yield Mention(named, begin, named.end)


def _is_within_json(source: Source, number: int) -> bool:
    return any(
        first < number < last and source.word(first - 1).startswith("json")
        for first, last in source.closing.items()
    )


def _text_or_function(source: Source, number: int) -> Iterator[Mention]:
    """Give the type of ``float8 '0.1'`` and of ``float8(price)``."""
    if source.sign(number - 1) in {".", "::"} or source.word(number - 1) in {"as", "precision"}:
        return
    named = type_name(source, number)
    if named is None or named.name not in _DOUBTFUL:
        return
    if named.end < len(source.tokens) and source.tokens[named.end].kind in _TEXTS:
        yield Mention(named, number, named.end + 1)
        return
    called = number + 2 if source.sign(number + 1) == "." else number
    is_call = source.sign(called + 1) == "(" and source.name(called) == named.name
    # Unquoted, the brackets of numeric(…) and timestamp(…) are those of a modifier.
    if is_call and (source.tokens[called].kind == "name" or named.name in _FUNCTIONS):
        function = TypeName(named.name, limited=False, begin=number, end=called + 1)
        yield Mention(function, number, named.end)
