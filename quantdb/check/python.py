"""Where things stand in Python source: classes and their fields, functions and their parameters."""

import ast
import sys
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import resolve_name
from types import CodeType, ModuleType
from typing import Final, TypeGuard

import attrs

from quantdb.check.problems import Place

__all__ = [
    "Code",
    "Function",
    "annotation_of",
    "assigned_in",
    "assignments",
    "class_node",
    "code_of",
    "definition",
    "function_node",
    "is_function",
    "last_assigned",
    "parameters",
    "place_of_class",
    "place_of_field",
    "written",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

_DEEPEST: Final = 3
"""Through how many modules a name is followed."""


@attrs.frozen(eq=False)
class Code:
    """A Python file.

    Attributes:
        file: Its path.
        tree: What it says.
        lines: Its text.
    """

    file: str
    tree: ast.Module = attrs.field(repr=False)
    lines: Sequence[str] = attrs.field(repr=False)

    def says(self, *texts: str) -> bool:
        """Tell whether one of the texts is in the file."""
        return any(text in line for line in self.lines for text in texts)

    def place(self, node: ast.expr | ast.stmt | ast.arg, last: ast.AST | None = None) -> Place:
        """Return the place of *node*, up to the end of *last* or of its first line."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        first = _characters(line, node.col_offset)
        after = len(line.rstrip())
        ends: object = getattr(last or node, "end_lineno", None)
        octets: object = getattr(last or node, "end_col_offset", None)
        if ends == node.lineno and isinstance(octets, int):
            after = _characters(line, octets)
        return Place(self.file, node.lineno, first + 1, max(after - first, 1))


def _characters(line: str, octets: int) -> int:
    """Return how many characters the first *octets* of a line are; `ast` counts in these."""
    return len(line.encode()[:octets].decode(errors="ignore"))


@cache
def _read(file: str) -> Code | None:
    try:
        with tokenize.open(file) as stream:
            text = stream.read()
        return Code(file, ast.parse(text, file), text.splitlines())
    except (OSError, SyntaxError, ValueError):
        return None


def code_of(module: ModuleType | str) -> Code | None:
    """Return the source of a module, which may be named; None if it has none."""
    found = sys.modules.get(module) if isinstance(module, str) else module
    file: object = getattr(found, "__file__", None)
    return _read(file) if isinstance(file, str) and file.endswith(".py") else None


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements of a body and of the branches in it, but of no definition in it."""
    for statement in body:
        yield statement
        if not _is_definition(statement):
            yield from _statements([*_branches(statement)])


def _branches(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from child.body


def _is_definition(node: ast.AST) -> TypeGuard[Definition]:
    return isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def is_function(node: ast.AST) -> TypeGuard[Function]:
    """Tell a function or lambda from everything else."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def definition(body: Sequence[ast.stmt], qualified_name: str) -> Definition | None:
    """Return the class or function of that name; the last, if there are several."""
    found: Definition | None = None
    for name in qualified_name.replace(".<locals>", "").split("."):
        found = None
        for statement in _statements(body):
            if _is_definition(statement) and statement.name == name:
                found = statement
        if found is None:
            return None
        body = found.body
    return found


def assignments(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Give the names that a body assigns to, each with its statement."""
    for statement in _statements(body):
        given: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            given = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            given = [statement.target]
        elif type(statement).__name__ == "TypeAlias":  # from Python 3.12 on
            given = [each for each in ast.iter_child_nodes(statement) if isinstance(each, ast.Name)]
        for target in given:
            for node in ast.walk(target):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id, statement


def last_assigned(body: Sequence[ast.stmt], *names: str) -> ast.stmt | None:
    """Return the last statement of a body that assigns to one of the names."""
    return ([None, *(statement for name, statement in assignments(body) if name in names)])[-1]


def assigned_in(module: str, name: str, depth: int = 0) -> tuple[Code, ast.stmt] | None:
    """Return the statement that assigns a name of a module, there or where it is imported from."""
    code = code_of(module)
    if code is None or depth > _DEEPEST:
        return None
    statement = _assigned(code).get(name)
    if statement is not None:
        return code, statement
    found = _imports(code).get(name)
    if found is None:
        return None
    return assigned_in(_imported_from(found[0], module), found[1], depth + 1)


@cache
def _assigned(code: Code) -> dict[str, ast.stmt]:
    return dict(assignments(code.tree.body))


@cache
def _imports(code: Code) -> dict[str, tuple[ast.ImportFrom, str]]:
    return {
        alias.asname or alias.name: (node, alias.name)
        for node in ast.walk(code.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _imported_from(node: ast.ImportFrom, module: str) -> str:
    package = getattr(sys.modules.get(module), "__package__", None) or module
    try:
        return resolve_name("." * node.level + (node.module or ""), str(package))
    except ImportError:
        return ""


@cache
def class_node(kind: type) -> tuple[Code, ast.ClassDef] | None:
    """Return where a class is defined."""
    code = code_of(kind.__module__)
    node = definition(code.tree.body, kind.__qualname__) if code else None
    return (code, node) if code and isinstance(node, ast.ClassDef) else None


def place_of_class(kind: type) -> Place | None:
    """Return the line that names a class."""
    found = class_node(kind)
    if found is None:
        return None
    code, node = found
    return attrs.evolve(code.place(node), width=len(f"class {node.name}"))


def _field(kind: type, name: str) -> tuple[Code, ast.stmt] | None:
    """Return the statement that makes a field, in the class or in the nearest base that does."""
    for each in kind.__mro__:
        found = class_node(each)
        statement = last_assigned(found[1].body, name) if found else None
        if found is not None and statement is not None:
            return found[0], statement
    return None


def place_of_field(kind: type, name: str) -> Place | None:
    """Return the line of a field, which may be in a base."""
    found = _field(kind, name)
    if found is None:
        return None
    code, statement = found
    last = statement.annotation if isinstance(statement, ast.AnnAssign) else None
    return code.place(statement, last)


def annotation_of(kind: type, name: str) -> str:
    """Return the annotation of a field as it is written; empty if it cannot be found."""
    found = _field(kind, name)
    if found is None or not isinstance(found[1], ast.AnnAssign):
        return ""
    return written(found[1].annotation)


def written(annotation: ast.expr) -> str:
    """Return an annotation as it is written, without the quotes around it."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def function_node(code: CodeType) -> tuple[Code, Function] | None:
    """Return where a function is defined."""
    source = _read(code.co_filename)
    if source is None:
        return None
    for node in ast.walk(source.tree):
        if is_function(node) and _first_line(node) == code.co_firstlineno:
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            if name == code.co_name:
                return source, node
    return None


def _first_line(node: Function) -> int:
    marks = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(mark.lineno for mark in marks)])


def parameters(node: Function) -> dict[str, ast.arg]:
    """Return the parameters of a function, by name."""
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    stars = [star for star in (given.vararg, given.kwarg) if star is not None]
    return {parameter.arg: parameter for parameter in [*named, *stars]}
