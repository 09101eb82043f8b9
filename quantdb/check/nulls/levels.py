"""The levels of a statement: each query in it, where an expression stands, what is known there."""

from typing import Final, Literal, Protocol, TypeAlias

import attrs

from quantdb.check.relations import Catalogue, Function
from quantdb.check.tree import Node

__all__ = [
    "NOTHING",
    "Condition",
    "Fact",
    "Here",
    "Key",
    "Known",
    "Level",
    "Nullable",
    "Outcome",
    "Place",
    "Reasoning",
    "Stage",
    "least",
    "worst",
]

Nullable: TypeAlias = bool | None
"""Whether something can be NULL; None where that cannot be known."""

Stage = Literal["rows", "groups", "returned"]
"""What an expression is about: the rows of FROM and WHERE, what GROUP BY makes of them, or the rows
that a statement has written."""

Outcome = Literal["true", "false", "not true", "not false", "not null"]
"""What is known of an expression; a boolean that is not true may be NULL."""


@attrs.frozen
class Key:
    """What an expression is, whoever writes it and wherever: equal ones are NULL together.

    Attributes:
        text: The expression.
        levels: The levels whose columns it is made of.
        column: If it is a column: its level, the place of its table, and its own.
    """

    text: str
    levels: frozenset[int] = frozenset()
    column: tuple[int, int, int] | None = attrs.field(default=None, eq=False)


@attrs.frozen(cache_hash=True)
class Fact:
    """Something that holds.

    Attributes:
        about: ``value``: an expression is not NULL. ``side``: an outer join has not filled up that
            side of it with NULLs. ``rows``: a group is of one row at least.
        what: The expression, or the join and the side.
    """

    about: Literal["value", "side", "rows"]
    what: Key

    @classmethod
    def side(cls, level: int, join: int, side: Literal["left", "right"]) -> "Fact":
        """Say that a row of that *side* of a *join* is there."""
        return cls("side", Key(f"{level}.{join}.{side}", frozenset({level})))

    @classmethod
    def rows(cls, level: int) -> "Fact":
        """Say that the groups of a level are of one row at least."""
        return cls("rows", Key(f"{level}", frozenset({level})))


Known: TypeAlias = frozenset[Fact]

NOTHING: Final[Known] = frozenset()


@attrs.frozen(eq=False)
class Condition:
    """What holds for a row once its *guard* does.

    Attributes:
        kind: ``true``, ``not false`` and ``not null``: what *node* then is. ``row``: the row of the
            subquery or CTE that *node*, an entry of the range table, is; and so its own conditions.
        node: An expression, or an entry of the range table.
        guard: Facts, of which all must hold.
    """

    kind: Literal["true", "not false", "not null", "row"]
    node: Node
    guard: Known


@attrs.define(eq=False)
class Level:
    """A query of a statement, as it is evaluated once.

    Attributes:
        number: Its own.
        query: What it is.
        parent: Where it stands; None for the statement itself and for a view.
        inherited: What is known there.
        table: Its range table.
        targets: Its columns.
        sides: What must hold for a row of a table, by its place in the range table, to be there.
        full: The sides of its FULL joins, of each of which one at least is there.
        conditions: What else is known of its rows.
        grouping: How rows become groups: not at all, all to one, by GROUP BY, by grouping sets.
        always: Under grouping sets, the references (tleSortGroupRef) that are in every set.
        sets: The functions among its columns that give rows.
        counted: The counts that HAVING demands to be one at least.
        has_rows: Whether every group is of one row at least.
        rows: What is known of each row.
        windows: What is known of each group that a window may have.
        groups: What is known of each group, or row, that is returned.
        applied: The conditions that are in *rows* already.
        is_known: Whether *rows* is worked out.
    """

    number: int
    query: Node
    parent: "Place | None"
    inherited: Known
    table: tuple[Node, ...]
    targets: tuple[Node, ...]
    sides: dict[int, Known] = attrs.field(factory=dict[int, Known])
    full: list[tuple[Fact, Fact]] = attrs.field(factory=list[tuple[Fact, Fact]])
    conditions: list[Condition] = attrs.field(factory=list[Condition])
    grouping: Literal["none", "all", "plain", "sets"] = "none"
    always: frozenset[int] = frozenset()
    sets: tuple[Node, ...] = ()
    counted: tuple[Node, ...] = ()
    has_rows: bool = False
    rows: Known = NOTHING
    windows: Known = NOTHING
    groups: Known = NOTHING
    applied: set[Condition] = attrs.field(factory=set[Condition])
    is_known: bool = False

    def entry(self, number: int) -> Node:
        """Return an entry of the range table, from 1."""
        return self.table[number - 1]

    def of_others(self, known: Known) -> Known:
        """Return what *known* says of other levels than this one."""
        return frozenset(fact for fact in known if self.number not in fact.what.levels)


@attrs.frozen
class Place:
    """Where an expression stands.

    Attributes:
        level: The query.
        stage: What the expression is about.
        test: Of what follows IN, ANY or ALL: the query that its parameters stand for.
    """

    level: Level
    stage: Stage
    test: Node | None = None

    @property
    def loses_rows(self) -> bool:
        """Whether what holds for the rows need not hold here: a group may be of none."""
        return self.stage == "groups" and self.level.grouping in {"all", "sets"}

    def up(self, levels: int) -> "Place":
        """Return where the query stands, so many levels up."""
        place = self
        for _ in range(levels):
            if place.level.parent is None:
                raise LookupError("a column is of a level that there is not")
            place = place.level.parent
        return place

    def of_rows(self) -> "Place":
        """Return the place among the rows of the same query."""
        return Place(self.level, "rows")

    def writes_to(self, table: int) -> bool:
        """Tell whether a table, by its place in the range table, is the one that was written."""
        return self.stage == "returned" and table == self.level.query.integer("resultRelation")


class Reasoning(Protocol):
    """What the parts of the reasoning ask of each other."""

    @property
    def catalogue(self) -> Catalogue:
        """What the server says."""
        ...

    def nullable(self, node: Node, here: "Here") -> Nullable:
        """Tell whether an expression can be NULL."""
        ...

    def key(self, node: Node, place: Place) -> Key | None:
        """Return what an expression is; None if it may be another each time."""
        ...

    def when(self, outcome: Outcome, node: Node, here: "Here") -> Known:
        """Return what follows when that is the outcome of an expression."""
        ...

    def closed(self, place: Place, known: Known) -> Known:
        """Return all that is known at a place when *known* holds."""
        ...

    def level(self, query: Node, parent: Place | None, known: Known) -> Level:
        """Return a query as a level."""
        ...

    def source(self, entry: Node, here: "Here") -> Level | None:
        """Return the level of a subquery or CTE in FROM; None of anything else."""
        ...

    def column(self, level: Level, number: int, given: frozenset[int]) -> Nullable:
        """Tell whether a column of a query can be NULL in rows whose columns *given* are not."""
        ...

    def cte(self, entry: Node, number: int, here: "Here", given: frozenset[int]) -> Nullable:
        """Tell whether a column of a CTE can be NULL in rows whose columns *given* are not."""
        ...

    def stored(self, relation: int) -> "Here":
        """Return where the rows of a table are by themselves, as it stores them."""
        ...


@attrs.frozen
class Here:
    """Where an expression stands, and what is known there.

    Attributes:
        place: Where.
        known: What is known.
        reasoning: Who reasons.
    """

    place: Place
    known: Known
    reasoning: Reasoning

    @property
    def level(self) -> Level:
        """The query."""
        return self.place.level

    def nullable(self, node: Node) -> Nullable:
        """Tell whether an expression can be NULL here."""
        return self.reasoning.nullable(node, self)

    def each(self, nodes: tuple[Node, ...]) -> list[Nullable]:
        """Tell of each expression whether it can be NULL here."""
        return [self.nullable(node) for node in nodes]

    def when(self, outcome: Outcome, node: Node) -> Known:
        """Return what follows when that is the outcome of an expression here."""
        return self.reasoning.when(outcome, node, self)

    def function(self, node: Node) -> Function | None:
        """Return the function that a node calls, if the catalogue knows it."""
        fields = ("funcid", "opfuncid", "aggfnoid", "winfnoid")
        oid = next((node.integer(field) for field in fields if node.has(field)), 0)
        return self.reasoning.catalogue.functions.get(oid)

    def at(self, place: Place) -> "Here":
        """Return another place where the same is known."""
        return Here(place, self.known, self.reasoning)

    def where(self, facts: Known) -> "Here":
        """Return the same place where *facts* hold as well, and no more is made of them."""
        return Here(self.place, self.known | facts, self.reasoning)

    def closed(self) -> "Here":
        """Return the same place with all that follows from what is known."""
        return Here(self.place, self.reasoning.closed(self.place, self.known), self.reasoning)

    def in_rows(self) -> "Here":
        """Return the place among the rows of the same query: any row, not only this one."""
        known = self.level.rows | self.level.of_others(self.known)
        return Here(self.place.of_rows(), known, self.reasoning)

    def subquery(self, query: Node) -> Level:
        """Return a query that stands here as a level."""
        return self.reasoning.level(query, self.place, self.known)


def worst(*values: Nullable) -> Nullable:
    """Return whether any can be NULL; False if there is none."""
    if True in values:
        return True
    return None if None in values else False


def least(*values: Nullable) -> Nullable:
    """Return whether all can be NULL together, as far as each by itself tells."""
    if False in values:
        return False
    return None if None in values else True
