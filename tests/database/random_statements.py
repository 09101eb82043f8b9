"""Statements of chance over three small tables, and rows for these."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, Literal

import attrs

__all__ = ["PARAMETERS", "TABLES", "rows", "statement"]

Kind = Literal["number", "truth"]
Columns = Mapping[str, Kind]

TABLES: Final = """
CREATE TABLE t0 (id integer PRIMARY KEY, a integer, b integer NOT NULL, f boolean);
CREATE TABLE t1 (
    id integer NOT NULL,
    a integer,
    b integer NOT NULL,
    f boolean NOT NULL,
    g integer GENERATED ALWAYS AS (a + b) STORED,
    h integer GENERATED ALWAYS AS (id + b) STORED
);
CREATE TABLE t2 (
    id integer NOT NULL,
    a integer CHECK (a IS NOT NULL),
    b integer,
    f boolean,
    CHECK (b IS NOT NULL OR f IS NOT NULL)
);
CREATE VIEW v0 AS
SELECT t0.id, t0.a, t1.b, t1.f FROM t0 LEFT JOIN t1 ON t1.id = t0.id AND t1.b > 0;
"""
_TABLES: Final = {"t0": "id a b f", "t1": "id a b f g h", "t2": "id a b f", "v0": "id a b f"}
PARAMETERS: Final = ("integer", "integer", "boolean")
"""The types of the parameters that a statement may have, each or not: $1, $2, $3."""


def rows(chance: Random) -> str:
    """Return statements that fill the tables with few rows, or none."""

    def number() -> str:
        return str(chance.randrange(3))

    def maybe(value: str) -> str:
        return chance.choice([value, value, "NULL"])

    def truth() -> str:
        return chance.choice(["true", "false"])

    def row_of_t0(key: int) -> str:
        return f"INSERT INTO t0 VALUES ({key}, {maybe(number())}, {number()}, {maybe(truth())})"

    made = ["SELECT", *(row_of_t0(key) for key in range(chance.randrange(4)))]
    for _ in range(chance.randrange(4)):
        values = f"{number()}, {maybe(number())}, {number()}, {truth()}"
        made.append(f"INSERT INTO t1 (id, a, b, f) VALUES ({values})")
    for _ in range(chance.randrange(4)):
        one = chance.choice([f"NULL, {truth()}", f"{number()}, {maybe(truth())}"])
        made.append(f"INSERT INTO t2 VALUES ({number()}, {number()}, {one})")
    return "; ".join(made)


def statement(chance: Random) -> str:
    """Return a statement; it may be one that PostgreSQL refuses."""
    return _Writer(chance).statement()


def _kind(name: str) -> Kind:
    return "truth" if name == "f" else "number"


def _and(*parts: Columns) -> Columns:
    merged: dict[str, Kind] = {}
    for part in parts:
        merged.update(part)
    return merged


def _of(table: str, alias: str) -> Columns:
    return {f"{alias}.{name}": _kind(name) for name in _TABLES[table].split()}


@attrs.define
class _Writer:
    chance: Random
    names: int = 0

    def name(self) -> str:
        self.names += 1
        return f"x{self.names}"

    def pick(self, *choices: Callable[[], str]) -> str:
        return self.chance.choice(choices)()

    def some(self, columns: Columns, most: int) -> Columns:
        chosen = self.chance.sample(sorted(columns), min(len(columns), most))
        return {name: columns[name] for name in chosen}

    def is_in(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent

    # Expressions.

    def number(self, columns: Columns, depth: int) -> str:
        own = [name for name, kind in columns.items() if kind == "number"]
        if depth <= 0 or self.is_in(35):
            constants = ["0", "1", "2", "NULL::integer", "$1::integer", "$2::integer"]
            return self.chance.choice(own if own and self.is_in(80) else constants)

        def inner() -> str:
            return self.number(columns, depth - 1)

        def test() -> str:
            return self.condition(columns, depth - 1)

        def function() -> str:
            return self.chance.choice(["coalesce", "coalesce", "greatest", "least", "nullif"])

        return self.pick(
            lambda: f"{function()}({inner()}, {inner()})",
            lambda: f"{function()}({inner()}, {inner()})",
            lambda: f"({inner()} + {inner()})",
            lambda: f"CASE WHEN {test()} THEN {inner()} ELSE {inner()} END",
            lambda: f"CASE WHEN {test()} THEN {inner()} WHEN {test()} THEN {inner()} ELSE 0 END",
            lambda: f"CASE WHEN {test()} THEN {inner()} END",
            lambda: f"CASE {inner()} WHEN {inner()} THEN {inner()} ELSE {inner()} END",
            lambda: self.scalar(columns, depth),
            lambda: f"abs({inner()})",
            lambda: f"length({inner()}::text)",
            lambda: f"({test()})::integer",
            lambda: f"(ARRAY[{inner()}, {inner()}])[{self.chance.randint(1, 3)}]",
            lambda: f"num_nulls({inner()}, {inner()})",
        )

    def scalar(self, columns: Columns, depth: int) -> str:
        source, own = self.source(columns, depth - 2, 1)
        both = _and(columns, own)
        value, test = self.number(both, depth - 2), self.condition(both, depth - 2)
        aggregate = self.chance.choice(["max", "min", "sum", "count"])
        return self.pick(
            lambda: f"(SELECT {aggregate}({value})::integer FROM {source} WHERE {test})",
            lambda: f"(SELECT {aggregate}({value})::integer FROM {source} HAVING count(*) > 0)",
            lambda: f"(SELECT {value} FROM {source} WHERE {test} ORDER BY 1 LIMIT 1)",
            lambda: f"(SELECT {self.number(columns, depth - 1)} LIMIT 1)",
            lambda: f"(SELECT {self.number(columns, depth - 1)} UNION ALL SELECT 1 LIMIT 1)",
            lambda: f"cardinality(ARRAY(SELECT {value} FROM {source}))",
        )

    def condition(self, columns: Columns, depth: int) -> str:
        if depth <= 0 or self.is_in(25):
            return self.comparison(columns)

        def inner() -> str:
            return self.condition(columns, depth - 1)

        def value() -> str:
            return self.number(columns, depth - 1)

        def maybe_not() -> str:
            return self.chance.choice(["", "NOT "])

        def operator() -> str:
            return self.chance.choice(["<", "=", ">=", "<>"])

        def array() -> str:
            return self.chance.choice(["'{}'", "'{1}'", "'{1,2}'", "'{NULL,1}'"])

        return self.pick(
            lambda: f"({inner()} AND {inner()})",
            lambda: f"({inner()} OR {inner()})",
            lambda: f"(NOT {inner()})",
            lambda: f"({value()} {operator()} {value()})",
            lambda: f"({value()} IS {maybe_not()}NULL)",
            lambda: f"({value()} IS {maybe_not()}DISTINCT FROM {value()})",
            lambda: (
                f"({inner()} IS {maybe_not()}{self.chance.choice(['TRUE', 'FALSE', 'UNKNOWN'])})"
            ),
            lambda: f"({value()} {maybe_not()}IN ({value()}, {value()}))",
            lambda: self.of_query(columns, depth),
            lambda: f"coalesce({inner()}, {inner()})",
            lambda: f"(({value()}, {value()}) {operator()} ({value()}, {value()}))",
            lambda: f"(({value()}, {value()}) IS {maybe_not()}NULL)",
            lambda: f"CASE WHEN {inner()} THEN {inner()} ELSE {inner()} END",
            lambda: f"({value()} {operator()} ANY ({array()}::integer[]))",
            lambda: f"({value()} {operator()} ALL ({array()}::integer[]))",
        )

    def comparison(self, columns: Columns) -> str:
        numbers = [name for name, kind in columns.items() if kind == "number"]
        truths = [name for name, kind in columns.items() if kind == "truth"]
        if not numbers or self.is_in(10):
            return self.chance.choice([*truths, "true", "false", "NULL::boolean", "$3::boolean"])
        one, other = self.chance.choice(numbers), self.chance.choice(numbers)
        said = [f"{one} > 0", f"{one} IS NOT NULL", f"{one} IS NULL", f"{one} = {other}"]
        return self.chance.choice([*said, f"{one} = $1", f"{one} <> 1", *truths[:1]])

    def of_query(self, columns: Columns, depth: int) -> str:
        source, own = self.source(columns, depth - 2, 1)
        both = _and(columns, own)
        value, test = self.number(both, depth - 2), self.condition(both, depth - 1)
        how = self.chance.choice(["IN", "NOT IN", "> ALL", "= ANY", "<> ALL"])
        return self.pick(
            lambda: f"EXISTS (SELECT FROM {source} WHERE {test})",
            lambda: f"(NOT EXISTS (SELECT FROM {source} WHERE {test}))",
            lambda: (
                f"({self.number(columns, 1)} {how} (SELECT {value} FROM {source} WHERE {test}))"
            ),
        )

    # FROM.

    def source(
        self, outer: Columns, depth: int, most: int, lateral: Columns | None = None
    ) -> tuple[str, Columns]:
        size = self.chance.randint(1, most)
        return self.joined(outer, depth, size, lateral or {})

    def joined(
        self, outer: Columns, depth: int, size: int, lateral: Columns
    ) -> tuple[str, Columns]:
        if size <= 1:
            return self.item(outer, depth, lateral)
        split = self.chance.randrange(1, size)
        kind = self.chance.choice(["INNER", "LEFT", "LEFT", "RIGHT", "FULL", "FULL", "CROSS"])
        left, of_left = self.joined(outer, depth, split, lateral)
        seen: Columns = _and(lateral, of_left) if kind not in {"RIGHT", "FULL"} else {}
        right, of_right = self.joined(outer, depth, size - split, seen)
        right = f"({right})" if size - split > 1 else right
        both = _and(of_left, of_right)
        if kind == "CROSS":
            return f"{left} CROSS JOIN {right}", both
        one, other = self.number(of_left, 0), self.number(of_right, 0)
        condition = f"{one} = {other}"
        if kind != "FULL" and self.is_in(60):
            condition = self.condition(_and(outer, both), 2)
        elif self.is_in(10):
            condition = "true"
        return f"{left} {kind} JOIN {right} ON {condition}", both

    def item(self, outer: Columns, depth: int, lateral: Columns) -> tuple[str, Columns]:
        alias = self.name()
        if depth <= 0 or self.is_in(60):
            table = self.chance.choice(list(_TABLES))
            return f"{table} AS {alias}", _of(table, alias)
        if self.is_in(70):
            seen = _and(outer, lateral) if lateral and self.is_in(60) else outer
            query, kinds = self.query(seen, depth - 1)
            names = [self.name() for _ in kinds]
            word = "LATERAL " if seen is not outer else ""
            columns: Columns = {f"{alias}.{n}": kind for n, kind in zip(names, kinds, strict=True)}
            return f"{word}({query}) AS {alias} ({', '.join(names)})", columns
        if self.is_in(50):
            given = ", ".join(f"({self.number(outer, 0)}, {self.number(outer, 0)})" for _ in "12")
            pair: Columns = {f"{alias}.p": "number", f"{alias}.q": "number"}
            return f"(VALUES {given}) AS {alias} (p, q)", pair
        called = self.chance.choice(
            ["generate_series(0, $1::integer)", "unnest(ARRAY[1, NULL])", "unnest(ARRAY[0, 1])"]
        )
        return f"{called} AS {alias} (p)", {f"{alias}.p": "number"}

    # Queries.

    def query(
        self, outer: Columns, depth: int, kinds: Sequence[Kind] = ()
    ) -> tuple[str, Sequence[Kind]]:
        if depth > 0 and self.is_in(12):
            one, kinds = self.query(outer, depth - 1, kinds)
            other, _kinds = self.query(outer, depth - 1, kinds)
            how = self.chance.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
            return f"({one}) {how} ({other})", kinds
        source, own = self.source(outer, depth, 3)
        if self.is_in(60):
            own = self.some(own, 3)
        seen = _and(outer, own)
        test = self.condition(seen, self.chance.randint(1, 3))
        where = f" WHERE {test}" if self.is_in(60) else ""
        kinds = kinds or [self.chance.choice(["number", "number", "truth"]) for _ in "123"]
        if self.is_in(35):
            columns, rest = self.grouped(own, kinds)
            return f"SELECT {columns} FROM {source}{where}{rest}", kinds
        columns = ", ".join(self.column(own, seen, kind, depth) for kind in kinds)
        distinct = "DISTINCT " if self.is_in(7) else ""
        return f"SELECT {distinct}{columns} FROM {source}{where}", kinds

    def column(self, own: Columns, seen: Columns, kind: Kind, depth: int) -> str:
        if kind == "truth":
            return self.condition(seen, depth + 1)
        numbers = [name for name, kind in own.items() if kind == "number"] or ["1"]
        return self.pick(
            lambda: self.chance.choice(numbers),
            lambda: self.chance.choice(numbers),
            lambda: self.number(seen, depth + 1),
            lambda: self.number(seen, depth + 1),
            lambda: self.window(own),
        )

    def window(self, own: Columns) -> str:
        value = self.number(own, 1)
        frame = self.chance.choice(
            [
                "",
                "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
                "ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING",
                "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
                "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
            ]
        )
        called = self.chance.choice(
            [
                *(f"{name}({value})" for name in ("sum", "max", "count", "lag")),
                *(f"{name}({value})" for name in ("first_value", "last_value")),
                f"lead({value}, 1, {self.number(own, 1)})",
                "row_number()",
            ]
        )
        over = f"({called} OVER (ORDER BY {self.number(own, 1)} {frame}))::integer"
        guarded = f"CASE WHEN {value} IS NOT NULL THEN {over} ELSE 0 END"
        return self.chance.choice([over, over, guarded])

    def grouped(self, own: Columns, kinds: Sequence[Kind]) -> tuple[str, str]:
        numbers = [name for name, kind in own.items() if kind == "number"]
        by = self.chance.sample(numbers, min(len(numbers), self.chance.randrange(3)))

        def aggregate() -> str:
            value = self.number(own, 1)
            chosen = f" FILTER (WHERE {self.condition(own, 1)})" if self.is_in(20) else ""
            return self.pick(
                lambda: f"max({value}){chosen}",
                lambda: f"sum({value}){chosen}::integer",
                lambda: f"count({value}){chosen}::integer",
                lambda: f"(array_agg({value}))[{self.chance.choice(['1', 'count(*)', '2'])}]",
                lambda: f"stddev_pop({value})::integer",
            )

        def column(kind: Kind) -> str:
            one = self.chance.choice([*by, aggregate(), aggregate(), "$1::integer"])
            one = self.pick(
                lambda: one,
                lambda: f"coalesce({one}, {aggregate()})",
                lambda: f"CASE WHEN {one} IS NOT NULL THEN {one} ELSE {aggregate()} END",
            )
            return one if kind == "number" else f"({one} > 0)"

        columns = ", ".join(column(kind) for kind in kinds)
        listed, first = ", ".join(by), "".join(by[:1])
        sets = [f"ROLLUP ({listed})", f"CUBE ({listed})", f"GROUPING SETS (({listed}), ({first}))"]
        rest = f" GROUP BY {self.chance.choice([listed, listed, *sets])}" if by else ""
        if self.is_in(30) or not by:
            tests = ["count(*) > 0", f"{aggregate()} > 0", f"{aggregate()} IS NOT NULL"]
            rest += f" HAVING {self.chance.choice([*tests, *(f'{each} > 0' for each in by)])}"
        return columns, rest if self.is_in(80) or by else ""

    # Statements.

    def statement(self) -> str:
        return self.pick(
            self.focused,
            lambda: self.query({}, 2)[0],
            lambda: self.query({}, 2)[0],
            self.with_query,
            self.writing,
        )

    def focused(self) -> str:
        """Write of few columns much, so that what is known of them is put to the test."""
        source, own = self.source({}, 0, 2)
        own = self.some(own, 3)
        numbers = [name for name, kind in own.items() if kind == "number"] or ["1"]
        chosen = (f"CASE WHEN {self.condition(own, 2)} THEN {name} ELSE 0 END" for name in numbers)
        columns = ", ".join([*own, *chosen, "$1::integer", "$2::integer"])
        return f"SELECT {columns} FROM {source} WHERE {self.condition(own, 3)}"

    def with_query(self) -> str:
        query, kinds = self.query({}, 2)
        names = [self.name() for _ in kinds]
        columns: Columns = {f"c.{name}": kind for name, kind in zip(names, kinds, strict=True)}
        source = "c"
        if self.is_in(40):
            source = f"c LEFT JOIN c AS d ON d.{names[0]} = c.{names[0]}"
            again: Columns = {f"d.{name}": kind for name, kind in zip(names, kinds, strict=True)}
            columns = _and(columns, again)
        made = f"WITH c ({', '.join(names)}) AS ({query})"
        chosen = ", ".join([*self.some(columns, 3), self.number(columns, 2)])
        return f"{made} SELECT {chosen} FROM {source} WHERE {self.condition(columns, 2)}"

    def writing(self) -> str:
        table = self.chance.choice(["t0", "t1", "t2"])
        other = self.chance.choice(list(_TABLES))
        columns = _and(_of(table, table), _of(other, "o"))
        test, value = self.condition(self.some(columns, 4), 2), self.number(columns, 2)
        returned = ", ".join([f"{table}.a", *self.some(columns, 3), self.number(columns, 2)])
        values = f"9, {self.number({}, 1)}, {self.number({}, 1)}, {self.condition({}, 1)}"
        own = self.number(_of(table, table), 2)
        from_other = f"FROM {other} AS o WHERE {test}"
        return self.pick(
            lambda: f"UPDATE {table} SET a = {value} {from_other} RETURNING {returned}",
            lambda: f"DELETE FROM {table} USING {other} AS o WHERE {test} RETURNING {returned}",
            lambda: f"INSERT INTO {table} (id, a, b, f) VALUES ({values}) RETURNING a, b, f, {own}",
        )
