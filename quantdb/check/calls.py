"""Where the verbs of queries are called in Python source, and with what."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Final, Literal, get_args, get_origin

import attrs

from quantdb.check.hints import UNKNOWN, Hint, evaluated
from quantdb.check.holdings import AnyQuery, is_query
from quantdb.check.problems import Place
from quantdb.check.python import Code, Function, is_function, parameters, written
from quantdb.check.rowtypes import Slot, fields_of
from quantdb.rows import is_twin

__all__ = ["Argument", "Call", "Verb", "calls_in", "static"]

Verb = Literal["one", "find", "all", "stream", "run", "store"]
_VERBS: Final[tuple[Verb, ...]] = get_args(Verb)


@attrs.frozen
class Argument:
    """What is sent for a parameter.

    Attributes:
        said: Its expression.
        annotation: Its annotation, as it is written.
        hint: Its annotation: that of a parameter of the function around the call that is passed on
            as it came, or of a field of such a one. UNKNOWN of anything else.
    """

    said: str
    annotation: str
    hint: Hint


@attrs.frozen
class Call:
    """A verb that is called.

    Attributes:
        place: Where.
        verb: Which.
        arguments: What is sent for ``$1 … $n``; None if that cannot be counted.
        fields: Of `store`, the fields of the model, which are its arguments.
    """

    place: Place
    verb: Verb
    arguments: tuple[Argument, ...] | None
    fields: tuple[Slot, ...] = ()


def static(holder: object, name: str) -> object:
    """Return an attribute of a module or class as it stands there, without running anything."""
    if isinstance(holder, ModuleType):
        return vars(holder).get(name)
    if isinstance(holder, type):
        for each in holder.__mro__:
            if name in vars(each):
                found: object = vars(each)[name]
                return found
    return None


@attrs.frozen
class _Scope:
    """What names mean inside a function.

    Attributes:
        function: The function.
        receiver: The name of its first parameter, if it is a method.
        owner: The class that it is a method of.
    """

    function: Function
    receiver: str = ""
    owner: type | None = None


@attrs.frozen
class _Reader:
    """Reads the calls in one module.

    Attributes:
        module: The module.
        code: Its source.
        heirs: Gives a class and all those that inherit from it.
    """

    module: ModuleType
    code: Code
    heirs: Callable[[type], Sequence[type]]

    def read(
        self, node: ast.AST, holder: object, scopes: tuple[_Scope, ...]
    ) -> Iterator[tuple[AnyQuery, Call]]:
        """Give the calls inside a node.

        Args:
            node: The node.
            holder: The module or class whose body it is in; None inside a function.
            scopes: The functions around it, from the outermost.
        """
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                kind = static(holder, child.name)
                yield from self.read(child, kind if isinstance(kind, type) else None, scopes)
            elif is_function(child):
                owner = holder if isinstance(holder, type) else None
                yield from self.read(child, None, (*scopes, _scope(child, owner)))
            else:
                if isinstance(child, ast.Call):
                    yield from self._call(child, scopes)
                yield from self.read(child, holder, scopes)

    def _call(self, node: ast.Call, scopes: tuple[_Scope, ...]) -> Iterator[tuple[AnyQuery, Call]]:
        function = node.func
        if not isinstance(function, ast.Attribute):
            return
        verb = _verb(function.attr)
        if verb is None:
            return
        queries = {id(query): query for query in self._queries(function.value, scopes)}
        place = self.code.place(function)
        given = _behind_db(node)
        call = Call(place, verb, None)
        if verb == "store":
            model = self._model(given[0], scopes) if given and len(given) == 1 else None
            call = attrs.evolve(call, fields=fields_of(model))
        elif given is not None:
            arguments = tuple(self._argument(each, scopes) for each in given)
            call = attrs.evolve(call, arguments=arguments)
        for query in queries.values():
            yield query, call

    # Which query it is

    def _queries(self, node: ast.expr, scopes: tuple[_Scope, ...]) -> Iterator[AnyQuery]:
        if isinstance(node, ast.Attribute):
            method = self._receiver(node.value, scopes)
            around = next((each.owner for each in reversed(scopes) if each.owner), None)
            holders = self._run_by(method) if method else [self._named(node.value, scopes)]
            for holder in holders:
                found = static(holder, _mangled(node.attr, around))
                if is_query(found):
                    yield found
        else:
            found = self._named(node, scopes)
            if is_query(found):
                yield found

    def _run_by(self, method: _Scope) -> list[type]:
        """Return the classes whose instances run a method: not those that have another one."""
        name, owner = getattr(method.function, "name", ""), method.owner
        if owner is None:
            return []
        return [each for each in self.heirs(owner) if static(each, name) is static(owner, name)]

    def _receiver(self, node: ast.expr, scopes: tuple[_Scope, ...]) -> _Scope | None:
        """Return the method of which ``self``, ``cls`` or ``type(self)`` is the receiver."""
        match node:
            case ast.Name(id=name):
                binding = _binding(name, scopes)
                mine = binding is not None and name == binding.receiver
                return binding if mine else None
            case ast.Call(func=ast.Name(id="type"), args=[inner]):
                return self._receiver(inner, scopes)
            case ast.Attribute(value=inner, attr="__class__"):
                return self._receiver(inner, scopes)
            case _:
                return None

    def _named(self, node: ast.expr, scopes: tuple[_Scope, ...]) -> object:
        """Return what a dotted name of the module means."""
        if isinstance(node, ast.Attribute):
            return static(self._named(node.value, scopes), node.attr)
        if isinstance(node, ast.Name) and _binding(node.id, scopes) is None:
            return static(self.module, node.id)
        return None

    # What is sent

    def _argument(self, node: ast.expr, scopes: tuple[_Scope, ...]) -> Argument:
        said = ast.unparse(node)
        if isinstance(node, ast.Constant) and node.value is not None and node.value is not ...:
            kind = type(node.value)
            return Argument(said, kind.__name__, Hint(kind))
        if isinstance(node, ast.Attribute):
            fields = fields_of(self._model(node.value, scopes))
            for field in fields:
                if field.name == node.attr:
                    return Argument(said, field.said, field.hint)
        return Argument(said, *self._passed_on(node, scopes))

    def _passed_on(self, node: ast.expr, scopes: tuple[_Scope, ...]) -> tuple[str, Hint]:
        """Return the annotation of the parameter that a name is, if nothing else binds it."""
        scope = _binding(node.id, scopes) if isinstance(node, ast.Name) else None
        if scope is None or not isinstance(node, ast.Name) or _is_rebound(node.id, scope.function):
            return "", UNKNOWN
        stars = {
            star.arg for star in (scope.function.args.vararg, scope.function.args.kwarg) if star
        }
        annotation = parameters(scope.function)[node.id].annotation
        if annotation is None or node.id in stars:
            return "", UNKNOWN
        space: Mapping[str, object] = vars(scope.owner) if scope.owner else {}
        said = written(annotation)
        return said, evaluated(said, self.module.__name__, space)

    def _model(self, node: ast.expr, scopes: tuple[_Scope, ...]) -> object:
        """Return the class of what is stored, if that is known."""
        if isinstance(node, ast.Call):
            made = self._named(node.func, scopes)
            return made if isinstance(made, type) else None
        choices = self._passed_on(node, scopes)[1].choices()
        model = choices[0].annotation if len(choices) == 1 else None
        kind = get_origin(model) or model
        # What is passed may be of a class below it, with more fields.
        below: list[type] = type.__subclasses__(kind) if isinstance(kind, type) else []
        return model if all(map(is_twin, below)) else None


def calls_in(
    module: ModuleType, code: Code, heirs: Callable[[type], Sequence[type]]
) -> list[tuple[AnyQuery, Call]]:
    """Return every call of a verb of a known query in the source of a module.

    Args:
        module: The module.
        code: Its source.
        heirs: Gives a class and all those that inherit from it: a method that is inherited works
            with the queries of the class that inherits it.
    """
    if not code.says(*(f".{verb}(" for verb in _VERBS)):
        return []
    return [*_Reader(module, code, heirs).read(code.tree, module, ())]


def _verb(name: str) -> Verb | None:
    return next((each for each in _VERBS if each == name), None)


def _scope(node: Function, owner: type | None) -> _Scope:
    first = next(iter(parameters(node)), "")
    marks = [] if isinstance(node, ast.Lambda) else [*map(ast.unparse, node.decorator_list)]
    receiver = "" if owner is None or "staticmethod" in marks else first
    return _Scope(node, receiver, owner if receiver else None)


@cache
def _bound(node: Function) -> frozenset[str]:
    """Return every name that a function binds."""
    inside = {name for inner in _own(node) for name in _bindings(inner)}
    return frozenset(inside | {*parameters(node)})


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes of a function's body, but none inside of a function or class in it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not is_function(child) and not isinstance(child, ast.ClassDef):
            yield from _own(child)


def _bindings(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case _:
            pass


def _binding(name: str, scopes: tuple[_Scope, ...]) -> _Scope | None:
    return next((scope for scope in reversed(scopes) if name in _bound(scope.function)), None)


def _is_rebound(name: str, function: Function) -> bool:
    """Tell whether a name is more than a parameter of a function: it is bound in it, or below."""
    return name not in parameters(function) or any(
        name in _bindings(node) for node in ast.walk(function)
    )


def _behind_db(node: ast.Call) -> list[ast.expr] | None:
    """Return the arguments behind the database; None if they cannot be counted."""
    if any(isinstance(each, ast.Starred) for each in node.args):
        return None
    keywords = {keyword.arg for keyword in node.keywords}
    if node.args:
        model = [each.value for each in node.keywords if each.arg == "model"]
        return [*node.args[1:], *model]
    return [] if "db" in keywords else None


def _mangled(name: str, owner: type | None) -> str:
    """Return a private name as the class body makes it (``__get`` becomes ``_Repo__get``)."""
    if owner is None or not name.startswith("__") or name.endswith("__"):
        return name
    return f"_{owner.__name__.lstrip('_')}{name}"
