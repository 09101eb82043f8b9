"""``quantdb doctor``: what is well with a database, what hurts, and what to do."""

import asyncio
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Final

import asyncpg
import attrs
from cyclopts import Parameter, validators
from rich import box
from rich.table import Table
from rich.text import Text

from quantdb import schema
from quantdb.cli import findings
from quantdb.cli.cluster import of_cluster
from quantdb.cli.connect import Dsn, configured, named, opened
from quantdb.cli.console import clock, out
from quantdb.cli.findings import Finding, Held, Mark, Powers, Role, Server
from quantdb.cli.settings import SETTINGS, of_connections, of_settings
from quantdb.config import PoolConfig
from quantdb.database import Connection
from quantdb.errors import InexactValue
from quantdb.query import Query
from quantdb.room import WORKER_NAME, room_of
from quantdb.schema import Migration
from quantdb.sqlfile import sql_folder
from quantdb.transaction import transaction

__all__ = ["doctor", "of_codecs"]


@attrs.frozen
class _Encryption:
    encrypted: bool
    version: str | None


@attrs.frozen
class _Setting:
    name: str
    setting: str


def _as_it_is(*columns: object) -> tuple[object, ...]:
    return columns


_SQL: Final = sql_folder() / "doctor"
_CONNECTIONS: Final = Query(_SQL / "connections.sql", int)
_ECHO: Final = Query(_SQL / "echo.sql", _as_it_is)
_ENCRYPTION: Final = Query(_SQL / "encryption.sql", _Encryption)
_HELD: Final = Query(_SQL / "held.sql", Held)
_PING: Final = Query(_SQL / "ping.sql", int)
_POWERS: Final = Query(_SQL / "powers.sql", Powers)
_ROLE: Final = Query(_SQL / "role.sql", Role)
_SERVER: Final = Query(_SQL / "server.sql", Server)
_SETTINGS: Final = Query(_SQL / "settings.sql", _Setting)
_TABLES: Final = Query(_SQL / "tables.sql", findings.Table)

_PINGS: Final = 9
_MIGRATIONS: Final = "quantdb_migrations"
_STYLES: Final[dict[Mark, str]] = {"ok": "green", "warning": "yellow", "problem": "bold red"}

# Exact to the last digit on the way there and back, each of another type.
_GOOD: Final = (
    Decimal("-0.10000000000000000000000000000000000000010"),
    datetime(2024, 3, 10, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2024, 3, 10, 12, 0, 0, 1),  # noqa: DTZ001 - for timestamp without time zone
    date(2024, 3, 10),
)
# In the place of each, what an unguarded driver would store changed.
_BAD: Final = (
    0.1,
    datetime(2024, 3, 10, 12),  # noqa: DTZ001
    datetime(2024, 3, 10, 12, tzinfo=UTC),
    datetime(2024, 3, 10, 12, tzinfo=UTC),
)
_KINDS: Final = ("numeric", "timestamptz", "timestamp", "date")


def doctor(
    *,
    dsn: Dsn = None,
    workers: Annotated[
        int | None,
        Parameter(
            validator=validators.Number(gte=1),
            help="Worker processes of a cluster that share its connections: the CPUs of Ray's.",
        ),
    ] = None,
) -> int:
    """Look at a database: connection, role, schema, settings and exactness.

    ```text
    quantdb doctor --dsn postgresql://app@db.example.com/trading
    quantdb doctor --workers 64
    ```

    Nothing is changed. Each line is ok, a warning or a problem, and says what to do. It exits with
    1 if there is a problem: no connection, or a schema that is not this quantdb's.
    """
    config = configured(dsn)
    found = asyncio.run(_examine(config, workers))
    marks: Counter[Mark] = Counter(finding.mark for finding in found)
    _show(named(config), found, marks)
    return 1 if marks["problem"] else 0


def _show(title: str, found: Sequence[Finding], marks: Counter[Mark]) -> None:
    table = Table(box=box.ROUNDED, title=title, title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for finding in found:
        said = Text(finding.said)
        if finding.advice:
            said.append(f"\n→ {finding.advice}", style="italic")
        table.add_row(Text(finding.mark, _STYLES[finding.mark]), Text(finding.what), said)
    out.print(table)
    counts = [
        f"{marks[mark]} {mark}{'' if marks[mark] == 1 else 's'}" for mark in ("problem", "warning")
    ]
    out.print(f"{', '.join(counts)}.")


async def _examine(config: PoolConfig, workers: int | None) -> list[Finding]:
    # One transaction, so that a pooler leaves us one backend.
    async with opened(config) as pool, transaction(pool) as connection:
        return [
            *await _of_connection(connection, config),
            *await _of_rights(connection),
            *await _of_settings(connection, config),
            await of_codecs(connection),
            *await _of_cluster(connection, config, workers),
        ]


async def _of_connection(connection: Connection, config: PoolConfig) -> list[Finding]:
    before = datetime.now(UTC)
    server = await _SERVER.one(connection)
    after = datetime.now(UTC)
    announced = connection.get_server_pid()
    direct = announced == server.backend
    encryption = await _ENCRYPTION.find(connection)
    return [
        *findings.of_server(server),
        findings.of_latency(await _latency(connection)),
        findings.of_pooler(config, announced, server),
        findings.of_tls(config, encryption.version if encryption and direct else None),
        findings.of_session(server),
        findings.of_clock(server, before, after),
    ]


async def _latency(connection: Connection) -> float:
    """Return the median seconds of a round trip."""
    taken: list[float] = []
    for _ in range(_PINGS):
        seconds = clock()
        await connection.execute(_PING.file.text)
        taken.append(seconds())
    return statistics.median(taken)


async def _of_rights(connection: Connection) -> list[Finding]:
    tables = {table.name: table for table in await _TABLES.all(connection, list(findings.RIGHTS))}
    ledger = tables.get(_MIGRATIONS)
    here = [migration for migration, _text in schema.migrations(sql_folder() / "schema")]
    there: list[Migration] | None = []
    if ledger is not None:
        there = await schema.applied(connection) if ledger.may_select else None
    role = await _ROLE.one(connection)
    powers = await _POWERS.one(connection)
    held = await _HELD.all(connection, list(tables), list(findings.ALL_RIGHTS))
    return [
        *findings.of_role(role, list(tables.values())),
        *findings.of_excess(role, list(tables.values()), powers, held),
        findings.of_schema(here, there),
    ]


async def _of_settings(connection: Connection, config: PoolConfig) -> list[Finding]:
    rows = await _SETTINGS.all(connection, list(SETTINGS))
    settings = {row.name: row.setting for row in rows}
    connected = await _CONNECTIONS.one(connection)
    return [
        of_connections(config, settings, connected),
        *of_settings(settings, neon=".neon." in config.target().hosts),
    ]


async def _of_cluster(
    connection: Connection, config: PoolConfig, workers: int | None
) -> list[Finding]:
    if workers is None:
        return []
    room = await room_of(connection, WORKER_NAME)
    return of_cluster(room, workers, pooled=config.target().pooled)


async def of_codecs(connection: Connection) -> Finding:
    """Send what must come back the same, and what must be refused."""
    row = await connection.fetchrow(_ECHO.file.text, *_GOOD)
    changed = [
        kind
        for kind, sent, came in zip(_KINDS, _GOOD, row or (), strict=True)
        if (type(sent), str(sent)) != (type(came), str(came))
    ]
    for number, (kind, bad) in enumerate(zip(_KINDS, _BAD, strict=True)):
        values = [bad if place == number else good for place, good in enumerate(_GOOD)]
        try:
            await connection.fetchrow(_ECHO.file.text, *values)
        except (InexactValue, asyncpg.DataError):
            continue
        changed.append(kind)
    if changed:
        said = f"{', '.join(dict.fromkeys(changed))}: not the same after the way there and back"
        return Finding("problem", "codecs", said, "please report this")
    return Finding("ok", "codecs", f"{', '.join(_KINDS)} travel as exact text; floats are refused")
