"""What `quantdb check` warns of in a table that is there already, and is kept as it is."""

import re
from collections.abc import Sequence

from quantdb.check.facts import PgType
from quantdb.check.money import is_monetary
from quantdb.new.table import Table

__all__ = ["hazards"]


def hazards(table: Table) -> list[str]:
    """Return the rules that the columns of a table break."""
    types = [column.sql_type for column in table.columns]
    types += [text for made in table.types for text in (made.base or "", *made.attributes)]
    texts = [column.expression or "" for column in table.columns]
    texts += [each.definition for each in table.constraints]
    texts += [each.definition for each in table.indexes]
    texts += [check for made in table.types for check in made.checks]
    everything = " ".join([*types, *texts])
    floats = any(
        _holds(column.type, ("money",))
        or (is_monetary(column.name) and _holds(column.type, ("float4", "float8")))
        for column in table.columns
    )
    found = {
        "float-money": floats or re.search(r"::(double precision|real|money)\b", " ".join(texts)),
        "numeric-scale": re.search(r"\bnumeric\(\d", everything),
        "timestamp": re.search(r"\b(timestamp(\(\d\))? without|tsrange|tsmultirange)", everything),
    }
    return [rule for rule, is_there in found.items() if is_there]


def _holds(kind: PgType, names: Sequence[str]) -> bool:
    return (
        (kind.schema == "pg_catalog" and kind.name in names)
        or (kind.element is not None and _holds(kind.element, names))
        or any(_holds(part, names) for _name, part in kind.attributes)
    )
