"""``quantdb doctor`` on a real server: it looks, says and changes nothing."""

import re
from urllib.parse import urlsplit

import asyncpg
import pytest
from cli_runs import Run, runner
from methods import every_method
from rights import as_role
from support import fresh

import quantdb
from quantdb.cli.console import out
from quantdb.cli.doctor import of_codecs


@pytest.fixture
def run(empty_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on a database of the test's own."""
    return runner(empty_dsn, capsys, monkeypatch)


def lines_of(told: str) -> dict[str, tuple[str, str]]:
    """Return mark and sentence of each line of the report."""
    found: dict[str, tuple[str, str]] = {}
    last = ""
    for line in told.splitlines():
        if not line.startswith("│"):
            continue
        mark, what, said = (cell.strip() for cell in line.split("│")[1:-1])
        last = what or last
        found[last] = (found[last][0], f"{found[last][1]}\n{said}") if not what else (mark, said)
    return found


async def migrated(dsn: str) -> None:
    async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)


async def test_a_database_without_tables_is_a_warning(run: Run) -> None:
    code, told, err = await run("doctor")

    assert (code, err) == (0, "")
    found = lines_of(told)
    assert found["schema"][0] == "warning"
    assert found["schema"][1].endswith("run: quantdb migrate")


async def test_a_good_database_has_no_problem(run: Run, empty_dsn: str) -> None:
    await migrated(empty_dsn)

    code, told, err = await run("doctor")

    assert (code, err) == (0, "")
    found = lines_of(told)
    assert found["schema"][0] == "ok"
    assert found["schema"][1].startswith("up to date: ")
    assert found["pooler"] == ("ok", "none: a direct connection")
    assert found["time zone"] == ("ok", "UTC, DateStyle ISO, MDY")
    assert found["server"][1].startswith("PostgreSQL 1")
    assert found["codecs"][0] == "ok"
    assert found["round trip"][1].endswith("ms")
    assert {mark for mark, _said in found.values()} <= {"ok", "warning"}
    warnings = sum(1 for mark, _said in found.values() if mark == "warning")
    assert f"0 problems, {warnings} warning" in told


async def test_a_cluster_is_judged_if_its_workers_are_named(run: Run) -> None:
    assert "cluster" not in lines_of((await run("doctor"))[1])

    code, told, _err = await run("doctor", "--workers", "2")
    found = lines_of(told)
    assert code == 0
    assert found["room"][1].partition(" ")[0].isdigit()
    assert (found["cluster"][0], found["cluster"][1][:4]) == ("ok", "2 × ")

    code, told, _err = await run("doctor", "--workers", "5000")
    assert code == 0
    assert lines_of(told)["cluster"][0] == "warning"
    assert "raise max_connections to 5" in lines_of(told)["cluster"][1]

    code, _told, err = await run("doctor", "--workers", "0")
    assert code
    assert "--workers" in err


async def test_a_file_that_changed_is_a_problem(run: Run, empty_dsn: str) -> None:
    await migrated(empty_dsn)
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("UPDATE quantdb_migrations SET checksum = 'x' WHERE number = 2")
    await connection.close()

    code, told, _err = await run("doctor")

    assert code == 1
    assert lines_of(told)["schema"][0] == "problem"
    assert "1 problem," in told


async def test_a_database_that_is_newer_is_a_problem(run: Run, empty_dsn: str) -> None:
    await migrated(empty_dsn)
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute(
        "INSERT INTO quantdb_migrations (set_name, number, file_name, checksum) "
        "VALUES ('quantdb', 9999, '9999_future.sql', 'x')"
    )
    await connection.close()

    code, told, _err = await run("doctor")

    assert code == 1
    assert "9999_future.sql" in lines_of(told)["schema"][1]


async def test_roles_are_judged_by_what_they_may_do(run: Run, empty_dsn: str) -> None:
    await migrated(empty_dsn)
    role, password = f"app_{fresh()}", fresh()
    admin = await asyncpg.connect(empty_dsn)
    await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    dsn = as_role(empty_dsn, role, password)
    try:
        poor = await run("doctor", "--dsn", dsn)
        tables = "trades, prices, users, quantdb_migrations"
        await admin.execute(f"GRANT SELECT, INSERT, UPDATE ON {tables} TO {role}")
        await admin.execute(f"REVOKE UPDATE ON users FROM {role}")
        poorer = await run("doctor", "--dsn", dsn)
        await admin.execute(f"GRANT UPDATE ON users TO {role}")
        right = await run("doctor", "--dsn", dsn)
        await admin.execute(f"ALTER TABLE trades OWNER TO {role}")
        owner = await run("doctor", "--dsn", dsn)
        as_admin = await run("doctor")
    finally:
        await admin.execute(f"DROP OWNED BY {role} CASCADE")
        await admin.execute(f"DROP ROLE {role}")
        await admin.close()

    assert [code for code, _told, _err in (poor, right, owner)] == [0, 0, 0]
    assert lines_of(poor[1])["role"] == ("ok", role)
    assert "no SELECT and no INSERT and no UPDATE on prices" in lines_of(poor[1])["rights"][1]
    assert lines_of(poorer[1])["rights"] == (
        "warning",
        f"no UPDATE on users\n→ as owner: GRANT UPDATE ON users TO {role}",
    )
    assert lines_of(poor[1])["schema"][0] == "warning"
    assert "rights" not in lines_of(right[1])
    assert "UPDATE on trades" in lines_of(right[1])["excess"][1]
    assert "INSERT and UPDATE on quantdb_migrations" in lines_of(right[1])["excess"][1]
    assert lines_of(right[1])["schema"][0] == "ok"
    assert f"{role} owns trades, and may drop them" in lines_of(owner[1])["role"][1]
    assert "is a superuser" in lines_of(as_admin[1])["role"][1]
    assert password not in "".join(told + err for _code, told, err in (poor, right, owner))


async def test_a_role_made_by_the_advice_is_well_and_can_do_all_the_work(
    run: Run, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "width", 1_000)
    await migrated(empty_dsn)
    role, password = f"app_{fresh()}", fresh()
    database = urlsplit(empty_dsn).path.removeprefix("/")
    said = lines_of((await run("doctor"))[1])["role"][1]
    advice = said.partition("work as a role of its own: ")[2]
    assert advice.startswith("CREATE ROLE app LOGIN; GRANT ")
    dsn = as_role(empty_dsn, role, password)
    admin = await asyncpg.connect(empty_dsn)
    try:
        # What everybody has at first, and a careful owner takes away.
        await admin.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO PUBLIC")
        await admin.execute(re.sub(r"\bapp\b", role, advice))
        await admin.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
        code, told, _err = await run("doctor", "--dsn", dsn)
        async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
            await every_method(pool, "S")
    finally:
        await admin.execute(f"DROP OWNED BY {role} CASCADE")
        await admin.execute(f"DROP ROLE {role}")
        await admin.close()

    found = lines_of(told)
    assert code == 0
    assert found["role"] == ("ok", role)
    assert found["schema"][0] == "ok"
    assert "rights" not in found
    assert "excess" not in found


async def test_a_driver_that_changes_values_is_a_problem(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    async with pool.acquire() as ours, plain_pool.acquire() as plain:
        assert (await of_codecs(ours)).mark == "ok"
        found = await of_codecs(plain)

    assert found.mark == "problem"
    assert found.said.startswith("numeric, timestamptz, date: ")
