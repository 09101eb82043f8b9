"""What a name may mean."""

from collections.abc import Sequence
from typing import Final, Literal

from quantdb import sqlfile
from quantdb.database import Connection
from quantdb.query import Query

__all__ = ["names"]

_names: Final = Query(sqlfile.sql_folder() / "check/names.sql", str)


async def names(
    connection: Connection,
    kind: Literal["column", "function", "index", "relation", "type"],
    relations: Sequence[str] = (),
) -> set[str]:
    """Return the names of a kind that the search path finds; of columns, those of *relations*."""
    return set(await _names.all(connection, kind, list(relations)))
