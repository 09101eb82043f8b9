"""The roles that are shipped: enough for the work, and no more; and doctor sees the difference."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from cli_runs import Run, runner
from methods import every_method
from rights import as_role, granted, member
from support import MINUTE, NOON, a_price, a_trade, fresh

import quantdb
from quantdb import NewUser, PoolConfig, PriceRepo, TradeRepo, UserRepo
from quantdb.cli.console import out

BEYOND = [
    "DELETE FROM trades",
    "DELETE FROM users",
    "TRUNCATE trades",
    "TRUNCATE prices",
    "UPDATE trades SET price = 0",
    "ALTER TABLE trades DROP CONSTRAINT trades_quantity_positive",
    "ALTER TABLE prices DISABLE TRIGGER ALL",
    "CREATE INDEX ON trades (price)",
    "CREATE TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE TRIGGER t BEFORE INSERT ON trades EXECUTE FUNCTION tsvector_update_trigger()",
    "DROP TABLE trades",
    "DROP TABLE quantdb_ray_ledger",
    "TRUNCATE quantdb_ray_ledger",
    "INSERT INTO quantdb_migrations VALUES ('quantdb', 9, '9.sql', 'x')",
    "UPDATE quantdb_migrations SET checksum = 'x'",
    "COPY trades TO PROGRAM 'cat'",
]


@pytest.fixture
async def app(owner: asyncpg.Connection, empty_dsn: str) -> AsyncIterator[str]:
    async with member(owner, empty_dsn, "quantdb_app") as dsn:
        yield dsn


@pytest.fixture
async def reader(owner: asyncpg.Connection, empty_dsn: str) -> AsyncIterator[str]:
    async with member(owner, empty_dsn, "quantdb_reader") as dsn:
        yield dsn


@pytest.fixture
def run(empty_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    run = runner(empty_dsn, capsys, monkeypatch)
    monkeypatch.setattr(out, "width", 1_000)
    return run


async def findings(run: Run, dsn: str) -> dict[str, tuple[str, str]]:
    _code, told, _err = await run("doctor", "--dsn", dsn)
    rows = [line.split("│")[1:-1] for line in told.splitlines() if line.startswith("│")]
    found: dict[str, tuple[str, str]] = {}
    last = ""
    for mark, what, said in ([cell.strip() for cell in row] for row in rows):
        found[what or last] = (mark or found[last][0], (found[last][1] if not what else "") + said)
        last = what or last
    return found


async def test_the_application_can_do_all_the_work(app: str, run: Run) -> None:
    async with quantdb.create_pool(PoolConfig(app, min_size=0)) as pool:
        await every_method(pool, fresh())
    found = await findings(run, app)

    assert found["role"][0] == "ok"
    assert found["schema"][0] == "ok"
    assert not {"rights", "excess"} & found.keys()


@pytest.mark.parametrize("group", ["app", "reader"])
async def test_nothing_beyond_the_work_is_allowed(app: str, reader: str, group: str) -> None:
    connection = await asyncpg.connect({"app": app, "reader": reader}[group])
    try:
        for statement in BEYOND:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_reader_reads_and_writes_nothing(
    owner: asyncpg.Connection, empty_dsn: str, reader: str, run: Run
) -> None:
    trade, bar = a_trade("AAPL"), a_price("AAPL")
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
        await TradeRepo(pool).insert(trade)
        await PriceRepo(pool).upsert(bar)
        ann = await UserRepo(pool).insert(NewUser("Ann"))
    async with quantdb.create_pool(PoolConfig(reader, min_size=0)) as pool:
        assert trade == await TradeRepo(pool).get(trade.id)
        assert bar == await PriceRepo(pool).get("AAPL", MINUTE, NOON)
        assert ann == await UserRepo(pool).get(ann.id)
        for write in (
            TradeRepo(pool).insert(a_trade("AAPL")),
            TradeRepo(pool).insert_many([a_trade("AAPL")]),
            PriceRepo(pool).upsert(bar),
            PriceRepo(pool).upsert_many([bar]),
            UserRepo(pool).insert(NewUser("Bob")),
            UserRepo(pool).update(ann, name="Anna"),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await write
    found = await findings(run, reader)

    assert found["role"][0] == "ok"
    assert found["rights"] == ("ok", "it reads, and may not write")
    assert "excess" not in found
    assert await owner.fetchval("SELECT count(*) FROM trades") == 1


@pytest.mark.parametrize(
    "case",
    [
        (
            "GRANT DELETE, TRUNCATE ON trades TO {}",
            "DELETE and TRUNCATE on trades",
            "REVOKE DELETE",
        ),
        ("GRANT UPDATE ON trades TO {}", "UPDATE on trades", "REVOKE UPDATE ON trades FROM"),
        ("GRANT TRIGGER ON prices TO {}", "TRIGGER on prices", "REVOKE TRIGGER"),
        (
            "GRANT CREATE ON SCHEMA public TO {}",
            "CREATE in SCHEMA public",
            "REVOKE CREATE ON SCHEMA",
        ),
        ("ALTER ROLE {} CREATEDB CREATEROLE", "CREATEROLE, CREATEDB", "NOCREATEROLE NOCREATEDB"),
        ("ALTER ROLE {} BYPASSRLS", "BYPASSRLS", "NOBYPASSRLS"),
    ],
)
async def test_doctor_says_what_is_too_much(
    owner: asyncpg.Connection, app: str, run: Run, case: tuple[str, str, str]
) -> None:
    grant, said, advice = case
    await owner.execute(grant.format(urlsplit(app).username))

    mark, told = (await findings(run, app))["excess"]

    assert mark == "warning"
    assert said in told
    assert advice in told


async def test_doctor_says_what_is_missing(
    owner: asyncpg.Connection, app: str, run: Run, empty_dsn: str
) -> None:
    await owner.execute("REVOKE INSERT ON trades FROM quantdb_app")
    await owner.execute(
        f"REVOKE TEMPORARY ON DATABASE {urlsplit(empty_dsn).path[1:]} FROM quantdb_app"
    )

    mark, told = (await findings(run, app))["rights"]

    assert mark == "warning"
    assert "no INSERT on trades" in told
    assert "no TEMPORARY on the database" in told


async def test_a_ledger_of_another_role_keeps_the_application_from_no_other_right(
    owner: asyncpg.Connection, app: str, run: Run, empty_dsn: str
) -> None:
    maker, migrator, password = f"maker_{fresh()}", f"migrator_{fresh()}", fresh()
    database = urlsplit(empty_dsn).path[1:]
    await owner.execute(
        f"DROP OWNED BY quantdb_app; CREATE ROLE {maker};"
        f"CREATE ROLE {migrator} LOGIN CREATEROLE PASSWORD '{password}';"
        f"ALTER DATABASE {database} OWNER TO {migrator}; ALTER SCHEMA public OWNER TO {migrator}"
    )
    for table in ("trades", "prices", "users", "quantdb_migrations"):
        await owner.execute(f"ALTER TABLE {table} OWNER TO {migrator}")
    await owner.execute(f"ALTER TABLE quantdb_ray_ledger OWNER TO {maker}")
    said: list[str] = []
    theirs = await asyncpg.connect(as_role(empty_dsn, migrator, password))
    theirs.add_log_listener(lambda _, message: said.append(str(getattr(message, "message", ""))))
    try:
        await granted(theirs, "app")
        async with quantdb.create_pool(PoolConfig(app, min_size=0)) as pool:
            await every_method(pool, fresh())
        found = await findings(run, app)
    finally:
        await theirs.close()
        await owner.execute(
            f"ALTER DATABASE {database} OWNER TO CURRENT_USER;"
            f"REASSIGN OWNED BY {migrator}, {maker} TO CURRENT_USER;"
            f"DROP OWNED BY {migrator}, {maker}; DROP ROLE {migrator}; DROP ROLE {maker}"
        )

    assert said == ["nothing was granted on quantdb_ray_ledger: it is not there, or not yours"]
    assert not {"rights", "excess"} & found.keys()
