"""Numbered migrations: files applied once, in order, all or nothing."""

import hashlib
import re
from pathlib import Path
from typing import Final

import attrs

from quantdb import sqlfile
from quantdb.database import Connection, Database
from quantdb.errors import ConfigError
from quantdb.outcomes import fail
from quantdb.query import Query
from quantdb.transaction import transaction

__all__ = ["Migration", "applied", "migrate", "migrations"]

_NAME: Final = re.compile(r"(?P<number>\d{4})_\w+\.sql")
_TRANSACTION_WORDS: Final = frozenset(
    {"ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "ROLLBACK", "START"}
)
_OURS: Final = "quantdb"
_LOCK: Final = 0x7175616E74646200  # "quantdb"; one lock for every set of a database
_TIMEOUT: Final = 600.0
"""Seconds that a migration may wait for another one, or run."""

_SQL: Final = sqlfile.sql_folder()
_lock: Final = Query(_SQL / "migrations/lock.sql")
_exists: Final = Query(_SQL / "migrations/exists.sql", bool)
_record: Final = Query(_SQL / "migrations/record.sql")


@attrs.frozen
class Migration:
    """A migration that a database has, or that a folder holds.

    Attributes:
        number: Its place in the order, from the first four digits of the file's name.
        file_name: The file.
        checksum: SHA-256 of the file, line ends as LF.
    """

    number: int
    file_name: str
    checksum: str


_applied: Final = Query(_SQL / "migrations/applied.sql", Migration)


async def migrate(db: Database, folder: Path | None = None, *, set_name: str = _OURS) -> list[str]:
    """Apply the migrations that a database does not have yet, in one transaction.

    Processes that do so at once wait for one another. To run it again changes nothing.

    Args:
        db: A pool or a connection of a role that may create tables.
        folder: Holds ``NNNN_name.sql`` files; quantdb's own ``sql/schema`` by default.
        set_name: Under which the files are recorded; give your own folder a name of its own.

    Returns:
        The names of the files that were applied now.

    Raises:
        ConfigError: A file was changed after it was applied, is missing, comes out of order, has a
            name without a number or begins or ends a transaction; or the connection is in a
            transaction that is not READ COMMITTED. Nothing is applied.
    """
    found = migrations(folder if folder is not None else _SQL / "schema")
    applied_now: list[str] = []
    # A snapshot that is older than the lock would not show what the one before applied.
    async with transaction(db, isolation="read_committed") as connection:
        await _lock.run(connection, _LOCK, timeout=_TIMEOUT)
        if not await _exists.one(connection):
            first, text = migrations(_SQL / "schema")[0]  # makes the table of migrations
            await _apply(connection, first, text, _OURS)
            applied_now += [first.file_name] if set_name == _OURS else []
        had = await _applied.all(connection, set_name)
        pending = _pending([migration for migration, _text in found], had)
        for migration, text in found:
            if migration in pending:
                await _apply(connection, migration, text, set_name)
                applied_now.append(migration.file_name)
    return applied_now


def migrations(folder: Path) -> list[tuple[Migration, str]]:
    """Return the migrations in *folder* with their text, by number.

    Raises:
        ConfigError: There is none, or a file is not what a migration must be.
    """
    found: dict[int, tuple[Migration, str]] = {}
    for file in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise ConfigError(f"{file}: a migration is named NNNN_name.sql")
        number = int(match["number"])
        if number in found:
            raise ConfigError(f"{file}: {found[number][0].file_name} has that number too")
        raw = file.read_bytes().replace(b"\r\n", b"\n")
        text = raw.decode()
        words = list(sqlfile.first_words(str(file), text))
        if not words:
            raise ConfigError(f"{file}: holds no statement")
        for line, word in words:
            if word.upper() in _TRANSACTION_WORDS:
                raise ConfigError(f"{file}:{line}: {word} has no place in a migration")
        migration = Migration(number, file.name, hashlib.sha256(raw).hexdigest())
        found[number] = migration, text
    if not found:
        raise ConfigError(f"{folder}: holds no migration")
    return [found[number] for number in sorted(found)]


async def applied(db: Database, set_name: str = _OURS) -> list[Migration]:
    """Return the migrations that a database has, by number; its table must exist."""
    return await _applied.all(db, set_name)


def _pending(found: list[Migration], had: list[Migration]) -> list[Migration]:
    known = {migration.number: migration for migration in found}
    for old in had:
        new = known.get(old.number)
        if new is None:
            raise ConfigError(
                f"the database has {old.file_name}, which is not here: it is newer than this code"
            )
        if new.file_name != old.file_name:
            raise ConfigError(f"{new.file_name} was {old.file_name} when it was applied")
        if new.checksum != old.checksum:
            raise ConfigError(
                f"{new.file_name} was changed after it was applied; "
                "undo that and write a new migration"
            )
    last = max((migration.number for migration in had), default=-1)
    pending = [migration for migration in found if migration not in had]
    for migration in pending:
        if migration.number < last:
            raise ConfigError(
                f"{migration.file_name} comes before migrations that are applied already; "
                "give it a higher number"
            )
    return pending


async def _apply(connection: Connection, migration: Migration, text: str, set_name: str) -> None:
    try:
        await connection.execute(text, timeout=_TIMEOUT)
    except Exception as error:
        position = getattr(error, "position", None)
        line = f", line {text.count(chr(10), 0, int(position) - 1) + 1}" if position else ""
        fail(error, note=f"in {migration.file_name}{line}")
    await _record.run(
        connection, set_name, migration.number, migration.file_name, migration.checksum
    )
