"""The reasoning itself: every level of a statement once, and what is known in it."""

from typing import Final

from quantdb.check.nulls import existing, expressions, keys
from quantdb.check.nulls import known as knowledge
from quantdb.check.nulls.build import built, given_to_set
from quantdb.check.nulls.cases import alternatives, conjuncts
from quantdb.check.nulls.codes import Entry, SetOperation
from quantdb.check.nulls.grouping import grouped_by
from quantdb.check.nulls.levels import (
    NOTHING,
    Condition,
    Fact,
    Here,
    Key,
    Known,
    Level,
    Nullable,
    Outcome,
    Place,
    least,
    worst,
)
from quantdb.check.relations import Catalogue
from quantdb.check.tree import Node, command

__all__ = ["Reasoner"]

_SPLIT: Final = frozenset({"CASEEXPR", "COALESCEEXPR", "MINMAXEXPR"})
_MOST_CASES: Final = 5_000


class Reasoner:
    """Tells what can be NULL in one statement.

    Args:
        catalogue: What the server says of all that the statement names.
        heeds: Whether the conditions of the statement (WHERE, ON, HAVING) count; those of a view do
            in any case, and CHECK.
    """

    def __init__(self, catalogue: Catalogue, *, heeds: bool = True) -> None:
        self.catalogue: Final = catalogue
        self._heeds: Final = heeds
        self._numbers = 0
        self._levels: dict[tuple[int, tuple[int, str] | None, Known], Level] = {}
        self._columns: dict[tuple[int, int, frozenset[int]], Nullable] = {}
        # With the node itself, so that no other comes to have its identity.
        self._keys: dict[tuple[int, int, str], tuple[Node, Key | None]] = {}
        self._stored: dict[int, Here] = {}
        # Of recursive CTEs, what their columns are taken for.
        self._assumed: dict[int, list[Nullable]] = {}
        # The levels of which the cases are being gone through.
        self._splitting: set[int] = set()
        self._cases = 0
        self._views = {id(each.view) for each in catalogue.relations.values() if each.view}

    def nullable(self, node: Node, here: Here) -> Nullable:
        """Tell whether an expression can be NULL."""
        if here.place.stage == "groups" and here.level.grouping == "sets":
            reference = grouped_by(node, here.place, self)
            if reference is not None:
                return self._of_set(node, here, is_always=reference in here.level.always)
        found = expressions.nullable(node, here)
        level = here.level.number
        if found is False or node.name not in _SPLIT or level in self._splitting:
            return found
        self._splitting.add(level)
        proven = not here.place.loses_rows and self._split(node, here, alternatives(here))
        self._splitting.discard(level)
        return False if proven else found

    def _split(self, node: Node, here: Here, alternatives: list[list[Known]]) -> bool:
        """Tell whether an expression is not NULL in every combination of the cases."""
        if not alternatives or self._cases > _MOST_CASES:
            return False
        for case in alternatives[0]:
            self._cases += 1
            inside = here.where(case).closed()
            found = expressions.nullable(node, inside)
            if found is not False and not self._split(node, inside, alternatives[1:]):
                return False
        return True

    def _of_set(self, node: Node, here: Here, *, is_always: bool) -> Nullable:
        key = self.key(node, here.place)
        if key is not None and Fact("value", key) in here.known:
            return False
        return self.nullable(node, here.in_rows()) if is_always else True

    def key(self, node: Node, place: Place) -> Key | None:
        """Return what an expression is; None if it may be another each time."""
        at = id(node), place.level.number, place.stage
        if at not in self._keys:
            self._keys[at] = node, keys.key(node, place, self)
        return self._keys[at][1]

    def when(self, outcome: Outcome, node: Node, here: Here) -> Known:
        """Return what follows when that is the outcome of an expression."""
        return knowledge.consequences(outcome, node, here)

    def closed(self, place: Place, known: Known) -> Known:
        """Return all that is known at a place when *known* holds."""
        applied: set[Condition] = set()
        before = None
        while known != before:
            before = known
            at: Place | None = place
            while at is not None:
                if at.level.is_known and not at.loses_rows:
                    known = self._applied(at.level, known, applied)
                at = at.level.parent
        return known

    def _applied(self, level: Level, known: Known, applied: set[Condition]) -> Known:
        """Apply each condition that holds by now and was not applied yet."""
        for condition in level.conditions:
            if condition.guard <= known and condition not in level.applied | applied:
                applied.add(condition)
                known |= self._follows(condition, level, known)
        return known

    def _follows(self, condition: Condition, level: Level, known: Known) -> Known:
        here = Here(Place(level, "rows"), known, self)
        if condition.kind != "row":
            return self.when(condition.kind, condition.node, here)
        if condition.node.flag("self_reference"):
            return NOTHING
        source = self.source(condition.node, here)
        return source.of_others(source.groups) if source else NOTHING

    def level(self, query: Node, parent: Place | None, known: Known) -> Level:
        """Return a query as a level."""
        at = (parent.level.number, parent.stage) if parent else None
        here = id(query), at, known
        if here not in self._levels:
            self._numbers += 1
            level = built(self._numbers, query, parent, known, self)
            if not self._counts(level):
                level.conditions = [each for each in level.conditions if each.kind != "true"]
            level.rows = level.windows = level.groups = known
            self._levels[here] = level  # what is asked meanwhile goes by what stands in it
            self._know(level)
        return self._levels[here]

    def _counts(self, level: Level) -> bool:
        """Tell whether the conditions of a level count."""
        while level.parent is not None:
            level = level.parent.level
        return self._heeds or id(level.query) in self._views

    def _know(self, level: Level) -> None:
        """Work out what is known of the rows of a level, and of its groups."""
        if not level.query.has("setOperations"):
            known = level.inherited
            for item in level.query.child("jointree").children("fromlist"):
                known |= self._certain(item, level)
            before = None
            while known != before:
                before, known = known, self._applied(level, known, level.applied)
            level.rows = known
        level.is_known = True
        if level.grouping == "all":
            level.has_rows = existing.from_has_row(level, self)
        level.windows = level.groups = self._of_groups(level)
        if len(level.sets) == 1:
            # Windows are filled before it gives its rows.
            here = Here(Place(level, "groups"), level.groups, self)
            for argument in given_to_set(level.sets[0], self):
                here = here.where(here.when("not null", argument))
            level.groups = here.closed().known

    def _of_groups(self, level: Level) -> Known:
        groups = Place(level, "groups")
        known = level.rows
        if groups.loses_rows:
            known = level.of_others(known) if level.has_rows else level.inherited
        having = level.query.maybe("havingQual")
        if having is not None and self._counts(level):
            here = Here(groups, known, self)
            counts = (knowledge.counted(each, here) for each in conjuncts(having))
            level.counted = tuple(count for count in counts if count)
            known |= self.when("true", having, here)
            if Fact.rows(level.number) in known:
                known |= level.of_others(level.rows)
        return self.closed(groups, known)

    def _certain(self, item: Node, level: Level) -> Known:
        """Return the sides of outer joins that are never filled up: something always matches."""
        if item.name == "RANGETBLREF":
            return NOTHING
        sides = [item.maybe("larg"), item.maybe("rarg"), *item.children("fromlist")]
        facts = NOTHING
        for each in sides:
            facts |= self._certain(each, level) if each else NOTHING
        if item.name == "JOINEXPR" and existing.is_true(item.maybe("quals")):
            number = item.integer("rtindex")
            if existing.item_has_row(item.child("larg"), level, self):
                facts |= {Fact.side(level.number, number, "left")}
            if existing.item_has_row(item.child("rarg"), level, self):
                facts |= {Fact.side(level.number, number, "right")}
        return facts

    def column(self, level: Level, number: int, given: frozenset[int]) -> Nullable:
        """Tell whether a column of a query can be NULL in rows whose columns *given* are not."""
        if number in given or number > len(level.targets):
            return False  # a column that SEARCH or CYCLE adds to a CTE is never NULL
        here = level.number, number, given
        if here not in self._columns:
            operation = level.query.maybe("setOperations")
            if operation is not None:
                self._columns[here] = self._of_operation(operation, level, number, given)
            else:
                self._columns[here] = self._of_target(level, number, given)
        return self._columns[here]

    def _of_target(self, level: Level, number: int, given: frozenset[int]) -> Nullable:
        reads = command(level.query) == "select"
        here = Here(Place(level, "groups" if reads else "returned"), level.groups, self)
        for each in sorted(given):
            here = here.where(here.when("not null", level.targets[each - 1].child("expr")))
        if given:
            here = here.closed()
        return here.nullable(level.targets[number - 1].child("expr"))

    def _of_operation(
        self, node: Node, level: Level, number: int, given: frozenset[int]
    ) -> Nullable:
        """Tell whether a column of a UNION, an INTERSECT or an EXCEPT can be NULL."""
        if node.name == "RANGETBLREF":
            here = Here(Place(level, "rows"), level.rows, self)
            source = self.source(level.entry(node.integer("rtindex")), here)
            return self.column(source, number, given) if source else None
        left = self._of_operation(node.child("larg"), level, number, given)
        if node.integer("op") == SetOperation.EXCEPT:
            return left
        right = self._of_operation(node.child("rarg"), level, number, given)
        # A row that is in both is NULL nowhere that it is not in either.
        is_union = node.integer("op") == SetOperation.UNION
        return worst(left, right) if is_union else least(left, right)

    def source(self, entry: Node, here: Here) -> Level | None:
        """Return the level of a subquery or CTE in FROM; None of anything else."""
        kind = entry.integer("rtekind")
        if kind == Entry.SUBQUERY:
            known = here.known if entry.flag("lateral") else _outside(here.level, here.known)
            return self.level(entry.child("subquery"), here.place.of_rows(), known)
        if kind == Entry.CTE:
            cte, at = _definition(entry, here.place)
            return self.level(cte.child("ctequery"), at, _outside(at.level, here.known))
        return None

    def cte(self, entry: Node, number: int, here: Here, given: frozenset[int]) -> Nullable:
        """Tell whether a column of a CTE can be NULL in rows whose columns *given* are not."""
        cte, at = _definition(entry, here.place)
        if cte.flag("cterecursive"):
            if id(cte) not in self._assumed:
                self._settle(cte, at)
            if entry.flag("self_reference"):
                assumed = self._assumed[id(cte)]
                return assumed[number - 1] if number <= len(assumed) else False
        level = self.level(cte.child("ctequery"), at, _outside(at.level, here.known))
        return self.column(level, number, given)

    def _settle(self, cte: Node, place: Place) -> None:
        """Take a recursive CTE for never NULL, and less and less so until that is consistent."""
        query, others = cte.child("ctequery"), dict(self._assumed)
        assumed: list[Nullable] = [False] * len(self.level(query, place, NOTHING).targets)
        before = None
        while assumed != before:
            before = assumed
            self._assumed = {**others, id(cte): assumed}
            # What was concluded from the last assumption no longer holds.
            self._levels, self._columns = {}, {}
            level = self.level(query, place, NOTHING)
            assumed = [
                worst(old, self.column(level, number, frozenset()))
                for number, old in enumerate(before, start=1)
            ]

    def stored(self, relation: int) -> Here:
        """Return where the rows of a table are by themselves, as it stores them."""
        if relation not in self._stored:
            entry = Node("RANGETBLENTRY", {"rtekind": "0", "relid": str(relation), "inh": "true"})
            item = Node("RANGETBLREF", {"rtindex": "1"})
            tree = Node("FROMEXPR", {"fromlist": (item,)})
            query = Node("QUERY", {"commandType": "1", "rtable": (entry,), "jointree": tree})
            level = self.level(query, None, NOTHING)
            self._stored[relation] = Here(Place(level, "rows"), level.rows, self)
        return self._stored[relation]


def _outside(level: Level, known: Known) -> Known:
    """Return what is known beyond a level: of the levels that it stands in, and of parameters."""
    around: set[int] = set()
    at = level.parent
    while at is not None:
        around.add(at.level.number)
        at = at.level.parent
    return frozenset(fact for fact in known if fact.what.levels <= around)


def _definition(entry: Node, place: Place) -> tuple[Node, Place]:
    """Return the CTE that an entry of FROM names, and where it is defined."""
    at, name = place.up(entry.integer("ctelevelsup")).of_rows(), entry.text("ctename")
    for cte in at.level.query.children("cteList"):
        if cte.text("ctename") == name:
            return cte, at
    raise LookupError(f"there is no CTE {name}")
