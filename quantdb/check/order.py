"""What must have run before a statement can be looked at: ``-- after: stage``."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath

from quantdb.check.folder import StatementFile
from quantdb.check.problems import Problem

__all__ = ["before", "mistakes"]


def before(files: Mapping[str, StatementFile], file: str) -> list[StatementFile] | None:
    """Return what must run before a statement, in order; None if there is no such order."""
    found: list[StatementFile] = []

    def visit(current: str, path: tuple[str, ...]) -> bool:
        sql = files[current].sql
        for name in sql.after if sql is not None else ():
            other = _beside(current, name)
            if other in path or other not in files:
                return False
            needed = files[other].sql
            if needed is None or needed.parameters:
                return False
            if files[other] not in found:
                if not visit(other, (*path, other)):
                    return False
                found.append(files[other])
        return True

    return found if visit(file, (file,)) else None


def mistakes(files: Mapping[str, StatementFile], file: str) -> Iterator[Problem]:
    """Give what is wrong with the lines ``-- after:`` of a statement itself."""
    each = files[file]
    siblings = [
        other.source.file for other in files.values() if _folder(other.file) == _folder(file)
    ]
    names = [PurePosixPath(other).stem for other in siblings if other != file]
    for name in dict.fromkeys(each.sql.after if each.sql is not None else ()):
        other, place = _beside(file, name), each.source.said("after", name)
        if other not in files:
            close = get_close_matches(name, names, n=1)
            hint = f"perhaps {close[0]}" if close else "name a statement of the same folder"
            yield Problem(place, "after", f"there is no {name}.sql beside it", hint)
        elif other in (circle := _circle(files, file)):
            if file == _guilty(files, circle):
                named = " → ".join(PurePosixPath(part).stem for part in (*circle, circle[0]))
                message = f"each is to run after the other: {named}"
                yield Problem(place, "after", message, "take one of these lines out")
                return
        else:
            sql = files[other].sql
            if sql is not None and sql.parameters:
                message = f"{name} takes parameters, so it cannot be run for this"
                yield Problem(place, "after", message, "name a statement without parameters")


def _beside(file: str, name: str) -> str:
    return str(PurePosixPath(file).with_name(f"{name}.sql"))


def _folder(file: str) -> PurePosixPath:
    return PurePosixPath(file).parent


def _circle(files: Mapping[str, StatementFile], file: str) -> list[str]:
    """Return the statements that a statement runs after, and that run after it; none if none."""

    def search(current: str, path: list[str]) -> list[str]:
        sql = files[current].sql if current in files else None
        for name in sql.after if sql is not None else ():
            other = _beside(current, name)
            if other == file:
                return path
            if other not in path and (found := search(other, [*path, other])):
                return found
        return []

    return search(file, [file])


def _guilty(files: Mapping[str, StatementFile], circle: list[str]) -> str:
    """Return which statement of a circle to report: the one that most others run after.

    It is one that nothing needed to run before until somebody wrote so.
    """

    def followers(file: str) -> int:
        return sum(
            each.sql is not None and file in [_beside(each.file, name) for name in each.sql.after]
            for each in files.values()
        )

    return max(sorted(circle), key=followers)
