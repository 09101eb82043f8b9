"""PostgreSQL's own parse trees, read from the text of a pg_node_tree."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias, overload

import attrs

__all__ = [
    "Command",
    "Node",
    "TreeError",
    "Value",
    "calls",
    "command",
    "only",
    "parsed",
    "walk",
    "writes",
]

Value: TypeAlias = "Node | tuple[Value, ...] | bytes | str | None"

Command = Literal["select", "update", "insert", "delete", "merge"]

_COMMANDS: Final[dict[int, Command]] = {
    1: "select",
    2: "update",
    3: "insert",
    4: "delete",
    5: "merge",
}

# Before PostgreSQL 15 some nodes had shorter names.
_RENAMED: Final = {
    "ARRAY": "ARRAYEXPR",
    "CASE": "CASEEXPR",
    "COALESCE": "COALESCEEXPR",
    "COLLATE": "COLLATEEXPR",
    "MINMAX": "MINMAXEXPR",
    "ROW": "ROWEXPR",
    "ROWCOMPARE": "ROWCOMPAREEXPR",
    "RTE": "RANGETBLENTRY",
    "WHEN": "CASEWHEN",
}

# As pg_strtok has it: blanks and braces part tokens unless a backslash stands before them.
_WORD: Final = re.compile(r"[(){}]|(?:[^ \n\t(){}\\]|\\.)+", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
# What a list of other things than nodes begins with: integers, OIDs, transactions, bits.
_TYPED: Final = frozenset("ioxb")


class TreeError(ValueError):
    """A text is no parse tree, or a tree is not what was expected of it."""


@attrs.frozen(eq=False)
class Node:
    """A node of a tree; two are equal only if they are the same one.

    Attributes:
        name: What it is, in capitals (``"FUNCEXPR"``).
        fields: What it is made of, by name. Numbers, truth values and names are text as it stands;
            a datum is bytes; None is NULL or an empty list.
    """

    name: str
    fields: Mapping[str, Value]

    def __repr__(self) -> str:
        return f"Node({self.name})"

    def has(self, field: str) -> bool:
        """Tell whether there is such a field, and it is not NULL."""
        return self.fields.get(field) is not None

    def text(self, field: str) -> str:
        """Return a field that is one word."""
        value = self._field(field)
        if not isinstance(value, str):
            raise self._other(field, "text")
        return value

    @overload
    def integer(self, field: str) -> int: ...
    @overload
    def integer(self, field: str, default: int) -> int: ...

    def integer(self, field: str, default: int | None = None) -> int:
        """Return a field that is a number; *default* if this server has no such field."""
        if default is not None and field not in self.fields:
            return default
        try:
            return int(self.text(field))
        except ValueError:
            raise self._other(field, "a number") from None

    def flag(self, field: str) -> bool:
        """Return a field that is true or false; false if this server has no such field."""
        return self.fields.get(field) == "true"

    def child(self, field: str) -> "Node":
        """Return a field that is a node."""
        node = self.maybe(field)
        if node is None:
            raise self._other(field, "a node")
        return node

    def maybe(self, field: str) -> "Node | None":
        """Return a field that is a node, or None if it is NULL or this server has no such field."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, Node):
            raise self._other(field, "a node")
        return value

    def children(self, field: str) -> "tuple[Node, ...]":
        """Return a field that is a list of nodes."""
        return tuple(value for value in self.items(field) if isinstance(value, Node))

    def items(self, field: str) -> tuple[Value, ...]:
        """Return a field that is a list; empty if this server has no such field."""
        value = self.fields.get(field)
        if value is None:
            return ()
        if not isinstance(value, tuple):
            raise self._other(field, "a list")
        return value

    def integers(self, field: str) -> tuple[int, ...]:
        """Return a field that is a list of numbers."""
        try:
            return tuple(int(value) for value in self.items(field) if isinstance(value, str))
        except ValueError:
            raise self._other(field, "a list of numbers") from None

    def _field(self, field: str) -> Value:
        if field not in self.fields:
            raise TreeError(f"{self.name} has no field {field}")
        return self.fields[field]

    def _other(self, field: str, expected: str) -> TreeError:
        return TreeError(f"{self.name}.{field} is not {expected}: {self.fields.get(field)!r:.100}")


def parsed(text: str) -> Value:
    """Return what *text* says: a node, or a list of them.

    Raises:
        TreeError: It is no pg_node_tree.
    """
    words = _WORD.findall(text)
    try:
        value, end = _value(words, 0)
    except (IndexError, ValueError) as error:
        raise TreeError(f"the tree is cut short: {error}") from None
    if end != len(words):
        raise TreeError(f"more follows the tree: {words[end]!r:.100}")
    return value


@attrs.define
class _Open:
    """A list or a node of which the end is still to come."""

    name: str | None
    items: list[Value] = attrs.field(factory=list[Value])
    fields: dict[str, Value] = attrs.field(factory=dict[str, Value])
    field: str = ""

    def begin(self, word: str) -> None:
        if not word.startswith(":"):
            raise TreeError(f"{self.name} holds {word!r:.100} without a name")
        self.field = word[1:]

    def add(self, value: Value) -> None:
        if self.name is None:
            self.items.append(value)
        else:
            self.fields[self.field] = value
            self.field = ""

    def closed(self) -> Value:
        if self.name is None:
            return tuple(self.items)
        return Node(_RENAMED.get(self.name, self.name), self.fields)


def _value(words: list[str], at: int) -> tuple[Value, int]:
    """Return the value that begins at a word, and where the next one begins.

    With a stack of its own, since an expression may be nested deeper than Python's.
    """
    stack: list[_Open] = []
    while True:
        word = words[at]
        at += 1
        if word in {"{", "("}:
            stack.append(_Open(words[at] if word == "{" else None))
            at += word == "{" or words[at] in _TYPED
            continue
        if word in {"}", ")"}:
            if not stack or (stack[-1].name is None) != (word == ")"):
                raise TreeError(f"{word} closes nothing")
            value = stack.pop().closed()
        elif stack and stack[-1].name is not None and not stack[-1].field:
            stack[-1].begin(word)
            continue
        elif words[at : at + 1] == ["["]:
            end = words.index("]", at)
            value, at = bytes(int(each) & 0xFF for each in words[at + 1 : end]), end + 1
        else:
            value = _atom(word)
        if not stack:
            return value, at
        stack[-1].add(value)


def _atom(word: str) -> str | None:
    if word == "<>":
        return None
    if len(word) > 1 and word[0] == word[-1] == '"':
        word = word[1:-1]
    return _ESCAPED.sub(r"\1", word) if "\\" in word else word


def only(value: Value) -> Node | None:
    """Return the only node of a list, of lists or not; None if there are others."""
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, Node) else None


def walk(value: Value) -> Iterator[Node]:
    """Give every node of a tree, outer ones first."""
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Node):
            yield top
            stack.extend(reversed(list(top.fields.values())))
        elif isinstance(top, tuple):
            stack.extend(reversed(top))


# Where a node names the function that it calls.
_CALLED: Final = {
    "AGGREF": "aggfnoid",
    "DISTINCTEXPR": "opfuncid",
    "FUNCEXPR": "funcid",
    "NULLIFEXPR": "opfuncid",
    "OPEXPR": "opfuncid",
    "SCALARARRAYOPEXPR": "opfuncid",
    "WINDOWFUNC": "winfnoid",
}


def calls(tree: Node) -> Iterator[int]:
    """Give the OID of every function that is called: by name, as an operator, or to cast."""
    for node in walk(tree):
        field = _CALLED.get(node.name)
        if field is not None:
            yield node.integer(field)


def command(tree: Node) -> Command:
    """Return what a statement is, whatever its CTEs are.

    Raises:
        TreeError: It is no statement of these.
    """
    number = tree.integer("commandType")
    if number not in _COMMANDS:
        raise TreeError(f"{tree.name} is command {number}")
    return _COMMANDS[number]


def writes(tree: Node) -> bool:
    """Tell whether a statement changes rows, be it in a CTE; a function that does is not seen."""
    return any(node.name == "QUERY" and command(node) != "select" for node in walk(tree))
