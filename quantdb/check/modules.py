"""Modules that are looked at: each is imported, and what breaks on the way is told."""

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, TracebackType

import attrs

from quantdb.check.problems import Place, Problem
from quantdb.sqlfile import mistakes_deferred

__all__ = ["Imported", "imported"]


@attrs.frozen
class Imported:
    """What became of the modules that were named.

    Attributes:
        modules: Those that could be imported, in order.
        problems: Why the others could not.
        skipped: Modules of quantdb's own that need an extra that is not installed.
    """

    modules: tuple[ModuleType, ...]
    problems: tuple[Problem, ...]
    skipped: tuple[str, ...]


def imported(names: Sequence[str]) -> Imported:
    """Import modules, and of a package all that it holds, but for its ``__main__``.

    Mistakes in SQL files are deferred, and a module that breaks does not keep the rest back.
    """
    modules: dict[str, ModuleType] = {}
    problems: dict[tuple[Place, type], Problem] = {}
    skipped: list[str] = []
    with mistakes_deferred():
        pending = [*names][::-1]
        while pending:
            name = pending.pop()
            if name in modules:
                continue
            try:
                modules[name] = importlib.import_module(name)
            except (Exception, SystemExit) as error:
                if _lacks_an_extra(name, error):
                    skipped.append(name)
                    continue
                problem = _problem(name, error)
                problems.setdefault((problem.place, type(error)), problem)
                continue
            pending += [*_inside(modules[name])][::-1]
    return Imported(tuple(modules.values()), tuple(problems.values()), tuple(skipped))


def _inside(package: ModuleType) -> Iterator[str]:
    for info in pkgutil.iter_modules(getattr(package, "__path__", ())):
        if info.name != "__main__":  # it would run
            yield f"{package.__name__}.{info.name}"


def _lacks_an_extra(name: str, error: BaseException) -> bool:
    missing = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    return _top(name) == "quantdb" and _top(missing) not in {"", "quantdb"}


def _top(name: str) -> str:
    return name.partition(".")[0]


def _problem(name: str, error: BaseException) -> Problem:
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    related: tuple[Place, ...] = ()
    hint = "nothing in it could be checked"
    if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
        place = Place(name)
        said = f"there is no module {error.name}"
        hint = "is it installed, or its folder on PYTHONPATH?"
    elif isinstance(error, SyntaxError) and error.filename and error.lineno:
        place = Place(error.filename, error.lineno, max(error.offset or 1, 1))
        said = f"SyntaxError: {error.msg}"
    else:
        place, *others = _broken(name, error.__traceback__) or [Place(name)]
        related = tuple(others)
    return Problem(place, "import", f"{name} cannot be imported: {said}", hint, related)


def _broken(name: str, trace: TracebackType | None) -> list[Place]:
    """Return where an import broke, and the statement of the module that led there."""
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_file() and frame.filename not in {__file__, importlib.__file__}
    ]
    folders = _folders(name)
    own = [frame for frame in frames if _is_below(frame.filename, folders)] or frames
    deepest = own[-1:]
    leading = [frame for frame in own if frame.name == "<module>"][-1:]
    places = [Place(frame.filename, frame.lineno or 1) for frame in [*deepest, *leading]]
    return [*dict.fromkeys(places)]


def _folders(name: str) -> list[Path]:
    """Return the folders of the package that a module is in, or the file of a lone module."""
    top = sys.modules.get(_top(name))
    try:
        spec = getattr(top, "__spec__", None) or find_spec(_top(name))
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    found = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else [])]
    return [Path(each).resolve() for each in found]


def _is_below(file: str, folders: Sequence[Path]) -> bool:
    return any(Path(file).resolve().is_relative_to(folder) for folder in folders)
