"""Whether what makes XML and JSON, or looks into JSON, can give NULL."""

from quantdb.check.nulls.codes import JsonBehavior, JsonFound, JsonMade, Xml
from quantdb.check.nulls.levels import Here, Nullable, least, worst
from quantdb.check.tree import Node

__all__ = ["json_found", "json_made", "xml"]


def xml(node: Node, here: Here) -> Nullable:
    """Tell whether an XML expression can be NULL."""
    values = here.each((*node.children("named_args"), *node.children("args")))
    match node.integer("op"):
        case Xml.ELEMENT:
            return False
        case Xml.CONCAT | Xml.FOREST:
            return least(*values)
        case Xml.PARSE | Xml.ROOT | Xml.SERIALIZE:
            return worst(*values[:1])
        case _:
            return worst(*values)


def json_made(node: Node, here: Here) -> Nullable:
    """Tell whether JSON_OBJECT, JSON_ARRAY, JSON_SCALAR and the like can be NULL."""
    if node.integer("type") in {JsonMade.OBJECT, JsonMade.ARRAY}:
        return False
    made = node.maybe("func")  # of an aggregate, and of others from PostgreSQL 17 on
    return here.nullable(made) if made else worst(*here.each(node.children("args")))


def json_found(node: Node, here: Here) -> Nullable:
    """Tell whether JSON_EXISTS, JSON_QUERY or JSON_VALUE can be NULL."""
    item = here.nullable(node.child("formatted_expr"))
    match node.integer("op"):
        case JsonFound.EXISTS:
            return worst(item, _behaves(node.maybe("on_error"), JsonBehavior.UNKNOWN))
        case JsonFound.QUERY:
            on_empty = node.maybe("on_empty")
            is_null = on_empty is None or _behaves(on_empty, JsonBehavior.NULL)
            return True if is_null or item else None
        case _:
            return True


def _behaves(behavior: Node | None, like: JsonBehavior) -> bool:
    return behavior is not None and behavior.integer("btype") == like
