"""What a PgBouncer in transaction mode does not keep: whatever belongs to a session.

There each transaction may run on another server connection. A setting that is made in one stays
behind for a stranger, a lock is never let go, a notification never comes; and no error is raised.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from quantdb.errors import ConfigError
from quantdb.lexer import Token, statements

__all__ = ["refuse_session_state"]

_WORTH_A_LOOK: Final = re.compile(
    r"\b(?:set|set_config|listen|prepare|load|hold|temp|temporary|pg_(?:try_)?advisory_lock\w*)\b",
    re.IGNORECASE,
)
_LOCK: Final = re.compile(r"pg_(?:try_)?advisory_lock(?:_shared)?")
_OF_TRANSACTION: Final = frozenset({"local", "transaction", "constraints"})


def refuse_session_state(query: str) -> None:
    """Refuse a statement that would leave something behind in its session.

    Raises:
        ConfigError: It would; what is to be done instead is said.
    """
    if _WORTH_A_LOOK.search(query) and (said := _left_behind(query)):
        raise ConfigError(
            f"{said}, and PoolConfig.pooled is on: behind a PgBouncer in transaction mode the next "
            "transaction may run in another session; or connect to the server itself, and let "
            "pooled=False say so"
        )


@lru_cache(maxsize=1_000)
def _left_behind(query: str) -> str:
    try:
        found = [_of_statement(tokens) for tokens in statements("the statement", query)]
    except ConfigError:
        return ""  # the server says in its own words what is wrong with it
    return next(filter(None, found), "")


def _of_statement(tokens: Sequence[Token]) -> str:
    words = [token.word for token in tokens]
    match words:
        case ["set", scope, *_] if scope not in _OF_TRANSACTION:
            named = next((word for word in words[1:] if word not in {"", "session"}), "")
            return f"a SET of {named} outlives its transaction: use SET LOCAL {named}"
        case ["listen" | "load" | "prepare" as verb, *_] if words[1:2] != ["transaction"]:
            return f"{verb.upper()} is for a session"
        case ["declare", *_] if "hold" in words:
            return "a cursor WITH HOLD outlives its transaction"
        case ["create", "temp" | "temporary", "table", *_] if not _ends_with_it(words):
            return "a temporary table outlives its transaction: add ON COMMIT DROP"
        case _:
            return _of_calls(words)


def _ends_with_it(words: Sequence[str]) -> bool:
    return ("commit", "drop") in pairwise(words)


def _of_calls(words: Sequence[str]) -> str:
    for place, word in enumerate(words):
        if _LOCK.fullmatch(word):
            instead = word.replace("advisory_lock", "advisory_xact_lock")
            return f"{word} outlives its transaction: use {instead}"
        if word == "set_config" and "false" in words[place : place + 12]:
            return "set_config(…, false) outlives its transaction: pass true"
    return ""
