"""What a snapshot holds, made facts again."""

from typing import Final, get_args

from quantdb.check.facts import Column, Facts, Kind, PgType, StatementFacts
from quantdb.check.problems import Place, Problem, Rule, Severity
from quantdb.check.reading import Reading

__all__ = ["facts_of", "plain"]

_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_RULES: Final[tuple[Rule, ...]] = get_args(Rule)
_SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)


def plain(name: str) -> PgType:
    """Return the type of PostgreSQL's own, or the array of one, that a snapshot only names."""
    if not name.endswith("[]"):
        return PgType(name)
    return PgType(name, kind="array", element=PgType(name.removesuffix("[]")))


def facts_of(whole: Reading) -> Facts:
    """Return the facts that a snapshot holds.

    Raises:
        ValueError: It is damaged.
    """
    types = _Types(whole["types"])
    return Facts(
        schema={file: each.text() for file, each in whole["schema"].entries()},
        statements={
            file: _statement_of(file, each, types) for file, each in whole["statements"].entries()
        },
        problems=tuple(_problem_of(each) for each in whole["problems"].items()),
    )


class _Types:
    """The types of a snapshot, by what they are called in it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._made: dict[str, PgType] = {}
        self._open: set[str] = set()

    def named(self, reading: Reading) -> PgType:
        name = reading.text()
        if name not in self._made:
            if name in self._open:
                raise ValueError(f"the type {name} is made of itself")
            self._open.add(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> PgType:
        if not self._reading.has(name):
            return plain(name)
        said = self._reading[name]
        element = said["element"]
        return PgType(
            name=said["name"].text(),
            schema=said["schema"].text(),
            kind=said["kind"].one_of(_KINDS),
            element=None if element.is_none() else self.named(element),
            labels=tuple(each.text() for each in said["labels"].items()),
            attributes=tuple(
                (of.text(), self.named(part))
                for of, part in (each.exactly(2) for each in said["attributes"].items())
            ),
        )


def _statement_of(file: str, said: Reading, types: _Types) -> StatementFacts:
    return StatementFacts(
        file=file,
        checksum=said["checksum"].text(),
        parameters=tuple(types.named(each) for each in said["parameters"].items()),
        columns=tuple(
            Column(
                name=each["name"].text(),
                type=types.named(each["type"]),
                nullable=each["nullable"].maybe(),
                line=each["line"].integer(),
                at=each["at"].integer(),
                origin_nullable=each["origin_nullable"].maybe(),
                choices=tuple(choice.text() for choice in each["choices"].items()),
            )
            for each in said["columns"].items()
        ),
        problems=tuple(_problem_of(each) for each in said["problems"].items()),
    )


def _problem_of(said: Reading) -> Problem:
    return Problem(
        place=_place_of(said["place"]),
        rule=said["rule"].one_of(_RULES),
        message=said["message"].text(),
        hint=said["hint"].text(),
        related=tuple(_place_of(each) for each in said["related"].items()),
        severity=said["severity"].one_of(_SEVERITIES),
    )


def _place_of(said: Reading) -> Place:
    file, line, column, width = said.exactly(4)
    return Place(file.text(), line.integer(), column.integer(), width.integer())
