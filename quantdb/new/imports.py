"""What a module imports, in isort's order."""

import sys
from collections.abc import Collection, Sequence
from typing import Final

from quantdb.new.layout import call, fits

__all__ = ["Imports"]


class Imports:
    """What a module imports, and what that is called there.

    Args:
        taken: Names that mean something else where they are used.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = taken
        self._modules: set[str] = set()
        self._names: dict[tuple[str, str], str] = {}

    def alike(self) -> "Imports":
        """Return one that calls everything the same, and has nothing yet."""
        return Imports(self._taken)

    def attribute(self, module: str, name: str) -> str:
        """Import a module and return an attribute of it, or import that from it if need be."""
        if module in self._taken:
            return self.name(module, name)
        self.module(module)
        return f"{module}.{name}"

    def module(self, name: str) -> None:
        """Import a module."""
        self._modules.add(name)

    def name(self, module: str, name: str) -> str:
        """Import a name from a module and return what it is called."""
        called = name
        while called in self._taken:
            called = f"{called}_type" if called == name else f"{called}_"
        if module != "builtins" or called != name:
            self._names[module, name] = called
        return called

    def lines(self) -> list[str]:
        """Return the statements, as isort has them: ours are those that begin with a dot."""
        blocks = [
            self._block([name for name in self._all() if _section(name) == section])
            for section in range(4)
        ]
        lines = [line for block in blocks if block for line in ("", *block)]
        return lines[1:]

    def _all(self) -> set[str]:
        return {*self._modules, *(module for module, _name in self._names)}

    def _block(self, modules: Sequence[str]) -> list[str]:
        return [
            *(f"import {name}" for name in sorted(modules) if name in self._modules),
            *(line for name in sorted(modules) for line in self._from(name)),
        ]

    def _from(self, module: str) -> list[str]:
        names = {name: called for (of, name), called in self._names.items() if of == module}
        as_it_is = sorted((name for name, called in names.items() if name == called), key=_rank)
        lines = {
            name: f"from {module} import {name} as {called}"
            for name, called in names.items()
            if name != called
        }
        if as_it_is:
            line = f"from {module} import {', '.join(as_it_is)}"
            whole = line if fits(line) else call(f"from {module} import (", as_it_is, ")")
            lines[as_it_is[0]] = whole
        return [lines[name] for name in sorted(lines, key=_rank)]


_OTHERS: Final = frozenset({"attrs", "pytest", "quantdb"})


def _section(module: str) -> int:
    """Return where isort puts a module: the library, what is installed, ours, the package's own."""
    top = module.partition(".")[0]
    if not top:
        return 3
    if top in _OTHERS:
        return 1
    return 0 if top in sys.stdlib_module_names else 2


def _rank(name: str) -> tuple[int, str, str]:
    """Return where isort puts a name: constants, then classes, then all else."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return (kind, name.lower(), name)
