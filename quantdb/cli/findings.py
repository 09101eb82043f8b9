"""What the facts about a database mean: each is well, or hurts, or keeps quantdb from its work."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import attrs

from quantdb.config import PoolConfig
from quantdb.schema import Migration

__all__ = [
    "ALL_RIGHTS",
    "RIGHTS",
    "Finding",
    "Held",
    "Mark",
    "Powers",
    "Role",
    "Server",
    "Table",
    "of_clock",
    "of_excess",
    "of_latency",
    "of_pooler",
    "of_role",
    "of_schema",
    "of_server",
    "of_session",
    "of_tls",
]

Mark = Literal["ok", "warning", "problem"]

_OLDEST: Final = 140_000
_SLOW_SECONDS: Final = 0.02
_SKEW: Final = timedelta(seconds=1)

RIGHTS: Final = {
    "trades": ("SELECT", "INSERT"),
    "prices": ("SELECT", "INSERT", "UPDATE"),
    "users": ("SELECT", "INSERT", "UPDATE"),
    "quantdb_migrations": ("SELECT",),
}
"""What the statements of the repositories and of doctor need, and no more, by table."""

ALL_RIGHTS: Final = (
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
)
"""What there is to be had of a table."""


@attrs.frozen
class Finding:
    """One line of the report.

    Attributes:
        mark: ``problem`` is what keeps quantdb from its work.
        what: What was looked at.
        said: What was found.
        advice: What to do; empty if all is well.
    """

    mark: Mark
    what: str
    said: str
    advice: str = ""


@attrs.frozen
class Server:
    """A row of ``sql/doctor/server.sql``."""

    version_number: int
    version: str
    encoding: str
    time_zone: str
    date_style: str
    read_only: bool
    standby: bool
    backend: int
    clock: datetime


@attrs.frozen
class Role:
    """A row of ``sql/doctor/role.sql``.

    Attributes:
        name: Who we are.
        superuser: Whether no right is ever refused.
        may_stage: Whether bulk writes may make their staging tables.
        quoted_name: The name as it stands in a statement.
        quoted_database: The name of the database as it stands in a statement.
    """

    name: str
    superuser: bool
    may_stage: bool
    quoted_name: str
    quoted_database: str


@attrs.frozen
class Table:
    """A row of ``sql/doctor/tables.sql``."""

    name: str
    schema: str
    owned: bool
    may_select: bool
    may_insert: bool
    may_update: bool


@attrs.frozen
class Held:
    """A row of ``sql/doctor/held.sql``: a right that we have on a table."""

    name: str
    held: str


@attrs.frozen
class Powers:
    """A row of ``sql/doctor/powers.sql``.

    Attributes:
        attributes: Those of the role, such as ``CREATEDB``.
        may_create_in: Where it may make objects, as it stands in a statement.
    """

    attributes: Sequence[str]
    may_create_in: Sequence[str]


def of_server(server: Server) -> list[Finding]:
    """Judge version and encoding, and whether the server takes writes."""
    said = f"PostgreSQL {server.version.partition(' ')[0]}"
    found = [Finding("ok", "server", said)]
    if server.version_number < _OLDEST:
        found = [
            Finding("problem", "server", said, "quantdb needs PostgreSQL 14 or later: upgrade")
        ]
    if server.standby or server.read_only:
        why = "is a standby" if server.standby else "has default_transaction_read_only on"
        found.append(Finding("warning", "writes", f"it {why}", "connect to the primary to write"))
    if server.encoding != "UTF8":
        found.append(
            Finding(
                "warning",
                "encoding",
                f"{server.encoding}: it cannot hold every text",
                "make the database anew with ENCODING 'UTF8'",
            )
        )
    return found


def of_latency(seconds: float) -> Finding:
    """Judge the median of some round trips."""
    said = f"{seconds * 1000:.2f} ms"
    if seconds < _SLOW_SECONDS:
        return Finding("ok", "round trip", said)
    return Finding(
        "warning",
        "round trip",
        f"{said}, and a method makes three",
        'run nearer to the server, or make one of them: PoolConfig(transactions="statement")',
    )


def of_pooler(config: PoolConfig, announced: int, server: Server) -> Finding:
    """Judge whether a pooler stands between, and whether the configuration knows.

    A pooler announces a number of its own where a server announces that of its process.
    """
    between, expected = announced != server.backend, config.target().pooled
    match expected, between:
        case True, True:
            return Finding("ok", "pooler", "PgBouncer or the like, as configured")
        case False, False:
            return Finding("ok", "pooler", "none: a direct connection")
        case False, True:
            return Finding(
                "warning",
                "pooler",
                "something pools or relays the connection, and the configuration says direct",
                "PoolConfig(pooled=True), lest prepared statements vanish",
            )
        case _:
            return Finding(
                "warning",
                "pooler",
                "none, though host or port look like one",
                "PoolConfig(pooled=False) keeps statements prepared, which is faster",
            )


def of_tls(config: PoolConfig, version: str | None) -> Finding:
    """Judge the encryption of our leg of the way; *version* is the server's word for it."""
    target = config.target()
    if target.tls is not False:
        seen = f"{version}, " if version else ""
        return Finding("ok", "TLS", f"{seen}certificate verified")
    if target.local:
        return Finding("ok", "TLS", "none, and this host needs none")
    return Finding(
        "warning",
        "TLS",
        "none: whoever is on the way reads the password and every row",
        "take sslmode out of the DSN",
    )


def of_role(role: Role, tables: Sequence[Table]) -> list[Finding]:
    """Judge who we are: enough rights for the work, and no more."""
    found = [Finding("ok", "role", role.name)]
    owned = [table.name for table in tables if table.owned]
    if role.superuser:
        found = [Finding("warning", "role", f"{role.name} is a superuser", _least(role))]
    elif owned:
        said = f"{role.name} owns {', '.join(owned)}, and may drop them"
        found = [Finding("warning", "role", said, _least(role))]
    if _only_reads(tables):
        return [*found, Finding("ok", "rights", "it reads, and may not write")]
    lacking = {table.name: missing for table in tables if (missing := _lacking(table))}
    if lacking or not role.may_stage:
        refused = [f"no {' and no '.join(rights)} on {name}" for name, rights in lacking.items()]
        if not role.may_stage:
            refused.append("no TEMPORARY on the database, which bulk writes need")
        grants = _grants(lacking, role, role.quoted_name, staging=not role.may_stage)
        found.append(Finding("warning", "rights", "; ".join(refused), f"as owner: {grants}"))
    return found


def _only_reads(tables: Sequence[Table]) -> bool:
    return bool(tables) and all(
        table.may_select and not (table.owned or table.may_insert or table.may_update)
        for table in tables
    )


def of_excess(
    role: Role, tables: Sequence[Table], powers: Powers, held: Sequence[Held]
) -> list[Finding]:
    """Judge what we may do that the work does not need; what an owner may was said already."""
    owned = {table.name for table in tables if table.owned}
    excess: dict[str, list[str]] = {}
    for right in held:
        if right.name not in owned and right.held not in RIGHTS[right.name]:
            excess.setdefault(right.name, []).append(right.held)
    if role.superuser or not (excess or powers.attributes or powers.may_create_in):
        return []
    taken = [f"REVOKE {', '.join(rights)} ON {name}" for name, rights in excess.items()]
    taken += [f"REVOKE CREATE ON {place}" for place in powers.may_create_in]
    said = [f"{' and '.join(rights)} on {name}" for name, rights in excess.items()]
    said += [f"CREATE in {place}" for place in powers.may_create_in]
    said += powers.attributes
    advice = "; ".join(f"{right} FROM {role.quoted_name}" for right in taken)
    if powers.attributes:
        without = " ".join(f"NO{attribute}" for attribute in powers.attributes)
        advice = "; ".join(filter(None, [advice, f"ALTER ROLE {role.quoted_name} {without}"]))
    through = "; or from PUBLIC, or the role that it has them by"
    return [
        Finding(
            "warning", "excess", f"more than the work needs: {', '.join(said)}", advice + through
        )
    ]


def _lacking(table: Table) -> list[str]:
    given = {"SELECT": table.may_select, "INSERT": table.may_insert, "UPDATE": table.may_update}
    return [right for right in RIGHTS[table.name] if not given[right]]


def _least(role: Role) -> str:
    """Say how to make a role that has the rights for the work, and no more."""
    grants = _grants(RIGHTS, role, "app", staging=True)
    return f"work as a role of its own: CREATE ROLE app LOGIN; {grants}"


def _grants(rights: Mapping[str, Sequence[str]], role: Role, grantee: str, *, staging: bool) -> str:
    """Return the statements that give *rights*, by table, and *staging* to the grantee."""
    tables: dict[str, list[str]] = {}
    for name, needed in rights.items():
        tables.setdefault(", ".join(needed), []).append(name)
    granted = [f"{needed} ON {', '.join(names)}" for needed, names in tables.items()]
    if staging:
        granted.append(f"TEMPORARY ON DATABASE {role.quoted_database}")
    return "; ".join(f"GRANT {grant} TO {grantee}" for grant in granted)


def of_schema(here: Sequence[Migration], there: Sequence[Migration] | None) -> Finding:
    """Judge the migrations that the database has; *there* is None if they cannot be read."""
    if there is None:
        return Finding(
            "warning",
            "schema",
            "quantdb_migrations cannot be read",
            "as owner: GRANT SELECT ON quantdb_migrations",
        )
    known = {migration.number: migration for migration in here}
    newer = [old.file_name for old in there if old.number not in known]
    changed = [
        old.file_name
        for old in there
        if old.number in known and known[old.number].checksum != old.checksum
    ]
    if newer:
        said = f"the database has {', '.join(newer)}, which this quantdb does not know"
        return Finding("problem", "schema", said, "upgrade quantdb")
    if changed:
        said = f"not what was applied: {', '.join(changed)}"
        return Finding("problem", "schema", said, "install the quantdb that made the tables")
    pending = [new.file_name for new in here if new not in there]
    if pending:
        said = f"{len(there)} of {len(here)} migrations applied; pending: {', '.join(pending)}"
        return Finding("warning", "schema", said, "run: quantdb migrate")
    return Finding("ok", "schema", f"up to date: {len(here)} migrations")


def of_session(server: Server) -> Finding:
    """Judge how times are spoken of in the session."""
    said = f"{server.time_zone}, DateStyle {server.date_style}"
    if not server.date_style.startswith("ISO"):
        return Finding("problem", "time zone", said, "quantdb reads ISO dates: unset DateStyle")
    if server.time_zone != "UTC":
        return Finding("warning", "time zone", said, "something overrides the session's UTC")
    return Finding("ok", "time zone", said)


def of_clock(server: Server, before: datetime, after: datetime) -> Finding:
    """Judge the server's clock, which was read between two readings of ours."""
    ahead = server.clock - (before + (after - before) / 2)
    blur = (after - before) / 2
    if abs(ahead) <= _SKEW + blur:
        return Finding("ok", "clock", f"agrees with this host's within {_SKEW.seconds} s")
    where = "ahead of" if ahead > timedelta(0) else "behind"
    said = f"{abs(ahead).total_seconds():.1f} s {where} this host's"
    return Finding("warning", "clock", said, "run NTP on both: ids and times are made here")
