"""What a statement, or a column of the schema, does that loses something without a word.

Each hazard has the place that causes it, and each can be meant: ``-- allow: <rule>`` in the file.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from quantdb.check.clauses import settings, stars, writes
from quantdb.check.definitions import Definition, definitions, standing
from quantdb.check.facts import Column, PgType
from quantdb.check.findings import inexact, rounding, zoneless
from quantdb.check.floats import about_money
from quantdb.check.money import is_monetary, is_statistic
from quantdb.check.places import columns
from quantdb.check.problems import Place, Problem, Rule
from quantdb.check.source import Source
from quantdb.check.typenames import Mention, mentions

__all__ = ["Statement", "covered", "hazards", "of_definitions", "of_text"]

_FLOATS: Final = frozenset({"float4", "float8", "money"})
_WITHOUT_ZONE: Final = frozenset({"timestamp", "tsrange", "tsmultirange"})


@attrs.frozen
class Statement:
    """A statement and what the server says of it.

    Attributes:
        source: Its tokens.
        names: What its comment calls ``$1 … $n``; empty unless it names all.
        reads: Whether it is one that is read by.
        parameters: The types of ``$1 … $n``.
        columns: The columns that it returns.
        rounds: Whether it makes a float of a numeric that is no constant, or stores a float as one.
        covered: The columns of what it reads that a finding, or an ``allow``, is about already.
    """

    source: Source
    names: Sequence[str] = ()
    reads: bool = False
    parameters: Sequence[PgType] = ()
    columns: Sequence[Column] = ()
    rounds: bool = False
    covered: frozenset[tuple[Rule, str]] = frozenset()


def hazards(statement: Statement) -> list[Problem]:
    """Return the hazards of a statement, whether its file allows them or not."""
    source = statement.source
    defined = standing(definitions(source))
    # What DDL defines is looked at as such; all else that names a type makes a value of it.
    named = [] if defined else list(mentions(source))
    return [
        *stars(source),
        *settings(source),
        *(writes(source) if statement.reads else ()),
        *of_definitions(defined),
        *_limits(source, named),
        *(_times(source, named) or _typed_times(statement)),
        *(_floats(statement, named) or _typed_floats(statement, named)),
    ]


def of_text(source: Source) -> list[Problem]:
    """Return the hazards that the text of a view shows."""
    named = list(mentions(source))
    floats = _floats(Statement(source), named)
    return [*_limits(source, named), *_times(source, named), *floats]


def of_definitions(found: Sequence[Definition]) -> list[Problem]:
    """Return the hazards of columns, domains and attributes by their types."""
    return [problem for each in found for problem in _of_definition(each)]


def _of_definition(each: Definition) -> Iterator[Problem]:
    if each.type is None:
        return
    named, what = each.type, each.column or each.table
    place = each.source.place(each.type.begin, each.type.end - 1)
    if named.limited:
        yield rounding(place, what)
    if named.name in _WITHOUT_ZONE:
        yield zoneless(place, f"{what} is {named.name}, without a time zone")
    if named.name == "money" or (named.name in _FLOATS and is_monetary(what)):
        yield inexact(place, what, f"is {named.name}")


def covered(defined: Sequence[Definition]) -> frozenset[tuple[Rule, str]]:
    """Return the columns that have a hazard, or are of a domain or a composite that has one."""
    found = set[tuple[Rule, str]]()
    for each in defined:
        for problem in of_definitions([each]):
            found.add((problem.rule, each.column or each.table))
            found.add((problem.rule, each.table))  # a composite, if it is one
    for each in defined:
        for rule, name in tuple(found):
            if each.type is not None and each.type.name == name:
                found.add((rule, each.column))
    tables = {each.table for each in defined if each.column}
    return frozenset((rule, name) for rule, name in found if name not in tables)


def _limits(source: Source, named: Sequence[Mention]) -> list[Problem]:
    return [
        rounding(_place_of_type(source, mention), mention.shown(source))
        for mention in named
        if mention.type.limited
    ]


def _times(source: Source, named: Sequence[Mention]) -> list[Problem]:
    found = [
        zoneless(_place_of_type(source, mention), f"{mention.type.name} has no time zone")
        for mention in named
        if mention.type.name in _WITHOUT_ZONE
    ]
    for number in range(len(source.tokens)):
        called = source.word(number) == "localtimestamp" and source.word(number - 1) != "as"
        if called and "." not in {source.sign(number - 1), source.sign(number + 1)}:
            found.append(zoneless(source.place(number), "localtimestamp has no time zone"))
    return found


def _typed_times(statement: Statement) -> list[Problem]:
    """Return the timestamps that only the server's types show."""
    if _is_covered(statement, "timestamp"):
        return []
    return [
        zoneless(place, f"{name} is a timestamp without time zone")
        for name, kind, place in _typed(statement)
        if _holds(kind, _WITHOUT_ZONE)
    ]


def _floats(statement: Statement, named: Sequence[Mention]) -> list[Problem]:
    source = statement.source
    casts = [mention for mention in named if mention.type.name in _FLOATS]
    return [
        inexact(
            _place_of_type(source, mention),
            mention.shown(source),
            f"becomes {mention.type.name}",
        )
        for mention in about_money(source, casts, statement.names, rounds=statement.rounds)
    ]


def _typed_floats(statement: Statement, named: Sequence[Mention]) -> list[Problem]:
    """Return the money in floats that only the server's types show."""
    if _is_covered(statement, "float-money"):
        return []
    typed = [each for each in _typed(statement) if _holds(each[1], _FLOATS)]
    found = [
        inexact(place, name, f"is {kind.name}")
        for name, kind, place in typed
        if is_monetary(name) or _holds(kind, frozenset({"money"}))
    ]
    # A cast that was looked at, and left, is why a numeric becomes a float.
    if found or not statement.rounds or any(each.type.name in _FLOATS for each in named):
        return found
    doubtful = [place for name, _kind, place in typed if not is_statistic(name)]
    if not typed:
        doubtful = [statement.source.place(0)]
    return [inexact(place, "a numeric", "becomes a float here") for place in doubtful[-1:]]


def _place_of_type(source: Source, mention: Mention) -> Place:
    return source.place(mention.type.begin, mention.type.end - 1)


def _typed(statement: Statement) -> Iterator[tuple[str, PgType, Place]]:
    """Give the parameters and the columns: name, type and place."""
    source, seen = statement.source, set[int]()
    for number, token in enumerate(source.tokens):
        at = int(token.text[1:]) - 1 if token.kind == "parameter" else -1
        if 0 <= at < len(statement.parameters) and at not in seen:
            seen.add(at)
            called = statement.names[at] if statement.names else token.text
            yield called, statement.parameters[at], source.place(number)
    made = columns(source, len(statement.columns))
    for column, (place, _alone) in zip(statement.columns, made, strict=True):
        yield column.name, column.type, place


def _holds(kind: PgType, names: frozenset[str]) -> bool:
    """Tell whether a type is, or is made of, one of these types of PostgreSQL's own."""
    return (
        (kind.schema == "pg_catalog" and kind.name in names)
        or (kind.element is not None and _holds(kind.element, names))
        or any(_holds(part, names) for _name, part in kind.attributes)
    )


def _is_covered(statement: Statement, rule: Rule) -> bool:
    """Tell whether it names a column for which the schema already answers."""
    return any((rule, token.identifier) in statement.covered for token in statement.source.tokens)
