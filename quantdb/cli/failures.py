"""What went wrong, in one line: no traceback, no password."""

import re
from typing import Final

import asyncpg

from quantdb.errors import PoolTimeout, QuantDBError
from quantdb.outcomes import OF_THE_DRIVER

__all__ = ["EXPECTED", "Failure", "Usage", "one_line", "scrubbed"]

EXPECTED: Final = (QuantDBError, *OF_THE_DRIVER)
"""Errors that are news for the user; any other is a bug of ours and keeps its traceback."""

# A password may hold what should have been percent-encoded: all up to the last @ goes.
_IN_USERINFO: Final = re.compile(r"(://[^\s:@/?]*:).*@", re.DOTALL)
_IN_QUERY: Final = re.compile(r"(password=)[^\s&'\"]*", re.IGNORECASE)

_ADVICE: Final[dict[type[asyncpg.PostgresError], str]] = {
    asyncpg.UndefinedTableError: "has the schema been applied? run: quantdb migrate",
    asyncpg.UndefinedColumnError: "is the schema up to date? run: quantdb migrate",
    asyncpg.InsufficientPrivilegeError: "quantdb doctor shows what the role may do",
    asyncpg.InvalidCatalogNameError: "make it with createdb, or correct the name in the DSN",
    asyncpg.InvalidAuthorizationSpecificationError: "look at the user and the password in the DSN",
    asyncpg.InvalidPasswordError: "look at the user and the password in the DSN",
}


class Failure(QuantDBError):
    """What a command cannot do, said in one line."""


class Usage(Failure):
    """A command line that cannot be meant."""


def one_line(error: BaseException) -> str:
    """Return what *error* says to a person."""
    if isinstance(error, asyncpg.PostgresError):
        advice = _ADVICE.get(type(error), "")
        said = "; ".join(filter(None, [str(error), advice]))
    elif isinstance(error, PoolTimeout) or not isinstance(error, TimeoutError):
        said = _of_system(error)
    else:
        said = "the server did not answer in time"
    return scrubbed("; ".join(line.strip() for line in said.splitlines() if line.strip()))


def _of_system(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def scrubbed(text: str) -> str:
    """Return *text* with the passwords of all DSNs in it made unreadable."""
    return _IN_QUERY.sub(r"\1***", _IN_USERINFO.sub(r"\1***@", text))
