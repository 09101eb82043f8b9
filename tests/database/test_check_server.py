"""What the server says of a folder: nothing against ours, and each mistake in its place."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import attrs
import pytest
from conftest import fresh_database

import quantdb
from quantdb.check.facts import Facts, PgType
from quantdb.check.problems import Place, Problem
from quantdb.check.server import examine
from quantdb.check.snapshot import loaded, written
from quantdb.schema import migrate
from quantdb.sqlfile import sql_folder

SQL: Final = sql_folder()


@pytest.fixture(scope="module")
async def bare_dsn(server_dsn: str) -> AsyncIterator[str]:
    """A database without a schema, which no test changes."""
    async with fresh_database(server_dsn) as dsn:
        yield dsn


@pytest.fixture
async def bare(bare_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to it, in a transaction that is rolled back."""
    connection = await asyncpg.connect(bare_dsn)
    try:
        transaction = connection.transaction(isolation="read_committed")
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


def said(facts: Facts, *, notes: bool = False) -> list[Problem]:
    """Every problem, in order of its place."""
    statements = (each.problems for each in facts.statements.values())
    found = (*facts.problems, *(problem for problems in statements for problem in problems))
    wanted = (each for each in found if notes or each.severity == "problem")
    return sorted(wanted, key=lambda each: each.place)


def shown(facts: Facts) -> list[tuple[str, str]]:
    return [(str(each.place), each.rule) for each in said(facts)]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


# Mistakes


@attrs.frozen
class Mistake:
    """A mistake of ``mistakes.txt``.

    Attributes:
        file: Where it is planted.
        rule: What is said to be wrong.
        words: A part of what is said.
        right: What it stands in the place of; empty for a new file.
        wrong: What is planted.
        at: Where the problem is in what is planted; None if it is not in it.
        elsewhere: What the place of the problem begins with, if it is not in what is planted.
    """

    file: str
    rule: str
    words: str
    right: str
    wrong: str
    at: int | None
    elsewhere: str

    def __str__(self) -> str:
        return f"{self.file} {self.rule} {self.wrong}"

    def planted(self, folder: Path) -> int:
        """Plant it into a copy, and return the character, from 0, that it is about."""
        path = folder / self.file
        text = path.read_text("utf-8") if self.right else ""
        assert self.right in text
        begin = text.index(self.right)
        made = text.replace(self.right, self.wrong, 1)
        path.write_text(made, "utf-8")
        return made.index(self.elsewhere) if self.at is None else begin + self.at


def mistakes() -> Iterator[Mistake]:
    blocks = Path(__file__).with_name("mistakes.txt").read_text("utf-8").split("\n\n")
    for block in blocks:
        head, *lines = block.strip("\n").split("\n")
        if head.startswith("#"):
            continue
        file, rule, *words = head.split(": ", 2)
        right, wrong, elsewhere = (
            "\n".join(line[2:] for line in lines if line.startswith(mark)) for mark in "-+@"
        )
        at = wrong.index("«") if "«" in wrong else None
        assert (at is None) is bool(elsewhere), head
        wrong = wrong.replace("«", "").replace("»", "") + ("" if right else "\n")
        yield Mistake(file, rule, "".join(words), right, wrong, at, elsewhere)


MISTAKES: Final = list(mistakes())


def copied(folder: Path, file: str) -> Path:
    """A copy of the schema and of a statement, with those that build on one another."""
    shutil.copytree(SQL / "schema", folder / "schema")
    path = SQL / file
    if path.parent.name == "schema":
        return folder
    (folder / path.parent.name).mkdir()
    for each in path.parent.glob("*.sql"):
        text = each.read_text("utf-8")
        if each == path or each.name == "stage.sql" or "-- after: " in text:
            shutil.copy(each, folder / path.parent.name)
    return folder


def character(text: str, place: Place) -> int:
    """The character of a text, from 0, that a place names."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1


def test_every_rule_of_the_server_has_its_mistakes() -> None:
    rules = {each.rule for each in MISTAKES}

    assert len(MISTAKES) >= 60
    assert {
        "after", "cardinality", "file", "float-money", "index", "nullability", "numeric-scale",
        "parameters", "prepare", "schema", "select-star", "session-set", "timestamp",
        "write-in-read",
    } == rules  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
async def test_a_mistake_is_found_where_it_is_and_nothing_else(
    bare: asyncpg.Connection, tmp_path: Path, mistake: Mistake
) -> None:
    folder = copied(tmp_path, mistake.file)
    at = mistake.planted(folder)

    found = said(await examine(bare, folder))

    assert [(mistake.file, mistake.rule)] == [(each.place.file, each.rule) for each in found]
    [problem] = found
    assert at == character((folder / mistake.file).read_text("utf-8"), problem.place)
    assert mistake.words in f"{problem.message} {problem.hint}"


# Our own


async def test_our_own_folder_is_right_and_leaves_nothing_unknown(bare: asyncpg.Connection) -> None:
    facts = await examine(bare, SQL)

    assert said(facts, notes=True) == []
    assert {"trades/between.sql", "check/types.sql"} <= facts.statements.keys()
    assert len(facts.schema) == len(list((SQL / "schema").glob("*.sql")))


async def test_our_own_folder_is_right_with_the_line_ends_of_windows(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    shutil.copytree(SQL / "schema", tmp_path / "schema")
    shutil.copytree(SQL / "trades", tmp_path / "trades")
    unix = await examine(bare, tmp_path)
    for name in [*unix.schema, *unix.statements]:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"\n", b"\r\n"))

    assert unix == await examine(bare, tmp_path)


async def test_nothing_is_left_behind(bare: asyncpg.Connection) -> None:
    state = """
        SELECT
            (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_type),
            (SELECT count(*) FROM pg_index WHERE NOT indisvalid),
            (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'quantdb%'),
            current_setting('enable_seqscan'), current_setting('plan_cache_mode'),
            current_setting('search_path')
    """
    before = tuple(await bare.fetchrow(state) or ())

    await examine(bare, SQL)

    assert before == tuple(await bare.fetchrow(state) or ())
    assert bare.is_in_transaction()


async def test_a_connection_of_our_pool_says_the_same(
    bare: asyncpg.Connection, bare_dsn: str
) -> None:
    plain = await examine(bare, SQL)

    config = quantdb.PoolConfig(bare_dsn, min_size=0, max_size=1, statement_cache_size=0)
    async with quantdb.create_pool(config) as pool, pool.acquire() as connection:
        block = connection.transaction(isolation="read_committed")
        await block.start()
        ours = await examine(connection, SQL)
        await block.rollback()

    assert plain == ours


async def test_what_is_said_of_our_own_folder_survives_a_snapshot(bare: asyncpg.Connection) -> None:
    facts = await examine(bare, SQL)

    assert facts == loaded(written(facts))


async def test_a_statement_is_described(bare: asyncpg.Connection) -> None:
    facts = await examine(bare, SQL)
    between = facts.statements["trades/between.sql"]
    lines = (SQL / "trades/between.sql").read_text("utf-8").split("\n")

    assert [each.name for each in between.parameters] == ["text", "timestamptz", "timestamptz"]
    assert [each.name for each in between.columns[:4]] == ["symbol", "side", "quantity", "price"]
    assert all(
        lines[each.line - 1][each.at - 1 :].startswith(each.name) for each in between.columns
    )
    nullable = {each.name for each in between.columns if each.nullable}
    assert nullable == {"venue_trade_id", "user_id", "strategy"}
    found = facts.statements["trades/find_by_venue_id.sql"]
    [venue_id] = [each for each in found.columns if each.name == "venue_trade_id"]
    assert (venue_id.nullable, venue_id.origin_nullable) == (False, True)


# A user's folder

MARKET: Final = {
    "schema/0001_market.sql": """
CREATE SCHEMA md;
CREATE TYPE status AS ENUM ('new', 'open', 'done');
CREATE TYPE leg AS (symbol text, ratio numeric);
CREATE DOMAIN price AS numeric CHECK (value > 0);
CREATE DOMAIN bid AS price;
CREATE DOMAIN tags AS text[];
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    status status NOT NULL,
    legs leg[] NOT NULL,
    limit_price price,
    bids bid[],
    tags tags,
    during tstzrange,
    spans span,
    instants tstzmultirange,
    created timestamptz NOT NULL
);
CREATE INDEX orders_open ON orders (created) WHERE status = 'open';
CREATE TABLE md.ticks (
    symbol text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    price numeric NOT NULL,
    PRIMARY KEY (symbol, at)
) PARTITION BY RANGE (at);
CREATE TABLE md.ticks_2024 PARTITION OF md.ticks
    FOR VALUES FROM ('2024-01-01Z') TO ('2025-01-01Z');
""",
    "orders/get.sql": """-- name: get :one
-- $1 id
-- index: orders_pkey
SELECT id, status, legs, limit_price, bids, tags, during, spans, instants
FROM orders
WHERE id = $1;
""",
    "orders/queue.sql": """-- name: queue :many
-- $1 limit
-- index: orders_open
SELECT id FROM orders WHERE status = 'open' ORDER BY created LIMIT $1::bigint
FOR UPDATE SKIP LOCKED;
""",
    "orders/of_trades.sql": """-- name: of_trades :many
-- Beside quantdb's own tables.
SELECT o.id, t.price FROM orders AS o JOIN trades AS t ON t.id = o.id ORDER BY o.id;
""",
    "ticks/last.sql": """-- name: last :many
-- $1 symbol, $2 limit
-- index: md.ticks_pkey
SELECT at, price FROM md.ticks WHERE symbol = $1 ORDER BY at DESC LIMIT $2::bigint;
""",
    "ticks/by_day.sql": """-- name: by_day :many
-- $1 symbol, $2 day
-- index: ticks_pkey
SELECT at, price FROM md.ticks WHERE symbol = $1 AND at::date = $2 ORDER BY at;
""",
}
BY_DAY: Final = ("ticks/by_day.sql:3", "index")


async def test_a_users_schema_is_applied_beside_ours(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    facts = await examine(bare, write(tmp_path, MARKET))

    assert shown(facts) == [BY_DAY]
    assert list(facts.schema) == ["schema/0001_market.sql"]


async def test_types_are_described_down_to_what_they_are_made_of(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    facts = await examine(bare, write(tmp_path, MARKET))
    columns = {each.name: each.type for each in facts.statements["orders/get.sql"].columns}

    text, numeric, instant = PgType("text"), PgType("numeric"), PgType("timestamptz")
    price = PgType("price", "public", "domain", numeric)
    bid = PgType("bid", "public", "domain", price)
    leg = PgType("leg", "public", "composite", attributes=(("symbol", text), ("ratio", numeric)))
    span = PgType("tstzrange", kind="range", element=instant)
    assert columns == {
        "id": PgType("uuid"),
        "status": PgType("status", "public", "enum", labels=("new", "open", "done")),
        "legs": PgType("leg[]", "public", "array", leg),
        # A result says what a domain is made of; a domain within an array stays one.
        "limit_price": numeric,
        "bids": PgType("bid[]", "public", "array", bid),
        "tags": PgType("text[]", kind="array", element=text),
        "during": span,
        "spans": PgType("span", "public", "range", numeric),
        "instants": PgType("tstzmultirange", kind="multirange", element=span),
    }


async def test_a_table_of_ones_own_may_be_called_as_one_of_ours(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    files = {
        "schema/0001_a.sql": "CREATE TABLE trades (n int NOT NULL);",
        "a/all.sql": "-- name: all :many\nSELECT n FROM trades ORDER BY n;",
    }

    assert shown(await examine(bare, write(tmp_path, files))) == []


async def test_a_folder_without_a_schema_stands_on_ours(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    files = {"a/some.sql": "-- name: some :many\nSELECT id, prize FROM trades ORDER BY id;"}
    facts = await examine(bare, write(tmp_path, files))

    assert shown(facts) == [("a/some.sql:2", "prepare")]
    assert facts.schema == {}


async def test_a_broken_schema_is_said_once_and_what_follows_from_it_is_no_problem(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, MARKET)
    file = tmp_path / "schema/0001_market.sql"
    file.write_text(file.read_text("utf-8").replace("created timestamptz", "created timestamptzz"))

    facts = await examine(bare, tmp_path)

    assert shown(facts) == [("schema/0001_market.sql:19", "schema")]
    notes = [each for each in said(facts, notes=True) if each.severity == "note"]
    assert {"orders/get.sql", "orders/queue.sql", "orders/of_trades.sql"} <= {
        each.place.file for each in notes
    }


# A database that has the schema


@pytest.fixture
async def migrated(empty_dsn: str, tmp_path: Path) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with our schema and that of a user, under a name of his own."""
    connection = await asyncpg.connect(empty_dsn)
    try:
        await migrate(connection)
        await migrate(connection, write(tmp_path, MARKET) / "schema", set_name="market")
        await connection.execute("VACUUM ANALYZE")
        transaction = connection.transaction(isolation="read_committed")
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def test_what_is_applied_is_not_applied_again(
    migrated: asyncpg.Connection, tmp_path: Path
) -> None:
    assert shown(await examine(migrated, SQL)) == []
    assert shown(await examine(migrated, tmp_path)) == [BY_DAY]


async def test_what_is_pending_is_applied(migrated: asyncpg.Connection, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "schema/0002_note.sql": "ALTER TABLE orders ADD COLUMN note text;",
            "orders/notes.sql": "-- name: notes :many\nSELECT note FROM orders ORDER BY id;",
        },
    )

    assert shown(await examine(migrated, tmp_path)) == [BY_DAY]
    columns = await migrated.fetch("SELECT attname FROM pg_attribute WHERE attname = 'note'")
    assert not columns


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        ("-- more\n", "schema/0001_market.sql:1", "changed"),
        ("rename", "schema/0001_marked.sql:1", "was 0001_market.sql"),
        ("number", "schema/0007_market.sql:1", "was 0001_market.sql"),
        ("later", "schema/0000_early.sql:1", "comes before"),
    ],
)
async def test_a_migration_that_was_changed_since_is_a_problem(
    migrated: asyncpg.Connection, tmp_path: Path, change: str, expected: str, words: str
) -> None:
    file = tmp_path / "schema/0001_market.sql"
    match change:
        case "rename":
            file.rename(file.with_name("0001_marked.sql"))
        case "number":
            file.rename(file.with_name("0007_market.sql"))
        case "later":
            write(tmp_path, {"schema/0000_early.sql": "CREATE TABLE early ();"})
        case more:
            file.write_text(file.read_text("utf-8") + more)

    facts = await examine(migrated, tmp_path)

    assert [(expected, "schema"), BY_DAY] == shown(facts)
    assert words in facts.problems[0].message


async def test_a_database_that_is_newer_is_a_problem(
    migrated: asyncpg.Connection, tmp_path: Path
) -> None:
    await migrated.execute(
        "INSERT INTO quantdb_migrations VALUES ('market', 2, '0002_later.sql', 'x')"
    )

    facts = await examine(migrated, tmp_path)

    assert shown(facts) == [("schema/0001_market.sql:1", "schema"), BY_DAY]
    assert "0002_later.sql" in facts.problems[0].message


async def test_tables_that_were_made_by_other_means_are_taken_as_they_are(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, MARKET)
    await bare.execute((tmp_path / "schema/0001_market.sql").read_text("utf-8"))

    assert shown(await examine(bare, tmp_path)) == [BY_DAY]


async def test_a_role_that_may_hide_no_index_is_told_what_is_sure(
    migrated: asyncpg.Connection, tmp_path: Path
) -> None:
    await migrated.execute("CREATE ROLE quantdb_reader")
    await migrated.execute("GRANT USAGE ON SCHEMA md TO quantdb_reader")
    await migrated.execute("GRANT CREATE ON SCHEMA public TO quantdb_reader")  # the ledger
    for schema in ("public", "md"):
        await migrated.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO quantdb_reader")
    await migrated.execute("SET LOCAL ROLE quantdb_reader")

    assert shown(await examine(migrated, SQL)) == []
    assert shown(await examine(migrated, tmp_path)) == [BY_DAY]


async def test_a_column_that_no_file_defines_is_looked_at_where_it_is_written(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    await bare.execute("CREATE DOMAIN cents AS numeric(18, 2)")
    await bare.execute(
        "CREATE TABLE legacy"
        " (id int, price numeric(9, 2), fees cents[], at timestamp, volume float8)"
    )
    write(
        tmp_path,
        {
            "a/add.sql": "-- name: add :exec\nINSERT INTO legacy (id, price)\nVALUES ($1, $2);",
            "a/alter.sql": "-- name: alter :exec\nUPDATE legacy\nSET (id, fees) = ($1, $2);",
            "a/put.sql": "-- name: put :exec\nINSERT INTO legacy (id, price) VALUES ($1, $2)\n"
            "ON CONFLICT DO NOTHING;\n-- allow: numeric-scale",
            "a/get.sql": "-- name: get :many\nSELECT id,\n at,\n volume FROM legacy ORDER BY id;",
            "a/id.sql": "-- name: id :many\nSELECT id FROM legacy ORDER BY id;",
        },
    )

    assert shown(await examine(bare, tmp_path)) == [
        ("a/add.sql:2", "numeric-scale"),
        ("a/alter.sql:3", "numeric-scale"),
        ("a/get.sql:3", "timestamp"),
        ("a/get.sql:4", "float-money"),
    ]


# What a person decides


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("-- What is known.", (False, True, False)),
        ("-- not null: latest", (False, False, False)),
        ("-- nullable: email", (False, True, True)),
        ("-- not null: n, latest", (False, False, False)),
    ],
)
async def test_a_comment_decides_what_can_be_null(
    bare: asyncpg.Connection, tmp_path: Path, comment: str, expected: tuple[bool | None, ...]
) -> None:
    text = f"-- name: q :many\n{comment}\nSELECT c.n, c.latest, u.email\n"
    text += "FROM (SELECT count(*) AS n, max(id) AS latest FROM users) AS c\n"
    text += "LEFT JOIN users AS u ON true\nWHERE u.email = $1 ORDER BY u.id;"

    facts = await examine(bare, write(tmp_path, {"a/q.sql": text}))

    assert shown(facts) == []
    assert expected == tuple(each.nullable for each in facts.statements["a/q.sql"].columns)


# What is right


@pytest.mark.parametrize(
    "text",
    [
        "-- name: q :exec\nSELECT set_config('app.user', $1, true);",
        "-- name: q :exec\nSELECT pg_notify($1, $2), pg_advisory_xact_lock(1);",
        "-- name: q :exec\n-- allow: cardinality\nSELECT nextval('users_id_seq');",
        "-- name: q :exec\nSET LOCAL lock_timeout = '1s';",
        "-- name: q :exec\nSET TRANSACTION READ ONLY;",
        "-- name: q :exec\nTRUNCATE trades, prices;",
        "-- name: q :exec\nDROP TABLE IF EXISTS nothing;",
        "-- name: q :execrows\nCREATE TEMPORARY TABLE x AS SELECT id FROM trades;",
        "-- name: q :execrows\nDELETE FROM trades;",
        "-- name: q :one\nSELECT count(*) AS n, sum(price * 2) AS x FROM trades;",
        "-- name: q :one\nSELECT corr(price, quantity) AS correlation FROM trades;",
        "-- name: q :one\nSELECT stddev(ln(price))::float8 AS volatility FROM trades;",
        "-- name: q :many\nSELECT id FROM trades WHERE venue = current_setting('a.b') ORDER BY id;",
        "-- name: q :many\nSELECT (executed_at AT TIME ZONE 'UTC')::date AS day FROM trades;",
        "-- name: q :many\nSELECT id FROM trades ORDER BY id -- no semicolon, a comment at the end",
        "-- name: q :many\n-- allow: select-star\nSELECT * FROM users ORDER BY id;",
        "-- name: q :many\n-- allow: write-in-read\nDELETE FROM users RETURNING id;",
        "-- name: q :one\n-- not null: id\nSELECT max(id) AS id FROM users;",
        (
            "-- name: q :many\n-- index: trades_symbol_time\n"
            "SELECT symbol, id FROM trades ORDER BY symbol, executed_at, id LIMIT $1::bigint;"
        ),
        (
            "-- name: q :one\n-- index: trades_symbol_time\n"
            "SELECT max(executed_at) AS last FROM trades WHERE symbol = $1;"
        ),
        "-- name: q :one\n-- index: trades_symbol_time\nSELECT min(symbol) AS first FROM trades;",
        (
            "-- name: q :many\n-- index: trades_symbol_time\n"
            "SELECT t.id, u.name FROM trades AS t LEFT JOIN users AS u ON u.id = t.user_id\n"
            "WHERE t.symbol = ANY($1::text[]) ORDER BY t.id;"
        ),
        (
            "-- name: q :execrows\n-- index: trades_pkey\n"
            "MERGE INTO trades AS t USING (SELECT $1::uuid AS id) AS s ON t.id = s.id\n"
            "WHEN MATCHED THEN DELETE;"
        ),
        (
            "-- name: q :many\n-- index: trades_symbol_time\n-- allow: index\n"
            "SELECT t.id FROM trades AS t JOIN users AS u ON u.name = t.venue WHERE t.symbol = $1;"
        ),
        (
            "-- name: q :many\n-- index: prices_pkey\n"
            "SELECT symbol, start FROM prices WHERE symbol = $1 AND interval = $2\n"
            "AND start <= $3 AND start + interval > $3 ORDER BY start;"
        ),
    ],
)
async def test_what_is_right_is_left_alone(
    bare: asyncpg.Connection, tmp_path: Path, text: str
) -> None:
    if "MERGE" in text and bare.get_server_version() < (15,):
        pytest.skip("MERGE came with PostgreSQL 15")
    shutil.copytree(SQL / "schema", tmp_path / "schema")

    assert said(await examine(bare, write(tmp_path, {"a/q.sql": text}))) == []


async def test_what_cannot_be_known_is_a_note_that_names_the_way_out(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    files = {
        "schema/0001_guess.sql": "CREATE FUNCTION guess(day date) RETURNS int LANGUAGE plpgsql"
        " AS 'BEGIN RETURN CASE WHEN random() < 0.5 THEN 1 END; END';",
        "a/q.sql": "-- name: q :one\nSELECT 1 AS one,\n    guess(current_date) AS day;",
    }
    [note] = said(await examine(bare, write(tmp_path, files)), notes=True)

    assert note.place == Place("a/q.sql", 3, 5, len("guess(current_date) AS day"))
    assert (note.rule, note.severity) == ("nullability", "note")
    assert "-- not null: day" in note.hint


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("WHERE id::text = $1 OR", ["trades_pkey", "trades_venue_key"]),
        ("WHERE id = $1 OR upper(venue) = $2 OR", ["trades_pkey", "trades_venue_key"]),
    ],
)
async def test_each_promise_that_is_not_kept_is_said(
    bare: asyncpg.Connection, tmp_path: Path, wrong: str, expected: list[str]
) -> None:
    file = copied(tmp_path, "trades/stored.sql") / "trades/stored.sql"
    file.write_text(file.read_text("utf-8").replace("WHERE id = $1 OR", wrong))

    found = said(await examine(bare, tmp_path))

    assert expected == [each.message.partition(" is not used")[0] for each in found]


async def test_an_index_that_the_schema_has_lost_is_said_of_each_that_promises_it(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    shutil.copytree(SQL / "trades", tmp_path / "trades")
    shutil.copytree(SQL / "schema", tmp_path / "schema")
    schema = tmp_path / "schema/0002_trades.sql"
    line = "CREATE INDEX trades_symbol_time ON trades (symbol, executed_at, id);\n"
    schema.write_text(schema.read_text("utf-8").replace(line, ""))

    found = said(await examine(bare, tmp_path))

    promising = [
        f"trades/{file.name}"
        for file in sorted((tmp_path / "trades").glob("*.sql"))
        if "-- index: trades_symbol_time" in file.read_text("utf-8")
    ]
    assert promising == [each.place.file for each in found]
    assert all("no index trades_symbol_time" in each.message for each in found)


async def test_a_statement_that_is_needed_first_and_fails_is_said_once(
    bare: asyncpg.Connection, tmp_path: Path
) -> None:
    file = copied(tmp_path, "trades/stage.sql") / "trades/stage.sql"
    file.write_text(file.read_text("utf-8").replace("price numeric", "price numerc"))

    facts = await examine(bare, tmp_path)

    assert [each.place.file for each in said(facts)] == ["trades/stage.sql"]
    notes = {each.place.file: each for each in said(facts, notes=True) if each.severity == "note"}
    merge = (tmp_path / "trades/merge.sql").read_text("utf-8").split("\n")
    place = notes["trades/merge.sql"].place
    assert merge[place.line - 1][place.column - 1 :] == "stage"
