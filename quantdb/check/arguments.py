"""What the calls of a query send held against the parameters of its statement."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import attrs

from quantdb.check.annotations import cannot_be_sent
from quantdb.check.calls import Call
from quantdb.check.facts import PgType, StatementFacts
from quantdb.check.matching import differences
from quantdb.check.problems import Place, Problem
from quantdb.check.pytypes import accepted, written
from quantdb.check.uses import Use
from quantdb.sqlfile import SqlFile

__all__ = ["problems_of_arguments"]


@attrs.frozen
class _Statement:
    """The parameters of a statement.

    Attributes:
        file: Its file.
        types: What it takes.
        header: What it says of itself; None if that cannot be read.
    """

    file: str
    types: Sequence[PgType]
    header: SqlFile | None

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.file, self.header.line if self.header else 1)

    def named(self, number: int) -> str:
        """Return a parameter for a message."""
        names = self.header.names if self.header else ()
        return f"${number}{f' ({names[number - 1]})' if number <= len(names) else ''}"

    def all(self) -> str:
        """Return every parameter for a message."""
        if not self.types:
            return "no parameters"
        count = len(self.types)
        names = ", ".join(self.named(number) for number in range(1, count + 1))
        return f"{count} parameter{'' if count == 1 else 's'}: {names}"

    def place_of(self, number: int) -> Place:
        """Return where a parameter first stands."""
        text = self.header.text.splitlines() if self.header else []
        for line, said in enumerate(text, 1):
            found = re.search(rf"\${number}(?!\d)", said)
            if found and line >= self.place.line:
                return Place(self.file, line, found.start() + 1, len(found[0]))
        return self.place


@attrs.frozen
class _Wrong:
    """What is wrong with a call, or with several in the same way."""

    call: Place
    statement: Place
    way: str
    message: str
    hint: str


def problems_of_arguments(
    use: Use, facts: StatementFacts, header: SqlFile | None
) -> Iterator[Problem]:
    """Give what is wrong with the arguments of a query's calls.

    When there are several calls, and all differ from the statement in the same way, the statement
    is at fault, and that is one problem.
    """
    statement = _Statement(facts.file, facts.parameters, header)
    wrong = [each for call in use.calls for each in _of_call(use, call, statement)]
    for call in use.calls:
        yield from _of_model(use, call, facts, statement)
    wrong.sort(key=lambda each: (each.way, each.call))
    for _way, group in groupby(wrong, lambda each: each.way):
        alike = [*group]
        first, calls = alike[0], tuple(dict.fromkeys(each.call for each in alike))
        if len(calls) > 1 and len(calls) == len(use.calls):
            yield Problem(first.statement, "arguments", first.message, first.hint, calls)
        else:
            for each in alike:
                related = (each.statement,)
                yield Problem(each.call, "arguments", each.message, each.hint, related)


def _of_call(use: Use, call: Call, statement: _Statement) -> Iterator[_Wrong]:
    if call.arguments is None:
        return
    if len(call.arguments) != len(statement.types):
        given = ", ".join(argument.said for argument in call.arguments) or "none"
        yield _Wrong(
            call.place,
            statement.place,
            f"{len(call.arguments)} arguments",
            f"{use.name} is given {given}; {statement.file} takes {statement.all()}",
            "after the database comes an argument for each $n, in their order",
        )
        return
    for number, (argument, kind) in enumerate(zip(call.arguments, statement.types, strict=True), 1):
        if cannot_be_sent(argument.hint, kind):
            given = argument.annotation
            yield _Wrong(
                call.place,
                statement.place_of(number),
                f"${number} is given {given}",
                f"{argument.said} is {given}, but {statement.named(number)} is {written(kind)}",
                f"send {accepted(kind)}",
            )


def _of_model(
    use: Use, call: Call, facts: StatementFacts, statement: _Statement
) -> Iterator[Problem]:
    """Give what is wrong with the fields of a model that is stored."""
    differing = differences(use.shape, facts) if use.shape else []
    reported = {each.python: each.rule for each in differing}
    places = [field.place for field in call.fields]
    row = use.shape.place if use.shape else None
    if not places or any(reported.get(place) == "columns" for place in [*places, row]):
        return  # what differs from the columns differs from the parameters too
    if len(call.fields) != len(facts.parameters):
        yield Problem(
            call.place,
            "arguments",
            f"{facts.file} takes {statement.all()}; "
            f"the model has {', '.join(field.name for field in call.fields)}",
            "store() sends every field of the model, in order",
            (statement.place,),
        )
        return
    columns = {column.name for column in facts.columns}
    for number, (field, kind) in enumerate(zip(call.fields, facts.parameters, strict=True), 1):
        if cannot_be_sent(field.hint, kind) and field.place not in reported:
            yield Problem(
                field.place or call.place,
                "arguments",
                f"the field {field.name!r} is {field.said}, "
                f"but {statement.named(number)} is {written(kind)}",
                f"send {accepted(kind)}",
                (statement.place_of(number), call.place),
            )
        if columns and field.name not in columns:
            yield Problem(
                call.place,
                "columns",
                f"the field {field.name!r} is sent, but no column of that name comes back",
                "store() compares what came back with what was sent: return every field",
                (statement.place, *([field.place] if field.place else [])),
            )
