"""The statements by which `quantdb.ray.data` plans, reads and writes datasets; no Ray is needed."""

from typing import Final

import attrs

from quantdb.query import Query
from quantdb.sqlfile import sql_folder

__all__ = [
    "CLAIM",
    "ELSEWHERE",
    "ENTRIES",
    "EXPORT",
    "FORGET",
    "HAS_LEDGER",
    "KEYLESS",
    "LEAVES",
    "LEDGER",
    "PATIENT",
    "QUEUE",
    "RECORD",
    "RELATION",
    "SHOWS",
    "STEADY",
    "UNCLAIMED",
    "WHOSE",
    "Entry",
    "Leaf",
    "Relation",
    "Shown",
    "Whose",
]

_SQL: Final = sql_folder() / "ray"


@attrs.frozen
class Relation:
    """A table, or what is read like one.

    Attributes:
        number: Its oid.
        name: As a statement has it.
        kind: That of ``pg_class``.
        readable: Whether we may read all of its columns.
        hides: Whether row-level security hides rows from us.
    """

    number: int
    name: str
    kind: str
    readable: bool
    hides: bool


@attrs.frozen
class Leaf:
    """A table that holds rows itself.

    Attributes:
        name: As a statement has it.
        pages: How many it has by now.
        placed: Whether its rows have places that stay; those of a foreign table have none.
        readable: Whether we may read it by itself, and not only by its parent.
        rewritten: Whether the snapshot shows what is no longer there.
    """

    name: str
    pages: int
    placed: bool
    readable: bool
    rewritten: bool


@attrs.frozen
class Shown:
    """An exported snapshot.

    Attributes:
        name: What the server calls it. After a restart another one may have that name.
        shows: Which transactions it shows; two that show the same are one state.
    """

    name: str
    shows: str


@attrs.frozen
class Entry:
    """A block in the ledger of a job.

    Attributes:
        nth: Its number among those of the same content, from 0.
        claims: Of each run that had it: the run, and its place in that.
        inserted: Rows that were not there before.
        updated: Rows that were replaced.
        existing: Rows that were there.
    """

    nth: int
    claims: list[str]
    inserted: int
    updated: int
    existing: int


@attrs.frozen
class Whose:
    """To whom the ledger belongs, and who asks.

    Attributes:
        owner: Its name as a statement has it; None if there is no ledger.
        role: Likewise, who we are.
        remedy: The statement that gives us what jobs need of the ledger.
    """

    owner: str | None
    role: str
    remedy: str


CLAIM: Final = Query(_SQL / "claim.sql")
ELSEWHERE: Final = Query(_SQL / "elsewhere.sql", bytes)
ENTRIES: Final = Query(_SQL / "entries.sql", Entry)
EXPORT: Final = Query(_SQL / "export.sql", Shown)
FORGET: Final = Query(_SQL / "forget.sql")
HAS_LEDGER: Final = Query(_SQL / "has_ledger.sql", bool)
KEYLESS: Final = Query(_SQL / "keyless.sql", bytes)
LEAVES: Final = Query(_SQL / "leaves.sql", Leaf)
LEDGER: Final = Query(_SQL / "ledger.sql")
PATIENT: Final = Query(_SQL / "patient.sql", str)
QUEUE: Final = Query(_SQL / "queue.sql", bool)
RECORD: Final = Query(_SQL / "record.sql")
RELATION: Final = Query(_SQL / "relation.sql", Relation)
SHOWS: Final = Query(_SQL / "shows.sql", str)
STEADY: Final = Query(_SQL / "steady.sql", bool)
UNCLAIMED: Final = Query(_SQL / "unclaimed.sql", int)
WHOSE: Final = Query(_SQL / "whose.sql", Whose)
