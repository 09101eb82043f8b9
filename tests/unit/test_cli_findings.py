"""What doctor makes of the facts."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from quantdb import PoolConfig
from quantdb.cli import findings
from quantdb.cli.findings import Finding, Role, Server, Table
from quantdb.cli.settings import SETTINGS, of_connections, of_settings
from quantdb.schema import Migration

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
SERVER = Server(
    version_number=150_018,
    version="15.18 (Debian 15.18-0+deb12u1)",
    encoding="UTF8",
    time_zone="UTC",
    date_style="ISO, MDY",
    read_only=False,
    standby=False,
    backend=7,
    clock=NOW,
)
LOCAL = PoolConfig("postgresql://u:c4n4ry@localhost/d")
REMOTE = PoolConfig("postgresql://u:c4n4ry@db.example.com/d")
POOLED = PoolConfig("postgresql://u:c4n4ry@ep-1-pooler.aws.neon.tech/d")
GOOD = {
    "autovacuum": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "idle_in_transaction_session_timeout": "300000",
    "jit": "on",
    "jit_above_cost": "100000",
    "max_connections": "100",
    "statement_timeout": "0",
    "superuser_reserved_connections": "3",
    "synchronous_commit": "on",
    "track_counts": "on",
}
APP = Role("app", False, True, "app", '"a-b"')
HERE = [Migration(1, "0001_a.sql", "x"), Migration(2, "0002_b.sql", "y")]


def marks(*found: Finding) -> list[str]:
    return [finding.mark for finding in found]


def by_name(found: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in found}


def test_a_good_server_is_well() -> None:
    [found] = findings.of_server(SERVER)

    assert found == Finding("ok", "server", "PostgreSQL 15.18")


@pytest.mark.parametrize(
    ("server", "mark", "what"),
    [
        (attrs.evolve(SERVER, version_number=130_020), "problem", "server"),
        (attrs.evolve(SERVER, standby=True), "warning", "writes"),
        (attrs.evolve(SERVER, read_only=True), "warning", "writes"),
        (attrs.evolve(SERVER, encoding="SQL_ASCII"), "warning", "encoding"),
    ],
)
def test_a_server_that_hurts_is_told(server: Server, mark: str, what: str) -> None:
    found = by_name(findings.of_server(server))[what]

    assert found.mark == mark
    assert found.advice


def test_a_slow_way_to_the_server_is_a_warning() -> None:
    assert marks(findings.of_latency(0.001), findings.of_latency(0.05)) == ["ok", "warning"]


def test_a_pooler_is_seen_by_the_number_that_it_announces() -> None:
    assert findings.of_pooler(LOCAL, 7, SERVER).said == "none: a direct connection"
    assert findings.of_pooler(POOLED, 12_345, SERVER).mark == "ok"
    assert "pooled=True" in findings.of_pooler(LOCAL, 12_345, SERVER).advice
    assert "pooled=False" in findings.of_pooler(POOLED, 7, SERVER).advice


def test_a_connection_in_the_clear_is_a_warning_only_on_a_network() -> None:
    clear = PoolConfig("postgresql://u@db.example.com/d?sslmode=disable")

    assert findings.of_tls(LOCAL, None).mark == "ok"
    assert findings.of_tls(clear, None).mark == "warning"
    assert findings.of_tls(REMOTE, "TLSv1.3").said == "TLSv1.3, certificate verified"
    assert findings.of_tls(POOLED, None).said == "certificate verified"


def test_a_role_with_just_its_rights_is_well() -> None:
    tables = [
        Table("prices", "public", False, True, True, True),
        Table("quantdb_migrations", "public", False, True, False, False),
        Table("trades", "public", False, True, True, False),
        Table("users", "public", False, True, True, True),
    ]

    assert findings.of_role(APP, tables) == [Finding("ok", "role", "app")]


def test_a_role_with_too_many_or_too_few_rights_is_told() -> None:
    trades = Table("trades", "public", True, True, False, False)
    users = Table("users", "public", False, True, False, False)
    me = attrs.evolve(APP, name="my role", quoted_name='"my role"', may_stage=False)

    [owner, rights] = findings.of_role(me, [trades, users])
    [superuser] = findings.of_role(attrs.evolve(APP, name="root", superuser=True), [])

    assert owner.said == "my role owns trades, and may drop them"
    assert rights.said == (
        "no INSERT on trades; no INSERT and no UPDATE on users; "
        "no TEMPORARY on the database, which bulk writes need"
    )
    assert rights.advice == (
        'as owner: GRANT INSERT ON trades TO "my role"; '
        'GRANT INSERT, UPDATE ON users TO "my role"; '
        'GRANT TEMPORARY ON DATABASE "a-b" TO "my role"'
    )
    assert superuser.said == "root is a superuser"
    assert superuser.advice == owner.advice
    assert superuser.advice == (
        "work as a role of its own: CREATE ROLE app LOGIN; "
        "GRANT SELECT, INSERT ON trades TO app; "
        "GRANT SELECT, INSERT, UPDATE ON prices, users TO app; "
        "GRANT SELECT ON quantdb_migrations TO app; "
        'GRANT TEMPORARY ON DATABASE "a-b" TO app'
    )


@pytest.mark.parametrize(
    ("there", "mark", "said"),
    [
        (HERE, "ok", "up to date: 2 migrations"),
        ([], "warning", "0 of 2 migrations applied; pending: 0001_a.sql, 0002_b.sql"),
        (HERE[:1], "warning", "1 of 2 migrations applied; pending: 0002_b.sql"),
        (None, "warning", "quantdb_migrations cannot be read"),
        ([*HERE, Migration(3, "0003_c.sql", "z")], "problem", "the database has 0003_c.sql, "),
        ([attrs.evolve(HERE[0], checksum="?")], "problem", "not what was applied: 0001_a.sql"),
    ],
)
def test_the_schema_is_compared_with_the_files(
    there: list[Migration] | None, mark: str, said: str
) -> None:
    found = findings.of_schema(HERE, there)

    assert found.mark == mark
    assert found.said.startswith(said)
    assert bool(found.advice) == (mark != "ok")


def test_a_session_must_speak_of_times_as_we_do() -> None:
    odd = attrs.evolve(SERVER, time_zone="Europe/Berlin")
    wrong = attrs.evolve(SERVER, date_style="German, DMY")

    assert marks(*map(findings.of_session, (SERVER, odd, wrong))) == ["ok", "warning", "problem"]


@pytest.mark.parametrize(("seconds", "mark"), [(0, "ok"), (0.9, "ok"), (30, "warning")])
def test_a_clock_that_goes_wrong_is_a_warning(seconds: float, mark: str) -> None:
    for ahead in (timedelta(seconds=seconds), -timedelta(seconds=seconds)):
        server = attrs.evolve(SERVER, clock=NOW + ahead)
        assert findings.of_clock(server, NOW, NOW).mark == mark
    # How long the question took is how little we know.
    assert findings.of_clock(SERVER, NOW - timedelta(seconds=60), NOW).mark == "ok"


def test_good_settings_are_well_and_asked_for() -> None:
    assert set(marks(*of_settings(GOOD, neon=False))) == {"ok"}
    assert GOOD.keys() <= set(SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("fsync", "off", "fsync"),
        ("full_page_writes", "off", "full_page_writes"),
        ("synchronous_commit", "off", "synchronous_commit"),
        ("autovacuum", "off", "autovacuum"),
        ("track_counts", "off", "track_counts"),
        ("idle_in_transaction_session_timeout", "0", "idle transactions"),
        ("statement_timeout", "5000", "statement_timeout"),
        ("transaction_timeout", "5000", "transaction_timeout"),
        ("jit_above_cost", "10", "jit"),
    ],
)
def test_a_setting_that_hurts_is_a_warning_with_advice(name: str, value: str, what: str) -> None:
    found = by_name(of_settings({**GOOD, name: value}, neon=False))

    assert found[what].mark == "warning"
    assert "SET" in found[what].advice
    assert [finding for finding in found.values() if finding.mark != "ok"] == [found[what]]


def test_what_neon_switches_off_is_right_there() -> None:
    settings = {**GOOD, "fsync": "off", "full_page_writes": "off"}

    assert set(marks(*of_settings(settings, neon=True))) == {"ok"}
    assert set(marks(*of_settings({**settings, "neon.timeline_id": "1"}, neon=False))) == {"ok"}


@pytest.mark.parametrize("jit", [{"jit": "off"}, {"jit_above_cost": "-1"}])
def test_a_compiler_that_is_off_is_well(jit: dict[str, str]) -> None:
    assert by_name(of_settings({**GOOD, **jit}, neon=False))["jit"].said == "off"


def test_a_server_needs_room_for_a_pool() -> None:
    assert of_connections(LOCAL, GOOD, 5).said == "97 usable, 5 in use; a pool opens up to 20"
    assert of_connections(LOCAL, GOOD, 90).mark == "warning"
    assert of_connections(POOLED, GOOD, 90).mark == "ok"
    assert of_connections(LOCAL, {**GOOD, "reserved_connections": "80"}, 1).mark == "warning"
