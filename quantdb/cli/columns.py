"""Which column of a file is which field of a model."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from quantdb.cli.failures import Failure, Usage

__all__ = ["PRICES", "TRADES", "Field", "Plan", "pairs", "plan", "shown"]


@attrs.frozen
class Field:
    """A field that a file may give.

    Attributes:
        names: The columns that are taken for it, its own name first.
        default: What a file without a column leaves; None if a column is needed.
    """

    names: tuple[str, ...]
    default: str | None = None


def _fields(table: Mapping[str, tuple[str, str | None]]) -> dict[str, Field]:
    return {
        name: Field((name, *synonyms.split()), default)
        for name, (synonyms, default) in table.items()
    }


_TIMES: Final = "ts_utc timestamp_utc time_utc timestamp datetime date_time time ts"

TRADES: Final = _fields(
    {
        "symbol": ("ticker instrument pair", None),
        "side": ("taker_side aggressor_side", None),
        "quantity": ("qty size amount volume", None),
        "price": ("px trade_price", None),
        "executed_at": (f"{_TIMES} trade_time exec_time", None),
        "venue": ("exchange mic", None),
        "venue_trade_id": ("trade_id tradeid exec_id execution_id tid", ""),
        "user_id": ("", ""),
        "strategy": ("", ""),
        "fee": ("fees commission", "0"),
        "currency": ("ccy quote_currency", "USD"),
        "id": ("uuid", ""),
    }
)

PRICES: Final = _fields(
    {
        "symbol": ("ticker instrument pair", None),
        "interval": ("resolution timeframe", None),
        "start": (f"{_TIMES} date start_time open_time", None),
        "open": ("o open_price", None),
        "high": ("h high_price", None),
        "low": ("l low_price", None),
        "close": ("c close_price", None),
        "volume": ("v vol", None),
    }
)


@attrs.frozen
class Plan:
    """Where each field of a file comes from.

    Attributes:
        columns: Fields with the number of their column, from 0.
        constants: Fields with the same text for every row.
        defaults: Fields that are left to their default, with its text.
        optional: Fields whose cell may be empty, which then are left to their default.
        header: The names of the columns, as the file has them.
    """

    columns: dict[str, int]
    constants: dict[str, str]
    defaults: dict[str, str]
    optional: frozenset[str]
    header: Sequence[str]

    @property
    def unused(self) -> list[str]:
        """The columns that no field is taken from."""
        used = set(self.columns.values())
        return [shown(name) for number, name in enumerate(self.header) if number not in used]

    def source(self, field: str) -> str:
        """Say where a field comes from."""
        if field in self.columns:
            return f"column {self.header[self.columns[field]]!r}"
        return "--set" if field in self.constants else "default"


def shown(name: str) -> str:
    """Return the name of a column such that a terminal can show it."""
    return name if name.isprintable() and name.strip() else repr(name)


def pairs(option: str, given: Sequence[str], fields: Mapping[str, Field]) -> dict[str, str]:
    """Return what ``field=value`` options say.

    Raises:
        Usage: One has no field, an unknown one, or one that was there before.
    """
    said: dict[str, str] = {}
    example = "field=column" if option == "--map" else "field=value"
    for each in given:
        field, equals, value = each.partition("=")
        if not equals or not value:
            raise Usage(f"{option} {each!r}: write it as {option} {example}")
        if field not in fields:
            raise Usage(f"{option} {each!r}: the fields are {', '.join(fields)}")
        if field in said:
            raise Usage(f"{option} {each!r}: {field} was given before, as {said[field]!r}")
        said[field] = value
    return said


def plan(
    fields: Mapping[str, Field],
    header: Sequence[str],
    mapped: Mapping[str, str],
    constants: Mapping[str, str],
    where: str,
) -> Plan:
    """Find the column of each field.

    A column that is named explicitly is that field's and no other's. Any other field takes
    the one column whose name is one of its names, in whatever letter case, blanks and hyphens
    counted as underscores.

    Raises:
        Usage: A field is mapped and set.
        Failure: The header does not give every field exactly once.
    """
    both = sorted(mapped.keys() & constants.keys())
    if both:
        raise Usage(f"{both[0]}: both --map and --set give it; choose one")
    _refuse_twins(header, where)
    columns = {field: _named(header, field, name, where) for field, name in mapped.items()}
    taken = set(columns.values())
    free = {n: _normal(name) for n, name in enumerate(header) if n not in taken}
    for name, field in fields.items():
        if name in mapped:
            continue
        found = [number for number, column in free.items() if column in field.names]
        if name in constants and found:
            raise Failure(
                f"{where}: --set gives {name}, and so does the column {header[found[0]]!r}"
            )
        if len(found) > 1:
            both_named = " and ".join(repr(header[number]) for number in found)
            raise Failure(
                f"{where}: the columns {both_named} could each be {name}; "
                f"choose by --map {name}=COLUMN"
            )
        if found:
            columns[name] = found[0]
    _refuse_missing(fields, header, columns.keys() | constants.keys(), where)
    optional = {name: field.default for name, field in fields.items() if field.default is not None}
    left = {
        name: default
        for name, default in optional.items()
        if name not in columns and name not in constants
    }
    return Plan(columns, dict(constants), left, frozenset(optional), header)


def _normal(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").split())


def _named(header: Sequence[str], field: str, name: str, where: str) -> int:
    found = [n for n, column in enumerate(header) if column == name] or [
        n for n, column in enumerate(header) if _normal(column) == _normal(name)
    ]
    if len(found) != 1:
        raise Failure(f"{where}: --map {field}={name}: no such column; {_there_are(header)}")
    return found[0]


def _refuse_twins(header: Sequence[str], where: str) -> None:
    for number, name in enumerate(header):
        if name and name in header[:number]:
            raise Failure(f"{where}: two columns are named {name!r}")


def _refuse_missing(
    fields: Mapping[str, Field], header: Sequence[str], there: set[str], where: str
) -> None:
    missing = [
        name for name, field in fields.items() if field.default is None and name not in there
    ]
    if not missing:
        return
    hint = ""
    if len(header) == 1 and (wrong := next((c for c in ";\t|" if c in header[0]), None)):
        hint = f"; is the file separated by {wrong!r}? quantdb reads commas"
    raise Failure(
        f"{where}: no column for {', '.join(missing)}; name one by --map {missing[0]}=COLUMN "
        f"or give a constant by --set {missing[0]}=VALUE; {_there_are(header)}{hint}"
    )


def _there_are(header: Sequence[str]) -> str:
    return f"the columns are {', '.join(map(shown, header))}"
