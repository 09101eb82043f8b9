"""Write the statements: one a file, with its header."""

import re
from collections.abc import Sequence

import attrs

from quantdb.new.design import Design, Field, Key, Series
from quantdb.new.hazards import hazards
from quantdb.new.layout import fits, listed, plain
from quantdb.new.names import with_article

__all__ = ["every_row", "statements"]


@attrs.frozen
class _Statement:
    """A statement and what its header says.

    Attributes:
        name: Its name.
        cardinality: What it promises to return.
        said: What it returns, in a sentence.
        parameters: What ``$1 … $n`` are called.
        index: The one that it relies on; empty if it promises none.
        lines: Its text.
    """

    name: str
    cardinality: str
    said: str
    parameters: Sequence[str]
    index: str
    lines: Sequence[str]


def statements(design: Design) -> dict[str, str]:
    """Return the statements, by the names of their files."""
    written = [_insert(design)]
    if design.key is not None:
        written.append(_get(design, design.key))
        if design.pages:
            written += [_first_page(design, design.key), _page(design, design.key)]
    if design.series is not None:
        written += [_between(design, design.series), _latest(design, design.series)]
    allowed = hazards(design.table)
    return {f"{each.name}.sql": _file(each, allowed) for each in written}


def every_row(design: Design) -> str:
    """Return a statement that gives every row."""
    return "\n".join([*_columns(design, "SELECT"), f"FROM {design.relation}"])


def _file(statement: _Statement, allowed: Sequence[str]) -> str:
    numbered = [f"${number} {name}" for number, name in enumerate(statement.parameters, 1)]
    lines = [
        f"-- name: {statement.name} :{statement.cardinality}",
        *listed(plain(statement.said).split(" "), before="-- ", comma=""),
        *(listed(numbered, before="-- ") if numbered else []),
        *([f"-- index: {statement.index}"] if statement.index else []),
        *([f"-- allow: {', '.join(allowed)}"] if allowed else []),
        *statement.lines,
    ]
    return "\n".join(lines) + ";\n"


def _columns(design: Design, word: str) -> list[str]:
    """Return ``SELECT a, b`` or ``RETURNING a, b`` over every column."""
    items = [_item(design, field) for field in design.fields]
    return _listing(word, items)


def _item(design: Design, field: Field) -> str:
    name = design.quoted(field.column.name)
    return name if field.name == field.column.name else f"{name} AS {field.name}"


def _listing(word: str, items: Sequence[str], opened: str = "", closed: str = "") -> list[str]:
    line = f"{word}{opened or ' '}{', '.join(items)}{closed}"
    if fits(line):
        return [line]
    return [f"{word}{opened}", *listed(items, indent="    "), *([closed] if closed else [])]


def _quoted(design: Design, fields: Sequence[Field]) -> list[str]:
    return [design.quoted(field.column.name) for field in fields]


def _insert(design: Design) -> _Statement:
    names = _quoted(design, design.sent)
    values = [f"${number}" for number in range(1, len(names) + 1)]
    said = f"The {design.one} as stored"
    skips: list[str] = []
    if design.repeatable and design.key is not None:
        keys = _quoted(design, design.key.fields)
        skips = [*_listing("ON CONFLICT", keys, " (", ")")]
        skips[-1] = f"{skips[-1]} DO NOTHING"
        said = f"{said}; no row when its key is taken"
    into = f"INSERT INTO {design.relation}"
    return _Statement(
        "insert",
        "one",
        f"{said}.",
        [field.name for field in design.sent],
        "",
        [
            *(_listing(into, names, " (", ")") if names else [into]),
            *(_listing("VALUES", values, " (", ")") if names else ["DEFAULT VALUES"]),
            *skips,
            *_columns(design, "RETURNING"),
        ],
    )


def _get(design: Design, key: Key) -> _Statement:
    return _Statement(
        "get",
        "one",
        f"The {design.one} with that {design.that}.",
        [field.name for field in key.fields],
        _promised(key.index),
        [
            *_columns(design, "SELECT"),
            f"FROM {design.relation}",
            *_where([f"{name} = ${n}" for n, name in enumerate(_quoted(design, key.fields), 1)]),
        ],
    )


def _where(conditions: Sequence[str]) -> list[str]:
    line = f"WHERE {' AND '.join(conditions)}"
    if not conditions or fits(line):
        return [line] if conditions else []
    first, *others = conditions
    return ["WHERE", f"    {first}", *(f"    AND {condition}" for condition in others)]


def _order(names: Sequence[str], direction: str = "") -> list[str]:
    return _listing("ORDER BY", [f"{name}{direction}" for name in names])


def _row(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"({', '.join(items)})"


def _first_page(design: Design, key: Key) -> _Statement:
    names = _quoted(design, key.fields)
    return _Statement(
        "first_page",
        "many",
        f"The first $1 {design.many}, by {_by(key.fields)}.",
        ["limit"],
        "" if design.table.has_children else _promised(key.index),
        [
            *_columns(design, "SELECT"),
            f"FROM {design.relation}",
            *_order(names),
            "LIMIT $1::bigint",
        ],
    )


def _promised(index: str) -> str:
    """Return the index as a header names it; empty for one that it cannot name."""
    return index if re.fullmatch(r"[\w$]+", index) else ""


def _by(fields: Sequence[Field]) -> str:
    return ", then ".join(field.name for field in fields)


def _page(design: Design, key: Key) -> _Statement:
    names = _quoted(design, key.fields)
    count = len(names)
    after = [f"${number}" for number in range(1, count + 1)]
    return _Statement(
        "page",
        "many",
        f"At most ${count + 1} {design.many} after {_row(after)}, by {_by(key.fields)}.",
        [*(f"after_{field.name}" for field in key.fields), "limit"],
        _promised(key.index),
        [
            *_columns(design, "SELECT"),
            f"FROM {design.relation}",
            *_where([f"{_row(names)} > {_row(after)}"]),
            *_order(names),
            f"LIMIT ${count + 1}::bigint",
        ],
    )


def _fixed(design: Design, series: Series) -> list[str]:
    return [f"{name} = ${number}" for number, name in enumerate(_quoted(design, series.of), 1)]


def _of(series: Series) -> str:
    names = " and ".join(field.name for field in series.of)
    return f" of {with_article(names)}" if names else ""


def _between(design: Design, series: Series) -> _Statement:
    at = design.quoted(series.time.column.name)
    start, end = len(series.of) + 1, len(series.of) + 2
    return _Statement(
        "between",
        "many",
        f"The {design.many}{_of(series)} from ${start} on and before ${end}, "
        f"by {_by(series.order)}.",
        [*(field.name for field in series.of), "start", "end"],
        _promised(series.index),
        [
            *_columns(design, "SELECT"),
            f"FROM {design.relation}",
            *_where([*_fixed(design, series), f"{at} >= ${start}", f"{at} < ${end}"]),
            *_order(_quoted(design, series.order)),
        ],
    )


def _latest(design: Design, series: Series) -> _Statement:
    limit = len(series.of) + 1
    # Where nothing is fixed and more than the index is needed for the order, the planner may do
    # without it while the table is small.
    ordered = series.whole and not design.table.has_children
    index = _promised(series.index) if series.of or ordered else ""
    return _Statement(
        "latest",
        "many",
        f"The last ${limit} {design.many}{_of(series)}, newest first: "
        f"by {_by(series.order)}, descending.",
        [*(field.name for field in series.of), "limit"],
        index,
        [
            *_columns(design, "SELECT"),
            f"FROM {design.relation}",
            *_where(_fixed(design, series)),
            *_order(_quoted(design, series.order), " DESC"),
            f"LIMIT ${limit}::bigint",
        ],
    )
