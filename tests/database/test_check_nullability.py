"""Which columns can be NULL: what is said of a statement, and attempts to refute it."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice, product
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
import attrs
import pytest
import random_statements
from conftest import fresh_database
from hypothesis import given
from hypothesis import strategies as st
from support import some

from quantdb import sqlfile
from quantdb.check.nullable import Analysis, analysed
from quantdb.check.tree import command

HERE: Final = Path(__file__).parent
OURS: Final = sqlfile.sql_folder()
SAID: Final = {True: "N", False: "-", None: "?"}

# What is given for parameters, by their type; NULL is given for others.
SAMPLES: Final[dict[str, Sequence[object]]] = {
    "bool": (None, True),
    "int4": (None, 1, 2),
    "int8": (None, 1, 2),
    "text": (None, "b", "one"),
    "numeric": (None, 5),
    "text[]": (None, [], ["A", "b", None]),
    "int8[]": (None, [1, None]),
    "numeric[]": (None, [], [1, None]),
    "ticker": ("b",),
    "subcode": ("c",),
}


@attrs.frozen
class Case:
    """A statement, what is expected of its columns, and the first version that knows it."""

    text: str
    columns: str
    version: int

    def __str__(self) -> str:
        return " ".join(self.text.split())[:70]


def _cases() -> Iterator[Case]:
    text = (HERE / "nullable_statements.sql").read_text()
    header = r"^-- columns: (?P<columns>\S+?)(, from (?P<version>\d+))?\n"
    for found in re.finditer(header + "(?P<statement>[^;]*);", text, re.MULTILINE):
        yield Case(found["statement"], found["columns"], int(found["version"] or 14))


CASES: Final = list(_cases())
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@asynccontextmanager
async def _database(server_dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    async with fresh_database(server_dsn) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            for file in [*sorted(OURS.glob("schema/*.sql")), HERE / "nullable_tables.sql"]:
                await connection.execute(file.read_text())
            await connection.execute("CREATE SCHEMA chance; SET search_path TO chance")
            await connection.execute(random_statements.TABLES + "SET search_path TO public")
            yield connection
        finally:
            await connection.close()


@pytest.fixture(scope="module")
async def bare(server_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The tables of quantdb and of these tests, empty."""
    async with _database(server_dsn) as connection:
        yield connection


@pytest.fixture(scope="module")
async def filled(server_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The same with rows."""
    async with _database(server_dsn) as connection:
        await connection.execute((HERE / "nullable_rows.sql").read_text())
        yield connection


def _known_to(connection: asyncpg.Connection, case: Case) -> bool:
    return connection.get_server_version().major >= case.version


async def _analysed(connection: asyncpg.Connection, text: str) -> Analysis | None:
    prepared = await connection.prepare(text)
    oids = [kind.oid for kind in prepared.get_parameters()]
    names = await connection.fetch(
        "SELECT format_type(oid, NULL) FROM unnest($1::oid[]) WITH ORDINALITY AS t (oid, n)"
        " ORDER BY n",
        oids,
    )
    return await analysed(connection, text, [str(name[0]) for name in names])


def _said(analysis: Analysis | None) -> str:
    assert analysis is not None
    return "".join(SAID[each] for each in analysis.nullable)


async def _nulls(
    connection: asyncpg.Connection, text: str, arguments: Sequence[object]
) -> set[int]:
    """Run a statement, take back what it did, and return the columns in which NULL came out."""
    block = connection.transaction()
    await block.start()
    try:
        rows = await connection.fetch(text, *arguments)
    except (asyncpg.PostgresError, asyncpg.DataError):
        rows = []  # of such arguments it makes nothing
    finally:
        await block.rollback()
    return {column for row in rows for column, value in enumerate(row) if value is None}


async def _any_nulls(connection: asyncpg.Connection, text: str) -> set[int]:
    """Return the columns in which NULL came out with some of the arguments there are."""
    kinds = (await connection.prepare(text)).get_parameters()
    samples = [SAMPLES.get(kind.name, (None,)) for kind in kinds]
    found: set[int] = set()
    for arguments in islice(product(*samples), 50):
        found |= await _nulls(connection, text, arguments)
    return found


@each_case
async def test_of_each_column_is_said_whether_it_can_be_null(
    bare: asyncpg.Connection, case: Case
) -> None:
    if _known_to(bare, case):
        assert case.columns == _said(await _analysed(bare, case.text))


@each_case
async def test_no_column_is_null_that_is_said_never_to_be(
    bare: asyncpg.Connection, filled: asyncpg.Connection, case: Case
) -> None:
    if _known_to(bare, case):
        found = await _any_nulls(bare, case.text) | await _any_nulls(filled, case.text)
        assert "-" not in {case.columns[column] for column in found}


async def test_most_columns_that_are_said_to_be_nullable_are_seen_to_be(
    bare: asyncpg.Connection, filled: asyncpg.Connection
) -> None:
    said = seen = 0
    for case in filter(lambda case: _known_to(bare, case), CASES):
        found = await _any_nulls(bare, case.text) | await _any_nulls(filled, case.text)
        said += case.columns.count("N")
        seen += sum(case.columns[column] == "N" for column in found)
    assert seen > 0.75 * said


@some
@given(chance=st.randoms(use_true_random=False))
async def test_no_statement_of_chance_refutes_what_is_said_of_it(
    bare: asyncpg.Connection, chance: Random
) -> None:
    text, types = _numbered(random_statements.statement(chance))
    async with bare.transaction():
        await bare.execute("SET LOCAL search_path TO chance; SET LOCAL jit TO off")
        analysis = await analysed(bare, text, types)
        if analysis is None:
            return
        for _ in range(4):
            await bare.execute("TRUNCATE t0, t1, t2; " + random_statements.rows(chance))
            for truth in (None, True):
                arguments = [truth if kind == "boolean" else truth and 1 for kind in types]
                for column in await _nulls(bare, text, arguments):
                    assert analysis.nullable[column] is not False, (text, column)


def _numbered(text: str) -> tuple[str, list[str]]:
    """Number the parameters that a statement of chance has without a gap."""
    used = sorted(set(re.findall(r"\$(\d)", text)))
    numbered = re.sub(r"\$(\d)", lambda match: f"${used.index(match[1]) + 1}", text)
    return numbered, [random_statements.PARAMETERS[int(number) - 1] for number in used]


FOLDERS: Final = ("doctor", "migrations", "prices", "trades", "types", "users")
# Of quantdb's own statements, the columns that are not never NULL.
OWN: Final[dict[str, set[str]]] = {
    "prices/resample.sql": {"interval", "start"},
    "trades/bars.sql": {"interval", "start"},
    "trades/conflicts.sql": {"stored_id"},
    "trades/orphans.sql": set(),
    "users/find_by_email.sql": {"born"},
    "trades/find_by_venue_id.sql": {"user_id", "strategy"},
}
# Of those that give whole rows, what the table admits.
OF_TABLE: Final = {"users": {"email", "born"}, "trades": {"venue_trade_id", "user_id", "strategy"}}


@pytest.mark.parametrize("folder", FOLDERS)
async def test_quantdbs_own_statements_are_understood(
    bare: asyncpg.Connection, filled: asyncpg.Connection, folder: str
) -> None:
    for connection in (bare, filled):
        async with _rolled_back(connection):
            for stage in OURS.glob(f"{folder}/stage.sql"):
                await connection.execute(stage.read_text())
            for file in sorted(OURS.glob(f"{folder}/*.sql")):
                await _check_own(connection, f"{folder}/{file.name}", file.read_text())


async def _check_own(connection: asyncpg.Connection, file: str, text: str) -> None:
    names = [column.name for column in (await connection.prepare(text)).get_attributes()]
    analysis = await _analysed(connection, text)
    if analysis is None:
        assert not names, file
        return
    said = dict(zip(names, analysis.nullable, strict=True))
    folder = file.partition("/")[0]
    if folder in {"prices", *OF_TABLE}:
        expected = OWN.get(file, OF_TABLE.get(folder, set()) & set(names))
        assert expected == {name for name in names if said[name]}, file
    for column in await _any_nulls(connection, text):
        assert analysis.nullable[column] is not False, (file, names[column])


@asynccontextmanager
async def _rolled_back(connection: asyncpg.Connection) -> AsyncGenerator[None]:
    block = connection.transaction()
    await block.start()
    try:
        yield
    finally:
        await block.rollback()


async def test_what_the_conditions_tell_is_told_apart(bare: asyncpg.Connection) -> None:
    text = "SELECT id, email, credit FROM accounts WHERE email = $1"
    analysis = await analysed(bare, text, ["text"])
    assert analysis is not None
    assert analysis.nullable == (False, False, True)
    assert analysis.at_large == (False, True, True)


async def test_the_conditions_of_a_view_belong_to_it(bare: asyncpg.Connection) -> None:
    analysis = await analysed(bare, "SELECT filled, note FROM filled_orders WHERE note > ''", [])
    assert analysis is not None
    assert analysis.nullable == (False, False)
    assert analysis.at_large == (False, True)


async def test_a_join_is_no_condition(bare: asyncpg.Connection) -> None:
    text = "SELECT o.id, a.id FROM orders o LEFT JOIN accounts a ON a.id = o.id WHERE a.id > 0"
    analysis = await analysed(bare, text, [])
    assert analysis is not None
    assert analysis.nullable == (False, False)
    assert analysis.at_large == (False, True)


@pytest.mark.parametrize("end", ["", ";", " ; ", "-- the end", "; -- the end", "/* the end */;\n"])
async def test_a_statement_may_end_as_it_likes(bare: asyncpg.Connection, end: str) -> None:
    analysis = await analysed(bare, f"-- The start.\nSELECT 1 AS one, NULL AS two{end}", [])
    assert _said(analysis) == "-N"


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL work_mem = '1MB'",
        "CREATE TABLE x (y integer)",
        "SHOW work_mem",
        "EXPLAIN SELECT 1",
        "SELECT nothing FROM nowhere",
        "SELECT 1; SELECT 2",
        "SELECT 1; END; DROP TABLE orders; SELECT 1",
        "",
    ],
)
async def test_of_what_is_no_statement_of_rows_nothing_is_said(
    bare: asyncpg.Connection, text: str
) -> None:
    async with bare.transaction():
        assert await analysed(bare, text, []) is None
        assert await bare.fetchval("SELECT count(*) FROM orders") == 0


async def test_of_a_statement_that_returns_nothing_nothing_is_said(
    bare: asyncpg.Connection,
) -> None:
    analysis = await analysed(bare, "DELETE FROM legs", [])
    assert analysis is not None
    assert analysis.nullable == ()
    assert command(analysis.tree) == "delete"


async def test_a_role_without_temporary_objects_is_told_nothing(bare: asyncpg.Connection) -> None:
    async with _rolled_back(bare):
        await bare.execute("CREATE ROLE quantdb_test_reader")
        await bare.execute("GRANT SELECT ON users TO quantdb_test_reader")
        name = await bare.fetchval("SELECT quote_ident(current_database())")
        await bare.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
        await bare.execute("SET LOCAL ROLE quantdb_test_reader")
        assert await analysed(bare, "SELECT id FROM users", []) is None
        assert await bare.fetchval("SELECT current_user::text") == "quantdb_test_reader"


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT 1 FROM nowhere"])
async def test_nothing_is_left_behind(bare: asyncpg.Connection, text: str) -> None:
    count = "SELECT count(*) FROM pg_proc"
    before = await bare.fetchval(count)
    async with bare.transaction():
        await analysed(bare, text, [])
        assert before == await bare.fetchval(count)
    await analysed(bare, text, [])
    assert not bare.is_in_transaction()
    assert before == await bare.fetchval(count)
    assert await bare.fetchval("SELECT pg_my_temp_schema()") == 0


async def test_no_lock_is_left_behind(bare: asyncpg.Connection) -> None:
    count = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
    async with bare.transaction():
        await analysed(bare, "SELECT 1", [])
        before = await bare.fetchval(count)
        for text in ("SELECT 1", "SELECT id FROM users", "SELECT 1 FROM nowhere") * 5:
            await analysed(bare, text, [])
        assert before == await bare.fetchval(count)


async def test_what_is_nested_too_deep_is_not_known(bare: asyncpg.Connection) -> None:
    text = f"SELECT 1 AS one, {'+'.join(['1'] * 1000)} AS many"
    analysis = await analysed(bare, text, [])
    assert analysis is not None
    assert analysis.nullable == (None, None)


async def test_a_tree_of_any_size_is_read(bare: asyncpg.Connection) -> None:
    rows = ", ".join(f"({number}, 'x', NULL)" for number in range(2_000))
    analysis = await analysed(bare, f"SELECT * FROM (VALUES {rows}) AS v (a, b, c)", [])
    assert _said(analysis) == "--N"
