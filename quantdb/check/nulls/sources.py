"""Whether a column of what stands in FROM can be NULL."""

from typing import Final

from quantdb.check.nulls.codes import Entry, JsonBehavior, JsonFound
from quantdb.check.nulls.elements import elements
from quantdb.check.nulls.keys import resolved
from quantdb.check.nulls.levels import NOTHING, Here, Nullable, Reasoning, worst
from quantdb.check.nulls.returning import inserted, returned
from quantdb.check.relations import Column, Relation
from quantdb.check.tree import Node

__all__ = ["refuses_null", "set_column", "variable"]

# What the columns of a function that gives rows can be.
_ROWS: Final[dict[str, tuple[Nullable, ...]]] = {
    "generate_series": (False,),
    "generate_subscripts": (False,),
    "json_array_elements": (False,),
    "json_array_elements_text": (True,),
    "json_each": (False, False),
    "json_each_text": (False, True),
    "json_object_keys": (False,),
    "jsonb_array_elements": (False,),
    "jsonb_array_elements_text": (True,),
    "jsonb_each": (False, False),
    "jsonb_each_text": (False, True),
    "jsonb_object_keys": (False,),
    "jsonb_path_query": (False,),
    "jsonb_path_query_tz": (False,),
    "regexp_matches": (False,),
    "regexp_split_to_table": (False,),
    "ts_stat": (False, False, False),
    "unnest(anymultirange)": (False,),
}
_AS_DESCRIBED: Final = frozenset(
    {
        "json_populate_record",
        "json_populate_recordset",
        "json_to_record",
        "json_to_recordset",
        "jsonb_populate_record",
        "jsonb_populate_recordset",
        "jsonb_to_record",
        "jsonb_to_recordset",
    }
)


def variable(node: Node, here: Here) -> Nullable:
    """Tell whether a column of FROM can be NULL, beyond what is known of it."""
    meant, at = resolved(node, here.place)
    here = here.at(at)
    if meant is not node:
        return here.nullable(meant)
    if node.integer("varlevelsup"):
        return here.nullable(Node("VAR", {**node.fields, "varlevelsup": "0"}))
    level, table, number = at.level, node.integer("varno"), node.integer("varattno")
    if at.writes_to(table):
        return returned(node, here)
    if at.stage == "groups" and level.grouping == "sets":
        return _of_set(node, here)
    if not level.sides.get(table, NOTHING) <= here.known:
        return True
    conflict = level.query.maybe("onConflict")
    if conflict is not None and conflict.integer("exclRelIndex") == table and number > 0:
        return inserted(number, here)
    return _of_entry(table, number, here.at(at.of_rows()))


def _of_set(node: Node, here: Here) -> Nullable:
    """Tell whether a column can be NULL that only some of the grouping sets may have."""
    level, inside = here.level, here.in_rows()
    entry = level.entry(node.integer("varno"))
    if entry.integer("rtekind") == Entry.GROUP:  # from PostgreSQL 18 on
        number = node.integer("varattno") - 1
        reference = level.query.children("groupClause")[number].integer("tleSortGroupRef")
        grouped = entry.children("groupexprs")[number]
        return inside.nullable(grouped) if reference in level.always else True
    return inside.nullable(node)


def _of_entry(table: int, number: int, here: Here) -> Nullable:
    """Tell whether a column of an entry of the range table can be NULL in a row that is there."""
    entry, kind = here.level.entry(table), here.level.entry(table).integer("rtekind")
    columns = (fact.what.column for fact in here.known)
    given = frozenset(
        column[2] for column in columns if column and column[:2] == (here.level.number, table)
    )
    match kind:
        case Entry.RELATION:
            return _of_relation(entry, number, given, here.reasoning)
        case Entry.FUNCTION:
            return _of_function(entry, number, here)
        case _ if number == 0:
            return None if kind == Entry.JOIN else False
        case Entry.SUBQUERY:
            source = here.reasoning.source(entry, here)
            return here.reasoning.column(source, number, given) if source else None
        case Entry.CTE:
            return here.reasoning.cte(entry, number, here, given)
        case Entry.VALUES:
            rows = [row for row in entry.items("values_lists") if isinstance(row, tuple)]
            values = (row[number - 1] for row in rows)
            return worst(*here.each(tuple(each for each in values if isinstance(each, Node))))
        case Entry.TABLE_FUNCTION:
            return _of_table_function(entry.child("tablefunc"), number - 1)
        case _:
            return None


def _of_relation(entry: Node, number: int, given: frozenset[int], reasoning: Reasoning) -> Nullable:
    oid = entry.integer("relid")
    relation = reasoning.catalogue.relations.get(oid)
    if relation is None:
        return None
    if number <= 0:  # the row itself, ctid, …
        return None if number < 0 and relation.has_foreign else False
    if relation.view is not None:
        level = reasoning.level(relation.view, None, NOTHING)
        return reasoning.column(level, number, given)
    column = reasoning.catalogue.columns.get((oid, number))
    if column is None:
        return None
    in_all = entry.flag("inh") and relation.is_parent
    if column.not_null_in_all if in_all else column.not_null:
        return False
    return True if relation.has_foreign else _of_column(column, relation, reasoning)


def _of_column(column: Column, relation: Relation, reasoning: Reasoning) -> Nullable:
    """Tell whether a column that is not NOT NULL can hold NULL."""
    if refuses_null(column.type_oid, reasoning):
        return False
    if not column.generated or column.made_of is None:
        return True
    if relation.is_parent:  # each part may make it in another way
        return None
    return reasoning.stored(relation.oid).nullable(column.made_of)


def refuses_null(type_oid: int, reasoning: Reasoning) -> bool:
    """Tell whether a type is a domain that is NOT NULL, or of which a CHECK says so."""
    domain = reasoning.catalogue.domains.get(type_oid)
    if domain is None or domain.not_null:
        return domain is not None
    here = reasoning.stored(0)
    facts = (fact for check in domain.checks for fact in here.when("not false", check))
    return any(fact.what.text.startswith("COERCETODOMAINVALUE") for fact in facts)


def _of_function(entry: Node, number: int, here: Here) -> Nullable:
    first, *others = entry.children("functions")
    if number > sum(each.integer("funccolcount") for each in (first, *others)):
        return False  # WITH ORDINALITY
    if others:
        return True  # ROWS FROM: the shorter ones are filled up
    expression, is_scalar = first.child("funcexpr"), first.integer("funccolcount") == 1
    function = here.function(expression) if expression.name == "FUNCEXPR" else None
    if function is not None and function.returns_set:
        return set_column(expression, max(number, 1) if is_scalar else number, here)
    if function is not None and function.builtin and function.name in _AS_DESCRIBED:
        return True
    return here.nullable(expression) if is_scalar else None


def set_column(expression: Node, number: int, here: Here) -> Nullable:
    """Tell whether a column of a function that gives rows can be NULL; 0 is the row itself."""
    function, arguments = here.function(expression), expression.children("args")
    if function is None or not function.builtin:
        return None
    match f"{function.name}({','.join(function.arguments)})":
        case _ if number == 0:
            return False
        case "unnest(anyarray)":
            return elements(arguments[0], here)
        case "string_to_table(text,text,text)":
            return not (arguments[2].name == "CONST" and arguments[2].flag("constisnull"))
        case "string_to_table(text,text)":
            return False
        case _ if function.name in _AS_DESCRIBED:
            return True
        case signature:
            columns = _ROWS.get(signature) or _ROWS.get(function.name) or ()
            return dict(enumerate(columns, start=1)).get(number)


def _of_table_function(function: Node, at: int) -> Nullable:
    """Tell whether a column of XMLTABLE or JSON_TABLE, from 0, can be NULL."""
    if function.integer("ordinalitycol") == at or at in function.integers("notnulls"):
        return False
    plan, made = function.maybe("plan"), function.items("colvalexprs")
    # What is nested is filled up where nothing is.
    if plan is None or not plan.integer("colMin") <= at <= plan.integer("colMax"):
        return True
    value = made[at]
    if not isinstance(value, Node):  # FOR ORDINALITY
        return False
    if value.name != "JSONEXPR" or value.integer("op") != JsonFound.EXISTS:
        return True
    on_error = value.maybe("on_error")
    return on_error is not None and on_error.integer("btype") == JsonBehavior.UNKNOWN
