"""Statements that PostgreSQL looks at only when it runs them: SET, CREATE TEMPORARY TABLE, DROP.

What leaves nothing behind is run, and taken back; of the others, the tables are looked up.
"""

from typing import Final

from quantdb.check.savepoints import forgotten
from quantdb.check.source import Source
from quantdb.database import Connection

__all__ = ["tried"]

_NAMING: Final = frozenset({"alter", "analyze", "drop", "lock", "refresh", "truncate", "vacuum"})
# What may be done to other things than tables.
_OF_MANY: Final = frozenset({"alter", "drop", "refresh"})
_SKIPPED: Final = frozenset(
    {
        "analyze",
        "concurrently",
        "freeze",
        "full",
        "materialized",
        "only",
        "table",
        "verbose",
        "view",
    }
)


async def tried(connection: Connection, source: Source) -> None:
    """Have the server look at a utility statement.

    Raises:
        asyncpg.PostgresError: It refuses it.
    """
    if _leaves_nothing(source):
        async with forgotten(connection):
            await connection.execute(source.text)
    for begin, last in _tables(source):
        # What stands before the name is blank, so that the position in an error is the file's.
        name = source.text[source.tokens[begin].at : source.tokens[last].end]
        async with forgotten(connection):
            await connection.prepare(f"{_blank(source, begin)}{name}")


def _blank(source: Source, begin: int) -> str:
    select = "SELECT FROM"
    return select + " " * (source.tokens[begin].at - len(select))


def _leaves_nothing(source: Source) -> bool:
    """Tell whether a statement changes no more than a rollback takes back, and waits for nobody."""
    words = [source.word(number) for number in range(len(source.tokens))]
    if words[0] == "set":
        return not {"transaction", "characteristics", "constraints"} & {*words[1:4]}
    temporary = words[:2] in (["create", "temp"], ["create", "temporary"]) or (
        words[0] == "create" and words[1:2] in (["local"], ["global"])
    )
    return temporary and "table" in words[:4] and "select" not in words and "as" not in words


def _tables(source: Source) -> list[tuple[int, int]]:
    """Return the tokens of the tables that a statement names at its beginning."""
    first, what = source.word(0), source.word(1)
    if first not in _NAMING or (
        first in _OF_MANY and what not in {"materialized", "table", "view"}
    ):
        return []
    number = 1
    while source.word(number) in _SKIPPED:
        number += 1
    if source.word(number) == "if":
        return []
    found: list[tuple[int, int]] = []
    for begin, _end in source.split(number, len(source.tokens)):
        last = begin
        while source.sign(last + 1) == ".":
            last += 2
        if source.name(last):
            found.append((begin, last))
    return found[:1] if first in {"alter", "refresh"} else found
