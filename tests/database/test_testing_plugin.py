"""The pytest plugin, in inner runs of pytest: in each mode and loop, and nothing is left behind."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from test_readme import files

ROOT: Final = Path(__file__).parents[2]

SETTINGS: Final = """
[pytest]
addopts = --strict-config --strict-markers -ra -p no:cacheprovider
filterwarnings = error
"""

CONFTEST: Final = """
import os
from pathlib import Path

import pytest
import pytest_asyncio

pytest_plugins = ["quantdb.testing"]
"""

# What a user's tests do, each in the loop that the settings give it.
TESTS: Final = """
import asyncio

import pytest
from quantdb import ConnectionLost, NewUser, TradeRepo, UserRepo, transaction

pytestmark = pytest.mark.asyncio


async def users(db):
    return await db.fetchval("SELECT count(*) FROM users")


async def test_a_repository_works_on_the_connection(quantdb_connection):
    ann = await UserRepo(quantdb_connection).insert(NewUser("Ann"))
    assert await UserRepo(quantdb_connection).get(ann.id) == ann
    async with transaction(quantdb_connection) as tx:
        await UserRepo(tx).insert(NewUser("Bob"))
    assert await users(quantdb_connection) == 2


async def test_what_the_test_before_wrote_is_gone(quantdb_connection, quantdb_pool):
    assert await users(quantdb_connection) == 0
    await UserRepo(quantdb_connection).insert(NewUser("Ann"))
    assert await users(quantdb_pool) == 0


async def test_that_breaks_the_transaction(quantdb_connection):
    await UserRepo(quantdb_connection).insert(NewUser("Ann"))
    with pytest.raises(Exception, match="syntax error"):
        await quantdb_connection.execute("nonsense")


async def test_that_closes_the_connection(quantdb_connection):
    assert await users(quantdb_connection) == 0
    await UserRepo(quantdb_connection).insert(NewUser("Ann"))
    await quantdb_connection.close()


async def test_that_loses_the_connection(quantdb_connection, quantdb_pool):
    await UserRepo(quantdb_connection).insert(NewUser("Ann"))
    await quantdb_pool.execute(
        "SELECT pg_terminate_backend($1)", quantdb_connection.get_server_pid()
    )


async def test_that_loses_it_and_sees_it(quantdb_connection, quantdb_pool):
    await quantdb_pool.execute(
        "SELECT pg_terminate_backend($1)", quantdb_connection.get_server_pid()
    )
    with pytest.raises(ConnectionLost):
        await UserRepo(quantdb_connection).find(1)


async def test_that_gives_the_connection_back(quantdb_connection, quantdb_pool):
    await UserRepo(quantdb_connection).insert(NewUser("Ann"))
    await quantdb_pool.release(quantdb_connection)


async def test_that_begins_a_block_and_does_not_end_it(quantdb_connection):
    assert await users(quantdb_connection) == 0
    await quantdb_connection.transaction().start()
    await UserRepo(quantdb_connection).insert(NewUser("Ann"))


async def test_that_rolls_back_itself(quantdb_connection):
    assert await users(quantdb_connection) == 0
    await quantdb_connection.execute("ROLLBACK")


async def test_that_leaves_a_statement_running(quantdb_connection):
    running = asyncio.ensure_future(quantdb_connection.execute("SELECT pg_sleep(60)"))
    running.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0.05)


async def test_that_closes_the_pool(quantdb_connection, quantdb_pool):
    await UserRepo(quantdb_pool).find(1)
    quantdb_pool.terminate()
    assert await users(quantdb_pool) == 0


@pytest.mark.parametrize("again", range(2))
async def test_a_type_of_the_same_name_is_another_one(quantdb_connection, again):
    await quantdb_connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    await quantdb_connection.execute("CREATE TABLE moods (mood mood, at timestamptz)")
    stored = "INSERT INTO moods VALUES ($1, now()) RETURNING mood"
    assert await quantdb_connection.fetchval(stored, "glad") == "glad"


async def test_many_borrow_at_once(quantdb_pool):
    counts = await asyncio.gather(*(users(quantdb_pool) for _ in range(20)))
    assert counts == [0] * 20
    assert 1 <= quantdb_pool.get_idle_size() == quantdb_pool.get_size() <= 10


async def test_nothing_is_left_of_the_tests_before(quantdb_pool):
    at_work = await quantdb_pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND (state LIKE 'idle in transaction%' OR state = 'active')"
        " AND pid <> pg_backend_pid()"
    )
    assert at_work == 0
    assert await quantdb_pool.fetchval("SHOW application_name") == "quantdb tests"
"""

PASSED: Final = TESTS.count("\nasync def test_") + 1

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_inner.py").write_text(TESTS)
    return tmp_path


@pytest.fixture
def run(project: Path, server_dsn: str) -> Run:
    """Run pytest in the project, on the server of these tests."""

    def run(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        given = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
        given.pop("QUANTDB_DSN", None)
        return subprocess.run(
            [sys.executable, "-X", "dev", "-m", "pytest", *options],
            cwd=project,
            env=given | {"QUANTDB_TEST_DSN": server_dsn} | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def outcome(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line, without colours and seconds."""
    return done.stdout.strip().splitlines()[-1].strip("= ").partition(" in ")[0]


@pytest.fixture(autouse=True)
async def nothing_is_left(server_dsn: str) -> AsyncIterator[None]:
    """An inner run drops its database and closes its connections."""

    async def there() -> tuple[set[str], int]:
        connection = await asyncpg.connect(server_dsn)
        try:
            names = await connection.fetch("SELECT datname FROM pg_database")
            connected = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'quantdb tests'"
            )
        finally:
            await connection.close()
        return {row["datname"] for row in names}, connected

    before = await there()
    yield
    assert before == await there()


def asyncio_options(mode: str, fixtures: str, tests: str) -> list[str]:
    options = [f"asyncio_mode={mode}"]
    options += [f"asyncio_default_fixture_loop_scope={fixtures}"]
    options += [f"asyncio_default_test_loop_scope={tests}"] if tests else []
    return [part for option in options for part in ("-o", option)]


@pytest.mark.parametrize(
    ("mode", "fixtures", "tests"),
    [
        ("auto", "function", ""),
        ("strict", "function", ""),
        ("strict", "session", ""),
        ("auto", "module", "module"),
        ("auto", "session", "session"),
        ("strict", "session", "session"),
        ("auto", "function", "session"),
        ("auto", "session", "function"),
        ("strict", "class", "package"),
    ],
)
def test_the_fixtures_work_in_every_mode_and_with_every_scope_of_loops(
    run: Run, mode: str, fixtures: str, tests: str
) -> None:
    done = run(*asyncio_options(mode, fixtures, tests))

    assert outcome(done) == f"{PASSED} passed", done.stdout


SCOPES: Final = """
import asyncio

import pytest
import pytest_asyncio
from quantdb import NewUser, UserRepo


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ann(quantdb_pool):
    ann = await UserRepo(quantdb_pool).insert(NewUser("Ann"))
    yield ann
    await quantdb_pool.execute("DELETE FROM users WHERE id = $1", ann.id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bob(quantdb_pool, ann):
    bob = await UserRepo(quantdb_pool).insert(NewUser("Bob"))
    yield bob
    await quantdb_pool.execute("DELETE FROM users WHERE id = $1", bob.id)


@pytest_asyncio.fixture(loop_scope="function")
async def eve(quantdb_connection):
    return await UserRepo(quantdb_connection).insert(NewUser("Eve"))


async def both_are_there(ann, bob, *dbs):
    for db in dbs:
        assert await UserRepo(db).get(ann.id) == ann
        assert await UserRepo(db).get(bob.id) == bob
        assert await db.fetchval("SELECT count(*) FROM users") == 2


class TestInOneLoop:
    @pytest.mark.asyncio(loop_scope="class")
    async def test_in_the_loop_of_a_class(self, ann, bob, quantdb_pool, quantdb_connection):
        await both_are_there(ann, bob, quantdb_pool, quantdb_connection)


@pytest.mark.asyncio(loop_scope="session")
async def test_in_the_loop_of_the_session(ann, bob, quantdb_pool, quantdb_connection):
    await both_are_there(ann, bob, quantdb_pool, quantdb_connection)


@pytest.mark.asyncio(loop_scope="module")
async def test_in_the_loop_of_the_module(ann, bob, quantdb_pool, quantdb_connection):
    await both_are_there(ann, bob, quantdb_pool, quantdb_connection)


@pytest.mark.asyncio(loop_scope="package")
async def test_in_the_loop_of_the_package(ann, bob, quantdb_pool, quantdb_connection):
    await both_are_there(ann, bob, quantdb_pool, quantdb_connection)


@pytest.mark.asyncio
async def test_in_a_loop_of_its_own(ann, bob, quantdb_pool, quantdb_connection):
    await both_are_there(ann, bob, quantdb_pool, quantdb_connection)


@pytest.mark.asyncio
async def test_a_fixture_works_on_the_connection_of_its_test(eve, quantdb_connection):
    assert await UserRepo(quantdb_connection).get(eve.id) == eve


def test_in_no_loop(ann, bob, quantdb_pool, quantdb_server):
    asyncio.run(both_are_there(ann, bob, quantdb_pool))
    asyncio.run(both_are_there(ann, bob, quantdb_pool))
    assert quantdb_server == quantdb_pool.config.dsn
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_loops_of_every_scope_share_the_fixtures_in_one_run(
    run: Run, project: Path, mode: str
) -> None:
    (project / "test_inner.py").write_text(SCOPES)

    done = run(*asyncio_options(mode, "function", ""))

    assert outcome(done) == "7 passed", done.stdout


FUNCTION: Final = asyncio_options("auto", "function", "")


def write(project: Path, tests: str, conftest: str = CONFTEST) -> None:
    (project / "test_inner.py").write_text(dedent(tests))
    (project / "conftest.py").write_text(dedent(conftest))


def test_the_plugin_can_be_named_among_the_options(run: Run, project: Path) -> None:
    write(project, TESTS, conftest="")

    assert outcome(run("-p", "quantdb.testing", *FUNCTION)) == f"{PASSED} passed"


def test_the_plugin_is_not_there_unless_it_is_asked_for(run: Run, project: Path) -> None:
    write(project, "def test_sync(quantdb_server): pass", conftest="")

    done = run(*FUNCTION)

    assert "fixture 'quantdb_server' not found" in done.stdout


def test_a_conftest_may_import_the_types_of_the_plugin(run: Run, project: Path) -> None:
    types = "from quantdb.testing import Check\n"
    write(project, f"{types}\nasync def test_it(quantdb_pool): pass", types + CONFTEST)

    assert outcome(run(*FUNCTION)) == "1 passed"


def test_runs_at_the_same_time_have_a_database_each(run: Run, project: Path) -> None:
    write(
        project,
        """
        import asyncio

        from quantdb import NewUser, UserRepo

        async def test_alone(quantdb_pool, quantdb_server):
            await UserRepo(quantdb_pool).insert(NewUser("Ann", "ann@example.com"))
            await asyncio.sleep(1)
            assert await quantdb_pool.fetchval("SELECT count(*) FROM users") == 1
        """,
    )
    with ThreadPoolExecutor(3) as executor:
        runs = [executor.submit(run, *FUNCTION) for _ in range(3)]

    assert [outcome(each.result()) for each in runs] == ["1 passed"] * 3


WHERE: Final = """
    async def test_where(quantdb_pool):
        print("port", await quantdb_pool.fetchval("SHOW port"))
"""


def test_a_server_is_named_by_option_environment_or_setting_in_that_order(
    run: Run, project: Path, server_dsn: str
) -> None:
    write(project, WHERE)
    nowhere = "postgresql://u:c4n4ry@127.0.0.1:1/d"
    setting = (*FUNCTION, "-o", f"quantdb_dsn={server_dsn}")

    by_option = run(*FUNCTION, "--quantdb-dsn", server_dsn, QUANTDB_TEST_DSN=nowhere)
    by_environment = run(*FUNCTION, "-o", f"quantdb_dsn={nowhere}")
    by_setting = run(*setting, QUANTDB_TEST_DSN="")
    none = run(*setting, QUANTDB_TEST_DSN=nowhere)

    assert outcome(by_option) == outcome(by_environment) == outcome(by_setting) == "1 passed"
    assert outcome(none) == "1 error"
    assert "Connect" in none.stdout
    assert "Traceback" not in none.stdout
    assert "c4n4ry" not in none.stdout


def test_without_a_named_server_an_embedded_one_runs(run: Run, project: Path) -> None:
    write(
        project,
        """
        async def test_where(quantdb_pool, quantdb_server):
            print("DSN", quantdb_server)
        """,
    )

    done = run(*FUNCTION, "-s", QUANTDB_TEST_DSN="")

    assert outcome(done) == "1 passed", done.stdout
    dsn = done.stdout.partition("DSN ")[2].split()[0]
    (folder,) = parse_qs(urlsplit(dsn).query)["host"]
    assert Path(folder).is_absolute()
    assert not Path(folder).exists()


async def test_a_role_that_may_not_create_databases_is_told(
    run: Run, project: Path, server_dsn: str
) -> None:
    write(project, WHERE)
    admin = await asyncpg.connect(server_dsn)
    await admin.execute("CREATE ROLE quantdb_poor LOGIN PASSWORD 'x'")
    try:
        parts = urlsplit(server_dsn)
        netloc = f"quantdb_poor:x@{parts.netloc.rpartition('@')[2]}"
        done = run(*FUNCTION, "--quantdb-dsn", parts._replace(netloc=netloc).geturl())
    finally:
        await admin.execute("DROP ROLE quantdb_poor")
        await admin.close()

    assert outcome(done) == "1 error"
    assert "permission denied to create database" in done.stdout
    assert "Traceback" not in done.stdout


ORDERS: Final = "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users);\n"


def with_schema(project: Path, text: str) -> None:
    (project / "sql/schema").mkdir(parents=True)
    (project / "sql/schema/0001_orders.sql").write_text(text)
    (project / "pytest.ini").write_text(f"{SETTINGS}\nquantdb_sql = sql\n")


def test_migrations_of_ones_own_are_applied_after_quantdbs(run: Run, project: Path) -> None:
    with_schema(project, ORDERS)
    write(
        project,
        """
        async def test_it(quantdb_connection):
            await quantdb_connection.execute("INSERT INTO orders VALUES (1)")
            applied = await quantdb_connection.fetch("SELECT file_name FROM quantdb_migrations")
            assert "0001_orders.sql" in {row["file_name"] for row in applied}
        """,
    )

    assert outcome(run(*FUNCTION)) == "1 passed"


def test_a_migration_that_fails_is_told_with_its_line(run: Run, project: Path) -> None:
    with_schema(project, "-- Orders.\nCREATE TABLE orders (id bigintt);\n")
    write(project, WHERE)

    done = run(*FUNCTION)

    assert outcome(done) == "1 error"
    assert 'type "bigintt" does not exist' in done.stdout
    assert "0001_orders.sql, line 2" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_pool_is_made_as_its_fixture_says(run: Run, project: Path) -> None:
    conftest = f"""{CONFTEST}
import attrs
import quantdb

@pytest.fixture(scope="session")
def quantdb_config(quantdb_config):
    return attrs.evolve(quantdb_config, max_size=1, application_name="my tests")
"""
    write(
        project,
        """
        async def test_it(quantdb_pool):
            assert quantdb_pool.get_max_size() == 1
            assert await quantdb_pool.fetchval("SHOW application_name") == "my tests"
        """,
        conftest,
    )

    assert outcome(run(*FUNCTION)) == "1 passed"


@pytest.mark.parametrize("missing", ["pytest", "pytest_asyncio"])
def test_what_is_missing_is_named_with_its_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import quantdb.testing"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        f"ModuleNotFoundError: quantdb.testing needs {missing}; run: pip install 'quantdb[testing]'"
    )


# The check as a test


FILLS: Final = {
    "fills.py": """
        from decimal import Decimal
        from pathlib import Path

        import attrs

        from quantdb import Query, Repo

        SQL = Path(__file__).parent / "sql/fills"


        @attrs.frozen
        class Fill:
            id: int
            price: Decimal


        class FillRepo(Repo):
            _all = Query(SQL / "all.sql", Fill)

            async def all(self) -> list[Fill]:
                return await self._all.all(self.db)
        """,
    "sql/fills/all.sql": """
        -- name: all :many
        SELECT id, price
        FROM fills
        ORDER BY id;
        """,
    "sql/schema/0001_fills.sql": """
        CREATE TABLE fills (id bigint PRIMARY KEY, price numeric NOT NULL);
        """,
}

CHECKED: Final = """
def test_sql(quantdb_check):
    quantdb_check()
"""


@pytest.fixture
def fills(project: Path) -> Path:
    for name, text in FILLS.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip())
    (project / "pytest.ini").write_text(
        f"{SETTINGS}\nquantdb_repos = fills\nquantdb_sql = sql\npythonpath = .\n"
    )
    write(project, CHECKED)
    return project


@pytest.mark.usefixtures("fills")
def test_the_check_passes_where_nothing_is_wrong(run: Run) -> None:
    done = run(*FUNCTION, "-s")

    assert outcome(done) == "1 passed", done.stdout
    assert "All is well: 1 statement and 1 query" in done.stdout


def test_a_check_that_fails_prints_the_report_and_no_traceback(run: Run, fills: Path) -> None:
    (fills / "sql/fills/all.sql").write_text("-- name: all :many\nSELECT id, prise FROM fills;\n")

    done = run(*FUNCTION)

    assert outcome(done) == "1 failed"
    report = done.stdout.partition("test_sql ___")[2].partition("\n")[2].partition("====")[0]
    assert report.startswith(
        "sql/fills/all.sql:2:12 prepare\n"
        '  column "prise" does not exist\n'
        "     2 │ SELECT id, prise FROM fills;\n"
        "       │            ^^^^^\n"
    )
    assert report.endswith("\n1 statement, 1 query: 1 problem.\n")
    assert "Traceback" not in done.stdout
    assert "plugin.py" not in done.stdout


def test_the_check_takes_modules_and_a_folder_of_its_own(run: Run, fills: Path) -> None:
    (fills / "pytest.ini").write_text(f"{SETTINGS}\npythonpath = .\n")
    write(
        fills,
        """
        from pathlib import Path

        import pytest

        def test_of_a_module(quantdb_check):
            quantdb_check("fills")

        def test_of_a_folder(quantdb_check):
            quantdb_check(sql=Path(__file__).parent / "sql")

        def test_of_both(quantdb_check):
            quantdb_check("fills", sql=Path(__file__).parent / "sql")

        async def test_in_a_loop(quantdb_check, quantdb_connection):
            quantdb_check("fills")

        def test_of_nothing_is_of_quantdb_itself(quantdb_check):
            quantdb_check()

        def test_of_what_is_not_there(quantdb_check):
            with pytest.raises(pytest.fail.Exception, match="there is no module fillz"):
                quantdb_check("fillz")
            with pytest.raises(pytest.fail.Exception, match="there is no folder"):
                quantdb_check(sql=Path("nowhere"))
        """,
    )

    assert outcome(run(*FUNCTION)) == "6 passed"


def test_the_check_is_of_the_files_and_not_of_what_tests_did(run: Run, fills: Path) -> None:
    write(
        fills,
        """
        async def test_that_leaves_a_table_altered(quantdb_pool):
            await quantdb_pool.execute("ALTER TABLE fills DROP COLUMN price")

        def test_sql(quantdb_check):
            quantdb_check()
        """,
    )

    assert outcome(run(*FUNCTION)) == "2 passed"


def test_the_readmes_own_test_passes(run: Run, project: Path) -> None:
    for name, text in files().items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in ("test_inner.py", "pytest.ini"):
        (project / name).unlink()

    done = run("-W", "error", *asyncio_options("strict", "function", ""))

    assert outcome(done) == "2 passed", done.stdout


USERS_TESTS: Final = """
from pathlib import Path

import pytest
import quantdb
from quantdb.testing import Check


def test_sql(quantdb_check: Check) -> None:
    quantdb_check("mypkg.repos", sql=Path("sql"))


@pytest.mark.asyncio
async def test_users(quantdb_pool: quantdb.Pool, quantdb_connection: quantdb.Connection) -> None:
    ann = await quantdb.UserRepo(quantdb_connection).insert(quantdb.NewUser("Ann"))
    assert await quantdb.UserRepo(quantdb_pool).find(ann.id) is None
"""


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_what_users_write_is_strictly_typed(tmp_path: Path, checker: str) -> None:
    if find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed; make lint installs it")
    (tmp_path / "test_users.py").write_text(USERS_TESTS)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    options = {
        "mypy": ["--strict", f"--cache-dir={os.devnull}"],
        "pyright": ["--pythonpath", sys.executable],
    }[checker]
    done = subprocess.run(
        [sys.executable, "-m", checker, *options, "test_users.py"],
        cwd=tmp_path, env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
