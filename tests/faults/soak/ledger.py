"""A ledger of keys: what was sent, what its sender was told, and what the database holds."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import asyncpg
import attrs

from quantdb.errors import Outcome

Table = Literal["trades", "soak_entries"]

ENTRIES: Final = """
CREATE TABLE IF NOT EXISTS soak_entries (id uuid NOT NULL, unit uuid, amount bigint);
CREATE TABLE IF NOT EXISTS soak_prepared (n integer);
"""
"""A table without any key, so that what is written twice is there twice."""


@attrs.define(eq=False)
class Unit:
    """Rows that are written all or none.

    Attributes:
        fate: What the sender was told last; ``"open"`` while he waits.
    """

    table: Table
    keys: Sequence[UUID]
    fate: Literal["open", "acked", "not_applied", "unknown"] = "open"

    def told(self, outcome: Outcome) -> None:
        """Note the outcome of an attempt that failed; one that is unknown stays so."""
        if outcome == "applied":
            self.fate = "acked"
        elif self.fate != "unknown":
            self.fate = outcome

    def acked(self) -> None:
        """Note that the rows are stored, as the sender was told."""
        self.fate = "acked"


@attrs.frozen
class Audit:
    """What is wrong; each part is empty when all is well."""

    lost: Sequence[UUID]
    doubled: Sequence[UUID]
    phantom: Sequence[UUID]
    torn: Sequence[UUID]
    strange: Sequence[UUID]

    def problems(self) -> list[str]:
        """Say it."""
        said = {
            "acknowledged and not present": self.lost,
            "stored more than once": self.doubled,
            "said not to be applied and present": self.phantom,
            "stored in part": self.torn,
            "present and of nobody": self.strange,
        }
        return [f"{len(keys)} rows are {what}, as {keys[0]}" for what, keys in said.items() if keys]


class Ledger:
    """Every unit that was ever sent."""

    def __init__(self) -> None:
        self.units: Final[list[Unit]] = []

    def unit(self, table: Table, *keys: UUID) -> Unit:
        """Enter rows that are about to be sent."""
        unit = Unit(table, keys)
        self.units.append(unit)
        return unit

    def count(self, fate: str) -> int:
        """Return how many rows have come to *fate*."""
        return sum(len(unit.keys) for unit in self.units if unit.fate == fate)

    async def audit(self, connection: asyncpg.Connection) -> Audit:
        """Hold the ledger against the database."""
        present: Counter[tuple[Table, UUID]] = Counter()
        for table in ("trades", "soak_entries"):
            for (key,) in await connection.fetch(f"SELECT id::text FROM {table}"):
                present[table, UUID(key)] += 1
        known = {(unit.table, key) for unit in self.units for key in unit.keys}
        lost: list[UUID] = []
        phantom: list[UUID] = []
        torn: list[UUID] = []
        for unit in self.units:
            there = [key for key in unit.keys if present[unit.table, key]]
            if unit.fate == "acked":
                lost += set(unit.keys) - set(there)
            if unit.fate == "not_applied":
                phantom += there
            if there and len(there) != len(unit.keys):
                torn += there
        return Audit(
            lost,
            [key for (_table, key), count in present.items() if count > 1],
            phantom,
            torn,
            [key for table, key in present if (table, key) not in known],
        )
