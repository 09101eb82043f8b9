"""The columns of a result held against the row type that is to take them."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

import attrs

from quantdb.check.annotations import Misfit, admits_none, misfit
from quantdb.check.facts import Column, StatementFacts
from quantdb.check.problems import Place, Problem, Rule, Severity
from quantdb.check.pytypes import named, written
from quantdb.check.rowtypes import Shape, Slot

__all__ = ["Difference", "differences", "matched", "pretence"]

_TOO_MANY: Final = 4
"""Names that differ, from which on a row type is taken for the wrong one, if most of it differs."""


@attrs.frozen
class Difference:
    """What is wrong between a column and what takes it.

    Attributes:
        rule: What it is about.
        way: What it is, apart from where: the same in every statement that differs in the same way.
        message: What is wrong.
        hint: What to do.
        sql: The column, or where it is missing.
        python: The field or parameter, or the row type.
        severity: Whether it makes the check fail.
        of_query: Whether the Query is to be corrected, which has another row type.
        others: Further places that matter.
    """

    rule: Rule
    way: str
    message: str
    hint: str
    sql: Place
    python: Place | None
    severity: Severity = "problem"
    of_query: bool = False
    others: tuple[Place, ...] = ()

    def in_sql(self, query: Place) -> Problem:
        """Return it as a problem of the statement."""
        place, other = (query, self.sql) if self.of_query else (self.sql, query)
        related = (*([self.python] if self.python else []), *self.others, other)
        return Problem(place, self.rule, self.message, self.hint, related, self.severity)

    def in_python(self, place: Place, statements: Sequence[Place]) -> Problem:
        """Return it as a problem of the row type, which shows in several statements."""
        related = tuple(dict.fromkeys([*self.others, *statements]))
        return Problem(place, self.rule, self.message, self.hint, related, self.severity)


def differences(shape: Shape, facts: StatementFacts) -> list[Difference]:
    """Return what is wrong between the columns of a statement and a row type."""
    if not facts.columns:
        first = Place(facts.file)
        return [
            Difference(
                "columns",
                "no rows",
                f"{facts.file} returns no rows, but its Query has the row type {shape.name}",
                "return the columns, or give the Query no row type",
                first,
                shape.place,
            )
        ]
    by_name = _of_names if shape.kind == "model" else _of_number
    found = [*by_name(shape, facts)]
    for column, slot in matched(shape, facts.columns):
        found += _of_type(shape, slot, column, facts.file)
    return found


def matched(shape: Shape, columns: Sequence[Column]) -> list[tuple[Column, Slot]]:
    """Return what takes each column: a field of its name, or a parameter by position."""
    if shape.kind == "model":
        slots = {slot.name: slot for slot in shape.slots}
        return [(column, slots[column.name]) for column in columns if column.name in slots]
    taken = [*zip(columns, shape.slots, strict=False)]
    surplus = columns[len(taken) :] if shape.rest else ()
    return taken + [(column, shape.rest) for column in surplus if shape.rest]


def place_of(column: Column, file: str) -> Place:
    """Return where a column is made."""
    return Place(file, column.line, column.at)


# Columns and fields by name


def _of_names(shape: Shape, facts: StatementFacts) -> Iterator[Difference]:
    columns, file = facts.columns, facts.file
    if shape.by_keyword:
        yield Difference(
            "columns",
            "by keyword",
            f"{shape.name} takes {', '.join(shape.by_keyword)} by keyword alone, "
            "and a row is given by position",
            "make no field keyword-only",
            place_of(columns[0], file),
            shape.place,
        )
    names = [column.name for column in columns]
    fields = {slot.name: slot for slot in shape.slots}
    if len({*names} ^ {*fields}) >= _TOO_MANY and len({*names} & {*fields}) < len(fields) / 2:
        yield _another(shape, columns, file)
        return
    missing = [slot for slot in shape.slots if slot.name not in names]
    surplus = [
        column
        for number, column in enumerate(columns)
        if column.name not in fields or column.name in names[:number]
    ]
    for column in surplus:
        slot = _meant(column, columns, missing, shape)
        if slot is not None:
            missing.remove(slot)
        yield _no_field(shape, column, slot, file, again=column.name in fields)
    for slot in missing:
        yield _no_column(shape, slot, columns, file)
    if len(columns) == len(fields) and not {*names} ^ {*fields} and names != [*fields]:
        yield _other_order(shape, columns, file)


def _another(shape: Shape, columns: Sequence[Column], file: str) -> Difference:
    return Difference(
        "columns",
        "another",
        f"the columns are not the fields of {shape.name}: "
        f"{', '.join(column.name for column in columns)}",
        f"the fields are {', '.join(slot.name for slot in shape.slots)}; is it another row type?",
        place_of(columns[0], file),
        shape.place,
        of_query=True,
    )


def _meant(
    column: Column, columns: Sequence[Column], missing: Sequence[Slot], shape: Shape
) -> Slot | None:
    """Return the field that a column without one was to fill: by a close name, or by its place."""
    close = get_close_matches(column.name, [slot.name for slot in missing], 1)
    for slot in missing:
        stands_there = shape.slots.index(slot) == columns.index(column)
        if slot.name in close or (not close and stands_there and len(columns) == len(shape.slots)):
            return slot
    return None


def _no_field(
    shape: Shape, column: Column, slot: Slot | None, file: str, *, again: bool
) -> Difference:
    message = f"the column {column.name!r} is no field of {shape.name}"
    hint = f"leave it out, or add the field {column.name}"
    if again:
        message = f"there are several columns {column.name!r}, and one field of {shape.name}"
        hint = "leave one out, or give it another name"
    elif slot is not None:
        message += f", which has {slot.name!r}"
        hint = f"name the column {slot.name} (AS {slot.name}), or the field {column.name}"
    python = slot.place if slot is not None else None
    way = f"surplus {column.name}"
    return Difference("columns", way, message, hint, place_of(column, file), python or shape.place)


def _no_column(shape: Shape, slot: Slot, columns: Sequence[Column], file: str) -> Difference:
    made = {column.name: column for column in columns}
    before = [made[each.name] for each in shape.slots if each.name in made]
    number = shape.slots.index(slot)
    near = [made[each.name] for each in shape.slots[:number] if each.name in made][-1:]
    return Difference(
        "columns",
        "missing",
        f"no column fills the field {slot.name!r} of {shape.name}",
        f"return {slot.name}, or take the field out",
        place_of([*near, *before, *columns][0], file),
        slot.place or shape.place,
    )


def _other_order(shape: Shape, columns: Sequence[Column], file: str) -> Difference:
    number, column = next(
        (number, column)
        for number, column in enumerate(columns)
        if column.name != shape.slots[number].name
    )
    slot = shape.slots[number]
    return Difference(
        "columns",
        f"order {column.name}",
        f"the columns are not in the order of the fields of {shape.name}: "
        f"{column.name!r} stands where {slot.name!r} is expected",
        f"the order of the fields is {', '.join(each.name for each in shape.slots)}",
        place_of(column, file),
        slot.place or shape.place,
    )


# Columns and parameters by number


def _of_number(shape: Shape, facts: StatementFacts) -> Iterator[Difference]:
    count, most = len(facts.columns), len(shape.slots)
    last = facts.columns[most] if most < count else facts.columns[-1]
    if shape.by_keyword:
        message = f"{shape.name} needs {', '.join(shape.by_keyword)} by keyword"
        hint = "a row is given by position alone"
    elif count < shape.required or (most < count and shape.rest is None):
        takes = f"{shape.required}" if shape.required == most else f"{shape.required} to {most}"
        takes = f"{shape.required} or more" if shape.rest else takes
        result = ", ".join(column.name for column in facts.columns)
        message = f"{shape.name} takes {takes} column{'' if takes == '1' else 's'}; "
        message += f"the result has {count}: {result}"
        hint = "return as many columns as the row type takes"
    else:
        return
    place = place_of(last, facts.file)
    yield Difference("columns", "number", message, hint, place, shape.place)


# Types


def _of_type(shape: Shape, slot: Slot, column: Column, file: str) -> Iterator[Difference]:
    place = place_of(column, file)
    python = slot.place or shape.place
    kind = attrs.evolve(column.type, labels=column.choices) if column.choices else column.type
    wrong = misfit(slot.hint, kind)
    which = f"the column {column.name!r}"
    if wrong is not None:
        # Labels are corrected where the alias is, if there is one, which other fields have too.
        at_alias = wrong.of_labels and len(slot.aliases) == 1
        others = [place for place in (python,) if place] if at_alias else slot.aliases
        why = f" ({wrong.why})" if wrong.why else ""
        yield Difference(
            "annotation",
            written(column.type),
            f"{which} is {written(column.type)}, but {_is(shape, slot)}{why}",
            _advice(shape, column, wrong),
            place,
            slot.aliases[0] if at_alias else python,
            "problem" if wrong.sure else "note",
            others=tuple(others),
        )
    elif column.nullable and not admits_none(slot.hint):
        unless = f"-- not null: {column.name} says that it never is"
        hint = f"annotate it {slot.said} | None; {unless}"
        message = f"{which} can be NULL, but {_is(shape, slot)}"
        if shape.kind == "plain":
            hint = f"make it coalesce(…), or take a model with {slot.said} | None; {unless}"
            message += ", which is never None"
        yield Difference("nullability", "NULL", message, hint, place, python)


def _is(shape: Shape, slot: Slot) -> str:
    if shape.kind == "plain":
        return f"the row type is {slot.said}"
    return f"{shape.name}.{slot.name} is {slot.said}"


def _advice(shape: Shape, column: Column, wrong: Misfit) -> str:
    fitting = named(column.type)
    if not fitting:
        return "annotate it object, or give the field a converter"
    if column.nullable:
        fitting += " | None"
    python = "make the row type" if shape.kind == "plain" else "annotate it"
    otherwise = "give the field a converter" if wrong.convertible else "cast the column"
    return f"{python} {fitting}, or {otherwise}"


def pretence(shape: Shape, slot: Slot, column: Column, file: str) -> Difference:
    """Return that a field says None of a column that is never NULL."""
    return Difference(
        "nullability",
        "never NULL",
        f"the column {column.name!r} is never NULL, but {_is(shape, slot)}",
        f"annotate it {_without_none(slot.said)}; "
        f"or, if it can be NULL, -- nullable: {column.name} says so",
        place_of(column, file),
        slot.place,
    )


_NONE: Final = re.compile(r"\s*\|\s*None\b|\bNone\s*\|\s*")
_OPTIONAL: Final = re.compile(r"(?:typing\.)?Optional\[(.*)\]")


def _without_none(said: str) -> str:
    whole = _OPTIONAL.fullmatch(said)
    return whole[1] if whole else _NONE.sub("", said)
