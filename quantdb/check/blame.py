"""Whether a statement or its row type is to be corrected, where the two do not fit.

When most of the statements with a row type differ from it in the same way, the row type is at
fault, and that is one problem; otherwise each statement is.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import attrs

from quantdb.check.annotations import says_none
from quantdb.check.facts import Column, StatementFacts
from quantdb.check.matching import Difference, differences, matched, pretence
from quantdb.check.problems import Place, Problem
from quantdb.check.pytypes import base_of, is_json
from quantdb.check.rowtypes import Slot
from quantdb.check.uses import Use

__all__ = ["Known", "problems_of_rows"]


@attrs.frozen
class Known:
    """A query with a row type.

    Attributes:
        use: The query.
        facts: What the server says of its statement; None if nothing is known.
    """

    use: Use
    facts: StatementFacts | None


def problems_of_rows(known: Sequence[Known]) -> list[Problem]:
    """Return what is wrong between the columns of statements and the types of their rows."""
    found = [
        (each.use, difference)
        for each in known
        if each.use.shape is not None and each.facts is not None
        for difference in differences(each.use.shape, each.facts)
    ]
    found += _pretences(known)
    alike: defaultdict[tuple[object, ...], list[tuple[Use, Difference]]] = defaultdict(list)
    for use, each in found:
        alike[each.python, each.rule, each.way].append((use, each))
    statements = _statements(known)
    return [problem for group in alike.values() for problem in _blamed(group, statements)]


def _blamed(
    group: Sequence[tuple[Use, Difference]], statements: Mapping[Place, set[str]]
) -> Iterator[Problem]:
    first = group[0][1]
    files = {each.sql.file for _use, each in group}
    among = statements.get(first.python, files) if first.python else files
    if first.python is not None and len(files) > 1 and 2 * len(files) > len(among):
        yield first.in_python(first.python, [each.sql for _use, each in group])
    else:
        for use, each in group:
            yield each.in_sql(use.place)


def _statements(known: Sequence[Known]) -> Mapping[Place, set[str]]:
    """Return the statements of each row type and of each field, by place."""
    found: defaultdict[Place, set[str]] = defaultdict(set)
    for each in known:
        if each.use.shape is not None and each.facts is not None:
            slots = each.use.shape.slots
            aliases = {place for slot in slots for place in slot.aliases}
            for place in {each.use.shape.place, *(slot.place for slot in slots), *aliases}:
                if place is not None:
                    found[place].add(each.facts.file)
    return found


def _pretences(known: Sequence[Known]) -> Iterator[tuple[Use, Difference]]:
    """Give the fields that could be None and never are, in any statement.

    One model serves several statements, so a field may be None for the sake of one of them. What
    is a column of a table that can be NULL there may be None too, whatever a WHERE says.
    """
    never: defaultdict[Place, list[tuple[Use, Slot, Column, str]]] = defaultdict(list)
    perhaps: set[Place] = set()
    for each in known:
        if each.use.shape is None:
            continue
        columns = each.facts.columns if each.facts is not None else ()
        taken = {slot.place: column for column, slot in matched(each.use.shape, columns)}
        for slot in each.use.shape.slots:
            if slot.place is None or not slot.keeps or not says_none(slot.hint):
                continue
            column = taken.get(slot.place)
            if each.facts is None or column is None or _may_be_none(column):
                perhaps.add(slot.place)
            else:
                never[slot.place].append((each.use, slot, column, each.facts.file))
    for place, uses in never.items():
        if place not in perhaps:
            for use, slot, column, file in uses:
                if use.shape is not None:
                    yield use, pretence(use.shape, slot, column, file)


def _may_be_none(column: Column) -> bool:
    surely_not = column.nullable is False and not column.origin_nullable
    return not surely_not or is_json(base_of(column.type))
