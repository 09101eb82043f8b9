"""What the catalogue says of all that a parse tree names."""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from quantdb import sqlfile
from quantdb.check.spelling import spelled_out
from quantdb.check.tree import Node, calls, only, parsed, walk
from quantdb.database import Connection
from quantdb.query import Query

__all__ = ["Catalogue", "Column", "Domain", "Function", "Relation", "looked_up"]


def _tree(text: str | None) -> Node | None:
    tree = only(parsed(text)) if text is not None else None
    return spelled_out(tree) if tree is not None else None


def _trees(texts: Sequence[str]) -> tuple[Node, ...]:
    return tuple(tree for tree in map(_tree, texts) if tree is not None)


def _words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(words)


@attrs.frozen
class Function:
    """A function.

    Attributes:
        oid: Its number.
        name: Its name.
        builtin: Whether it is PostgreSQL's own.
        strict: Whether it gives NULL for a NULL argument without being called.
        volatile: Whether it may give another result for the same arguments in one statement.
        returns_set: Whether it gives rows.
        arguments: The names of the types of its arguments.
    """

    oid: int
    name: str
    builtin: bool
    strict: bool
    volatile: bool
    returns_set: bool
    arguments: tuple[str, ...] = attrs.field(converter=_words)


@attrs.frozen
class Domain:
    """A domain.

    Attributes:
        oid: Its number.
        not_null: Whether it refuses NULL.
        checks: Its CHECK constraints.
    """

    oid: int
    not_null: bool
    checks: tuple[Node, ...] = attrs.field(converter=_trees)


@attrs.frozen
class Column:
    """A column of a relation.

    Attributes:
        relation: Whose it is.
        number: Its place, from 1.
        type_oid: Its type.
        not_null: Whether the relation itself holds no NULL there.
        not_null_in_all: Whether nothing that inherits from the relation does either.
        generated: Whether it is made of others.
        identity: Whether the database numbers it.
        made_of: Its default, or what it is generated from.
    """

    relation: int
    number: int
    type_oid: int
    not_null: bool
    not_null_in_all: bool
    generated: bool
    identity: bool
    made_of: Node | None = attrs.field(converter=_tree)


@attrs.frozen
class Relation:
    """A table, a view or the like.

    Attributes:
        oid: Its number.
        kind: ``pg_class.relkind``.
        is_parent: Whether others inherit from it, or are parts of it.
        has_foreign: Whether it, or one of those, is a foreign table.
        view: The query of a view.
        checks: Its CHECK constraints.
        has_rules: Whether a rule may take the place of a statement that writes to it.
        changes_inserted: Whether a trigger may change a row that is inserted.
        changes_updated: Whether a trigger may change a row that is updated.
    """

    oid: int
    kind: str
    is_parent: bool
    has_foreign: bool
    view: Node | None = attrs.field(converter=_tree)
    checks: tuple[Node, ...] = attrs.field(converter=_trees)
    has_rules: bool
    changes_inserted: bool
    changes_updated: bool


@attrs.define
class Catalogue:
    """What was looked up, by number."""

    relations: dict[int, Relation] = attrs.field(factory=dict[int, Relation])
    columns: dict[tuple[int, int], Column] = attrs.field(factory=dict[tuple[int, int], Column])
    functions: dict[int, Function] = attrs.field(factory=dict[int, Function])
    domains: dict[int, Domain] = attrs.field(factory=dict[int, Domain])
    _asked: set[tuple[str, int]] = attrs.field(factory=set[tuple[str, int]])

    def unasked(self, kind: str, oids: Iterable[int]) -> list[int]:
        """Return those that were not asked for yet, and note that they are now."""
        new = sorted({oid for oid in oids if oid and (kind, oid) not in self._asked})
        self._asked.update((kind, oid) for oid in new)
        return new


_SQL: Final = sqlfile.sql_folder() / "check"
_relation_facts: Final = Query(_SQL / "relation_facts.sql", Relation)
_relation_columns: Final = Query(_SQL / "relation_columns.sql", Column)
_relation_domains: Final = Query(_SQL / "relation_domains.sql", Domain)
_function_facts: Final = Query(_SQL / "function_facts.sql", Function)


async def looked_up(connection: Connection, tree: Node) -> Catalogue:
    """Return what the catalogue says of the relations, types and functions that *tree* names.

    And of those that these name in turn: a view its tables, a column its default.
    Each round asks for all that is new at once.
    """
    catalogue = Catalogue()
    trees = [tree]
    while trees:
        trees = await _looked_up(connection, catalogue, trees)
    return catalogue


async def _looked_up(
    connection: Connection, catalogue: Catalogue, trees: Sequence[Node]
) -> list[Node]:
    """Look up what *trees* name, and return the trees that were found."""
    found: list[Node] = []
    relations = catalogue.unasked("relation", (oid for tree in trees for oid in _relids(tree)))
    types = {oid for tree in trees for oid in _types(tree)}
    if relations:
        for relation in await _relation_facts.all(connection, relations):
            catalogue.relations[relation.oid] = relation
            found += [*([relation.view] if relation.view else []), *relation.checks]
        for column in await _relation_columns.all(connection, relations):
            catalogue.columns[column.relation, column.number] = column
            types.add(column.type_oid)
            found += [column.made_of] if column.made_of else []
    domains = catalogue.unasked("type", types)
    if domains:
        for domain in await _relation_domains.all(connection, domains):
            catalogue.domains[domain.oid] = domain
            found += domain.checks
    functions = catalogue.unasked("function", (oid for tree in trees for oid in calls(tree)))
    if functions:
        for function in await _function_facts.all(connection, functions):
            catalogue.functions[function.oid] = function
    return found


def _relids(tree: Node) -> Iterable[int]:
    for node in walk(tree):
        if node.name == "RANGETBLENTRY" and node.has("relid"):
            yield node.integer("relid")


def _types(tree: Node) -> Iterable[int]:
    for node in walk(tree):
        if node.name == "COERCETODOMAIN":
            yield node.integer("resulttype")
        elif node.name == "PARAM":
            yield node.integer("paramtype")
