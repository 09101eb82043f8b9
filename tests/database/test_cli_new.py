"""``quantdb new`` on real tables, awkward ones above all: what it writes works as it is."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from cli_runs import Run, runner
from conftest import fresh_database
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from new_tables import TABLES, tables
from support import fresh

import quantdb
from quantdb.check import as_text, check
from quantdb.cli.console import out
from quantdb.new.files import put
from quantdb.new.written import Written, written

BIN: Final = Path(sys.executable).parent

SKIPPED: Final = {"impossible", "documents"}
"""Those for which no row is found, or none that every server takes."""


async def all_written(dsn: str, folder: Path, schema: str = "%") -> dict[str, Written]:
    """Write for every table of a database, but for partitions, into one folder."""
    made: dict[str, Written] = {}
    async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
        tables = await pool.fetch(
            "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name "
            "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' "
            "AND n.nspname <> 'information_schema' AND n.nspname LIKE $1 "
            "AND c.relname <> 'quantdb_migrations' ORDER BY name",
            schema,
        )
        for number, table in enumerate(tables):
            # Tables of random names may be called alike in Python.
            package = f"package_{number}" if schema != "%" else ""
            one = await written(pool, str(table["name"]), package)
            files = {file: text for file, text in one.files.items() if file != "conftest.py"}
            put(folder, files)
            made[one.design.package] = one
    (folder / "conftest.py").touch()
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that everything is written into."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
async def packages(dsn: str, folder: Path) -> dict[str, Written]:
    """What is written for all the tables, and for quantdb's own."""
    connection = await asyncpg.connect(dsn)
    try:
        for statements in TABLES.values():
            await connection.execute(statements)
    finally:
        await connection.close()
    return await all_written(dsn, folder)


@pytest.fixture
def imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages can be imported, and are forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]


def ran(folder: Path, *command: str, dsn: str = "") -> str:
    """Run a program in a folder and return what it told; it must succeed."""
    environment = {**os.environ, "QUANTDB_TEST_DSN": dsn, "NO_COLOR": "1"}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def missing(program: str) -> bool:
    return find_spec(program) is None


def skip_without(program: str) -> None:
    if missing(program):
        pytest.skip(f"{program} is not installed; make lint installs it")


def holds_ruff(folder: Path) -> None:
    ran(folder, "ruff", "check", "--isolated", "--select", "E,F,I,B,UP", ".")
    ran(folder, "ruff", "format", "--isolated", "--check", ".")
    ran(folder, "ruff", "format", "--isolated", "--line-length", "100", "--check", ".")


def holds_pyright(folder: Path) -> None:
    project = {"typeCheckingMode": "strict", "include": ["."]}
    (folder / "pyrightconfig.json").write_text(json.dumps(project))
    told = ran(folder, "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", ".")
    looked_at = re.search(r'"filesAnalyzed": (\d+)', told)
    assert looked_at is not None
    assert int(looked_at[1]) >= len([*folder.rglob("*.py")])


def passed(folder: Path, server_dsn: str) -> tuple[int, int]:
    """Run the tests that were written and return how many passed and were skipped."""
    told = ran(
        folder,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        dsn=server_dsn,
    )
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", told)}
    return counts.get("passed", 0), counts.get("skipped", 0)


def test_ruff_finds_nothing_to_do(packages: dict[str, Written], folder: Path) -> None:
    skip_without("ruff")
    assert len(packages) > 50

    holds_ruff(folder)


def test_mypy_is_content(packages: dict[str, Written], folder: Path) -> None:
    skip_without("mypy")
    assert packages

    ran(folder, "mypy", "--strict", f"--cache-dir={os.devnull}", ".")


def test_pyright_is_content(packages: dict[str, Written], folder: Path) -> None:
    skip_without("pyright")
    assert packages

    holds_pyright(folder)


def test_the_tests_pass_and_few_are_skipped(
    packages: dict[str, Written], folder: Path, server_dsn: str
) -> None:
    skipped = [
        package
        for package, made in packages.items()
        if "mark.skip" in made.files[f"tests/{made.design.test}.py"]
    ]

    assert (len(packages) - len(SKIPPED), len(SKIPPED)) == passed(folder, server_dsn)
    assert {*skipped} == SKIPPED


@pytest.mark.usefixtures("imported")
async def test_check_is_content_with_each(
    packages: dict[str, Written], folder: Path, server_dsn: str
) -> None:
    found: list[str] = []
    async with (
        fresh_database(server_dsn) as dsn,
        quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool,
    ):
        for package in packages:
            report = await check(pool, folder / package / "sql", [f"{package}.repos"])
            assert report.queries > 0
            if report.failed:
                found.append(as_text(report))

    assert found == []


# What is written


def test_a_table_with_a_natural_key_is_one_model(packages: dict[str, Written]) -> None:
    files = packages["ticks"].files

    assert (
        files["ticks/models.py"]
        == '''\
"""What is stored in ``ticks``."""

from datetime import datetime
from decimal import Decimal

import attrs

__all__ = ["Tick"]


@attrs.frozen
class Tick:
    """A row of ``ticks``.

    Prints; as the tape has them.

    Attributes:
        symbol: ``text``.
        at: ``timestamp with time zone``; in UTC.
        price: In USD per share.
        size: ``numeric``; unit unknown.
    """

    symbol: str
    at: datetime
    price: Decimal
    size: Decimal | None = None
'''
    )
    assert (
        files["ticks/sql/ticks/insert.sql"]
        == """\
-- name: insert :one
-- The tick as stored; no row when its key is taken.
-- $1 symbol, $2 at, $3 price, $4 size
INSERT INTO ticks (symbol, at, price, size)
VALUES ($1, $2, $3, $4)
ON CONFLICT (symbol, at) DO NOTHING
RETURNING symbol, at, price, size;
"""
    )
    assert (
        files["ticks/sql/ticks/page.sql"]
        == """\
-- name: page :many
-- At most $3 ticks after ($1, $2), by symbol, then at.
-- $1 after_symbol, $2 after_at, $3 limit
-- index: ticks_pkey
SELECT symbol, at, price, size
FROM ticks
WHERE (symbol, at) > ($1, $2)
ORDER BY symbol, at
LIMIT $3::bigint;
"""
    )
    assert (
        files["ticks/sql/schema/0001_ticks.sql"]
        == """\
-- The table ticks as the catalogue has it, to make it where it is not there; elsewhere
-- this changes nothing.

CREATE TABLE IF NOT EXISTS ticks (
    symbol text COLLATE "C" NOT NULL,
    at timestamp with time zone NOT NULL,
    price numeric NOT NULL,
    size numeric,
    CONSTRAINT ticks_pkey PRIMARY KEY (symbol, at)
);

COMMENT ON TABLE ticks IS 'Prints; as the tape has them.';
COMMENT ON COLUMN ticks.price IS 'In USD per share';
"""
    )


def methods(made: Written) -> list[str]:
    """The methods of a repository, and their parameters."""
    text = made.files[f"{made.design.path}/repos.py"]
    found = re.findall(r"async def (\w+)\(\s*self,?([^)]*)\)", text)
    return [f"{name}({' '.join(given.split()).strip(' ,')})" for name, given in found]


def test_a_series_has_spans_and_its_last_rows(packages: dict[str, Written]) -> None:
    assert methods(packages["ticks"]) == [
        "insert(tick: Tick)",
        "get(symbol: str, at: datetime)",
        "find(symbol: str, at: datetime)",
        "page(limit: int = 100, after: str | None = None)",
        "between(symbol: str, start: datetime, end: datetime)",
        "latest(symbol: str, limit: int = 1)",
    ]
    assert methods(packages["accounts"])[-2:] == [
        "between(start: datetime, end: datetime)",
        "latest(limit: int = 1)",
    ]


def test_what_the_server_makes_is_not_sent(packages: dict[str, Written]) -> None:
    accounts, lots = packages["accounts"], packages["lots"]

    assert methods(accounts)[0] == "insert(new: NewAccount)"
    assert [field.name for field in accounts.design.sent] == ["name", "email", "active"]
    assert "    active: bool = True\n" in accounts.files["accounts/models.py"]
    assert (
        "INSERT INTO accounts (name, email, active)"
        in (accounts.files["accounts/sql/accounts/insert.sql"])
    )
    assert [field.name for field in lots.design.sent] == ["id", "qty", "px"]
    # It is made of what is never NULL, as check knows.
    assert "    notional: Decimal\n    doubled: Decimal\n" in lots.files["lots/models.py"]
    for package in ("logs", "orders", "fills", "dummies"):
        assert "id" not in [field.name for field in packages[package].design.sent]
    assert "DEFAULT VALUES" in packages["dummies"].files["dummies/sql/dummies/insert.sql"]


def test_a_default_is_that_of_the_field_where_one_can_stand(packages: dict[str, Written]) -> None:
    deals = packages["deals"].files["deals/models.py"]
    defaulted = packages["defaulted"].files["defaulted/models.py"]

    assert deals.endswith("""\
    id: UUID
    price: Decimal
    fee: Decimal = Decimal(0)
    currency: str = "USD"
    note: str | None = None
    at: datetime = datetime(1970, 1, 1, 0, 0, tzinfo=UTC)
    flags: object = attrs.field(factory=dict[str, object])
    marks: object = attrs.field(factory=list[object])
""")
    assert "    h: object\n" in defaulted, "there is no source for a mutable value"
    assert "by default '{\"a\": 1}'::jsonb in the database" in " ".join(defaulted.split())
    assert '    p: bytes = b"\\x00\\xff"\n' in defaulted


def test_texts_that_are_chosen_from_are_literals(packages: dict[str, Written]) -> None:
    checked = packages["checked"].files["checked/models.py"]
    everything = packages["everything"].files["everything/models.py"]

    assert """Status = Literal["it's", 'a "b"', "c\\\\d"]\n""" in checked
    assert "    status: Status\n" in checked
    assert "    kind: str | None = None\n" in checked, "it may be NULL as well"
    assert """Mood = Literal["ok", "sad", 'it\\'s "so"', "back\\\\slash"]\n""" in everything
    assert "    bb: list[Mood] | None = None\n" in everything
    assert 'Ccy = Literal["USD", "EUR"]\n' in everything
    assert "    ax: Ccy | None\n" in everything


def test_names_are_quoted_where_they_must_be_and_nowhere_else(packages: dict[str, Written]) -> None:
    files = packages["select_db"].files
    insert = files["select_db/sql/select/insert.sql"]

    assert 'INSERT INTO "select" (' in insert
    for item in (
        "class AS class_", '"Order" AS order', "_private AS private_", '"1st" AS column_1st',
        "self AS self_", "l AS l_", "date,", "int,", '"from" AS from_', '"user"', "interval,",
        "values,", '"quo""te" AS quo_te', '"größe"',
    ):  # fmt: skip
        assert item in insert
    mixed = packages["mixed_case"].files["mixed_case/sql/mixed_case/between.sql"]
    assert 'FROM trading."MixedCase"\nWHERE "createdAt" >= $1' in mixed
    assert "-- index: MixedIdx\n" in mixed


def test_a_package_hides_no_other(packages: dict[str, Written]) -> None:
    assert {"calendar_db", "queue_db", "select_db", "table_2024_data", "a_table"} <= {*packages}
    assert packages["pages"].design.model == "PageRow"
    assert packages["decimals"].design.model == "DecimalRow"


def test_what_is_left_out_and_what_is_allowed_is_said(packages: dict[str, Written]) -> None:
    alone = "so that a row can stand alone"
    assert packages["assets"].remarks == [
        f"left out of the schema: the foreign key assets_{column}_fkey, {alone}"
        for column in ("other", "owner", "parent")
    ]
    assert packages["stamped"].remarks == [
        "left out of the schema: the trigger stamp_it",
        "left out of the schema: row security",
    ]
    assert packages["events"].remarks == ["it has no key, so there is no get, find and page"]
    assert packages["hashes"].remarks == [
        "there is no page: a cursor cannot hold its key, hashes_pkey"
    ]
    assert "float-money, numeric-scale, timestamp" in packages["balances"].remarks[0]
    assert (
        "-- allow: float-money, numeric-scale, timestamp\n"
        in (packages["balances"].files["balances/sql/balances/get.sql"])
    )
    assert "it has no primary key; quotes_symbol_at_key stands in for it" in (
        packages["quotes"].remarks
    )
    assert (
        "-- CONSTRAINT assets_owner_fkey FOREIGN KEY (owner) REFERENCES owners(id)"
        in (packages["assets"].files["assets/sql/schema/0001_assets.sql"])
    )


def plainly(row: Iterable[object]) -> list[str]:
    """A row without the casts that the server writes in one way or another."""
    return [re.sub(r"::character varying|::text(\[\])?|[()]", "", str(value)) for value in row]


async def test_the_schema_makes_the_same_table_and_does_so_once(
    packages: dict[str, Written], folder: Path, dsn: str, server_dsn: str
) -> None:
    columns = (
        "SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, attidentity, "
        "attgenerated, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum) "
        "FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
        "WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum"
    )
    constraints = (
        "SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint "
        "WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u', 'c', 'x') ORDER BY conname"
    )
    indexes = (
        "SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index "
        "WHERE indrelid = $1::text::regclass ORDER BY 1"
    )
    async with (
        fresh_database(server_dsn) as other,
        asyncpg.create_pool(dsn, min_size=0, max_size=1) as there,
        asyncpg.create_pool(other, min_size=0, max_size=1) as again,
    ):
        for package, made in packages.items():
            file = next((folder / package / "sql/schema").glob("*.sql"))
            for _ in range(2):
                await again.execute(file.read_text("utf-8"))
            for question in (columns, constraints, indexes):
                table = made.design.relation
                expected = [plainly(row) for row in await there.fetch(question, table)]
                assert expected == [plainly(row) for row in await again.fetch(question, table)]
            # On what is there already it changes nothing.
            await there.execute(file.read_text("utf-8"))


@pytest.mark.usefixtures("imported")
async def test_pages_give_every_row_once_and_in_order(
    packages: dict[str, Written], server_dsn: str, folder: Path
) -> None:
    assert packages
    async with (
        fresh_database(server_dsn) as dsn,
        quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool,
    ):
        await quantdb.migrate(pool, folder / "numbered/sql/schema", set_name="numbered")
        await pool.execute(
            "INSERT INTO numbered SELECT n % 3 + 0.5, '2024-01-01'::date + (n % 5), "
            "'09:30'::time + n * interval '1 microsecond', n * interval '1.000001 second', "
            "'2024-01-01'::timestamp + n * interval '1 hour', 'name ' || n % 2, n "
            "FROM generate_series(1, 100) AS n"
        )
        repo = importlib.import_module("numbered.repos").NumberedRepo(pool)
        model = importlib.import_module("numbered.models").Numbered
        stored = [model(*row) for row in await pool.fetch("TABLE numbered ORDER BY 1,2,3,4,5,6,7")]
        pages: list[object] = []
        after: str | None = None
        for _ in range(8):
            page = await repo.page(limit=13, after=after)
            pages += page.items
            after = page.next
        assert after is None
        assert stored == pages

        with pytest.raises(quantdb.InexactValue):
            await repo.page(limit=0)
        with pytest.raises(quantdb.InexactValue):
            await repo.page(after="no cursor")


@pytest.mark.usefixtures("imported")
async def test_another_row_under_a_key_is_a_conflict(
    packages: dict[str, Written], dsn: str
) -> None:
    assert packages
    models, repos = map(importlib.import_module, ("lots.models", "lots.repos"))
    async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
        repo = repos.LotRepo(pool)
        stored = await repo.insert(models.NewLot(7, Decimal(2), Decimal(5)))
        assert stored.notional == 10
        with pytest.raises(quantdb.Conflict) as raised:
            await repo.insert(models.NewLot(7, Decimal(3), Decimal(5)))
        assert raised.value.constraint == "lots_pkey"


# The command


@pytest.fixture
def run(
    dsn: str,
    packages: dict[str, Written],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run the command line on the tables, in a folder of the test's own."""
    assert packages
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(out, "width", 200)
    return runner(dsn, capsys, monkeypatch)


def files_in(folder: Path) -> dict[str, str]:
    """The files below a folder, with their texts."""
    return {
        file.relative_to(folder).as_posix(): file.read_text("utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def names_in(folder: Path) -> list[str]:
    """The files and folders below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


async def test_it_writes_a_package_and_says_what_to_do_next(
    run: Run, packages: dict[str, Written], tmp_path: Path
) -> None:
    code, told, err = await run("new", "ticks")

    assert (code, err) == (0, "")
    assert files_in(tmp_path) == dict(packages["ticks"].files)
    lines = [line.split() for line in told.splitlines()]
    assert [*packages["ticks"].files] == [line[1] for line in lines if line[:1] == ["wrote"]]
    assert told.endswith("""
Next:
  quantdb check ticks/sql --repos ticks.repos
  pytest tests/test_ticks.py
  mypy --strict ticks tests/test_ticks.py
""")


async def test_the_commands_that_it_prints_work(run: Run, tmp_path: Path, server_dsn: str) -> None:
    skip_without("mypy")
    _code, told, _err = await run("new", "trading.MixedCase", "--into", "my app")

    change, *commands = [shlex.split(line) for line in told.partition("Next:\n")[2].splitlines()]
    assert change == ["cd", "my app"]
    assert [command[0] for command in commands] == ["quantdb", "pytest", "mypy"]
    for command in commands:
        ran(tmp_path / "my app", *command, dsn=server_dsn)


async def test_it_overwrites_nothing_unless_it_is_forced(
    run: Run, packages: dict[str, Written], tmp_path: Path
) -> None:
    await run("new", "ticks")
    (tmp_path / "ticks/models.py").write_text("mine\n")
    (tmp_path / "ticks/repos.py").unlink()
    (tmp_path / "conftest.py").write_text("mine\n")
    before = files_in(tmp_path)

    code, told, err = await run("new", "ticks")

    assert (code, told) == (1, "")
    assert err.startswith("quantdb: nothing was written; there already: ticks/__init__.py, ")
    assert "ticks/repos.py" not in err
    assert err.endswith("; --force overwrites them\n")
    assert before == files_in(tmp_path)

    code, told, err = await run("new", "ticks", "--force")

    assert (code, err) == (0, "")
    expected = {**packages["ticks"].files, "conftest.py": "mine\n"}
    assert expected == files_in(tmp_path), "a conftest.py is not ours alone"


async def test_it_writes_all_or_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tests").write_text("a file where a folder must be")
    (tmp_path / "ticks").mkdir()
    (tmp_path / "ticks/models.py").write_text("mine\n")

    code, _told, err = await run("new", "ticks", "--force")

    assert code == 1
    assert "tests" in err
    assert files_in(tmp_path) == {
        "tests": "a file where a folder must be",
        "ticks/models.py": "mine\n",
    }
    assert names_in(tmp_path) == ["tests", "ticks", "ticks/models.py"]


async def test_a_folder_in_the_way_of_a_file_stays(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ticks/models.py").mkdir(parents=True)

    code, _told, err = await run("new", "ticks", "--force")

    assert code == 1
    assert "there already: ticks/models.py;" in err
    assert names_in(tmp_path) == ["ticks", "ticks/models.py"]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("ticks", "ticks"),
        ("TICKS", "ticks"),
        ("public.ticks", "ticks"),
        ('"ticks"', "ticks"),
        ('"my table"', "my_table"),
        ("my table", "my_table"),
        ('trading."MixedCase"', "mixed_case"),
        ("trading.MixedCase", "mixed_case"),
        ('"Odd Schema"."Odd Table"', "odd_table"),
        ('"2024_data"', "table_2024_data"),
        ("2024_data", "table_2024_data"),
        ("select", "select_db"),
    ],
)
async def test_a_table_is_named_as_it_is_or_as_a_statement_has_it(
    run: Run, tmp_path: Path, name: str, package: str
) -> None:
    code, _told, err = await run("new", name)

    assert (code, err) == (0, "")
    assert (tmp_path / package / "models.py").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tickz", "there is no table tickz; is it public.ticks?"),
        ("MixedCase", 'there is no table MixedCase; is it trading."MixedCase"?'),
        ("trading.ticks", "there is no table trading.ticks; is it public.ticks?"),
        ("pg_class", "there is no table pg_class"),
        ('"', 'there is no table "'),
        ("a.b.c", "there is no table a.b.c"),
        ("'; DROP TABLE ticks", "there is no table '; DROP TABLE ticks"),
        ("parts_2024", "public.parts_2024 is a partition, whose rows are those of public.parts"),
    ],
)
async def test_a_table_that_is_not_there_is_said_so(
    run: Run, tmp_path: Path, name: str, said: str
) -> None:
    code, told, err = await run("new", name)

    assert (code, told) == (1, "")
    assert err.startswith(f"quantdb: {said}")
    assert files_in(tmp_path) == {}


async def test_what_is_no_table_is_refused_with_a_reason(
    empty_dsn: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = runner(empty_dsn, capsys, monkeypatch)
    code, _told, err = await run("new", "ticks")
    assert (code, err) == (
        1, "quantdb: there is no table ticks: this role sees no table in the database\n"
    )  # fmt: skip
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute(
        "CREATE VIEW seen AS SELECT 1 AS a; CREATE MATERIALIZED VIEW kept AS SELECT 1 AS a; "
        "CREATE TABLE nothing ()"
    )
    await connection.close()
    for name, said in {
        "seen": "public.seen is a view;",
        "kept": "public.kept is a materialized view;",
        "nothing": "public.nothing has no columns",
    }.items():
        code, _told, err = await run("new", name)
        assert code == 1
        assert err.startswith(f"quantdb: {said}")
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--package", "calendar"], 2, "a name that no module of Python has"),
        (["--package", "Ticks"], 2, "take lower case letters"),
        (["--package", "a.class"], 2, "take lower case letters"),
        (["--package", "../ticks"], 2, "take lower case letters"),
        (["--package", "asyncpg"], 2, "a name that no module of Python has"),
        (["--package", "cyclopts"], 1, "a module cyclopts is installed already"),
        (["--model", "Page"], 2, "means something else"),
        (["--model", "class"], 2, "is no name for a class"),
        (["--model", "a b"], 2, "is no name for a class"),
        (["--model", "ValueError"], 2, "means something else"),
    ],
)
async def test_a_name_that_cannot_be_meant_is_refused(
    run: Run, tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    got, told, err = await run("new", "ticks", *options)

    assert (code, "") == (got, told)
    assert said in err
    assert files_in(tmp_path) == {}


async def test_package_and_model_have_the_names_they_are_given(run: Run, tmp_path: Path) -> None:
    code, told, _err = await run("new", "ticks", "--package", "app.tape", "--model", "Print")

    assert code == 0
    assert "  quantdb check app/tape/sql --repos app.tape.repos\n" in told
    assert "class PrintRepo(Repo):" in (tmp_path / "app/tape/repos.py").read_text()
    assert (
        "from app.tape.models import Print\n" in (tmp_path / "tests/test_app_tape.py").read_text()
    )
    assert (tmp_path / "app/tape/sql/ticks/insert.sql").exists()


async def test_the_database_stays_as_it_is(run: Run, dsn: str) -> None:
    question = (
        "SELECT (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables), "
        "(SELECT count(*) FROM pg_class), (SELECT last_value FROM logs_id_seq), "
        "(SELECT is_called FROM logs_id_seq), (SELECT max(oid)::bigint FROM pg_class)"
    )
    connection = await asyncpg.connect(dsn)
    try:
        before = await connection.fetchrow(question)
        for table in ("logs", "accounts", "everything", "checked"):
            code, _told, _err = await run("new", table)
            assert code == 0
        assert before == await connection.fetchrow(question)
    finally:
        await connection.close()


# Tables of chance


@settings(
    max_examples=2,
    phases=[Phase.explicit, Phase.generate],  # to make it smaller would take very long
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
@given(drawn=st.lists(tables(), min_size=12, max_size=12, unique_by=lambda table: table[0]))
async def test_tables_of_chance_too(
    drawn: list[tuple[str, list[str]]],
    dsn: str,
    server_dsn: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, schema = tmp_path_factory.mktemp("chance"), f"s{fresh()}"
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        for _name, statements in drawn:
            for statement in statements:
                await connection.execute(statement.replace("<schema>", schema))
    finally:
        await connection.close()

    made = await all_written(dsn, folder, schema)

    assert len(drawn) == len(made)
    if not missing("ruff"):
        holds_ruff(folder)
    if not missing("mypy"):
        ran(folder, "mypy", "--strict", f"--cache-dir={os.devnull}", ".")
    if not missing("pyright"):
        holds_pyright(folder)
    done, skipped = passed(folder, server_dsn)
    assert len(made) == done + skipped
    assert skipped == sum(
        bool("its test is skipped" in " ".join(each.remarks)) for each in made.values()
    )
    async with quantdb.create_pool(quantdb.PoolConfig(dsn, min_size=0)) as pool:
        sys.path.insert(0, str(folder))
        try:
            for package in made:
                report = await check(pool, folder / package / "sql", [f"{package}.repos"])
                assert not report.failed, as_text(report)
        finally:
            sys.path.remove(str(folder))
            for package in [name for name in sys.modules if name.partition(".")[0] in made]:
                del sys.modules[package]
