"""Migrations and the schema: applied once, all or nothing, and stricter than any client."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import asyncpg
import attrs
import pytest
from rights import as_role
from support import fresh, look, look_once

import quantdb
from quantdb import ConfigError, Conflict, PoolConfig, Trade, TradeRepo, datasets, migrate
from quantdb.schema import Migration, applied, migrations
from quantdb.sqlfile import sql_folder

SHIPPED = sql_folder() / "schema"


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A pool on an empty database."""
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0, max_size=4)) as pool:
        yield pool
        assert pool.get_idle_size() == pool.get_size()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations of the test's own."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (n int);\nCREATE TABLE other ();\n")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two AS SELECT 1 AS n;\n")
    return tmp_path


async def tables(db: quantdb.Database) -> set[object]:
    rows = await look(db, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows} - {"quantdb_migrations"}


# Applied once


async def test_the_shipped_migrations_are_applied_in_order_and_once(empty: quantdb.Pool) -> None:
    names = sorted(file.name for file in SHIPPED.glob("*.sql"))
    assert names == await migrate(empty)
    assert await migrate(empty) == []
    assert names == [migration.file_name for migration in await applied(empty)]
    assert {"users", "trades", "prices"} <= await tables(empty)


@pytest.mark.parametrize("kind", ["pool", "plain pool", "connection", "transaction"])
async def test_any_kind_of_database_is_migrated(empty_dsn: str, kind: str) -> None:
    names = sorted(file.name for file in SHIPPED.glob("*.sql"))
    if kind == "pool":
        async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
            assert (names, []) == (await migrate(pool), await migrate(pool))
        return
    async with asyncpg.create_pool(empty_dsn, min_size=0) as plain:
        if kind == "plain pool":
            assert (names, []) == (await migrate(plain), await migrate(plain))
        elif kind == "connection":
            async with plain.acquire() as connection:
                assert (names, []) == (await migrate(connection), await migrate(connection))
                assert not connection.is_in_transaction()
        else:
            async with plain.acquire() as connection:
                block = connection.transaction()
                await block.start()
                assert names == await migrate(connection)
                await block.rollback()
                assert set() == await tables(connection)


@pytest.mark.parametrize("count", [2, 8])
async def test_those_who_migrate_at_once_wait_for_one_another(empty_dsn: str, count: int) -> None:
    async def one() -> list[str]:
        async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
            return await migrate(pool)

    answers = await asyncio.gather(*(one() for _ in range(count)))
    assert sum(bool(names) for names in answers) == 1
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
        assert len(list(SHIPPED.glob("*.sql"))) == len(await applied(pool))


async def test_tasks_of_one_pool_that_migrate_at_once_wait_too(empty: quantdb.Pool) -> None:
    answers = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert sum(bool(names) for names in answers) == 1


def test_two_processes_migrate_at_once(empty_dsn: str) -> None:
    program = (
        "import asyncio, sys, quantdb\n"
        "async def main():\n"
        "    config = quantdb.PoolConfig(sys.argv[1], min_size=0)\n"
        "    async with quantdb.create_pool(config) as pool:\n"
        "        print(len(await quantdb.migrate(pool)))\n"
        "asyncio.run(main())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_dsn], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    answers = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sorted(answers) == [0, len(list(SHIPPED.glob("*.sql")))]


async def test_one_who_waits_goes_on_when_the_other_fails(
    empty: quantdb.Pool, folder: Path
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        async with quantdb.transaction(empty) as tx:
            await migrate(tx, folder, set_name="mine")
            entered.set()
            await leave.wait()
            raise KeyError

    first = asyncio.create_task(failing())
    await entered.wait()
    second = asyncio.create_task(migrate(empty, folder, set_name="mine"))
    await asyncio.sleep(0.1)
    assert not second.done()
    leave.set()
    with pytest.raises(KeyError):
        await first
    assert await second == ["0001_one.sql", "0002_two.sql"]
    assert {"one", "other", "two"} == await tables(empty)


# One's own set


async def test_a_folder_of_ones_own_has_a_set_of_its_own(empty: quantdb.Pool, folder: Path) -> None:
    await migrate(empty)
    assert await migrate(empty, folder, set_name="mine") == ["0001_one.sql", "0002_two.sql"]
    assert await migrate(empty, folder, set_name="mine") == []
    assert await migrate(empty) == []
    assert [migration.number for migration in await applied(empty, "mine")] == [1, 2]
    (folder / "0003_three.sql").write_text("CREATE TABLE three ();")
    assert await migrate(empty, folder, set_name="mine") == ["0003_three.sql"]
    assert {"one", "other", "two", "three"} <= await tables(empty)
    assert await look_once(empty, "SELECT n FROM two") == 1


async def test_a_folder_of_ones_own_under_the_name_of_quantdb_is_refused(
    empty: quantdb.Pool, folder: Path
) -> None:
    await migrate(empty)
    with pytest.raises(ConfigError):
        await migrate(empty, folder)
    assert "one" not in await tables(empty)


async def test_line_ends_of_another_system_are_no_change(empty: quantdb.Pool, folder: Path) -> None:
    await migrate(empty, folder, set_name="mine")
    for name in ("0001_one.sql", "0002_two.sql"):
        file = folder / name
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert await migrate(empty, folder, set_name="mine") == []


# What is refused


async def test_a_file_that_was_changed_is_refused(empty: quantdb.Pool, folder: Path) -> None:
    await migrate(empty, folder, set_name="mine")
    (folder / "0002_two.sql").write_text("CREATE TABLE two (n bigint);\n")
    (folder / "0003_three.sql").write_text("CREATE TABLE three ();")
    with pytest.raises(ConfigError, match=r"0002_two\.sql was changed"):
        await migrate(empty, folder, set_name="mine")
    assert {"one", "other", "two"} == await tables(empty)


async def test_a_file_that_is_missing_is_refused(empty: quantdb.Pool, folder: Path) -> None:
    await migrate(empty, folder, set_name="mine")
    (folder / "0001_one.sql").unlink()
    with pytest.raises(ConfigError, match=r"0001_one\.sql, which is not here"):
        await migrate(empty, folder, set_name="mine")


async def test_a_file_that_was_renamed_is_refused(empty: quantdb.Pool, folder: Path) -> None:
    (folder / "0002_two.sql").write_text("CREATE TABLE IF NOT EXISTS two ();\n")
    await migrate(empty, folder, set_name="mine")
    (folder / "0002_two.sql").rename(folder / "0002_second.sql")
    with pytest.raises(ConfigError, match="0002_"):
        await migrate(empty, folder, set_name="mine")


async def test_a_file_out_of_order_is_refused(empty: quantdb.Pool, folder: Path) -> None:
    (folder / "0001_one.sql").rename(folder / "0003_one.sql")
    await migrate(empty, folder, set_name="mine")
    (folder / "0001_late.sql").write_text("CREATE TABLE late ();")
    with pytest.raises(ConfigError, match=r"0001_late\.sql comes before"):
        await migrate(empty, folder, set_name="mine")
    assert "late" not in await tables(empty)


@pytest.mark.parametrize(
    "name", ["one.sql", "1_one.sql", "00001_one.sql", "0001-one.sql", "0001_.sql", "0001_a b.sql"]
)
def test_a_file_without_a_right_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(ConfigError, match="NNNN_name"):
        migrations(folder)


def test_a_number_that_comes_twice_is_refused(folder: Path) -> None:
    (folder / "0002_too.sql").write_text("SELECT 1;")
    with pytest.raises(ConfigError, match="has that number too"):
        migrations(folder)


def test_a_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match="no migration"):
            migrations(where)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("BEGIN;\nSELECT 1;\nCOMMIT;", 1),
        ("SELECT 1;\n\n  commit ;", 3),
        ("SELECT 1;\n/* a /* b */ */ -- c\nROLLBACK;", 3),
        ("SELECT 'a;\n';\nSTART TRANSACTION;", 3),
        ("SELECT $$;\n$$;END;", 2),
        ("SELECT $x$;$$;\n$x$;\n\nABORT;", 4),
        ('SELECT 1 AS ";\n";COMMIT AND CHAIN', 2),
        (r"SELECT E'\';'; " + "\nCOMMIT PREPARED 'x'", 2),
        ("SELECT 1 AS a$b$;\nCOMMIT;\nSELECT 2 AS c$b$;", 2),
        ("PREPARE TRANSACTION 'x';", 1),
    ],
)
def test_a_file_that_begins_or_ends_a_transaction_is_refused(
    tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first ();")
    (tmp_path / "0002_wrong.sql").write_text(text)
    with pytest.raises(ConfigError, match=rf"0002_wrong\.sql:{line}: "):
        migrations(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "DO $$BEGIN PERFORM 1; END$$;",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$\nBEGIN\n RETURN 1;\nEND\n$f$;",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;",
        "CREATE PROCEDURE f() LANGUAGE sql BEGIN ATOMIC SELECT CASE 1 WHEN 2 THEN 3 END; END",
        "-- BEGIN;\n/* COMMIT; */ SELECT 'ROLLBACK;' AS \"END;\";",
        'CREATE TABLE commits (begin_at int, "commit" int);',
        "SET CONSTRAINTS ALL DEFERRED;",
    ],
)
async def test_a_file_that_only_looks_so_is_applied(
    empty: quantdb.Pool, tmp_path: Path, text: str
) -> None:
    (tmp_path / "0001_right.sql").write_text(text)
    assert await migrate(empty, tmp_path, set_name="mine") == ["0001_right.sql"]
    assert set() <= await tables(empty)


@pytest.mark.parametrize("text", ["", "\n", "-- nothing", "/* nothing */", ";", " ;; "])
def test_a_file_without_a_statement_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "0001_nothing.sql").write_text(text)
    with pytest.raises(ConfigError, match="0001_nothing"):
        migrations(tmp_path)


# All or nothing


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("CREATE TABLE three ();\n\nCREATE TABEL four ();", 3, asyncpg.PostgresSyntaxError),
        ("CREATE TABLE three ();\nSELECT 1,\n  é FROM two;", 3, asyncpg.UndefinedColumnError),
        ("CREATE TABLE three ();\n-- x\nSELECT 1 / 0;", 3, asyncpg.DivisionByZeroError),
        ("CREATE TABLE three ();\n\nCREATE TABLE one ();", 3, asyncpg.DuplicateTableError),
        ("SELECT 1;\nINSERT INTO two\nVALUES (3000000000);", 2, asyncpg.PostgresError),
        ("\nVACUUM;", 2, asyncpg.ActiveSQLTransactionError),
        ("DO $$BEGIN\nCOMMIT; END$$", 1, asyncpg.InvalidTransactionTerminationError),
    ],
)
async def test_a_file_that_fails_is_named_with_its_line_and_takes_all_back(
    empty: quantdb.Pool, folder: Path, text: str, line: int, error: type[asyncpg.PostgresError]
) -> None:
    (folder / "0003_wrong.sql").write_text(text)
    with pytest.raises(error) as caught:
        await migrate(empty, folder, set_name="mine")
    assert set() == await tables(empty)
    assert (
        await look_once(
            empty, "SELECT count(*) FROM pg_tables WHERE tablename = 'quantdb_migrations'"
        )
        == 0
    )
    (note,) = caught.value.__notes__
    assert "0003_wrong.sql" in note
    # The server does not always say where; then no line is better than a wrong one.
    assert f"line {line}" in note or "line" not in note


async def test_a_migration_that_meets_a_duplicate_names_its_file_too(
    empty: quantdb.Pool, folder: Path
) -> None:
    (folder / "0003_wrong.sql").write_text(
        "CREATE TABLE three (n int UNIQUE);\nINSERT INTO three VALUES (1), (1);"
    )
    with pytest.raises(Conflict) as caught:
        await migrate(empty, folder, set_name="mine")
    assert any("0003_wrong.sql" in note for note in getattr(caught.value, "__notes__", []))
    assert set() == await tables(empty)


async def test_a_migration_may_take_longer_than_a_statement(empty_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "0001_slow.sql").write_text("SELECT pg_sleep(0.6);\nCREATE TABLE slow ();")
    config = PoolConfig(empty_dsn, min_size=0, command_timeout=0.3)
    async with quantdb.create_pool(config) as pool:
        assert await migrate(pool, tmp_path, set_name="mine") == ["0001_slow.sql"]


async def test_a_migration_cannot_unlock_the_others(empty: quantdb.Pool, tmp_path: Path) -> None:
    (tmp_path / "0001_slow.sql").write_text(
        "SELECT pg_advisory_unlock_all();\nSELECT pg_sleep(0.3);\nCREATE TABLE slow ();"
    )
    answers = await asyncio.gather(*(migrate(empty, tmp_path, set_name="mine") for _ in range(3)))
    assert sum(bool(names) for names in answers) == 1


# The schema as it is


CATALOG = {
    "tables": """
        SELECT c.relname, c.relkind::text, c.relpersistence::text, obj_description(c.oid)
        FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1
    """,
    "columns": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity::text, l.collname, pg_get_expr(d.adbin, d.adrelid),
            col_description(c.oid, a.attnum)
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND c.relkind = 'r'
        ORDER BY 1, 2
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        ORDER BY 1, 2
    """,
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1
    """,
    "types": """
        SELECT typname, typtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace
        ORDER BY 1
    """,
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
}


async def catalog(db: quantdb.Database) -> dict[str, list[tuple[object, ...]]]:
    """Return what the server's catalogue says of the schema."""
    return {name: await look(db, sql) for name, sql in CATALOG.items()}


async def test_a_rebuild_from_zero_equals_the_shipped_schema(
    pool: quantdb.Pool, empty: quantdb.Pool
) -> None:
    async with quantdb.transaction(empty) as tx:
        for file in sorted(SHIPPED.glob("*.sql")):
            await tx.execute(file.read_text())
    shipped = await catalog(pool)
    ours = {"users", "trades", "prices", "quantdb_migrations", "quantdb_ray_ledger"}
    rebuilt = await catalog(empty)
    for name in ("tables", "columns", "constraints", "indexes"):
        # Other tests made tables of their own in the session's database.
        mine = [row for row in shipped[name] if str(row[0]).removesuffix("_id_seq") in ours]
        assert len(mine) >= 4
        assert mine == [row for row in rebuilt[name] if str(row[0]) in {r[0] for r in mine}]


async def test_migrating_one_file_at_a_time_gives_the_same_schema(
    empty_dsn: str, tmp_path: Path, server_dsn: str
) -> None:
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
        for file in sorted(SHIPPED.glob("*.sql")):
            shutil.copy(file, tmp_path)
            assert [file.name] == await migrate(pool, tmp_path)
        assert await migrate(pool) == []
        one_by_one = await catalog(pool)
    assert server_dsn != empty_dsn
    assert one_by_one["columns"]
    async with quantdb.create_pool(PoolConfig(empty_dsn, min_size=0)) as pool:
        await pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await migrate(pool)
        assert one_by_one == await catalog(pool)


async def test_a_ledger_of_a_job_is_that_of_the_migrations(empty: quantdb.Pool) -> None:
    await datasets.LEDGER.run(empty)
    made = await catalog(empty)
    await empty.execute("DROP TABLE quantdb_ray_ledger")
    await migrate(empty)
    migrated = await catalog(empty)
    ours = "quantdb_ray_ledger"
    for name in ("constraints", "indexes"):
        assert made[name] == [row for row in migrated[name] if row[0] == ours]
    *uncommented, said = zip(*(row for row in migrated["columns"] if row[0] == ours), strict=True)
    assert all(said)
    assert [*uncommented] == [*zip(*made["columns"], strict=True)][:-1]


async def test_a_ledger_that_is_there_already_is_left_to_whom_it_belongs(
    empty_dsn: str, empty: quantdb.Pool
) -> None:
    maker, owner, password = f"maker_{fresh()}", f"owner_{fresh()}", fresh()
    await datasets.LEDGER.run(empty)
    await empty.execute(
        f"CREATE ROLE {maker}; CREATE ROLE {owner} LOGIN PASSWORD '{password}';"
        f"GRANT CREATE, USAGE ON SCHEMA public TO {owner};"
        f"ALTER TABLE quantdb_ray_ledger OWNER TO {maker};"
        "INSERT INTO quantdb_ray_ledger VALUES ('j', 't', 'd', 0, '0.0', false, '{a}', 1, 0, 0)"
    )
    before = await look(empty, "SELECT * FROM quantdb_ray_ledger")
    try:
        theirs = PoolConfig(as_role(empty_dsn, owner, password), min_size=0)
        async with quantdb.create_pool(theirs) as pool:
            assert "0004_ray_ledger.sql" in await migrate(pool)
            assert await migrate(pool) == []
        assert before == await look(empty, "SELECT * FROM quantdb_ray_ledger")
        sql = "SELECT tableowner::text FROM pg_tables WHERE tablename = 'quantdb_ray_ledger'"
        assert maker == await look_once(empty, sql)
    finally:
        await empty.execute(f"DROP OWNED BY {owner}, {maker}; DROP ROLE {owner}; DROP ROLE {maker}")


@pytest.mark.parametrize(
    "table", ["users", "trades", "prices", "quantdb_migrations", "quantdb_ray_ledger"]
)
async def test_every_table_and_every_column_says_what_it_is(pool: quantdb.Pool, table: str) -> None:
    assert await look_once(pool, "SELECT obj_description($1::text::regclass)", table)
    unsaid = await look(
        pool,
        """
        SELECT attname FROM pg_attribute
        WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
            AND coalesce(col_description(attrelid, attnum), '') = ''
        """,
        table,
    )
    assert unsaid == []


async def test_no_extension_is_installed(pool: quantdb.Pool) -> None:
    assert await look(pool, "SELECT extname FROM pg_extension") == [("plpgsql",)]


async def test_every_constraint_has_a_name_that_says_what_it_is(pool: quantdb.Pool) -> None:
    rows = await look(
        pool,
        """
        SELECT conname FROM pg_constraint
        WHERE conrelid IN ('users'::regclass, 'trades'::regclass, 'prices'::regclass)
            AND contype <> 'n'
        """,
    )
    names = [str(row[0]) for row in rows]
    assert len(names) == len(set(names))
    assert [name for name in names if not name.startswith(("users_", "trades_", "prices_"))] == []


async def test_columns_are_the_fields_in_their_order(pool: quantdb.Pool) -> None:
    models: dict[str, type[attrs.AttrsInstance]] = {
        "users": quantdb.User,
        "trades": quantdb.Trade,
        "prices": quantdb.Price,
    }
    for table, model in models.items():
        rows = await look(
            pool,
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
            " ORDER BY attnum",
            table,
        )
        assert [row[0] for row in rows] == [field.name for field in attrs.fields(model)]


TRADE = {
    "symbol": "'x'",
    "side": "'buy'",
    "quantity": "1",
    "price": "1",
    "executed_at": "now()",
    "venue": "'v'",
    "id": "gen_random_uuid()",
}
PRICE = {
    "symbol": "'x'",
    "interval": "'1 min'",
    "start": "timestamptz '2024-01-01Z'",
    "open": "1",
    "high": "1",
    "low": "1",
    "close": "1",
    "volume": "1",
}
USER = {"name": "'Ada'"}
REFUSED: list[tuple[str, dict[str, str]]] = [
    ("trades", {"quantity": "0"}),
    ("trades", {"quantity": "-1"}),
    ("trades", {"quantity": "'NaN'"}),
    ("trades", {"quantity": "'Infinity'"}),
    ("trades", {"quantity": "'-Infinity'"}),
    ("trades", {"quantity": "NULL"}),
    ("trades", {"price": "'NaN'"}),
    ("trades", {"price": "'Infinity'"}),
    ("trades", {"price": "'-Infinity'"}),
    ("trades", {"price": "NULL"}),
    ("trades", {"fee": "'NaN'"}),
    ("trades", {"fee": "'Infinity'"}),
    ("trades", {"fee": "'-Infinity'"}),
    ("trades", {"fee": "NULL"}),
    ("trades", {"executed_at": "'infinity'"}),
    ("trades", {"executed_at": "'-infinity'"}),
    ("trades", {"executed_at": "'10000-01-01 00:00Z'"}),
    ("trades", {"executed_at": "'9999-12-31 23:59:59.999999-00:01'"}),
    ("trades", {"executed_at": "'0001-01-01 00:00+00:01'"}),
    ("trades", {"executed_at": "'0001-12-31 00:00Z BC'"}),
    ("trades", {"executed_at": "NULL"}),
    ("trades", {"side": "'Buy'"}),
    ("trades", {"side": "''"}),
    ("trades", {"side": "NULL"}),
    ("trades", {"symbol": "''"}),
    ("trades", {"symbol": "' '"}),
    ("trades", {"symbol": "E'\\t\\n'"}),
    ("trades", {"venue": "''"}),
    ("trades", {"venue": "' '"}),
    ("trades", {"venue_trade_id": "''"}),
    ("trades", {"strategy": "''"}),
    ("trades", {"currency": "''"}),
    ("trades", {"currency": "NULL"}),
    ("trades", {"user_id": "-1"}),
    ("trades", {"id": "NULL"}),
    ("prices", {"low": "2"}),
    ("prices", {"high": "0"}),
    ("prices", {"open": "2"}),
    ("prices", {"open": "0"}),
    ("prices", {"close": "2"}),
    ("prices", {"close": "0"}),
    *(
        ("prices", {column: value})
        for column in ("open", "high", "low", "close", "volume")
        for value in ("'NaN'", "'Infinity'", "'-Infinity'", "NULL")
    ),
    ("prices", dict.fromkeys(("open", "high", "low", "close"), "'NaN'")),
    ("prices", dict.fromkeys(("open", "high", "low", "close"), "'Infinity'")),
    ("prices", dict.fromkeys(("open", "high", "low", "close"), "'-Infinity'")),
    ("prices", {"volume": "-1"}),
    ("prices", {"interval": "'0'"}),
    ("prices", {"interval": "'-1 min'"}),
    ("prices", {"interval": "'1 day -24 hours'"}),
    ("prices", {"interval": "'1 mon'"}),
    ("prices", {"interval": "'1 year'"}),
    ("prices", {"interval": "'1 mon -30 days 1 s'"}),
    ("prices", {"interval": "'-1 mon 60 days'"}),
    ("prices", {"start": "'infinity'"}),
    ("prices", {"start": "'-infinity'"}),
    ("prices", {"start": "'10000-01-01 00:00Z'"}),
    ("prices", {"start": "'0001-12-31 00:00Z BC'"}),
    ("prices", {"start": "'9999-12-31 23:59:59Z'"}),
    ("prices", {"start": "'0001-01-01 00:00Z'", "interval": "'3652059 days'"}),
    ("prices", {"start": "'0001-01-01 00:00Z'", "interval": "'2147483647 days'"}),
    ("prices", {"symbol": "''"}),
    ("prices", {"symbol": "' '"}),
    ("users", {"name": "''"}),
    ("users", {"name": "' '"}),
    ("users", {"name": "E'\\t\\n'"}),
    ("users", {"name": "NULL"}),
    ("users", {"email": "''"}),
    ("users", {"email": "' '"}),
    ("users", {"born": "'infinity'"}),
    ("users", {"born": "'-infinity'"}),
    ("users", {"born": "'10000-01-01'"}),
    ("users", {"born": "'0001-12-31 BC'"}),
    ("users", {"active": "NULL"}),
    ("users", {"version": "0"}),
    ("users", {"version": "NULL"}),
    ("users", {"created_at": "'infinity'"}),
    ("users", {"created_at": "NULL"}),
    ("users", {"id": "7"}),
]
BASE = {"trades": TRADE, "prices": PRICE, "users": USER}


def insert_of(table: str, changes: dict[str, str]) -> str:
    row = BASE[table] | changes
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"


@pytest.mark.parametrize(
    ("table", "changes"),
    REFUSED,
    ids=[f"{table} {' '.join(map('='.join, row.items()))}" for table, row in REFUSED],
)
async def test_the_schema_refuses_what_no_model_can_hold(
    connection: asyncpg.Connection, table: str, changes: dict[str, str]
) -> None:
    refusals = (
        asyncpg.IntegrityConstraintViolationError,
        asyncpg.DatetimeFieldOverflowError,
        asyncpg.GeneratedAlwaysError,
    )
    with pytest.raises(refusals):
        await connection.execute(insert_of(table, changes))


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("trades", {}),
        ("trades", {"price": "-37.63", "fee": "-1", "quantity": "1e-16383"}),
        ("trades", {"executed_at": "'0001-01-01 00:00Z'", "price": "1e131071"}),
        ("trades", {"executed_at": "'9999-12-31 23:59:59.999999Z'"}),
        ("prices", {}),
        ("prices", {"volume": "0", "low": "-1e131071", "high": "1e131071"}),
        ("prices", {"start": "'9999-12-31 23:58:59.999999Z'"}),
        ("prices", {"start": "'0001-01-01 00:00Z'", "interval": "'3652058 days'"}),
        ("prices", {"interval": "'1 us'"}),
        ("prices", {"interval": "'-1 day 48 hours'"}),
        ("users", {}),
        ("users", {"born": "'0001-01-01'"}),
        ("users", {"born": "'9999-12-31'", "email": "NULL"}),
    ],
)
async def test_the_schema_takes_what_a_model_can_hold(
    connection: asyncpg.Connection, table: str, changes: dict[str, str]
) -> None:
    assert await connection.execute(insert_of(table, changes)) == "INSERT 0 1"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "UTC"])
async def test_the_schema_judges_alike_in_every_zone_of_the_session(
    connection: asyncpg.Connection, zone: str
) -> None:
    await connection.execute(f"SET LOCAL TIME ZONE '{zone}'")
    for start, interval in (
        ("'9999-12-31 23:58:59.999999Z'", "'1 min'"),
        ("'0001-01-01 00:00Z'", "'1 min'"),
        ("'0001-01-01 00:00Z'", "'3652058 days 86399.999999 s'"),
        ("'9999-12-30 23:59:59.999999Z'", "'1 day'"),
    ):
        done = await connection.execute(insert_of("prices", {"start": start, "interval": interval}))
        assert done == "INSERT 0 1"
    for start, interval in (
        ("'9999-12-31 23:59:00Z'", "'1 min'"),
        ("'0001-01-01 00:00Z'", "'3652059 days'"),
        ("'9999-12-31 00:00Z'", "'1 day'"),
    ):
        block = connection.transaction()
        await block.start()
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(insert_of("prices", {"start": start, "interval": interval}))
        await block.rollback()


async def test_a_user_who_traded_cannot_be_deleted(connection: asyncpg.Connection) -> None:
    user = await connection.fetchval("INSERT INTO users (name) VALUES ('Ada') RETURNING id")
    await connection.execute(insert_of("trades", {"user_id": str(user)}))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("DELETE FROM users WHERE id = $1", user)


async def test_what_raw_sql_may_write_every_repository_can_read(
    connection: asyncpg.Connection,
) -> None:
    await connection.execute(insert_of("trades", {"symbol": "'raw'"}))
    [trade] = await TradeRepo(connection).latest("raw")
    assert isinstance(trade, Trade)
    assert (trade.fee, trade.currency, trade.strategy) == (Decimal(0), "USD", None)


def test_a_checksum_is_that_of_the_file() -> None:
    found = [migration for migration, _text in migrations(SHIPPED)]
    assert all(isinstance(migration, Migration) for migration in found)
    assert len({migration.checksum for migration in found}) == len(found)
    assert all(len(migration.checksum) == 64 for migration in found)


async def test_text_is_blank_as_it_was_before_it_was_told_at_a_glance(pool: quantdb.Pool) -> None:
    characters = [chr(code) for code in range(1, 0x3100)]
    texts = ["", " ", "\t\n\v\f\r ", "\x1c\x1f"]
    texts += [form.format(one) for one in characters for form in ("{}", " {}", "{} ", " {} ")]
    defined = (
        "SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint "
        "WHERE conrelid = 'trades'::regclass AND conname LIKE '%not_blank'"
    )
    rules = await pool.fetch(defined)
    assert len(rules) == 5
    for name, rule in (map(str, row) for row in rules):
        column = name.removeprefix("trades_").removesuffix("_not_blank")
        differing = await pool.fetch(
            f'SELECT {column} FROM unnest($1::text[] COLLATE "C") AS given ({column}) '
            f"WHERE ({rule}) IS DISTINCT FROM {column} ~ '[^[:space:]]'",
            texts,
        )
        assert differing == []
        assert "~" in rule
